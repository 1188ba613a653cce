"""The audit trail: one row per change, in the transaction of the change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Table, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row, new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a person or a service account, for which unit, in which request."""

    id: UUID
    name: str
    acting_for: UUID | None
    request_id: str


class AuditEvent(Row):
    """One change: who did what to which object, when, what was there before and after, and why."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_object", "object_type", "object_id"),
        Index("ix_audit_event_at", "at"),
    )

    at: Mapped[Instant]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    acting_for: Mapped[UUID | None]
    request_id: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[UUID] = mapped_column()
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    reason: Mapped[str | None]


# On the table, not the mapped class: an audit row is written in nearly every request and never read back there.
_INSERT = insert(cast(Table, AuditEvent.__table__))

SYSTEM = Actor(id=UUID(int=0), name="system", acting_for=None, request_id="-")


async def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    target: Row,
    now: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write one audit event in the caller's transaction; `before` and `after` hold only what changed."""
    await session.execute(
        _INSERT,
        {
            "id": new_id(),
            "at": now,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "acting_for": actor.acting_for,
            "request_id": actor.request_id,
            "action": action,
            "object_type": target.__tablename__,
            "object_id": target.id,
            "before": before,
            "after": after,
            "reason": reason,
        },
    )
