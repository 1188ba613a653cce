"""Results over HTTP: previewing, finalizing, reading and signing."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.catalogue.queries import IndexSetNotFound
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
from app.core.problems import NothingChanged
from app.results import actions, comparing, looking, previewing, queries
from app.results.change_schemas import ResultChangesOut
from app.results.models import Result
from app.results.preview_schemas import PreviewOut
from app.results.schemas import (
    AnnounceIn,
    FinalizeIn,
    PointsSideBySide,
    ProjectionOut,
    PublishIn,
    ResultDetailOut,
    ResultOut,
    ResultSummary,
    UnitResultOut,
    WithdrawIn,
)
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import RankingScope
from app.submissions.queries import ScopeNotFound, SubmissionNotFound, whole_submission_for

CanRead = Annotated[Principal, Requires(Permission.RESULT_READ)]
CanReadDossiers = Annotated[Principal, Requires(Permission.SUBMISSION_READ, Permission.RESULT_READ)]
CanFinalize = Annotated[Principal, Requires(Permission.RESULT_FINALIZE)]
CanProject = Annotated[Principal, Requires(Permission.CATALOGUE_MANAGE, Permission.RESULT_READ)]
CanSign = Annotated[Principal, Requires(Permission.RESULT_PUBLISH)]

_TAG = "Kết quả · Results"
routes = router("/results", _TAG)
scope_routes = router("/scopes", _TAG)
submission_routes = router("/submissions", _TAG)
_FOUND = problems(queries.ResultNotFound)


@scope_routes.get("/{scope_id}/preview", response_model=PreviewOut, responses=problems(ScopeNotFound))
async def preview_scope(
    scope_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language, response: Response
) -> PreviewOut:
    """Show what finalization would do now, or who is still missing; the ETag is that of the scope."""
    scope, _ = await queries.scope_for(session, caller, scope_id)
    set_etag(response, scope)
    return await previewing.preview(session, caller, scope, now, lang)


@scope_routes.post(
    "/{scope_id}/finalize",
    response_model=ResultOut,
    status_code=201,
    responses=problems(ScopeNotFound, actions.ScopeNotReviewed, NothingChanged, actions.ReasonMissing),
    dependencies=[Repeatable(Permission.RESULT_FINALIZE)],
)
async def finalize_scope(
    scope_id: UUID,
    body: FinalizeIn,
    if_match: IfMatch,
    caller: CanFinalize,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> ResultOut:
    """Score and rank every unit of a scope and keep it for ever; If-Match is the ETag of the scope's preview."""
    scope, overseers = await queries.scope_for(session, caller, scope_id, to_finalize=True)
    require_version(scope, if_match)
    by = caller.acting_as(scope.finalized_by_id, Permission.RESULT_FINALIZE)
    result = await actions.finalize(session, scope, overseers, body.reason, by=by, now=now)
    set_etag(response, result)
    return await looking.result_out(session, caller, result, now, lang)


@routes.get("", response_model=Page[ResultSummary])
async def list_results(
    caller: CanRead, session: DbSession, paging: PagingQuery, period_id: UUID | None = None
) -> Page[ResultSummary]:
    """List the results you may see: published ones, announced ones of your units, those of scopes you oversee."""
    rows, total = await queries.results_page(session, caller, paging, period_id)
    return Page[ResultSummary].of([ResultSummary.model_validate(row) for row in rows], total, paging)


@routes.get("/{result_id}", response_model=ResultDetailOut, responses=_FOUND)
async def read_result(
    result_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language, response: Response
) -> ResultDetailOut:
    """Show a result with its ranking and what you may do with it now."""
    result = await queries.result_for(session, caller, result_id)
    set_etag(response, result)
    return await looking.result_detail(session, caller, result, now, lang)


