"""Reading delegations, and the colleagues to whom one can delegate."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.delegation_rules import DENIAL_TEXT, Action, Days, Stage, denial, stage
from app.accounts.delegation_schemas import ColleagueOut, DelegationAbout, DelegationOut
from app.accounts.models import Delegation, RoleGrant, User
from app.accounts.permissions import Principal, Role
from app.accounts.queries import is_running
from app.accounts.remits import Remit, is_visible, remit_of
from app.core.http import AllowedAction
from app.core.paging import Paging
from app.core.problems import Lang, NotFound
from app.core.vietnamese import VIETNAM, searchable, sort_key
from app.units.models import UnitVersion
from app.units.queries import valid_on


class DelegationNotFound(NotFound):
    """No such delegation, or none that the caller may see."""

    code = "delegation_not_found"
    title_vi, title_en = "Không tìm thấy việc ủy quyền", "Delegation not found"


@dataclass(frozen=True, slots=True)
class Seen:
    """A delegation as it stands on a day, with the names to show."""

    row: Delegation
    on: date
    is_running: bool
    delegator_name: str
    delegate_name: str
    unit_name: str | None
    is_theirs: bool  # the caller's to end: he is one of the two, or may give the role himself

    @property
    def stage(self) -> Stage:
        """Return where it is in its life."""
        days = Days(self.row.starts_on, self.row.ends_on)
        return stage(days, self.on, is_ended=self.row.ended_at is not None, is_running=self.is_running)


def today(now: datetime) -> date:
    """Return the day it is in Vietnam."""
    return now.astimezone(VIETNAM).date()


def _seen(on: date) -> Select[Delegation, bool, str, str, str]:
    delegator, delegate = aliased(User), aliased(User)
    return (
        select(Delegation, is_running(on), delegator.full_name, delegate.full_name, UnitVersion.name)
        .join(delegator, delegator.id == Delegation.delegator_id)
        .join(delegate, delegate.id == Delegation.delegate_id)
        .outerjoin(UnitVersion, and_(UnitVersion.unit_id == Delegation.unit_id, valid_on(on)))
    )


def _seen_of(found: Row[Delegation, bool, str, str, str], on: date, *, is_theirs: bool) -> Seen:
    row, running, delegator, delegate, unit = found
    return Seen(row, on, running, delegator, delegate, unit, is_theirs)


def _is_theirs(row: Delegation, caller: Principal, remit: Remit) -> bool:
    """Answer whether the caller may put an end to a delegation: either side, and whoever gives the role."""
    return caller.id in (row.delegator_id, row.delegate_id) or remit.may_give(row.role, row.unit_id)


def _visible_to(caller: Principal, remit: Remit) -> ColumnElement[bool]:
    """Return the condition that the caller gave or received a delegation, or reads the accounts of both."""
    own = or_(Delegation.delegator_id == caller.id, Delegation.delegate_id == caller.id)
    if not remit.gives:
        return own
    read = select(User.id).where(is_visible(User, remit))
    return or_(own, and_(Delegation.delegator_id.in_(read), Delegation.delegate_id.in_(read)))


async def delegation_for(
    session: AsyncSession, caller: Principal, delegation_id: UUID, now: datetime, *, lock: bool = False
) -> Seen:
    """Return a delegation the caller may see, locked against other writers if asked.

    Raises: DelegationNotFound.
    """
    remit = await remit_of(session, caller, now)
    query = _seen(remit.on).where(Delegation.id == delegation_id, _visible_to(caller, remit))
    found = (await session.execute(query.with_for_update(of=Delegation) if lock else query)).one_or_none()
    if found is None:
        raise DelegationNotFound()
    return _seen_of(found, remit.on, is_theirs=_is_theirs(found[0], caller, remit))


async def delegations_page(
    session: AsyncSession, caller: Principal, paging: Paging, now: datetime, running: bool | None
) -> tuple[list[Seen], int]:
    """Return one page of the delegations the caller may see, the latest made first, and how many there are.

    `running` keeps those that hold now, or those that do not.
    """
    remit = await remit_of(session, caller, now)
    wanted = [_visible_to(caller, remit)]
    if running is not None:
        wanted.append(is_running(remit.on) if running else not_(is_running(remit.on)))
    total = await session.scalar(select(func.count(Delegation.id)).where(*wanted)) or 0
    query = _seen(remit.on).where(*wanted).order_by(Delegation.id.desc())
    rows = await session.execute(query.offset(paging.offset).limit(paging.page_size))
    found = rows.all()
    return [_seen_of(row, remit.on, is_theirs=_is_theirs(row[0], caller, remit)) for row in found], total


async def received(session: AsyncSession, delegate_id: UUID, now: datetime) -> list[Seen]:
    """Return what others have delegated to somebody for today or later, locked: to be ended for him."""
    on = today(now)
    query = _seen(on).where(
        Delegation.delegate_id == delegate_id, Delegation.ended_at.is_(None), Delegation.ends_on >= on
    )
    rows = await session.execute(query.order_by(Delegation.id).with_for_update(of=Delegation))
    return [_seen_of(row, on, is_theirs=True) for row in rows.all()]


def about(seen: Seen) -> DelegationAbout:
    """Return what a delegation says."""
    shown = {
        name: getattr(seen.row, name) for name in DelegationAbout.model_fields if hasattr(seen.row, name)
    }
    names = (seen.delegator_name, seen.delegate_name, seen.unit_name)
    return DelegationAbout(**shown, delegator_name=names[0], delegate_name=names[1], unit_name=names[2])


def delegation_out(seen: Seen, lang: Lang) -> DelegationOut:
    """Return a delegation as the API shows it."""
    row = seen.row
    return DelegationOut(
        **about(seen).model_dump(),
        id=row.id,
        stage=seen.stage,
        created_at=row.created_at,
        created_by=row.created_by,
        created_by_name=row.created_by_name,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        version=row.version,
        allowed_actions=[_allowed(action, seen, lang) for action in Action],
    )


def _allowed(action: Action, seen: Seen, lang: Lang) -> AllowedAction:
    why = denial(action, seen.stage, is_theirs=seen.is_theirs)
    return AllowedAction.of(action, why, DENIAL_TEXT[why] if why else ("", ""), lang)


async def holds(session: AsyncSession, user_id: UUID, role: Role, unit_id: UUID) -> bool:
    """Answer whether somebody holds a role himself now: not by a delegation."""
    query = select(RoleGrant.id).filter_by(user_id=user_id, role=role, unit_id=unit_id, ended_at=None)
    return await session.scalar(query.limit(1)) is not None


async def overlapping(
    session: AsyncSession, delegator_id: UUID, role: Role, unit_id: UUID, days: Days
) -> UUID | None:
    """Return a delegation of somebody's role for a unit that shares a day with others, or None."""
    query = select(Delegation.id).where(
        Delegation.delegator_id == delegator_id,
        Delegation.role == role,
        Delegation.unit_id == unit_id,
        Delegation.ended_at.is_(None),
        Delegation.starts_on <= days.last,
        Delegation.ends_on >= days.first,
    )
    return await session.scalar(query.limit(1))


def colleague_units(caller: Principal) -> frozenset[UUID]:
    """Return the caller's home unit and those for which he holds a role himself."""
    return frozenset({caller.unit_id, *(g.unit_id for g in caller.grants if g.on_behalf_of is None)})


async def colleagues_page(
    session: AsyncSession, caller: Principal, paging: Paging, search: str | None
) -> tuple[list[ColleagueOut], int]:
    """Return one page of the caller's colleagues whose accounts are in use, by name, and how many there are."""
    query = select(User.id, User.username, User.full_name, User.unit_id).where(
        User.unit_id.in_(colleague_units(caller)), User.is_active, User.id != caller.id
    )
    # The people of a few units: found and sorted here, because accounts have no columns for Vietnamese text.
    wanted = searchable(search or "")
    found = [
        ColleagueOut.model_validate(row)
        for row in await session.execute(query)
        if wanted in searchable(f"{row.full_name} {row.username}")
    ]
    found.sort(key=lambda one: (sort_key(one.full_name), one.username))
    return found[paging.offset : paging.offset + paging.page_size], len(found)
