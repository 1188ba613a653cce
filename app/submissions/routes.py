"""Dossiers over HTTP: opening a year, declaring, approving, submitting."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import (
    DbSession,
    IfMatch,
    Language,
    Now,
    Page,
    PagingQuery,
    problems,
    require_version,
    router,
    set_etag,
)
from app.evidence.download import DOWNLOAD, Download, Files, sent
from app.evidence.queries import DocumentNotFound
from app.periods import queries as periods
from app.periods.actions import PeriodAlreadyOpen
from app.submissions import actions, queries
from app.submissions.models import ReviewState
from app.submissions.schemas import (
    CompletenessOut,
    MissingItem,
    OpenedOut,
    RevisionContentOut,
    RevisionOut,
    ScopeOut,
    ScorecardOut,
    SubmissionOut,
    SubmissionPatch,
    SubmissionSummary,
)
from app.units.models import UnitKind

CanManagePeriods = Annotated[Principal, Requires(Permission.PERIOD_MANAGE)]
CanReadPeriods = Annotated[Principal, Requires(Permission.PERIOD_READ)]
CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanEdit = Annotated[Principal, Requires(Permission.SUBMISSION_EDIT)]
CanApprove = Annotated[Principal, Requires(Permission.SUBMISSION_APPROVE)]
CanSubmit = Annotated[Principal, Requires(Permission.SUBMISSION_SUBMIT)]

routes = router("/submissions", "Hồ sơ · Submissions")
period_routes = router("/periods", "Kỳ đánh giá · Periods")
_FOUND = problems(queries.SubmissionNotFound)
_MOVES = problems(queries.SubmissionNotFound, actions.ActionNotAllowed)


@period_routes.post(
    "/{period_id}/open",
    response_model=OpenedOut,
    responses=problems(
        periods.PeriodNotFound,
        PeriodAlreadyOpen,
        actions.DeadlinePassed,
        actions.NoUnits,
        actions.UnitWithoutParent,
    ),
    dependencies=[Repeatable(Permission.PERIOD_MANAGE)],
)
async def open_period(
    period_id: UUID,
    if_match: IfMatch,
    caller: CanManagePeriods,
    session: DbSession,
    now: Now,
    response: Response,
) -> OpenedOut:
    """Open the year: create the dossier of every unit its sets measure."""
    period = await periods.period_by_id(session, period_id, lock=True)
    require_version(period, if_match)
    opened = await actions.open_period(session, period, by=caller, now=now)
    set_etag(response, period)
    return opened


@period_routes.get(
    "/{period_id}/scopes", response_model=list[ScopeOut], responses=problems(periods.PeriodNotFound)
)
async def list_scopes(period_id: UUID, _: CanReadPeriods, session: DbSession) -> list[ScopeOut]:
    """List the ranking scopes of a year with how far they are."""
    await periods.period_by_id(session, period_id)
    return await queries.scopes_of(session, period_id)


@routes.get("", response_model=Page[SubmissionSummary])
async def list_submissions(
    caller: CanRead,
    session: DbSession,
    paging: PagingQuery,
    period_id: UUID | None = None,
    state: ReviewState | None = None,
    kind: UnitKind | None = None,
    to_review: Annotated[bool, Query(description="only those that wait for your review")] = False,
    search: Annotated[str | None, Query(max_length=100, description="ignores accents: ca mau")] = None,
) -> Page[SubmissionSummary]:
    """List the dossiers you may see, in Vietnamese order of the units."""
    items, total = await queries.submissions_page(
        session,
        caller,
        paging,
        period_id=period_id,
        state=state,
        kind=kind,
        to_review=to_review,
        search=search,
    )
    return Page[SubmissionSummary].of(items, total, paging)


@routes.get("/{submission_id}", response_model=SubmissionOut, responses=_FOUND)
async def read_submission(
    submission_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """Show a dossier with its content and what you may do with it now."""
    submission, content = await queries.dossier_for(session, caller, submission_id)
    set_etag(response, submission)
    return await queries.submission_out(session, caller, submission, content, now, lang)


@routes.patch("/{submission_id}", response_model=SubmissionOut, responses=_MOVES)
async def save_submission(
    submission_id: UUID,
    body: SubmissionPatch,
    if_match: IfMatch,
    caller: CanEdit,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Change the content: given entries replace the present ones, null removes one. Every state is kept."""
    submission, present = await queries.dossier_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    content = await actions.save(session, submission, present, body, by=caller, now=now)
    set_etag(response, submission)
    return await queries.submission_out(session, caller, submission, content, now, lang)


