"""Reading the audit trail."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.core.paging import Paging


async def events_page(
    session: AsyncSession,
    paging: Paging,
    *,
    actor: str | None = None,
    action: str | None = None,
    object_type: str | None = None,
    object_id: UUID | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> tuple[list[AuditEvent], int]:
    """Return one page of the changes made in [since, before), the newest first, and how many there are."""
    query = select(AuditEvent)
    if actor is not None:
        query = query.where(
            or_(AuditEvent.actor_name == actor, cast(AuditEvent.actor_id, Text) == actor.lower())
        )
    if action is not None:
        query = query.where(AuditEvent.action == action)
    if object_type is not None:
        query = query.where(AuditEvent.object_type == object_type)
    if object_id is not None:
        query = query.where(AuditEvent.object_id == object_id)
    if since is not None:
        query = query.where(AuditEvent.at >= since)
    if before is not None:
        query = query.where(AuditEvent.at < before)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    newest = query.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    return list(await session.scalars(newest.offset(paging.offset).limit(paging.page_size))), total
