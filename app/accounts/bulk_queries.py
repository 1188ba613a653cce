"""What a batch of accounts needs to know: the accounts it names, and the units its maker may fill."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.remits import Remit, held_by, is_visible
from app.units.models import Unit, UnitIdentifier, UnitKind, UnitVersion
from app.units.queries import valid_on

GSO = "gso"


@dataclass(frozen=True, slots=True)
class Place:
    """A unit that stands today."""

    id: UUID
    key: str
    gso: str | None
    kind: UnitKind
    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """An account that is there; `is_visible` to who asks, `is_managed`: his to change."""

    user: User
    is_visible: bool
    is_managed: bool


async def standing_units(session: AsyncSession, remit: Remit) -> list[Place]:
    """Return the units that stand today and in which somebody may make accounts, in Vietnamese order."""
    ids = [unit_id for unit_id, roles in remit.gives.items() if roles]
    on = remit.on
    code = and_(
        UnitIdentifier.unit_id == Unit.id,
        UnitIdentifier.scheme == GSO,
        UnitIdentifier.valid_from <= on,
        or_(UnitIdentifier.valid_to.is_(None), UnitIdentifier.valid_to >= on),
    )
    query = (
        select(Unit.id, Unit.key, UnitIdentifier.value, Unit.kind, UnitVersion.name)
        .join(UnitVersion, UnitVersion.unit_id == Unit.id)
        .outerjoin(UnitIdentifier, code)
        .where(Unit.id.in_(ids), valid_on(on))
        .order_by(UnitVersion.sort_key, Unit.id)
    )
    return [Place(*row) for row in (await session.execute(query)).all()]


async def places_of(session: AsyncSession, remit: Remit) -> dict[str, Place]:
    """Return these units by key and by GSO code."""
    units = await standing_units(session, remit)
    return {place.gso: place for place in units if place.gso} | {place.key: place for place in units}


async def known_accounts(
    session: AsyncSession, names: Sequence[str], remit: Remit, *, lock: bool
) -> dict[str, Known]:
    """Return the accounts with these user names as they are now, locked against other writers if asked."""
    query = (
        select(User)
        .where(User.username.in_(names))
        .order_by(User.username)
        .execution_options(populate_existing=True)
    )
    users = list(await session.scalars(query.with_for_update() if lock else query))
    ids = [user.id for user in users]
    visible = set(await session.scalars(select(User.id).where(User.id.in_(ids), is_visible(User, remit))))
    held = await held_by(session, ids, remit.on)
    return {
        user.username: Known(user, user.id in visible, remit.manages(user.unit_id, held[user.id]))
        for user in users
    }


async def unit_names(session: AsyncSession, remit: Remit) -> dict[UUID, tuple[str, str]]:
    """Return the key of every unit of a remit with its name today, or an empty one."""
    query = (
        select(Unit.id, Unit.key, UnitVersion.name)
        .outerjoin(UnitVersion, and_(UnitVersion.unit_id == Unit.id, valid_on(remit.on)))
        .where(Unit.id.in_(remit.gives))
    )
    return {unit_id: (key, name or "") for unit_id, key, name in (await session.execute(query)).all()}
