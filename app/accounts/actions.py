"""The administration of people's accounts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.password_setting import first_hash, set_password
from app.accounts.permissions import PROVINCE_ROLES, Grant, Role
from app.accounts.schemas import GrantIn, UserIn, UserPatch
from app.accounts.sessions import end_log_ins
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest, Problem
from app.units.models import Unit, UnitKind

ADMINISTRATORS_LOCK = 297  # any number of our own
# What the audit trail only says of that it changed: it forgets nothing, and a person can be erased.
_PERSONAL = ("full_name", "email")


class LastAdministrator(Problem):
    status, code = 409, "last_administrator"
    title_vi, title_en = "Phải còn ít nhất một quản trị viên", "At least one administrator must remain"


class UsernameTaken(Problem):
    status, code = 409, "username_taken"
    title_vi, title_en = "Tên đăng nhập đã có người dùng", "The user name is taken"


async def create_user(
    session: AsyncSession,
    body: UserIn,
    *,
    by: Actor,
    now: datetime,
    initial: bool = True,
    password_hash: str | None = None,
) -> User:
    """Create an account whose owner must change the initial password at the first log-in.

    `password_hash` is the password's, where it was made and hashed beforehand.

    Raises: UsernameTaken (409), InvalidRequest (422) for an unknown unit or a password that is no good one.
    """
    if await session.scalar(select(User.id).where(User.username == body.username)):
        raise UsernameTaken()
    await require_units(session, body.unit_id, body.grants)
    user = User(
        username=body.username,
        full_name=body.full_name,
        email=body.email,
        unit_id=body.unit_id,
        password_hash=password_hash or await first_hash(body.password, body.username),
        must_change_password=initial,
        password_set_at=now,
        is_active=True,
        created_at=now,
        failed_logins=0,
        locked_until=None,
    )
    session.add(user)
    await session.flush()
    grants = [Grant(g.role, g.unit_id) for g in body.grants]
    await set_grants(session, user, grants, now)
    after = {"username": user.username, "unit_id": str(user.unit_id), "grants": _plain(grants)}
    await record(session, by, "user.create", user, now, after=after)
    return user


def _plain(grants: Sequence[Grant]) -> list[dict[str, str]]:
    return [{"role": g.role.value, "unit_id": str(g.unit_id)} for g in grants]


async def require_units(session: AsyncSession, home: UUID | None, grants: Sequence[GrantIn]) -> None:
    """Refuse units that do not exist, and province roles for anything but a province.

    Raises: InvalidRequest (422) with every fault.
    """
    wanted = {grant.unit_id for grant in grants} | ({home} if home else set())
    kinds = {
        unit_id: kind
        for unit_id, kind in (
            await session.execute(select(Unit.id, Unit.kind).where(Unit.id.in_(wanted)))
        ).all()
    }
    unknown = ("unknown_unit", "không có đơn vị này", "there is no such unit")
    faults = [] if home is None or home in kinds else [Fault("/unit_id", *unknown)]
    for i, grant in enumerate(grants):
        if grant.unit_id not in kinds:
            faults.append(Fault(f"/grants/{i}/unit_id", *unknown))
        elif grant.role in PROVINCE_ROLES and kinds[grant.unit_id] is not UnitKind.PROVINCE:
            vi, en = "vai trò này chỉ cấp cho tỉnh", "this role is held for a province only"
            faults.append(Fault(f"/grants/{i}/role", "role_not_for_unit", vi, en))
    if faults:
        raise InvalidRequest(faults=faults)


async def require_administrators(session: AsyncSession, units: Collection[UUID]) -> None:
    """Refuse a change after which nobody could administer the accounts of one of these provinces.

    Raises: LastAdministrator (409).
    """
    if not units:
        return
    await session.flush()
    # One after the other: two administrators who remove each other at once must not both find the other one.
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMINISTRATORS_LOCK})
    left = (
        select(RoleGrant.unit_id)
        .join(User, User.id == RoleGrant.user_id)
        .where(User.is_active, RoleGrant.role == Role.PROVINCE_ADMIN, RoleGrant.ended_at.is_(None))
    )
    if not set(units) <= set(await session.scalars(left)):
        raise LastAdministrator()


async def present_grants(session: AsyncSession, user: User) -> list[RoleGrant]:
    """Return the roles a user holds now."""
    query = select(RoleGrant).where(RoleGrant.user_id == user.id, RoleGrant.ended_at.is_(None))
    return list(await session.scalars(query.order_by(RoleGrant.id)))


async def set_grants(session: AsyncSession, user: User, grants: Sequence[Grant], now: datetime) -> None:
    """Make the user hold exactly these roles: ended ones keep their history."""
    present = await present_grants(session, user)
    wanted = set(grants)
    for held in present:
        grant = Grant(held.role, held.unit_id)
        if grant in wanted:
            wanted.discard(grant)
        else:
            held.ended_at = now
    session.add_all(
        RoleGrant(user_id=user.id, role=g.role, unit_id=g.unit_id, granted_at=now) for g in wanted
    )
    await session.flush()


async def change_user(
    session: AsyncSession, user: User, body: UserPatch, *, by: Actor, now: datetime
) -> None:
    """Change an account; disabling it or giving a new password ends its log-ins at once.

    Raises: InvalidRequest (422) for an unknown unit or a password that is no good one, LastAdministrator (409).
    """
    held = [Grant(row.role, row.unit_id) for row in await present_grants(session, user)]
    before = _told(user, held)
    await require_units(session, body.unit_id, body.grants or [])
    for name in ("full_name", "email", "unit_id", "is_active"):
        if (value := getattr(body, name)) is not None:
            setattr(user, name, value)
    if body.password is not None:
        await set_password(session, user, body.password, now, pointer="/password", initial=True)
    user.touch()
    if body.is_active is False or body.password is not None:
        await end_log_ins(session, user.id, now, "account changed by an administrator")
    grants = held
    if body.grants is not None:
        grants = [Grant(g.role, g.unit_id) for g in body.grants]
        await set_grants(session, user, grants, now)
    await require_administrators(session, {g.unit_id for g in held if g.role is Role.PROVINCE_ADMIN})
    after = _told(user, grants)
    changed = [name for name in after if after[name] != before[name]]
    was = {name: before[name] for name in changed if name not in _PERSONAL}
    is_now = {name: "changed" if name in _PERSONAL else after[name] for name in changed}
    is_now |= {"password": "replaced"} if body.password else {}
    await record(
        session, by, "user.change", user, now, before=was or None, after=is_now or None, reason=body.reason
    )


def _told(user: User, grants: Sequence[Grant]) -> dict[str, Any]:
    said = {name: getattr(user, name) for name in _PERSONAL}
    return said | {"unit_id": str(user.unit_id), "is_active": user.is_active, "grants": _plain(grants)}
