"""The chain of the audit trail as it is read: what a hash covers, links in order with constant memory, heads."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, AuditLink
from app.core.db import Database

PAGE = 2000

# Says of the columns what the function in migration 0007 says, but is computed here: that one could have been changed.
_COVERED = """
    jsonb_build_array(
      audit_link.seq, (extract(epoch FROM audit_link.linked_at) * 1000000)::bigint,
      audit_event.id, (extract(epoch FROM audit_event.at) * 1000000)::bigint,
      audit_event.actor_id, audit_event.actor_name, audit_event.acting_for, audit_event.request_id, audit_event.action,
      audit_event.object_type, audit_event.object_id, audit_event.before::text, audit_event.after::text,
      audit_event.reason, audit_event.on_behalf_of, audit_event.basis)::text"""


@dataclass(frozen=True, slots=True)
class Link:
    """A link and what it covers, as text; `covered` is None if its event is gone."""

    seq: int
    event_id: UUID
    previous: bytes
    hash: bytes
    covered: str | None
    at: datetime | None
    action: str | None
    after: dict[str, Any] | None


def hash_of(previous: bytes, covered: str) -> bytes:
    """Return the hash of a link."""
    return hashlib.sha256(previous + covered.encode()).digest()


_LINKS = (
    select(
        AuditLink.seq,
        AuditLink.event_id,
        AuditLink.previous,
        AuditLink.hash,
        literal_column(f"CASE WHEN audit_event.id IS NOT NULL THEN {_COVERED} END", Text),
        AuditEvent.at,
        AuditEvent.action,
        AuditEvent.after,
    )
    .outerjoin(AuditEvent, AuditEvent.id == AuditLink.event_id)
    .where(AuditLink.seq > bindparam("last"))
    .order_by(AuditLink.seq)
    .limit(PAGE)
)


async def links(database: Database, last: int = 0) -> AsyncIterator[Link]:
    """Give the links after one in order, a page at a time."""
    while True:
        async with database.session() as session:
            page = [Link(*row) for row in await session.execute(_LINKS, {"last": last})]
        for link in page:
            yield link
        if len(page) < PAGE:
            return
        last = page[-1].seq


async def link_of(session: AsyncSession, event_id: UUID) -> AuditLink | None:
    """Return the link of an event; None as long as its transaction has not ended."""
    link: AuditLink | None = await session.scalar(select(AuditLink).where(AuditLink.event_id == event_id))
    return link


# --- heads --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain on a day, as it was published."""

    day: date
    seq: int
    hash: bytes


async def publish_head(session: AsyncSession, now: datetime) -> Head | None:
    """Publish the end of the chain for the day of `now` (Asia/Ho_Chi_Minh); None if that day has one already."""
    statement = text("SELECT day, seq, hash FROM publish_audit_head(:now)")
    row = (await session.execute(statement, {"now": now})).one_or_none()
    return Head(*row) if row else None
