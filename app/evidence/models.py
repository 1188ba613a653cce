"""What proves it: the documents of a unit in a period. Bytes lie in the content store, never in the database."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, VersionedRow


class Document(VersionedRow):
    """An uploaded file with what is said of it; identical bytes are stored once, by their SHA-256."""

    __tablename__ = "document"
    __table_args__ = (Index("ix_document_period_unit", "period_id", "unit_id"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    file_name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(index=True)
    title: Mapped[str | None]
    number: Mapped[str | None]
    issued_on: Mapped[date | None]
    uploaded_by: Mapped[UUID]
    uploaded_by_name: Mapped[str]
    uploaded_at: Mapped[Instant]
