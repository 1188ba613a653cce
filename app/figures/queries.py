"""Reading official figures, and what a push of them refers to."""

from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal, Reach
from app.catalogue import queries as catalogue
from app.core.paging import Paging
from app.figures.content import Measured, Read, givers
from app.figures.models import OfficialFigure
from app.figures.schemas import OfficialFigureOut, UnitName
from app.periods.models import Period
from app.periods.queries import sets_of
from app.units.models import Unit, UnitIdentifier, UnitKind
from app.units.queries import path_to, tree_on


async def agencies_of(session: AsyncSession, caller: Principal) -> dict[str, UUID]:
    """Return the agencies the caller gives figures for, by key; their pushes go one after the other from here on."""
    query = select(Unit.key, Unit.id).where(Unit.id.in_(caller.units_with(Permission.FIGURE_GIVE)))
    # FOR NO KEY UPDATE: rows elsewhere may refer to the agency meanwhile.
    locked = query.order_by(Unit.id).with_for_update(key_share=True)
    return {key: unit_id for key, unit_id in (await session.execute(locked)).all()}


async def measured_in(
    session: AsyncSession, period: Period, agencies: dict[str, UUID]
) -> dict[UnitKind, Measured]:
    """Return how each kind of unit is measured in a period, with the indicators that name one of the agencies."""
    return {
        used.unit_kind: Measured(catalogue.scoring_set(row), givers(catalogue.set_file(row), agencies))
        for used, row in await sets_of(session, period.id)
    }


async def units_named(session: AsyncSession, names: list[UnitName], period: Period) -> list[Unit | None]:
    """Return the units that stood at the period's end under these names, in their order; None where there is none."""
    tree = {unit_id: unit for unit_id, (unit, _) in (await tree_on(session, period.ends_on)).items()}
    by_key = {unit.key: unit for unit in tree.values()}
    pairs = {(name.scheme, name.value) for name in names if name.scheme is not None}
    query = select(UnitIdentifier).where(tuple_(UnitIdentifier.scheme, UnitIdentifier.value).in_(pairs))
    by_code = {(row.scheme, row.value): row.unit_id for row in await session.scalars(query)} if pairs else {}

    def unit_of(name: UnitName) -> Unit | None:
        if name.key is not None:
            return by_key.get(name.key)
        unit_id = name.id or by_code.get((name.scheme or "", name.value or ""))
        return tree.get(unit_id) if unit_id else None

    return [unit_of(name) for name in names]


async def present_answers(
    session: AsyncSession, period: Period, rows: list[Read]
) -> dict[tuple[UUID, str, UUID], dict[str, object]]:
    """Return the agencies' answers that hold now, by unit, indicator and agency."""
    about = (OfficialFigure.unit_id, OfficialFigure.indicator_code, OfficialFigure.agency_unit_id)
    query = (
        select(*about, OfficialFigure.answer)
        .where(
            OfficialFigure.period_id == period.id,
            OfficialFigure.unit_id.in_({row.unit_id for row in rows}),
            OfficialFigure.agency_unit_id.in_({row.agency_unit_id for row in rows}),
        )
        .ext(distinct_on(*about))
        .order_by(*about, OfficialFigure.id.desc())
    )
    return {
        (unit_id, code, agency): answer
        for unit_id, code, agency, answer in (await session.execute(query)).all()
    }


async def _visible_to(session: AsyncSession, caller: Principal, period: Period) -> ColumnElement[bool]:
    """Return the condition that a figure is the caller's agency's, about its own unit, or about one below it."""
    units = set(caller.units_reaching(Reach.OWN))
    above = caller.units_reaching(Reach.SUBTREE)
    if above:
        tree = await tree_on(session, period.ends_on)
        units |= {unit_id for unit_id in tree if not above.isdisjoint(path_to(tree, unit_id))}
    return or_(
        OfficialFigure.unit_id.in_(units),
        OfficialFigure.agency_unit_id.in_(caller.units_reaching(Reach.VERIFIED)),
    )


async def figures_page(
    session: AsyncSession,
    caller: Principal,
    paging: Paging,
    period: Period,
    *,
    unit_id: UUID | None = None,
    indicator: str | None = None,
) -> tuple[list[OfficialFigureOut], int]:
    """Return one page of the figures the caller may see, the latest first, and how many there are."""
    visible = await _visible_to(session, caller, period)
    query = select(OfficialFigure).where(OfficialFigure.period_id == period.id, visible)
    if unit_id is not None:
        query = query.where(OfficialFigure.unit_id == unit_id)
    if indicator is not None:
        query = query.where(OfficialFigure.indicator_code == indicator)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(OfficialFigure.id.desc()).offset(paging.offset).limit(paging.page_size)
    return [OfficialFigureOut.model_validate(row) for row in await session.scalars(page)], total
