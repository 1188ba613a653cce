"""Which groups of a dossier's indicators the council has checked, and which still wait for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal, Reach
from app.catalogue import queries as catalogue
from app.catalogue.rules import scored_rows
from app.catalogue.schemas import GroupRow
from app.core.http import AllowedAction, Paging
from app.core.problems import Lang, NotFound
from app.councils import queries as councils
from app.councils.models import Council, Seat
from app.councils.schemas import SeatOut
from app.reviews.group_schemas import GroupOut, GroupsOut, MemberOut, TaskOut
from app.reviews.models import GroupVerdict
from app.submissions.content import content_hash
from app.submissions.models import ReviewState, Revision, Submission
from app.submissions.queries import standing_of, unit_acting
from app.submissions.rules import DENIAL_TEXT, Action, Denial, Standing, denial


class GroupNotFound(NotFound):
    """The set has no such group."""

    code = "group_not_found"
    title_vi, title_en = "Không tìm thấy nhóm chỉ số", "Group of indicators not found"


@dataclass(frozen=True, slots=True)
class Check:
    """A group of a dossier with what its members said of it last; stale where its answers have changed since."""

    group: GroupRow
    verdict: GroupVerdict | None
    is_stale: bool

    @property
    def is_open(self) -> bool:
        """Answer whether the group waits to be checked, or to be checked again."""
        return self.verdict is None or not self.verdict.is_done or self.is_stale


def fingerprint(group: GroupRow, answers: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a dossier answers in a group. Pure."""
    codes = [row.code for row in scored_rows(group.indicators)]
    return content_hash({code: answers[code] for code in codes if code in answers})


def denial_of(group: str, standing: Standing, *, holds_role: bool) -> Denial | None:
    """Return why the caller cannot check this group now, or None if he can. Pure."""
    why = denial(Action.CHECK_GROUP, holds_role, standing)
    return why or (None if group in (standing.groups or ()) else Denial.NOT_YOUR_GROUP)


async def group_rows(session: AsyncSession, submission: Submission) -> Sequence[GroupRow]:
    """Return the groups of the set that measures a dossier, in the document's order."""
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    return catalogue.set_file(row).groups


async def group_named(session: AsyncSession, submission: Submission, code: str) -> GroupRow:
    """Return a group of the set that measures a dossier.

    Raises: GroupNotFound.
    """
    for group in await group_rows(session, submission):
        if group.code == code:
            return group
    raise GroupNotFound()


async def checks_of(session: AsyncSession, submissions: Sequence[Submission]) -> dict[UUID, list[Check]]:
    """Return every group of some dossiers with whether it was checked as it stands."""
    ids = [one.id for one in submissions]
    latest = (
        select(GroupVerdict)
        .where(GroupVerdict.submission_id.in_(ids))
        .ext(distinct_on(GroupVerdict.submission_id, GroupVerdict.group_code))
        .order_by(GroupVerdict.submission_id, GroupVerdict.group_code, GroupVerdict.id.desc())
    )
    verdicts = {(row.submission_id, row.group_code): row for row in await session.scalars(latest)}
    done = {row.submission_id for row in verdicts.values() if row.is_done}
    present = [one.revision_id for one in submissions if one.id in done]
    contents = select(Revision.submission_id, Revision.content).where(Revision.id.in_(present))
    answers = {key: content["answers"] for key, content in (await session.execute(contents)).all()}
    return {
        one.id: [
            _check(group, verdicts.get((one.id, group.code)), answers.get(one.id, {}))
            for group in await group_rows(session, one)
        ]
        for one in submissions
    }


def _check(group: GroupRow, verdict: GroupVerdict | None, answers: Mapping[str, Any]) -> Check:
    if verdict is None or not verdict.is_done:
        return Check(group, verdict, is_stale=False)
    return Check(group, verdict, is_stale=verdict.checked_hash != fingerprint(group, answers))


async def open_groups(session: AsyncSession, submission: Submission) -> list[str]:
    """Return the groups of a dossier that its council has not checked as they stand; none without a council."""
    if await _council_of(session, submission) is None:
        return []
    checks = (await checks_of(session, [submission]))[submission.id]
    return [check.group.code for check in checks if check.is_open]


