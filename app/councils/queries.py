"""Reading councils."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.councils.models import Council, Seat
from app.units.models import UnitKind


async def groups_of(
    session: AsyncSession, user_id: UUID, period_id: UUID, reviewer_unit_id: UUID, unit_kind: UnitKind
) -> frozenset[str] | None:
    """Return the groups of indicators that a council gave a person; None where the unit reviews without a council."""
    query = (
        select(Seat.user_id, Seat.groups)
        .join(Council, Council.id == Seat.council_id)
        .where(
            Council.period_id == period_id,
            Council.reviewer_unit_id == reviewer_unit_id,
            Council.unit_kind == unit_kind,
        )
    )
    seats = {member: groups for member, groups in (await session.execute(query)).all()}
    return frozenset(seats.get(user_id, ())) if seats else None
