"""What is measured: published versions of index sets and policies, as content that never changes."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row
from app.units.models import UnitKind


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


class PolicyRow(Row):
    """One version of a policy."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("key", "policy_version"),)

    key: Mapped[str]
    policy_version: Mapped[int]
    sha256: Mapped[str] = mapped_column(unique=True)
    content: Mapped[Json]
    loaded_at: Mapped[Instant]
