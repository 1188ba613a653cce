"""Files that come in pieces: every piece is kept durably, the last one makes the document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import SYSTEM, Actor, record
from app.core.db import new_id
from app.core.files import FileStore
from app.core.incoming import StoreUnavailable, Upload
from app.core.problems import Problem
from app.core.standstill import is_standing_still
from app.evidence import actions, upload_queries
from app.evidence.actions import Limits
from app.evidence.models import ResumableUpload, UploadPiece
from app.evidence.receiving import UploadInterrupted, UploadTooSlow
from app.evidence.schemas import NewDocumentIn
from app.evidence.upload_queries import Progress
from app.periods.queries import period_by_id, require_open

# The folder of the store under which pieces lie: `pieces/<upload id>/<some id>`.
PIECES = "pieces"

# Reading a thousand objects of a bucket takes some ten seconds; whoever comes here can still send all the rest at once.
MAX_PIECES = 1000


class PieceTooLong(Problem):
    """More bytes than are missing; nothing of the piece is kept. `max_bytes` are missing."""

    status, code = 413, "piece_too_long"
    title_vi, title_en = "Phần tệp dài hơn phần còn thiếu", "The piece is longer than what is missing"


class TooManyPieces(Problem):
    """Only a piece that brings all the rest is taken now; `max_pieces` have come."""

    status, code = 409, "too_many_pieces"
    title_vi, title_en = "Tệp bị chia thành quá nhiều phần", "The file comes in too many pieces"


async def begin(
    session: AsyncSession,
    new: NewDocumentIn,
    *,
    length_bytes: int,
    told_in: str,
    by: Principal,
    limits: Limits,
    now: datetime,
) -> ResumableUpload:
    """Begin an upload, and keep room for it in the unit's space.

    Raises: FileTooLarge (413), FileEmpty (422), and what `actions.expect` raises.
    """
    if length_bytes > limits.file_bytes:
        raise actions.too_large(limits.file_bytes)
    if not length_bytes:
        raise actions.FileEmpty()
    media_type = await actions.expect(
        session, new, by=by, limits=limits, now=now, told_in=told_in, length_bytes=length_bytes
    )
    of_row = {"period_id", "unit_id", "file_name"}
    upload = ResumableUpload(
        **new.model_dump(include=of_row),
        media_type=media_type,
        length_bytes=length_bytes,
        facts=new.model_dump(mode="json", exclude=of_row),
        begun_by=by.id,
        begun_at=now,
        expires_at=now + limits.resumable_for,
        ended_at=None,
    )
    session.add(upload)
    after = {"file_name": upload.file_name, "length_bytes": length_bytes, "unit_id": str(upload.unit_id)}
    await record(session, by, "evidence.begin_upload", upload, now, after=after)
    return upload


def promised(upload: ResumableUpload) -> NewDocumentIn:
    """Return what was said of the file when its upload began."""
    return NewDocumentIn(
        period_id=upload.period_id, unit_id=upload.unit_id, file_name=upload.file_name, **upload.facts
    )


async def expect_piece(
    session: AsyncSession, upload_id: UUID, offset_bytes: int, *, by: Principal, now: datetime
) -> Progress:
    """Return the upload that a piece is to continue, once everything is checked that can be before it is read.

    Raises: UploadNotFound (404), UploadEnded (410), UploadFinished (409), UploadOffsetConflict (409),
    PeriodNotOpen (409).
    """
    found = await upload_queries.progress_of(session, by, upload_id)
    found.require_open(now)
    found.require_offset(offset_bytes)
    require_open(await period_by_id(session, found.upload.period_id))
    return found


async def receive_piece(
    received: Upload, chunks: AsyncIterator[bytes], seen: Progress, *, announced_bytes: int, is_checked: bool
) -> Problem | None:
    """Read a piece to its end, or as far as it comes; return what broke it.

    Of a piece that a checksum is given for, a part is worth nothing.

    Raises: PieceTooLong (413), StoreUnavailable (503), and what broke a piece of which nothing can be kept.
    """
    max_bytes = seen.upload.length_bytes - seen.offset_bytes
    if announced_bytes > max_bytes:
        raise _too_long(max_bytes)
    broken: Problem | None = None
    try:
        async for chunk in chunks:
            await received.write(chunk)
            if received.size_bytes > max_bytes:
                raise _too_long(max_bytes)
    except (UploadInterrupted, UploadTooSlow) as problem:
        if is_checked or not received.size_bytes:
            raise
        broken = problem
    await received.finish()
    return broken


def _too_long(max_bytes: int) -> PieceTooLong:
    vi, en = f"Còn thiếu {max_bytes} byte.", f"{max_bytes} bytes are missing."
    return PieceTooLong(vi, en, max_bytes=max_bytes)


async def add(
    session: AsyncSession,
    files: FileStore,
    seen: Progress,
    received: Upload,
    *,
    by: Principal,
    limits: Limits,
    now: datetime,
) -> Progress:
    """Keep a received piece, and with the last one the document; return how far the upload has come.

    What the caller saw of the upload may have changed while the piece came: it is looked at again, locked, once the
    bytes are safe. Everything is committed here, because what came before a connection broke is kept, whatever is
    answered.

    Raises: UploadOffsetConflict (409), UploadEnded (410), TooManyPieces (409), StoreUnavailable (503), and with the
    last piece QuotaExceeded (409) and why the file is refused, as `actions.store`.
    """
    if not received.size_bytes:
        return seen
    upload_id = seen.upload.id
    if seen.offset_bytes + received.size_bytes == seen.upload.length_bytes:
        await _finish(session, files, seen, received, by=by, limits=limits, now=now)
    else:
        if seen.pieces >= MAX_PIECES:
            raise TooManyPieces(max_pieces=MAX_PIECES)
        await _keep(session, files, seen, received, by=by, limits=limits, now=now)
    return await upload_queries.progress_of(session, by, upload_id)


async def _keep(
    session: AsyncSession,
    files: FileStore,
    seen: Progress,
    received: Upload,
    *,
    by: Principal,
    limits: Limits,
    now: datetime,
) -> None:
    upload_id = seen.upload.id
    name = _name_in(upload_id)
    await files.take(received.part, name)
    try:
        upload = await _still(session, upload_id, seen.offset_bytes, by, now)
    except Problem:
        await files.remove(name)
        raise
    session.add(
        UploadPiece(
            upload_id=upload.id,
            offset_bytes=seen.offset_bytes,
            size_bytes=received.size_bytes,
            object_name=name,
        )
    )
    upload.expires_at = now + limits.resumable_for
    await session.commit()


async def _finish(
    session: AsyncSession,
    files: FileStore,
    seen: Progress,
    received: Upload,
    *,
    by: Principal,
    limits: Limits,
    now: datetime,
) -> None:
    """Make the document whose last bytes were received; a file that is refused ends the upload."""
    upload_id = seen.upload.id  # known still when the row has to be read again
    async with _whole(session, files, seen, received) as whole:
        try:
            await actions.store(session, whole, seen.upload.media_type, now=now)
        except Problem as refusal:
            if refusal.status < 500:
                await session.rollback()
                upload = await _still(session, upload_id, seen.offset_bytes, by, now)
                await end(session, upload, refusal.code, by=by, now=now)
                await session.commit()
            raise
        sha256 = whole.sha256
    upload = await _still(session, upload_id, seen.offset_bytes, by, now)
    new = promised(upload)
    await actions.keep(session, new, id=upload_id, sha256=sha256, by=by, limits=limits, now=now)
    upload.ended_at = now
    await session.commit()


async def _still(
    session: AsyncSession, upload_id: UUID, offset_bytes: int, by: Principal, now: datetime
) -> ResumableUpload:
    """Return the upload, locked, where nothing came to it since it was seen."""
    found = await upload_queries.locked_progress_of(session, by, upload_id)
    found.require_open(now)
    found.require_offset(offset_bytes)
    return found.upload


@asynccontextmanager
async def _whole(
    session: AsyncSession, files: FileStore, seen: Progress, last: Upload
) -> AsyncIterator[Upload]:
    """Give the whole file on the local disk, hashed. The last piece lies in the store only as long as that takes."""
    if not seen.offset_bytes:
        yield last
        return
    names = await upload_queries.names_of_pieces(session, seen.upload.id)
    await session.commit()  # reading takes its time: no connection is held meanwhile
    name = _name_in(seen.upload.id)
    await files.take(last.part, name)
    try:
        async with files.receiving() as whole:
            for piece in [*names, name]:
                async for block in await files.read(piece):
                    await whole.write(block)
            await whole.finish()
            if whole.size_bytes != seen.upload.length_bytes:
                raise StoreUnavailable()
            yield whole
    finally:
        await files.remove(name)


def _name_in(upload_id: UUID) -> str:
    return f"{PIECES}/{upload_id}/{new_id().hex}"


async def end(session: AsyncSession, upload: ResumableUpload, why: str, *, by: Actor, now: datetime) -> None:
    """End an upload of which nothing becomes a document; its pieces are taken out later."""
    upload.ended_at = now
    await record(session, by, "evidence.end_upload", upload, now, after={"why": why})


async def end_expired(session: AsyncSession, now: datetime) -> None:
    """End the uploads that nobody has continued in time."""
    for upload in await upload_queries.expired_uploads(session, now):
        await end(session, upload, "expired", by=SYSTEM, now=now)


async def sweep(session: AsyncSession, files: FileStore) -> None:
    """Take every piece out of the store that belongs to no open upload, whatever left it there."""
    if await is_standing_still(session):
        return
    names: dict[str, list[str]] = {}
    async for found in files.listed(PIECES):
        names.setdefault(found.name.split("/")[1], []).append(found.name)
    still_open = {str(upload_id) for upload_id in await upload_queries.open_uploads(session)}
    await session.commit()
    for upload_id in names.keys() - still_open:
        await files.remove(*names[upload_id])
    ended = select(ResumableUpload.id).where(ResumableUpload.ended_at.is_not(None))
    await session.execute(delete(UploadPiece).where(UploadPiece.upload_id.in_(ended)))
