"""Reading units as they stood on a day."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.paging import Paging
from app.core.problems import NotFound
from app.core.vietnamese import searchable
from app.units.models import Unit, UnitIdentifier, UnitKind, UnitVersion
from app.units.schemas import UnitOut, UnitRef


class UnitNotFound(NotFound):
    """No such unit on that day."""

    code = "unit_not_found"
    title_vi, title_en = "Không tìm thấy đơn vị", "Unit not found"


def valid_on(on: date | ColumnElement[date]) -> ColumnElement[bool]:
    """Return the condition that a unit version holds on a day."""
    return and_(UnitVersion.valid_from <= on, or_(UnitVersion.valid_to.is_(None), UnitVersion.valid_to >= on))


def _select_on(on: date) -> Select[Unit, UnitVersion]:
    return select(Unit, UnitVersion).join(UnitVersion, UnitVersion.unit_id == Unit.id).where(valid_on(on))


async def units_on(
    session: AsyncSession,
    on: date,
    paging: Paging,
    *,
    kind: UnitKind | None = None,
    parent_id: UUID | None = None,
    search: str | None = None,
) -> tuple[list[UnitOut], int]:
    """Return one page of the units of a day in Vietnamese order, and how many there are."""
    query = _select_on(on)
    if kind is not None:
        query = query.where(Unit.kind == kind)
    if parent_id is not None:
        query = query.where(UnitVersion.parent_id == parent_id)
    if search:
        query = query.where(UnitVersion.search_text.contains(searchable(search), autoescape=True))
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(UnitVersion.sort_key, Unit.id).offset(paging.offset).limit(paging.page_size)
    return await _out(session, (await session.execute(ordered)).all()), total


async def unit_on(session: AsyncSession, unit_id: UUID, on: date) -> UnitOut:
    """Return one unit as it stood on a day.

    Raises: UnitNotFound.
    """
    rows = (await session.execute(_select_on(on).where(Unit.id == unit_id))).all()
    if not rows:
        raise UnitNotFound()
    return (await _out(session, rows))[0]


async def _out(session: AsyncSession, rows: Any) -> list[UnitOut]:
    ids = [unit.id for unit, _ in rows]
    codes: dict[UUID, dict[str, str]] = {}
    for code in await session.scalars(select(UnitIdentifier).where(UnitIdentifier.unit_id.in_(ids))):
        codes.setdefault(code.unit_id, {})[code.scheme] = code.value
    return [
        UnitOut(
            id=unit.id,
            key=unit.key,
            kind=unit.kind,
            name=version.name,
            parent_id=version.parent_id,
            is_ranked=unit.is_ranked,
            valid_from=version.valid_from,
            valid_to=version.valid_to,
            identifiers=codes.get(unit.id, {}),
        )
        for unit, version in rows
    ]


async def tree_on(session: AsyncSession, on: date) -> dict[UUID, tuple[Unit, UnitVersion]]:
    """Return every unit of a day by id, with the name and parent it had."""
    return {unit.id: (unit, version) for unit, version in (await session.execute(_select_on(on))).all()}


def path_to(tree: dict[UUID, tuple[Unit, UnitVersion]], unit_id: UUID) -> list[UUID]:
    """Return the unit and all above it, the unit first; however many levels there are.

    Raises: ValueError if the parents form a circle.
    """
    path: list[UUID] = []
    current: UUID | None = unit_id
    while current is not None and current in tree:
        if current in path:
            raise ValueError(f"unit {current} is its own ancestor")
        path.append(current)
        current = tree[current][1].parent_id
    return path


def _last_known(on: date) -> Select[UUID, UUID | None, str]:
    """Return the query of every unit's parent and name on a day; of those that have ended, the last they had."""
    columns = (UnitVersion.unit_id, UnitVersion.parent_id, UnitVersion.name)
    known = select(*columns).where(UnitVersion.valid_from <= on).ext(distinct_on(UnitVersion.unit_id))
    return known.order_by(UnitVersion.unit_id, UnitVersion.valid_from.desc())


async def subtrees_on(
    session: AsyncSession, roots: Collection[UUID], on: date
) -> dict[UUID, frozenset[UUID]]:
    """Return the units that stand on a day out of these, each with itself and all below it.

    A unit that has ended hangs where it hung last, and one to come where it will hang first: whoever is above that
    place looks after its people.
    """
    nearest = func.abs(UnitVersion.valid_from - on)
    placed = (
        select(UnitVersion.unit_id, UnitVersion.parent_id)
        .ext(distinct_on(UnitVersion.unit_id))
        .order_by(UnitVersion.unit_id, UnitVersion.valid_from > on, nearest)
        .cte("placed")
    )
    standing = select(UnitVersion.unit_id.label("root"), UnitVersion.unit_id)
    below = standing.where(UnitVersion.unit_id.in_(roots), valid_on(on)).cte("below", recursive=True)
    below = below.union(
        select(below.c.root, placed.c.unit_id).join(placed, placed.c.parent_id == below.c.unit_id)
    )
    found: dict[UUID, set[UUID]] = {}
    for root, unit_id in (await session.execute(select(below.c.root, below.c.unit_id))).all():
        found.setdefault(root, set()).add(unit_id)
    return {root: frozenset(units) for root, units in found.items()}


async def within(session: AsyncSession, roots: Collection[UUID], on: date) -> frozenset[UUID]:
    """Return some units that stand on a day, and all below them (`subtrees_on`)."""
    return frozenset[UUID]().union(*(await subtrees_on(session, roots, on)).values())


async def unit_ids_by_key(session: AsyncSession) -> dict[str, UUID]:
    """Return every unit's id by its key."""
    return {key: unit_id for key, unit_id in (await session.execute(select(Unit.key, Unit.id))).all()}


async def refs_on(session: AsyncSession, ids: list[UUID], on: date) -> dict[UUID, UnitRef]:
    """Return the units with these ids as they were called on a day."""
    rows = (await session.execute(_select_on(on).where(Unit.id.in_(ids)))).all()
    return {u.id: UnitRef(id=u.id, key=u.key, kind=u.kind, name=v.name) for u, v in rows}


async def refs_known(session: AsyncSession, ids: Collection[UUID], on: date) -> dict[UUID, UnitRef]:
    """Return the units with these ids as they were called on a day; those that have ended, as they were called last."""
    known = _last_known(on).where(UnitVersion.unit_id.in_(ids)).subquery()
    query = select(Unit.id, Unit.key, Unit.kind, known.c.name).join(known, known.c.unit_id == Unit.id)
    return {row.id: UnitRef.model_validate(row) for row in await session.execute(query)}
