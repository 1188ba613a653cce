"""The shapes of the audit trail: what is asked for, an event, its place in the chain."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from app.core.http import Schema


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


class Filters(BaseModel):
    """Which events: those that all given filters let through; instants in [since, before)."""

    model_config = ConfigDict(frozen=True)

    actor: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: UUID | None = None
    acting_for: UUID | None = None
    request_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class AuditEventOut(Schema):
    """One change; `before` and `after` hold only what changed."""

    id: UUID
    at: datetime
    actor_id: UUID
    actor_name: str
    acting_for: UUID | None = Field(description="home unit of the actor")
    request_id: str
    action: str = Field(examples=["submission.submit"])
    object_type: str
    object_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    on_behalf_of: UUID | None = Field(
        description="the person in whose place the actor acted, by a delegation"
    )
    basis: str | None = Field(description="TM., KT., TL. or TUQ.")


class ChainOut(Schema):
    """The place of an event in the chain."""

    seq: int = Field(description="number of the link, without gaps from 1")
    linked_at: datetime
    previous: str = Field(description="hash of the link before it, in hexadecimal; empty for the first")
    hash: str = Field(
        description="SHA-256 of `previous`, the number, the time of linking and the whole event"
    )

    @field_serializer("linked_at")
    def _in_microseconds(self, value: datetime) -> str:
        return value.isoformat(timespec="microseconds")


class LinkedEventOut(AuditEventOut):
    """One change with its place in the chain: none while its transaction has not ended."""

    link: ChainOut | None


class AuditHeadOut(Schema):
    """The end of the audit trail as it stood when that day's was published: keep it, to compare later."""

    day: date
    seq: int
    hash: str = Field(description="hexadecimal", examples=["9f" * 32])
