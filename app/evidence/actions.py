"""Receiving documents and correcting what is said of them. Nothing is ever deleted."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.accounts.permissions import Permission, Principal
from app.core.audit import Actor, record
from app.core.incoming import Upload
from app.core.problems import InvalidRequest, Problem
from app.evidence import queries
from app.evidence.apart import GaveUp, apart
from app.evidence.content import declared_type, require_type, too_complex
from app.evidence.models import Document, DocumentRevision, ScanState, StoredFile
from app.evidence.rules import date_faults, file_name_faults, tidy
from app.evidence.schemas import DocumentFacts, DocumentPatch, NewDocumentIn
from app.periods.queries import period_by_id, require_open
from app.units.queries import UnitNotFound

LOOK_SECONDS = 30  # how long looking into one file may take; a scanned book takes a hundredth of one


class FileTooLarge(Problem):
    """The file is larger than `max_bytes`."""

    status, code = 413, "file_too_large"
    title_vi, title_en = "Tệp quá lớn", "The file is too large"


class FileEmpty(Problem):
    status, code = 422, "file_empty"
    title_vi, title_en = "Tệp rỗng", "The file is empty"


class FileInfected(Problem):
    """The scanner found malware in these very bytes before (`finding`)."""

    status, code = 422, "file_infected"
    title_vi, title_en = "Tệp có mã độc", "The file is infected"


class QuotaExceeded(Problem):
    """The unit's files of the period would be more than `max_bytes`; `used_bytes` is what it has."""

    status, code = 409, "quota_exceeded"
    title_vi, title_en = "Đơn vị đã dùng hết dung lượng", "The unit has used up its space"


