"""Receiving documents and correcting what is said of them. Nothing is ever deleted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.audit import Actor, record
from app.core.files import Upload
from app.core.problems import InvalidRequest, Problem
from app.evidence.content import declared_type, require_type
from app.evidence.models import Document
from app.evidence.rules import date_faults, file_name_faults, tidy
from app.evidence.schemas import DocumentPatch
from app.periods.queries import period_by_id, require_open
from app.units.queries import UnitNotFound


class FileTooLarge(Problem):
    """The file is larger than `max_bytes`."""

    status, code = 413, "file_too_large"
    title_vi, title_en = "Tệp quá lớn", "The file is too large"


class FileEmpty(Problem):
    status, code = 422, "file_empty"
    title_vi, title_en = "Tệp rỗng", "The file is empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """What is said of a file that is about to come; `media_type` is what its name promises."""

    period_id: UUID
    unit_id: UUID
    file_name: str
    media_type: str
    title: str | None
    number: str | None
    issued_on: date | None


async def expect(
    session: AsyncSession,
    *,
    period_id: UUID,
    unit_id: UUID,
    file_name: str,
    title: str | None,
    number: str | None,
    issued_on: date | None,
    by: Principal,
    now: datetime,
) -> NewDocument:
    """Check everything that can be refused before a byte is read.

    Raises: PeriodNotFound, UnitNotFound (404), PeriodNotOpen (409), InvalidRequest (422), FileTypeNotAllowed (415).
    """
    await _require_open(session, period_id)
    if not by.may(Permission.EVIDENCE_UPLOAD, unit_id):
        raise UnitNotFound()
    file_name = tidy(file_name)
    if faults := file_name_faults(file_name) + date_faults("query/issued_on", issued_on, now):
        raise InvalidRequest(faults=faults)
    return NewDocument(
        period_id=period_id,
        unit_id=unit_id,
        file_name=file_name,
        media_type=declared_type(file_name),
        title=title,
        number=number,
        issued_on=issued_on,
    )


async def receive(
    upload: Upload, chunks: AsyncIterator[bytes], *, announced_bytes: int, max_bytes: int
) -> None:
    """Read a file to its end.

    Raises: FileTooLarge (413) as soon as that is known, FileEmpty (422), StoreUnavailable (503).
    """
    if announced_bytes > max_bytes:
        raise _too_large(max_bytes)
    async for chunk in chunks:
        await upload.write(chunk)
        if upload.size_bytes > max_bytes:
            raise _too_large(max_bytes)
    if not upload.size_bytes:
        raise FileEmpty()
    await upload.finish()


def _too_large(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"Tối đa {max_bytes} byte.", f"At most {max_bytes} bytes.", max_bytes=max_bytes)


async def keep(
    session: AsyncSession, new: NewDocument, upload: Upload, *, by: Principal, now: datetime
) -> Document:
    """Store a received file and what is said of it.

    The bytes come first: a row always has its bytes, whatever happens in between.

    Raises: FileTypeNotAllowed (415), FileNameMismatch (415), FileHasMacros (415), FileUnreadable (422),
    StoreUnavailable (503).
    """
    await asyncio.to_thread(require_type, upload.part, new.media_type)
    await upload.keep()
    document = Document(
        period_id=new.period_id,
        unit_id=new.unit_id,
        file_name=new.file_name,
        media_type=new.media_type,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        title=new.title,
        number=new.number,
        issued_on=new.issued_on,
        uploaded_by=by.id,
        uploaded_by_name=by.name,
        uploaded_at=now,
    )
    session.add(document)
    told = ("file_name", "media_type", "size_bytes", "sha256", "title", "number", "issued_on")
    after = _for_audit({name: getattr(document, name) for name in told})
    after |= {"period_id": str(new.period_id), "unit_id": str(new.unit_id)}
    await record(session, by, "evidence.upload", document, now, after=after)
    return document


async def change(
    session: AsyncSession, document: Document, patch: DocumentPatch, *, by: Actor, now: datetime
) -> None:
    """Correct what is said of a document; nothing is written if nothing changes.

    Raises: PeriodNotOpen (409), InvalidRequest (422).
    """
    await _require_open(session, document.period_id)
    if faults := date_faults("/issued_on", patch.issued_on, now):
        raise InvalidRequest(faults=faults)
    given = patch.model_dump(exclude_unset=True)
    after = {name: value for name, value in given.items() if getattr(document, name) != value}
    if not after:
        return
    before = {name: getattr(document, name) for name in after}
    for name, value in after.items():
        setattr(document, name, value)
    document.touch()
    known = _for_audit(after)
    await record(session, by, "evidence.change", document, now, before=_for_audit(before), after=known)


def _for_audit(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


async def _require_open(session: AsyncSession, period_id: UUID) -> None:
    require_open(await period_by_id(session, period_id))
