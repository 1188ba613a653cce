"""Units over HTTP."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.core.paging import Page, PagingQuery
from app.core.vietnamese import VIETNAM
from app.units import queries
from app.units.models import UnitKind
from app.units.schemas import UnitOut

CanReadUnits = Annotated[Principal, Requires(Permission.UNIT_READ)]
OnDay = Annotated[date | None, Query(description="the day; default: today in Vietnam")]
routes = router("/units", "Đơn vị · Units")


def _day(on: date | None, now: datetime) -> date:
    return on or now.astimezone(VIETNAM).date()


@routes.get("", response_model=Page[UnitOut])
async def list_units(
    _: CanReadUnits,
    session: DbSession,
    now: Now,
    paging: PagingQuery,
    on: OnDay = None,
    kind: UnitKind | None = None,
    parent_id: UUID | None = None,
    search: Annotated[str | None, Query(max_length=100, description="ignores accents: ca mau")] = None,
) -> Page[UnitOut]:
    """List the units of a day in Vietnamese order."""
    items, total = await queries.units_on(
        session, _day(on, now), paging, kind=kind, parent_id=parent_id, search=search
    )
    return Page[UnitOut].of(items, total, paging)


@routes.get("/{unit_id}", response_model=UnitOut, responses=problems(queries.UnitNotFound))
async def read_unit(
    unit_id: UUID, _: CanReadUnits, session: DbSession, now: Now, on: OnDay = None
) -> UnitOut:
    """Show a unit as it stood on a day."""
    return await queries.unit_on(session, unit_id, _day(on, now))
