"""What is measured: versions of index sets and policies, as content that never changes."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row
from app.units.models import UnitKind


class SetState(StrEnum):
    """A version of an index set is imported as a draft, then published, then retired; some never leave the draft."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class IndexSetRow(Row):
    """One version of an index set; `content` is the file's content, `sha256` its fingerprint."""

    __tablename__ = "index_set"
    __table_args__ = (UniqueConstraint("key", "set_version"),)

    key: Mapped[str]
    set_version: Mapped[int]
    unit_kind: Mapped[UnitKind]
    sha256: Mapped[str] = mapped_column(unique=True)
    content: Mapped[Json]
    loaded_at: Mapped[Instant]


class IndexSetEvent(Row):
    """What became of a version (`number` 1, 2, …): the latest event holds, and none is ever changed.

    Who publishes or retires at the same moment as somebody else finds the number taken. `reason` says why a version
    was retired.
    """

    __tablename__ = "index_set_event"
    __table_args__ = (UniqueConstraint("index_set_id", "number"),)

    index_set_id: Mapped[UUID] = mapped_column(ForeignKey("index_set.id"))
    number: Mapped[int]
    state: Mapped[SetState]
    reason: Mapped[str | None]
    at: Mapped[Instant]
    by: Mapped[UUID]
    by_name: Mapped[str]


class PolicyRow(Row):
    """One version of a policy."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("key", "policy_version"),)

    key: Mapped[str]
    policy_version: Mapped[int]
    sha256: Mapped[str] = mapped_column(unique=True)
    content: Mapped[Json]
    loaded_at: Mapped[Instant]