async def _council_of(session: AsyncSession, submission: Submission) -> Council | None:
    return await councils.council_of(
        session, submission.period_id, submission.reviewer_unit_id, submission.unit_kind
    )


# --- one dossier --------------------------------------------------------------------------------------------


async def groups_out(
    session: AsyncSession, caller: Principal, submission: Submission, now: datetime, lang: Lang
) -> GroupsOut:
    """Return every group of a dossier with who checks it, as the caller may see it."""
    council = await _council_of(session, submission)
    seats: list[SeatOut] | None = None
    if council is not None and _sees_members(caller, submission):
        seats = (await councils.seats_of(session, [council.id]))[council.id]
    standing = await standing_of(session, caller, submission, now)
    holds_role = unit_acting(caller, submission, Action.CHECK_GROUP) is not None
    groups = []
    for check in (await checks_of(session, [submission]))[submission.id]:
        why = denial_of(check.group.code, standing, holds_role=holds_role)
        said = AllowedAction.of(Action.CHECK_GROUP, why, DENIAL_TEXT[why] if why else ("", ""), lang)
        groups.append(_group_out(check, seats, said))
    return GroupsOut(submission_id=submission.id, has_council=council is not None, groups=groups)


def _sees_members(caller: Principal, submission: Submission) -> bool:
    """Answer whether the caller reads along from the unit that reviews, or from above it; the unit itself does not."""
    above = submission.path[submission.path.index(submission.reviewer_unit_id) :]
    return not caller.units_reaching(Reach.SUBTREE).isdisjoint(above)


def _group_out(check: Check, seats: list[SeatOut] | None, action: AllowedAction) -> GroupOut:
    """Return a group as the API shows it; `seats` None: without a name."""
    code, verdict = check.group.code, check.verdict
    named = [
        MemberOut(user_id=one.user_id, full_name=one.full_name) for one in seats or [] if code in one.groups
    ]
    return GroupOut(
        code=code,
        name=check.group.name,
        members=None if seats is None else named,
        is_done=not check.is_open,
        is_stale=check.is_stale,
        at=verdict.made_at if verdict else None,
        by=verdict.made_by_name if verdict and seats is not None else None,
        note=verdict.note if verdict and seats is not None else None,
        allowed_actions=[action],
    )


# --- what waits for a member --------------------------------------------------------------------------------


async def queue_page(session: AsyncSession, caller: Principal, paging: Paging) -> tuple[list[TaskOut], int]:
    """Return one page of the groups that wait for the caller as a council member, the oldest claim first."""
    query = (
        select(Submission, Seat.groups)
        .join(
            Council,
            (Council.period_id == Submission.period_id)
            & (Council.reviewer_unit_id == Submission.reviewer_unit_id)
            & (Council.unit_kind == Submission.unit_kind),
        )
        .join(Seat, Seat.council_id == Council.id)
        .where(
            Seat.user_id == caller.id,
            Submission.state == ReviewState.UNDER_REVIEW,
            Submission.reviewer_unit_id.in_(caller.units_with(Permission.REVIEW_ACT)),
            Submission.unit_id.not_in(caller.own_units),
        )
        .order_by(Submission.claimed_at, Submission.id)
    )
    rows = (await session.execute(query)).all()
    checks = await checks_of(session, [submission for submission, _ in rows])
    waiting = [
        (submission, check)
        for submission, mine in rows
        for check in checks[submission.id]
        if check.is_open and check.group.code in mine
    ]
    shown = waiting[paging.offset : paging.offset + paging.page_size]
    return [_task(submission, check) for submission, check in shown], len(waiting)


def _task(submission: Submission, check: Check) -> TaskOut:
    return TaskOut(
        submission_id=submission.id,
        period_id=submission.period_id,
        unit_id=submission.unit_id,
        unit_name=submission.unit_name,
        unit_kind=submission.unit_kind,
        claimed_at=submission.claimed_at,
        group_code=check.group.code,
        group_name=check.group.name,
        is_stale=check.is_stale,
    )