class ScanningOff(Problem):
    status, code = 409, "scanning_off"
    title_vi, title_en = "Chưa cấu hình kiểm tra mã độc", "No malware scanner is configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What uploads may be: the bytes of one file and of all files of a unit in a period, how long one may be continued,
    and the media types.
    """

    file_bytes: int
    unit_bytes: int
    resumable_for: timedelta
    media_types: frozenset[str]


async def expect(
    session: AsyncSession,
    new: NewDocumentIn,
    *,
    by: Principal,
    limits: Limits,
    now: datetime,
    told_in: str = "query",
    length_bytes: int = 0,
) -> str:
    """Check everything that can be refused before a byte is read; return the type that the file's name promises.

    The name is tidied in place. `told_in` is where the request says what is said of the document.
    With `length_bytes`, room for so many is the caller's until his transaction ends.

    Raises: PeriodNotFound, UnitNotFound (404), DocumentNotFound (404) for `replaces_id`, PeriodNotOpen (409),
    QuotaExceeded (409), InvalidRequest (422), FileTypeNotAllowed (415).
    """
    await _require_open(session, new.period_id)
    if not by.may(Permission.EVIDENCE_UPLOAD, new.unit_id):
        raise UnitNotFound()
    new.file_name = tidy(new.file_name)
    dates = date_faults(told_in, new.issued_on, new.valid_from, new.valid_until, now)
    if faults := file_name_faults(new.file_name, told_in) + dates:
        raise InvalidRequest(faults=faults)
    media_type = declared_type(new.file_name, limits.media_types)
    if new.replaces_id is not None:
        known = await queries.document_ids_of(session, new.period_id, new.unit_id, [new.replaces_id])
        if not known:
            raise queries.DocumentNotFound()
    await _require_room(session, new, length_bytes, limits)
    return media_type


async def receive(
    upload: Upload, chunks: AsyncIterator[bytes], *, announced_bytes: int, max_bytes: int
) -> None:
    """Read a file to its end.

    Raises: FileTooLarge (413) as soon as that is known, FileEmpty (422), StoreUnavailable (503).
    """
    if announced_bytes > max_bytes:
        raise too_large(max_bytes)
    async for chunk in chunks:
        await upload.write(chunk)
        if upload.size_bytes > max_bytes:
            raise too_large(max_bytes)
    if not upload.size_bytes:
        raise FileEmpty()
    await upload.finish()


def too_large(max_bytes: int) -> FileTooLarge:
    """Return the refusal of a file that has, or would have, more bytes."""
    return FileTooLarge(f"Tối đa {max_bytes} byte.", f"At most {max_bytes} bytes.", max_bytes=max_bytes)


async def store(session: AsyncSession, upload: Upload, media_type: str, *, now: datetime) -> None:
    """Look into a received file and put its bytes into the store.

    That they come is committed before they do: nobody takes them out meanwhile. Bytes that were taken out before count
    as such until they are back, for older documents may have them. What nobody needs in the end is taken out later.

    Raises: those of content.REFUSALS, FileInfected (422), StoreUnavailable (503).
    """
    await session.commit()  # looking takes a while, and needs no connection
    try:
        await apart(LOOK_SECONDS, require_type, upload.part, media_type)
    except GaveUp as error:
        raise too_complex() from error
    values = {
        "sha256": upload.sha256,
        "size_bytes": upload.size_bytes,
        "media_type": media_type,
        "touched_at": now,
        "scan_state": ScanState.UPLOADED,
        "scan_due_at": now,
        "scan_attempts": 0,
    }
    coming = insert(StoredFile).values(values)
    coming = coming.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": now})
    stored = (await session.scalars(coming.returning(StoredFile))).one()
    _refuse_infected(stored)
    await session.commit()
    await upload.keep()
    if stored.purged_at is not None:
        this = StoredFile.sha256 == upload.sha256
        await session.execute(update(StoredFile).where(this).values(purged_at=None))
        await session.commit()


async def keep(
    session: AsyncSession,
    new: NewDocumentIn,
    *,
    id: UUID | None = None,
    sha256: str,
    by: Principal,
    limits: Limits,
    now: datetime,
) -> Document:
    """Make stored bytes a document of the unit; `id` is the document's, where somebody knows it already.

    Raises: QuotaExceeded (409), FileInfected (422).
    """
    # Shared with others who upload the same bytes; a scan that is about to end sees this document, or this its verdict.
    stored = await session.get_one(StoredFile, sha256, populate_existing=True, with_for_update={"read": True})
    _refuse_infected(stored)
    await _require_room(session, new, stored.size_bytes, limits, reserved_by=id)
    document = Document(
        id=id,
        **new.model_dump(),
        media_type=stored.media_type,
        size_bytes=stored.size_bytes,
        sha256=sha256,
        uploaded_by=by.id,
        uploaded_by_name=by.name,
        uploaded_at=now,
    )
    set_committed_value(document, "stored", stored)
    session.add_all([document, _revision(document, 1, by, now)])
    bytes_ = {"media_type": stored.media_type, "size_bytes": stored.size_bytes, "sha256": sha256}
    await record(session, by, "evidence.upload", document, now, after=new.model_dump(mode="json") | bytes_)
    return document


def _refuse_infected(stored: StoredFile) -> None:
    if stored.scan_state is ScanState.INFECTED:
        raise FileInfected(finding=stored.scan_finding)


def _revision(
    document: Document, number: int, by: Actor, now: datetime, reason: str | None = None
) -> DocumentRevision:
    facts = {name: getattr(document, name) for name in DocumentFacts.model_fields}
    return DocumentRevision(
        document_id=document.id,
        number=number,
        facts=_for_audit(facts),
        made_by=by.id,
        made_by_name=by.name,
        made_at=now,
        reason=reason,
    )


async def _require_room(
    session: AsyncSession,
    new: NewDocumentIn,
    more_bytes: int,
    limits: Limits,
    *,
    reserved_by: UUID | None = None,
) -> None:
    """Refuse what would be too much; with bytes to come, whoever else uploads for the unit waits.

    Resumable uploads that have not ended count with their whole length, but for the one in `reserved_by`.

    Raises: QuotaExceeded (409).
    """
    if more_bytes:
        mine = func.hashtextextended(f"{new.period_id}:{new.unit_id}", 1)
        await session.execute(select(func.pg_advisory_xact_lock(mine)))
    used = await queries.bytes_used(session, new.period_id, new.unit_id, but=reserved_by)
    if used + max(more_bytes, 1) > limits.unit_bytes:
        vi = f"Đã dùng {used} byte, tối đa {limits.unit_bytes} byte."
        en = f"{used} bytes are used, at most {limits.unit_bytes} bytes."
        raise QuotaExceeded(vi, en, used_bytes=used, max_bytes=limits.unit_bytes)


async def change(
    session: AsyncSession,
    document: Document,
    patch: DocumentPatch,
    *,
    meanwhile: Collection[str] = (),
    by: Actor,
    now: datetime,
) -> None:
    """Correct what is said of a document; nothing is written if nothing changes.

    `meanwhile` are the indicators it proves in a dossier that somebody else has at the time: he is told.

    Raises: PeriodNotOpen (409), InvalidRequest (422).
    """
    await _require_open(session, document.period_id)
    given = patch.model_dump(exclude_unset=True, exclude={"reason"})
    after = {name: value for name, value in given.items() if getattr(document, name) != value}
    if not after:
        return
    dates = {
        name: given.get(name, getattr(document, name)) for name in ("issued_on", "valid_from", "valid_until")
    }
    if faults := date_faults("", now=now, **dates):
        raise InvalidRequest(faults=faults)
    before = {name: getattr(document, name) for name in after}
    for name, value in after.items():
        setattr(document, name, value)
    document.touch()
    number = await queries.revisions_of(session, document.id) + 1
    session.add(_revision(document, number, by, now, patch.reason))
    known = _for_audit(after) | ({"indicators": sorted(meanwhile)} if meanwhile else {})
    await record(
        session,
        by,
        "evidence.change",
        document,
        now,
        before=_for_audit(before),
        after=known,
        reason=patch.reason,
        tell=bool(meanwhile),
    )


async def rescan(
    session: AsyncSession, document: Document, *, scanning: bool, by: Actor, now: datetime
) -> None:
    """Let the scanner look at a document's bytes again; what it said before holds until it has begun.

    Raises: ScanningOff (409).
    """
    if not scanning:
        raise ScanningOff()
    document.stored.scan_due_at = now
    await record(session, by, "evidence.rescan", document, now)


def _for_audit(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


async def _require_open(session: AsyncSession, period_id: UUID) -> None:
    require_open(await period_by_id(session, period_id))
