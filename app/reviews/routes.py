"""Reviews over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router, set_etag
from app.reviews import actions, queries
from app.reviews.schemas import AdjustmentIn, AdjustmentOut, ClarificationOut, ReasonIn, ReturnIn, ReviewOut
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import Submission
from app.submissions.queries import (
    SubmissionNotFound,
    content_of,
    submission_for,
    submission_out,
    whole_submission_for,
)
from app.submissions.schemas import SubmissionOut

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]

routes = router("/submissions", "Thẩm định · Reviews")
_TURN = problems(SubmissionNotFound, ActionNotAllowed)


async def _locked(
    submission_id: UUID, if_match: IfMatch, caller: CanReview, session: DbSession
) -> Submission:
    """Return the dossier as the caller saw it, locked for this turn."""
    submission = await submission_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    return submission


Dossier = Annotated[Submission, Depends(_locked, scope="function")]


@routes.get("/{submission_id}/review", response_model=ReviewOut, responses=problems(SubmissionNotFound))
async def read_review(submission_id: UUID, caller: CanRead, session: DbSession, lang: Language) -> ReviewOut:
    """Show declared, official and adopted figures and both points side by side."""
    submission = await submission_for(session, caller, submission_id)
    return await queries.review_of(session, caller, submission, lang)


@routes.get(
    "/{submission_id}/adjustments", response_model=list[AdjustmentOut], responses=problems(SubmissionNotFound)
)
async def list_adjustments(submission_id: UUID, caller: CanRead, session: DbSession) -> list[AdjustmentOut]:
    """List every decision on the dossier in the order they were made."""
    submission = await whole_submission_for(session, caller, submission_id)
    return [AdjustmentOut.model_validate(row) for row in await queries.adjustments_of(session, submission.id)]


@routes.post(
    "/{submission_id}/claim",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def claim(
    dossier: Dossier, caller: CanReview, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """Take the dossier up for review."""
    await actions.claim(session, dossier, by=caller, now=now)
    set_etag(response, dossier)
    return await submission_out(session, caller, dossier, await content_of(session, dossier), now, lang)


@routes.post(
    "/{submission_id}/return",
    response_model=ClarificationOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def return_for_clarification(
    body: ReturnIn, dossier: Dossier, caller: CanReview, session: DbSession, now: Now, response: Response
) -> ClarificationOut:
    """Give the dossier back with a reason, items and a due date."""
    clarification = await actions.return_for_clarification(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return ClarificationOut.model_validate(clarification)


@routes.post(
    "/{submission_id}/adjustments",
    response_model=AdjustmentOut,
    status_code=201,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def adjust(
    body: AdjustmentIn, dossier: Dossier, caller: CanReview, session: DbSession, now: Now, response: Response
) -> AdjustmentOut:
    """Decide one indicator with a reason; the unit sees it."""
    adjustment = await actions.adjust(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return AdjustmentOut.model_validate(adjustment)


@routes.post(
    "/{submission_id}/pass",
    response_model=SubmissionOut,
    responses=problems(SubmissionNotFound, ActionNotAllowed, actions.ReviewIncomplete),
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def pass_dossier(
    dossier: Dossier, caller: CanReview, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """End the review: the dossier counts as it now stands."""
    await actions.pass_dossier(session, dossier, by=caller, now=now)
    set_etag(response, dossier)
    return await submission_out(session, caller, dossier, await content_of(session, dossier), now, lang)


@routes.post(
    "/{submission_id}/reopen-review",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def reopen(
    body: ReasonIn,
    dossier: Dossier,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Take a passed dossier up again to correct it, with a reason."""
    await actions.reopen(session, dossier, body.reason, by=caller, now=now)
    set_etag(response, dossier)
    return await submission_out(session, caller, dossier, await content_of(session, dossier), now, lang)
