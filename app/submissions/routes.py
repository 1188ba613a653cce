"""Dossiers over HTTP: opening a year, declaring, approving, submitting."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery
from app.evidence.limits import MaxIndicatorBytes
from app.periods import queries as periods
from app.submissions import actions, opening, queries, readiness
from app.submissions.content import changes_between
from app.submissions.models import ReviewState
from app.submissions.schemas import (
    ChangesOut,
    NoteIn,
    OpenedOut,
    ReadinessOut,
    ReopeningIn,
    ReopeningOut,
    RevisionContentOut,
    RevisionName,
    RevisionOut,
    ScopeOut,
    ScorecardOut,
    SubmissionOut,
    SubmissionPatch,
    SubmissionSummary,
)
from app.submissions.turn import TurnOf, shown
from app.units.models import UnitKind

CanManagePeriods = Annotated[Principal, Requires(Permission.PERIOD_MANAGE)]
CanReadPeriods = Annotated[Principal, Requires(Permission.PERIOD_READ)]
CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanEdit = Annotated[Principal, Requires(Permission.SUBMISSION_EDIT)]
CanApprove = Annotated[Principal, Requires(Permission.SUBMISSION_APPROVE)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]
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
        periods.PeriodAlreadyOpen,
        opening.DeadlinePassed,
        opening.NoUnits,
        opening.UnitWithoutParent,
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
    opened = await opening.open_period(session, period, by=caller, now=now)
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
    max_bytes: MaxIndicatorBytes,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Change the content: given entries replace the present ones, null removes one. Every state is kept."""
    submission, present = await queries.dossier_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    content = await actions.save(session, submission, present, body, max_bytes=max_bytes, by=caller, now=now)
    set_etag(response, submission)
    return await queries.submission_out(session, caller, submission, content, now, lang)


@routes.get("/{submission_id}/readiness", response_model=ReadinessOut, responses=_FOUND)
async def read_readiness(
    submission_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> ReadinessOut:
    """Say what still keeps the dossier from being handed in, and what must be explained first."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    content = await queries.content_of(session, submission)
    found = await actions.readiness_of(session, submission, content)
    index_set, _ = await queries.measures_of(session, submission)
    return readiness.readiness_out(found, submission, content, index_set, lang)


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


@routes.get("/{submission_id}/changes", response_model=ChangesOut, responses=_FOUND)
async def compare_revisions(
    submission_id: UUID,
    caller: CanRead,
    session: DbSession,
    earlier: Annotated[RevisionName, Query(alias="from")] = "approved",
    later: Annotated[RevisionName, Query(alias="to")] = "present",
) -> ChangesOut:
    """Show what changed between any two states of the content: by number, or approved, submitted, present."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    first = await queries.revision_named(session, submission, earlier)
    second = await queries.revision_named(session, submission, later)
    return ChangesOut(
        before=RevisionOut.model_validate(first),
        after=RevisionOut.model_validate(second),
        changes=changes_between(first.content, second.content),
    )


@routes.get("/{submission_id}/revisions/{number}", response_model=RevisionContentOut, responses=_FOUND)
async def read_revision(
    submission_id: UUID, number: int, caller: CanRead, session: DbSession
) -> RevisionContentOut:
    """Show one kept state of the content."""
    submission = await queries.whole_submission_for(session, caller, submission_id)
    return RevisionContentOut.model_validate(await queries.revision_of(session, submission, number))


# --- turns --------------------------------------------------------------------------------------------------


@routes.post(
    "/{submission_id}/approve",
    response_model=SubmissionOut,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.SUBMISSION_APPROVE)],
)
async def approve_submission(
    dossier: TurnOf, caller: CanApprove, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """Approve the present content as the unit's leader; it is bound to the content's hash."""
    await actions.approve(session, dossier, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/submit",
    response_model=SubmissionOut,
    responses=problems(
        queries.SubmissionNotFound,
        actions.ActionNotAllowed,
        actions.SubmissionIncomplete,
        actions.ApprovalMissing,
        actions.NoteMissing,
    ),
    dependencies=[Repeatable(Permission.SUBMISSION_SUBMIT)],
)
async def submit_submission(
    dossier: TurnOf,
    caller: CanSubmit,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
    body: NoteIn | None = None,
) -> SubmissionOut:
    """Hand the dossier to its reviewer; from then on it is read-only."""
    await actions.submit(session, dossier, body.note if body else None, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/recall",
    response_model=SubmissionOut,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.SUBMISSION_SUBMIT)],
)
async def recall_submission(
    dossier: TurnOf, caller: CanSubmit, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """Take the dossier back while nobody has claimed it and there is time to hand it in again."""
    await actions.recall(session, dossier, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/reopen-entry",
    response_model=ReopeningOut,
    status_code=201,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def reopen_entry(
    body: ReopeningIn, dossier: TurnOf, caller: CanReview, session: DbSession, now: Now, response: Response
) -> ReopeningOut:
    """Give the unit, or some of its indicators, days to enter figures again; it closes by itself."""
    reopening = await actions.reopen_entry(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return ReopeningOut.model_validate(reopening)
