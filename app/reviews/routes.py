"""Reviews over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Language, Now, problems, router, set_etag
from app.evidence.limits import MaxIndicatorBytes
from app.reviews import actions, asking, deciding, queries
from app.reviews.deciding import index_set_of
from app.reviews.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    ClarificationOut,
    ItemAnswerIn,
    ItemAnswerOut,
    ReasonIn,
    ReplyIn,
    ReplyOut,
    ReturnIn,
    ReviewOut,
)
from app.submissions.actions import ActionNotAllowed, ApprovalMissing, NoteMissing
from app.submissions.queries import SubmissionNotFound, content_of, submission_for, whole_submission_for
from app.submissions.readiness import readiness_out
from app.submissions.schemas import NoteIn, ReadinessOut, SubmissionOut
from app.submissions.turn import TurnOf, shown

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]
CanEdit = Annotated[Principal, Requires(Permission.SUBMISSION_EDIT)]

routes = router("/submissions", "Thẩm định · Reviews")
_TURN = problems(SubmissionNotFound, ActionNotAllowed)


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
    return await queries.adjustments_shown(session, submission.id)


@routes.get(
    "/{submission_id}/review/readiness", response_model=ReadinessOut, responses=problems(SubmissionNotFound)
)
async def read_readiness_to_pass(
    submission_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language
) -> ReadinessOut:
    """Say what still keeps the review from ending, and what must be explained first."""
    submission = await whole_submission_for(session, caller, submission_id)
    index_set = await index_set_of(session, submission)
    reviews = caller.may(Permission.REVIEW_ACT, submission.reviewer_unit_id)
    found = await actions.readiness_to_pass(session, submission, now, for_reviewer=reviews)
    content = await content_of(session, submission)
    return readiness_out(found.readiness, submission, content, index_set, lang)


@routes.post(
    "/{submission_id}/claim",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def claim(
    dossier: TurnOf, caller: CanReview, session: DbSession, now: Now, lang: Language, response: Response
) -> SubmissionOut:
    """Take the dossier up for review."""
    await actions.claim(session, dossier, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/call-in",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def call_in(
    body: ReasonIn,
    dossier: TurnOf,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Take up a dossier whose unit let its time pass: what it handed in last counts."""
    await actions.call_in(session, dossier, body.reason, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/take-over",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def take_over(
    body: ReasonIn,
    dossier: TurnOf,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Take the review over from another reviewer of the same unit."""
    await actions.take_over(session, dossier, body.reason, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/return",
    response_model=ClarificationOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def return_for_clarification(
    body: ReturnIn, dossier: TurnOf, caller: CanReview, session: DbSession, now: Now, response: Response
) -> ClarificationOut:
    """Give the dossier back with a reason, items and a due date."""
    clarification = await actions.return_for_clarification(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return queries.clarification_out(clarification, [])


@routes.post(
    "/{submission_id}/supplements",
    response_model=ClarificationOut,
    status_code=201,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def ask_for_more(
    body: ReturnIn, dossier: TurnOf, caller: CanReview, session: DbSession, now: Now, response: Response
) -> ClarificationOut:
    """Ask for supplementary evidence while the dossier stays where it is; the province may, of a commune too."""
    clarification = await asking.ask_for_more(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return queries.clarification_out(clarification, [])


@routes.post(
    "/{submission_id}/clarifications/{clarification_id}/answers",
    response_model=ItemAnswerOut,
    status_code=201,
    responses=problems(
        SubmissionNotFound, queries.ClarificationNotFound, ActionNotAllowed, asking.SupplementLate
    ),
    dependencies=[Repeatable(Permission.SUBMISSION_EDIT)],
)
async def answer_item(
    clarification_id: UUID,
    body: ItemAnswerIn,
    dossier: TurnOf,
    caller: CanEdit,
    session: DbSession,
    max_bytes: MaxIndicatorBytes,
    now: Now,
    response: Response,
) -> ItemAnswerOut:
    """Answer one item of what was asked, with documents."""
    clarification = await queries.clarification_of(session, dossier, clarification_id)
    answered = await asking.answer(
        session, dossier, clarification, body, max_bytes=max_bytes, by=caller, now=now
    )
    set_etag(response, dossier)
    return ItemAnswerOut.model_validate(answered)


@routes.post(
    "/{submission_id}/adjustments",
    response_model=AdjustmentOut,
    status_code=201,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def adjust(
    body: AdjustmentIn, dossier: TurnOf, caller: CanReview, session: DbSession, now: Now, response: Response
) -> AdjustmentOut:
    """Decide one indicator with a reason; the unit sees it."""
    adjustment = await deciding.adjust(session, dossier, body, by=caller, now=now)
    set_etag(response, dossier)
    return AdjustmentOut.model_validate(adjustment)


@routes.post(
    "/{submission_id}/adjustments/{adjustment_id}/replies",
    response_model=ReplyOut,
    status_code=201,
    responses=problems(SubmissionNotFound, queries.AdjustmentNotFound, ActionNotAllowed),
    dependencies=[Repeatable(Permission.SUBMISSION_EDIT)],
)
async def reply(
    submission_id: UUID, adjustment_id: UUID, body: ReplyIn, caller: CanEdit, session: DbSession, now: Now
) -> ReplyOut:
    """Say something to a decision of the reviewer, as the unit."""
    submission = await whole_submission_for(session, caller, submission_id)
    adjustment = await queries.adjustment_of(session, submission, adjustment_id)
    said = await deciding.reply(session, submission, adjustment, body, by=caller, now=now)
    return ReplyOut.model_validate(said)


@routes.post(
    "/{submission_id}/pass",
    response_model=SubmissionOut,
    responses=problems(
        SubmissionNotFound, ActionNotAllowed, actions.ReviewIncomplete, ApprovalMissing, NoteMissing
    ),
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def pass_dossier(
    dossier: TurnOf,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
    body: NoteIn | None = None,
) -> SubmissionOut:
    """End the review: the dossier counts as it now stands."""
    await actions.pass_dossier(session, dossier, body.note if body else None, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)


@routes.post(
    "/{submission_id}/reopen-review",
    response_model=SubmissionOut,
    responses=_TURN,
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def reopen(
    body: ReasonIn,
    dossier: TurnOf,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Take a passed dossier up again to correct it, with a reason."""
    await actions.reopen(session, dossier, body.reason, by=caller, now=now)
    return await shown(session, caller, dossier, now, lang, response)
