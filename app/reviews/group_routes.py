"""Groups of a dossier's indicators over HTTP: what a council has checked, and what waits for a member."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

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
from app.reviews import group_actions, groups
from app.reviews.group_schemas import CheckIn, GroupsOut, TaskOut
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import Submission
from app.submissions.queries import SubmissionNotFound, submission_for, whole_submission_for

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]

_TAG = "Thẩm định · Reviews"
routes = router("/submissions", _TAG)
me_routes = router("/me", _TAG)


async def _locked(
    submission_id: UUID, if_match: IfMatch, caller: CanReview, session: DbSession
) -> Submission:
    """Return the dossier as the caller saw it, locked: nobody changes it while its group is checked."""
    submission = await submission_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    return submission


Dossier = Annotated[Submission, Depends(_locked, scope="function")]


@routes.get("/{submission_id}/groups", response_model=GroupsOut, responses=problems(SubmissionNotFound))
async def list_groups(
    submission_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language
) -> GroupsOut:
    """Show every group of the dossier with whether the council has checked it; names only to those who review."""
    submission = await whole_submission_for(session, caller, submission_id)
    return await groups.groups_out(session, caller, submission, now, lang)


@routes.post(
    "/{submission_id}/groups/{code}/check",
    response_model=GroupsOut,
    responses=problems(SubmissionNotFound, groups.GroupNotFound, ActionNotAllowed),
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def check_group(
    code: str,
    body: CheckIn,
    dossier: Dossier,
    caller: CanReview,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> GroupsOut:
    """Say as a council member that you have checked a group as it stands, or take that back."""
    await group_actions.check_group(session, dossier, code, body, by=caller, now=now)
    set_etag(response, dossier)
    return await groups.groups_out(session, caller, dossier, now, lang)


@me_routes.get("/review-queue", response_model=Page[TaskOut])
async def read_review_queue(caller: CanReview, session: DbSession, paging: PagingQuery) -> Page[TaskOut]:
    """List the groups that wait for you as a council member, the oldest claim first."""
    items, total = await groups.queue_page(session, caller, paging)
    return Page[TaskOut].of(items, total, paging)
