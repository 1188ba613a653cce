"""What a council member says of a group of a dossier's indicators."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import record
from app.reviews import groups
from app.reviews.group_schemas import CheckIn
from app.reviews.models import GroupVerdict
from app.submissions.actions import ActionNotAllowed, require_allowed
from app.submissions.models import Submission
from app.submissions.queries import content_of, standing_of
from app.submissions.rules import DENIAL_TEXT, Action


async def check_group(
    session: AsyncSession, submission: Submission, code: str, body: CheckIn, *, by: Principal, now: datetime
) -> GroupVerdict:
    """Say that a group was checked as it stands, or take that back; earlier verdicts stay as history.

    Raises: GroupNotFound (404), ActionNotAllowed (409).
    """
    group = await groups.group_named(session, submission, code)
    by = await require_allowed(session, by, submission, Action.CHECK_GROUP, now)
    standing = await standing_of(session, by, submission, now)
    why = groups.denial_of(code, standing, holds_role=True)
    if why is not None:
        raise ActionNotAllowed(*DENIAL_TEXT[why], reason_code=why.value, state=submission.state.value)
    waited = await groups.open_groups(session, submission)
    verdict = GroupVerdict(
        submission_id=submission.id,
        group_code=code,
        is_done=body.is_done,
        checked_hash=groups.fingerprint(group, (await content_of(session, submission))["answers"]),
        note=body.note,
        made_at=now,
        made_by=by.id,
        made_by_name=by.name,
    )
    session.add(verdict)
    await session.flush()
    waiting = await groups.open_groups(session, submission)
    await record(
        session,
        by,
        "review.check_group",
        submission,
        now,
        before={"group": code, "is_done": code not in waited},
        after={"group": code, "is_done": body.is_done, "hash": verdict.checked_hash, "open": waiting},
        reason=body.note,
        # Whoever has claimed the dossier need not hear of every step: only that it can pass, or can no longer.
        tell=bool(waited) != bool(waiting),
    )
    return verdict
