"""Delegating a role for some days, and ending that before its time."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import delegation_queries as queries
from app.accounts.delegation_queries import Seen
from app.accounts.delegation_rules import DENIAL_TEXT, Action, Days, denial, faults_of_days
from app.accounts.delegation_schemas import DelegationIn
from app.accounts.models import Delegation, User
from app.accounts.permissions import DELEGABLE, Permission, Principal
from app.accounts.remits import Remit, is_visible, remit_of
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest, Problem


class DelegationOverlaps(Problem):
    """Somebody acts in this role in these days already; `delegation_id` says by which delegation."""

    status, code = 409, "delegation_overlaps"
    title_vi, title_en = (
        "Vai trò này đã được ủy quyền trong thời gian đó",
        "The role is delegated in these days already",
    )


class DelegationNotEndable(Problem):
    """`reason_code` says why."""

    status, code = 409, "delegation_not_endable"
    title_vi, title_en = "Không chấm dứt được việc ủy quyền này", "This delegation cannot be ended"


async def delegate(session: AsyncSession, body: DelegationIn, *, by: Principal, now: datetime) -> Seen:
    """Let somebody act in another's role from a first to a last day.

    One person at a time acts in a role of somebody's: a turn is taken by one, and the document names him.

    Raises: InvalidRequest (422) with every fault, DelegationOverlaps (409).
    """
    days = Days(body.starts_on, body.ends_on)
    remit = await remit_of(session, by, now)
    faults = await _faults(session, body, by, remit) + faults_of_days(days, queries.today(now))
    if faults:
        raise InvalidRequest(faults=faults)
    delegator_id = body.delegator_id or by.id
    # One after the other: two delegations of the same days must not both find the days free.
    await session.get_one(User, delegator_id, with_for_update={"key_share": True})
    other = await queries.overlapping(session, delegator_id, body.role, body.unit_id, days)
    if other is not None:
        raise DelegationOverlaps(
            "Chấm dứt việc ủy quyền trước hoặc chọn ngày khác.",
            "End the earlier delegation or choose other days.",
            delegation_id=str(other),
        )
    row = Delegation(
        **(body.model_dump() | {"delegator_id": delegator_id}),
        created_at=now,
        created_by=by.id,
        created_by_name=by.name,
        ended_at=None,
        end_reason=None,
    )
    session.add(row)
    await session.flush()
    seen = await queries.delegation_for(session, by, row.id, now)
    after = _told(seen)
    await record(session, by, "delegation.create", row, now, after=after, tell=True)
    return seen


def _told(seen: Seen) -> dict[str, Any]:
    """Return what the audit trail is told of a delegation: whose it is by their ids, because it forgets no name."""
    return queries.about(seen).model_dump(mode="json", exclude={"delegator_name", "delegate_name"})


async def _faults(session: AsyncSession, body: DelegationIn, by: Principal, remit: Remit) -> list[Fault]:
    """Return what is wrong with who delegates what to whom."""
    delegator_id = body.delegator_id or by.id
    if delegator_id != by.id and Permission.USER_MANAGE not in by.permissions:
        vi, en = "chỉ ủy quyền vai trò của chính mình", "only your own roles"
        return [Fault("/delegator_id", "not_your_role", vi, en)]
    delegator = await session.get(User, delegator_id)
    if delegator_id != by.id:
        delegator = await _looked_after(session, delegator, remit)
    faults = _faults_of_account("/delegator_id", delegator)
    if body.role not in DELEGABLE:
        vi, en = "vai trò này không ủy quyền được", "this role cannot be delegated"
        faults.append(Fault("/role", "role_not_delegable", vi, en))
    elif delegator is None or not await queries.holds(session, delegator_id, body.role, body.unit_id):
        vi = "người ủy quyền không tự mình giữ vai trò này cho đơn vị này"
        en = "the delegator does not hold this role for this unit himself"
        faults.append(Fault("/role", "role_not_held", vi, en))
    elif delegator_id != by.id and not remit.may_give(body.role, body.unit_id):
        vi, en = "bạn không được cấp vai trò này", "you may not give this role"
        faults.append(Fault("/role", "role_not_grantable", vi, en))
    return faults + await _faults_of_delegate(session, body, delegator_id, by, remit)


async def _looked_after(session: AsyncSession, user: User | None, remit: Remit) -> User | None:
    """Return an account that its administrator sees, or None: there is no such account for him."""
    if user is None or not remit.gives.get(user.unit_id):
        return None
    query = select(User).where(User.id == user.id, is_visible(User, remit))
    return await session.scalar(query)


async def _faults_of_delegate(
    session: AsyncSession, body: DelegationIn, delegator_id: UUID, by: Principal, remit: Remit
) -> list[Fault]:
    """Return what is wrong with the person who is to act: a colleague, or somebody whose account the caller manages.

    Otherwise a unit could make its reviewer one of its own people, who then may not review it. Who delegates another's
    role manages both.
    """
    pointer = "/delegate_id"
    if body.delegate_id == delegator_id:
        vi, en = "phải là người khác", "must be somebody else"
        return [Fault(pointer, "same_person", vi, en)]
    if by.id == body.delegate_id:
        vi, en = "không tự ủy quyền cho mình", "nobody makes himself a delegate"
        return [Fault(pointer, "own_account", vi, en)]
    person = await session.get(User, body.delegate_id)
    is_colleague = person is not None and person.unit_id in queries.colleague_units(by)
    if delegator_id != by.id or not is_colleague:
        person = await _looked_after(session, person, remit)
    faults = _faults_of_account(pointer, person)
    if not faults and await queries.holds(session, body.delegate_id, body.role, body.unit_id):
        vi, en = "người này đã tự mình giữ vai trò đó", "holds this role himself already"
        faults.append(Fault(pointer, "holds_role", vi, en))
    return faults


def _faults_of_account(pointer: str, user: User | None) -> list[Fault]:
    if user is None:
        return [Fault(pointer, "unknown_user", "không có tài khoản này", "there is no such account")]
    if not user.is_active:
        return [Fault(pointer, "inactive_user", "tài khoản đã ngừng dùng", "the account is switched off")]
    return []


async def end(session: AsyncSession, seen: Seen, reason: str, *, by: Principal, now: datetime) -> Seen:
    """End a delegation before its last day: from now on nobody acts by it.

    Raises: DelegationNotEndable (409).
    """
    row = seen.row
    why = denial(Action.END, seen.stage, is_theirs=seen.is_theirs)
    if why is not None:
        raise DelegationNotEndable(*DENIAL_TEXT[why], reason_code=why.value)
    row.ended_at, row.end_reason = now, reason
    row.touch()
    before = {"ended_at": None}
    after = _told(seen) | {"ended_at": now.isoformat()}
    await record(
        session, by, "delegation.end", row, now, before=before, after=after, reason=reason, tell=True
    )
    return replace(seen, is_running=False)
