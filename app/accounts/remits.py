"""Whose accounts somebody looks after: those of the units below his own, as the tree stands today."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, all_, and_, any_, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Delegation, RoleGrant, User
from app.accounts.permissions import ROLE_REMIT, Permission, Principal, Role
from app.core.problems import NotFound, Problem
from app.core.vietnamese import VIETNAM
from app.units.queries import subtrees_on

Held = tuple[Role, UUID]  # a role for a unit


class UserNotFound(NotFound):
    """No such account, or none of those the caller looks after."""

    code = "user_not_found"
    title_vi, title_en = "Không tìm thấy tài khoản", "User not found"


class AccountBeyondRemit(Problem):
    """He holds, or acts in, a role that the caller may not give."""

    status, code = 403, "account_beyond_remit"
    title_vi, title_en = (
        "Tài khoản này giữ vai trò mà bạn không được cấp",
        "The account holds a role that you may not give",
    )


class AlreadyErased(Problem):
    """What is left of him is a pseudonym: nothing brings it back, and nothing is written to it."""

    status, code = 409, "already_erased"
    title_vi, title_en = (
        "Dữ liệu của người này đã được xóa",
        "The data of this person have been erased already",
    )


@dataclass(frozen=True, slots=True)
class Remit:
    """The units whose accounts somebody reads, each with the roles he may give for it."""

    on: date
    gives: Mapping[UUID, frozenset[Role]]

    def covers(self, unit_id: UUID) -> bool:
        """Answer whether the accounts of a unit are read."""
        return unit_id in self.gives

    def may_give(self, role: Role, unit_id: UUID) -> bool:
        """Answer whether a role may be given for a unit."""
        return role in self.gives.get(unit_id, ())

    def manages(self, home: UUID, held: Collection[Held]) -> bool:
        """Answer whether an account at home there, with these roles, may be changed."""
        return bool(self.gives.get(home)) and all(self.may_give(role, unit) for role, unit in held)


def is_visible(user: type[User], remit: Remit) -> ColumnElement[bool]:
    """Return the condition that an account (or an alias of the table) is one of those a remit covers."""
    units = literal(list(remit.gives), ARRAY(Uuid))
    elsewhere = exists().where(
        RoleGrant.user_id == user.id, RoleGrant.ended_at.is_(None), RoleGrant.unit_id != all_(units)
    )
    return and_(user.unit_id == any_(units), ~elsewhere)


async def remit_of(session: AsyncSession, caller: Principal, now: datetime) -> Remit:
    """Return what a caller looks after now, by the roles he holds himself at this moment: they are read again."""
    on = now.astimezone(VIETNAM).date()
    if Permission.USER_READ not in caller.permissions:
        return Remit(on, {})
    query = (
        select(RoleGrant.role, RoleGrant.unit_id)
        .join(User, User.id == RoleGrant.user_id)
        .where(User.id == caller.id, User.is_active, RoleGrant.ended_at.is_(None))
    )
    own = [(role, unit) for role, unit in (await session.execute(query)).all() if role in ROLE_REMIT]
    below = await subtrees_on(session, {unit for _, unit in own}, on)
    gives: dict[UUID, frozenset[Role]] = {}
    for role, root in own:
        remit = ROLE_REMIT[role]
        for unit in below.get(root, frozenset()):
            if unit != root or remit.includes_own_unit:
                gives[unit] = gives.get(unit, frozenset()) | remit.gives
    return Remit(on, gives)


async def account_for(session: AsyncSession, remit: Remit, user_id: UUID) -> User:
    """Return an account out of a remit.

    Raises: UserNotFound (404).
    """
    user = await session.scalar(select(User).where(User.id == user_id, is_visible(User, remit)))
    if user is None:
        raise UserNotFound()
    return user


async def require_manageable(session: AsyncSession, remit: Remit, user: User) -> None:
    """Refuse changes of an account that holds anything its changer may not give, and of what an erasure left.

    Raises: AccountBeyondRemit (403), AlreadyErased (409).
    """
    if user.erased_at is not None:
        raise AlreadyErased()
    if not remit.manages(user.unit_id, (await held_by(session, [user.id], remit.on))[user.id]):
        raise AccountBeyondRemit()


async def account_managed(session: AsyncSession, caller: Principal, user_id: UUID, now: datetime) -> User:
    """Return an account that the caller may change.

    Raises: UserNotFound (404), AccountBeyondRemit (403), AlreadyErased (409).
    """
    remit = await remit_of(session, caller, now)
    user = await account_for(session, remit, user_id)
    await require_manageable(session, remit, user)
    return user


async def held_by(session: AsyncSession, user_ids: Collection[UUID], on: date) -> dict[UUID, list[Held]]:
    """Return what each of some people holds now, with what others have delegated to him for that day or later.

    Whoever gives somebody a new password could act as he does: so what he acts in counts, not only what is his own.
    """
    own = select(RoleGrant.user_id, RoleGrant.role, RoleGrant.unit_id).where(
        RoleGrant.user_id.in_(user_ids), RoleGrant.ended_at.is_(None)
    )
    lent = select(Delegation.delegate_id, Delegation.role, Delegation.unit_id).where(
        Delegation.delegate_id.in_(user_ids), Delegation.ended_at.is_(None), Delegation.ends_on >= on
    )
    found: dict[UUID, list[Held]] = {user_id: [] for user_id in user_ids}
    for query in (own, lent):
        for user_id, role, unit_id in (await session.execute(query)).all():
            found[user_id].append((role, unit_id))
    return found