@routes.get("/{submission_id}/completeness", response_model=CompletenessOut, responses=_FOUND)
async def read_completeness(
    submission_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> CompletenessOut:
    """Say what still keeps the dossier from being submitted."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    content = await queries.content_of(session, submission)
    faults = await actions.what_is_missing(session, submission, content)
    index_set, _ = await queries.measures_of(session, submission)
    return CompletenessOut(
        is_complete=not faults,
        answered=len(content["answers"]),
        indicators=sum(1 for row in index_set.indicators if row.declared_by == "unit"),
        missing=[MissingItem(pointer=f.pointer, code=f.code, message=f.said(lang)) for f in faults],
    )


@routes.get("/{submission_id}/scorecard", response_model=ScorecardOut, responses=_FOUND)
async def read_scorecard(
    submission_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> ScorecardOut:
    """Preview the self-assessed points with an explanation per indicator, at any time."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    content = await queries.content_of(session, submission)
    scores = await actions.self_scores(session, submission, content)
    return ScorecardOut.of(scores.card(0, lang), scores.policy.digits)


@routes.get("/{submission_id}/revisions", response_model=list[RevisionOut], responses=_FOUND)
async def list_revisions(submission_id: UUID, caller: CanRead, session: DbSession) -> list[RevisionOut]:
    """List every kept state of the content, the latest first."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    return [RevisionOut.model_validate(row) for row in await queries.revisions_of(session, submission)]


@routes.get("/{submission_id}/revisions/{number}", response_model=RevisionContentOut, responses=_FOUND)
async def read_revision(
    submission_id: UUID, number: int, caller: CanRead, session: DbSession
) -> RevisionContentOut:
    """Show one kept state of the content."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    return RevisionContentOut.model_validate(await queries.revision_of(session, submission, number))


@routes.get(
    "/{submission_id}/evidence/{document_id}",
    response_class=Download,
    responses=DOWNLOAD | problems(queries.SubmissionNotFound, DocumentNotFound),
)
async def read_cited_document(
    submission_id: UUID, document_id: UUID, caller: CanRead, session: DbSession, files: Files
) -> Download:
    """Send a document that an indicator you may see cites; a verifying agency reads here what it verifies."""
    return sent(await queries.cited_document(session, caller, submission_id, document_id), files)


@routes.post(
    "/{submission_id}/approve",
    response_model=SubmissionOut,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.SUBMISSION_APPROVE)],
)
async def approve_submission(
    submission_id: UUID,
    if_match: IfMatch,
    caller: CanApprove,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Approve the present content as the unit's leader; it is bound to the content's hash."""
    submission = await queries.submission_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    await actions.approve(session, submission, by=caller, now=now)
    set_etag(response, submission)
    content = await queries.content_of(session, submission)
    return await queries.submission_out(session, caller, submission, content, now, lang)


@routes.post(
    "/{submission_id}/submit",
    response_model=SubmissionOut,
    responses=problems(
        queries.SubmissionNotFound,
        actions.ActionNotAllowed,
        actions.SubmissionIncomplete,
        actions.ApprovalMissing,
    ),
    dependencies=[Repeatable(Permission.SUBMISSION_SUBMIT)],
)
async def submit_submission(
    submission_id: UUID,
    if_match: IfMatch,
    caller: CanSubmit,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Hand the dossier to its reviewer; from then on it is read-only."""
    submission = await queries.submission_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    await actions.submit(session, submission, by=caller, now=now)
    set_etag(response, submission)
    content = await queries.content_of(session, submission)
    return await queries.submission_out(session, caller, submission, content, now, lang)
