"""Reading documents."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.evidence.models import Document


async def document_ids_of(session: AsyncSession, period_id: UUID, unit_id: UUID, among: list[UUID]) -> set[UUID]:
    """Return those of the given documents that are the unit's own in the period."""
    if not among:
        return set()
    query = select(Document.id).where(
        Document.period_id == period_id, Document.unit_id == unit_id, Document.id.in_(among)
    )
    return set(await session.scalars(query))
