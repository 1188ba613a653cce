"""Making and changing accounts within what an administrator looks after."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import actions, delegation_actions, delegation_queries
from app.accounts.models import User
from app.accounts.permissions import Principal
from app.accounts.remits import Remit, remit_of, require_manageable
from app.accounts.schemas import GrantIn, UserIn, UserPatch
from app.core.audit import record_reading
from app.core.problems import Fault, InvalidRequest, Problem

# What somebody may change of his own account: everything else is another's to decide, or has a way of its own.
_OWN = {"full_name", "email", "reason"}

UNKNOWN_UNIT = ("unknown_unit", "không có đơn vị này", "there is no such unit")
NOT_GRANTABLE = ("role_not_grantable", "bạn không được cấp vai trò này", "you may not give this role")


class OwnAccount(Problem):
    status, code = 403, "own_account"
    title_vi, title_en = (
        "Không ai tự đổi vai trò, đơn vị, mật khẩu hay trạng thái của chính mình ở đây",
        "Nobody changes his own roles, unit, password or state here",
    )


async def create(session: AsyncSession, body: UserIn, *, by: Principal, now: datetime) -> User:
    """Create an account in a unit the administrator looks after, with roles he may give.

    Raises: InvalidRequest (422) with every fault, UsernameTaken (409).
    """
    remit = await remit_of(session, by, now)
    faults = [] if remit.gives.get(body.unit_id) else [Fault("/unit_id", *UNKNOWN_UNIT)]
    faults += faults_of_grants(remit, body.grants)
    if faults:
        raise InvalidRequest(faults=faults)
    return await actions.create_user(session, body, by=by, now=now)


def faults_of_grants(remit: Remit, grants: Sequence[GrantIn]) -> list[Fault]:
    """Return what is wrong with roles that an administrator gives: other people's units are no units for him."""
    faults = []
    for i, grant in enumerate(grants):
        if not remit.covers(grant.unit_id):
            faults.append(Fault(f"/grants/{i}/unit_id", *UNKNOWN_UNIT))
        elif not remit.may_give(grant.role, grant.unit_id):
            faults.append(Fault(f"/grants/{i}/role", *NOT_GRANTABLE))
    return faults


def require_another(user: User, body: UserPatch, by: Principal) -> None:
    """Refuse what nobody does with his own account.

    Raises: OwnAccount (403).
    """
    if user.id == by.id and not body.model_fields_set <= _OWN:
        raise OwnAccount()


async def change(
    session: AsyncSession, user: User, body: UserPatch, *, remit: Remit, by: Principal, now: datetime
) -> None:
    """Change an account; who moves to another unit no longer acts for those he worked with before.

    His own roles, and what he delegated himself, stay unless the change says otherwise: a delegation lives on the role.

    Raises: AccountBeyondRemit, OwnAccount (403), AlreadyErased, LastAdministrator (409), InvalidRequest (422).
    """
    require_another(user, body, by)
    await require_manageable(session, remit, user)
    faults = faults_of_grants(remit, body.grants or [])
    if body.unit_id is not None and not remit.gives.get(body.unit_id):
        faults.append(Fault("/unit_id", *UNKNOWN_UNIT))
    if faults:
        raise InvalidRequest(faults=faults)
    await apply(session, user, body, by=by, now=now)


async def apply(session: AsyncSession, user: User, body: UserPatch, *, by: Principal, now: datetime) -> None:
    """Change an account as `change` does, where it has been looked at already whether the change is allowed."""
    moves = body.unit_id is not None and body.unit_id != user.unit_id
    await actions.change_user(session, user, body, by=by, now=now)
    if moves:
        await _end_received(session, user, by=by, now=now)


async def _end_received(session: AsyncSession, user: User, *, by: Principal, now: datetime) -> None:
    """End what others delegated to somebody who has left their unit."""
    for seen in await delegation_queries.received(session, user.id, now):
        await delegation_actions.end(session, seen, "Chuyển đơn vị · Moved to another unit", by=by, now=now)


async def record_export(session: AsyncSession, count: int, *, by: Principal, now: datetime) -> None:
    """Write down that somebody took a list of accounts with him, and how long it was: not the names he searched for."""
    said = {"accounts": count}
    await record_reading(session, by, "user.export", User.__tablename__, now, filters=said, always=True)
