"""What proves it: the documents of a unit in a period. Bytes lie in the content store, never in the database."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, aliased, column_property, mapped_column, relationship

from app.core.db import Base, Instant, Json, Row, VersionedRow


class ScanState(StrEnum):
    """What the malware scanner has said of some bytes; `uploaded` is what nobody has looked at."""

    UPLOADED = "uploaded"
    SCANNING = "scanning"
    CLEAN = "clean"
    INFECTED = "infected"
    FAILED = "failed"


class StoredFile(Base):
    """Bytes of the content store, once per SHA-256, however many documents have them.

    `touched_at` is raised, and committed, before the bytes of an upload go into the store: nothing younger than a day
    is taken out of it. `purged_at` is set while the bytes are not there. `scan_due_at` is when the scanner looks at it
    next: at once, after a failure, or when whoever began has not come back. `scan_attempts` counts those without a
    verdict; the other three are of the last verdict.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        Index(
            "ix_stored_file_scan_due_at",
            "scan_due_at",
            postgresql_where=text("scan_due_at IS NOT NULL AND purged_at IS NULL"),
        ),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    touched_at: Mapped[Instant]
    scan_state: Mapped[ScanState] = mapped_column(default=ScanState.UPLOADED)
    scan_due_at: Mapped[Instant | None]
    scan_attempts: Mapped[int] = mapped_column(default=0)
    scanned_at: Mapped[Instant | None]
    scan_engine: Mapped[str | None]
    scan_finding: Mapped[str | None]
    purged_at: Mapped[Instant | None]


class Document(VersionedRow):
    """An uploaded file with what is said of it now.

    Its bytes never change: a new file is a document of its own that replaces it. `replaces_id` is set when it comes,
    to one that was there before it, so no chain comes back to itself; `replaced_by_id` is the latest that replaces it.
    """

    __tablename__ = "document"
    __table_args__ = (Index("ix_document_period_unit", "period_id", "unit_id"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    file_name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(ForeignKey("stored_file.sha256"), index=True)
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"), index=True)
    title: Mapped[str | None]
    number: Mapped[str | None]
    issuing_body: Mapped[str | None]
    issued_on: Mapped[date | None]
    abstract: Mapped[str | None]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    uploaded_by: Mapped[UUID]
    uploaded_by_name: Mapped[str]
    uploaded_at: Mapped[Instant]

    # Only to be read: rows are written in the order in which they are added, which is that of their foreign keys.
    stored: Mapped[StoredFile] = relationship(lazy="raise", innerjoin=True, viewonly=True)

    if TYPE_CHECKING:
        replaced_by_id: Mapped[UUID | None]


_successor = aliased(Document)
# Read with the row, by an index: whoever shows or checks documents needs no query of his own for it.
Document.replaced_by_id = column_property(
    select(_successor.id)
    .where(_successor.replaces_id == Document.id)
    .order_by(_successor.id.desc())
    .limit(1)
    .correlate_except(_successor)
    .scalar_subquery(),
    expire_on_flush=False,
)


class DocumentRevision(Row):
    """What was said of a document from an instant on: number 1 came with the upload; none is ever changed."""

    __tablename__ = "document_revision"
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    number: Mapped[int]
    facts: Mapped[Json]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]
    made_at: Mapped[Instant]
    reason: Mapped[str | None]


class AccessKind(StrEnum):
    """How somebody got to a document's bytes."""

    DOWNLOADED = "downloaded"
    VIEWED = "viewed"
    LINKED = "linked"
    ARCHIVED = "archived"


class DocumentAccess(Row):
    """Somebody got a document's bytes: downloaded or viewed it, made a link to it, or took it in an archive."""

    __tablename__ = "document_access"
    __table_args__ = (Index("ix_document_access_document_id_at", "document_id", "at"),)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    kind: Mapped[AccessKind]
    person_id: Mapped[UUID]
    person_name: Mapped[str]
    unit_id: Mapped[UUID | None]
    at: Mapped[Instant]


class SignatureReport(Row):
    """What was found of the signatures in a PDF, under one version of the trust store; others stay beside it."""

    __tablename__ = "signature_report"
    __table_args__ = (UniqueConstraint("sha256", "trust_version"),)

    sha256: Mapped[str] = mapped_column(ForeignKey("stored_file.sha256"))
    trust_version: Mapped[str]
    engine: Mapped[str]
    made_at: Mapped[Instant]
    report: Mapped[Json]


class ResumableUpload(Row):
    """A file that comes in pieces; its id becomes the document's once all are there. `facts` is what is said of it."""

    __tablename__ = "resumable_upload"
    __table_args__ = (Index("ix_resumable_upload_expires_at", "expires_at"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    file_name: Mapped[str]
    media_type: Mapped[str]
    length_bytes: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[Json]
    begun_by: Mapped[UUID]
    begun_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class UploadPiece(Base):
    """Bytes of a resumable upload from `offset_bytes` on, durable in the store before the row is written.

    They lie under a name of their own, `pieces/<upload id>/<some id>`: two requests can bring a piece from one offset
    on, and the one that loses must not write over what the other was told is kept.
    """

    __tablename__ = "upload_piece"

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("resumable_upload.id"), primary_key=True)
    offset_bytes: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    object_name: Mapped[str]


class Hold(VersionedRow):
    """Nothing of a unit's evidence of a period (of every unit, where none is named) is taken out while it lasts."""

    __tablename__ = "evidence_hold"

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"), index=True)
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("unit.id"))
    reason: Mapped[str]
    set_by: Mapped[UUID]
    set_by_name: Mapped[str]
    set_at: Mapped[Instant]
    released_by: Mapped[UUID | None]
    released_at: Mapped[Instant | None]
    release_reason: Mapped[str | None]
