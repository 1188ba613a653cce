"""The audit trail: one row per change, in the transaction of the change."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Instant, Json, Row, driver_of, insert_sql, new_id, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a person or a service account, for which unit, in which request.

    `on_behalf_of` is the person whose turn it would be, where somebody acts in his place, and `basis` how such a
    signature begins: TM., KT., TL. or TUQ. (NĐ 30/2020/NĐ-CP, annex I).
    """

    id: UUID
    name: str
    acting_for: UUID | None
    request_id: str
    on_behalf_of: UUID | None = None
    basis: str | None = None


class AuditEvent(Row):
    """One change: who did what to which object, when, what was there before and after, and why."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_object", "object_type", "object_id"),
        Index("ix_audit_event_at", "at"),
        Index("ix_audit_event_request_id", "request_id"),
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
    on_behalf_of: Mapped[UUID | None]
    basis: Mapped[str | None]


class AuditLink(Base):
    """The place of an event in the chain, written by the database alone as its transaction commits.

    `hash` covers the hash before it (`previous`, empty for the first), the number, `linked_at` and the whole event.
    """

    __tablename__ = "audit_link"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    linked_at: Mapped[Instant]
    previous: Mapped[bytes]
    hash: Mapped[bytes]


class AuditHead(Base):
    """The last link as it stood when a day (Asia/Ho_Chi_Minh) began to be published: kept outside by whoever wants."""

    __tablename__ = "audit_head"

    day: Mapped[date] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    published_at: Mapped[Instant]


class OutboxEvent(Row):
    """A change that somebody is to be told of: written in its transaction, `done_at` once everybody has been told."""

    __tablename__ = "outbox_event"
    __table_args__ = (Index("ix_outbox_event_open", "id", postgresql_where=text("done_at IS NULL")),)

    audit_event_id: Mapped[UUID] = mapped_column(ForeignKey("audit_event.id"))
    created_at: Mapped[Instant]
    done_at: Mapped[Instant | None]


_INSERT = insert_sql(
    AuditEvent,
    "id",
    "at",
    "actor_id",
    "actor_name",
    "acting_for",
    "request_id",
    "action",
    "object_type",
    "object_id",
    "before",
    "after",
    "reason",
    "on_behalf_of",
    "basis",
)
_INSERT_TOLD = (
    f"WITH told AS ({_INSERT}) "  # noqa: S608  names of our own
    "INSERT INTO outbox_event (id, audit_event_id, created_at) VALUES ($15, $1, $2)"
)

# What a retirement of old events is called (app/core/audit_retire.py).
RETIRED = "audit.retire"

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
    tell: bool = False,
) -> None:
    """Write one audit event in the caller's transaction; `before` and `after` hold only what changed.

    `tell` puts it into the outbox as well: whoever it concerns is told of it afterwards.
    """
    about = (target.__tablename__, target.id)
    await record_about(
        session, actor, action, about, now, before=before, after=after, reason=reason, tell=tell
    )


async def record_about(
    session: AsyncSession,
    actor: Actor,
    action: str,
    about: tuple[str, UUID],
    now: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
    tell: bool = False,
) -> None:
    """Do the same about something that is no row of a table: its kind and its id."""
    connection = await driver_of(session)
    await connection.execute(
        _INSERT_TOLD if tell else _INSERT,
        new_id(),
        now,
        actor.id,
        actor.name,
        actor.acting_for,
        actor.request_id,
        action,
        *about,
        to_json(before),
        to_json(after),
        reason,
        actor.on_behalf_of,
        actor.basis,
        *([new_id()] if tell else []),
    )


# --- reading ------------------------------------------------------------------------------------------------

_READINGS = UUID("7b0a2c1e-6b0f-4b52-9d0f-3f4c3c0a9a11")
_IS_RECORDED = """
SELECT EXISTS (SELECT FROM audit_event
                WHERE object_type = $1 AND object_id = $2 AND actor_id = $3 AND action = $4 AND at >= $5)"""


async def record_reading(
    session: AsyncSession,
    reader: Actor,
    action: str,
    object_type: str,
    now: datetime,
    *,
    object_id: UUID | None = None,
    filters: dict[str, Any] | None = None,
    always: bool = False,
) -> None:
    """Write down that somebody read something sensitive: one object, or a list with these filters (those that are set).

    Once per reader, object or filters, and clock hour, so that turning pages does not drown the trail; `always` is for
    what leaves the system. Call it after reading. What a list's event is about is an id made of the filters.
    """
    shown = {name: str(value) for name, value in (filters or {}).items() if value is not None}
    read_id = object_id or uuid5(_READINGS, f"{object_type} {to_json(dict(sorted(shown.items())))}")
    if not always:
        hour = now.replace(minute=0, second=0, microsecond=0)
        connection = await driver_of(session)
        if await connection.fetchval(_IS_RECORDED, object_type, read_id, reader.id, action, hour):
            return
    await record_about(
        session, reader, action, (object_type, read_id), now, after={"filters": shown} if shown else None
    )