@routes.get("/{result_id}/units/{unit_id}", response_model=UnitResultOut, responses=_FOUND)
async def read_unit_result(
    result_id: UUID, unit_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> UnitResultOut:
    """Show the points of one unit in a result with an explanation per indicator."""
    result = await queries.readable_for(session, caller, result_id)
    return await looking.unit_result(session, result, unit_id, lang)


@routes.get("/{result_id}/changes", response_model=ResultChangesOut, responses=_FOUND)
async def read_changes(
    result_id: UUID,
    caller: CanRead,
    session: DbSession,
    against: Annotated[int | None, Query(ge=1, le=100_000, description="number of a version")] = None,
) -> ResultChangesOut:
    """Show every unit that moved against the version before (or another one), and why."""
    result = await queries.readable_for(session, caller, result_id)
    return await comparing.result_changes(session, result, against, queries.readable_to(caller))


@routes.get(
    "/{result_id}/projection",
    response_model=ProjectionOut,
    responses=problems(queries.ResultNotFound, IndexSetNotFound),
)
async def project_result(
    result_id: UUID,
    version: Annotated[int, Query(ge=1, le=10_000, description="of the set the result was measured by")],
    caller: CanProject,
    session: DbSession,
) -> ProjectionOut:
    """Show which ranks would move under another version of the set, a draft included; nothing is kept."""
    result = await queries.readable_for(session, caller, result_id)
    return await looking.projection(session, result, version)


# --- signing ------------------------------------------------------------------------------------------------


async def _locked(
    result_id: UUID, if_match: IfMatch, caller: CanSign, session: DbSession
) -> tuple[Result, RankingScope]:
    """Return the result as the signer saw it, with its scope, both locked."""
    result, scope = await queries.result_to_sign(session, caller, result_id)
    require_version(result, if_match)
    return result, scope


Signed = Annotated[tuple[Result, RankingScope], Depends(_locked, scope="function")]
_SIGNS = [Repeatable(Permission.RESULT_PUBLISH)]


@routes.post(
    "/{result_id}/announce",
    response_model=ResultOut,
    responses=problems(queries.ResultNotFound, ActionNotAllowed),
    dependencies=_SIGNS,
)
async def announce_result(
    body: AnnounceIn,
    signed: Signed,
    caller: CanSign,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> ResultOut:
    """Show a result to the units of its scope before it is public; the time for appeals begins."""
    result, scope = signed
    await actions.announce(session, result, scope, body.appeals_until, by=caller, now=now)
    set_etag(response, result)
    return await looking.result_out(session, caller, result, now, lang)


@routes.post(
    "/{result_id}/publish",
    response_model=ResultOut,
    responses=problems(queries.ResultNotFound, actions.NotPublishable),
    dependencies=_SIGNS,
)
async def publish_result(
    body: PublishIn,
    signed: Signed,
    caller: CanSign,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> ResultOut:
    """Publish a result by a decision; the version published so far stays readable as superseded."""
    await actions.publish(session, signed[0], body, by=caller, now=now)
    set_etag(response, signed[0])
    return await looking.result_out(session, caller, signed[0], now, lang)


@routes.post(
    "/{result_id}/withdraw",
    response_model=ResultOut,
    responses=problems(queries.ResultNotFound, ActionNotAllowed),
    dependencies=_SIGNS,
)
async def withdraw_result(
    body: WithdrawIn,
    signed: Signed,
    caller: CanSign,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> ResultOut:
    """Take an announced or published result back with a reason; in public only that and its head remain."""
    result, scope = signed
    await actions.withdraw(session, result, scope, body.reason, by=caller, now=now)
    set_etag(response, result)
    return await looking.result_out(session, caller, result, now, lang)


@submission_routes.get(
    "/{submission_id}/points", response_model=PointsSideBySide, responses=problems(SubmissionNotFound)
)
async def read_points(submission_id: UUID, caller: CanReadDossiers, session: DbSession) -> PointsSideBySide:
    """Show self, appraised and final points of a dossier side by side."""
    submission = await whole_submission_for(session, caller, submission_id)
    return await looking.side_by_side(session, caller, submission)
