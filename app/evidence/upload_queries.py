"""Reading resumable uploads: only who began one sees it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.problems import NotFound, Problem
from app.evidence.models import Document, ResumableUpload, UploadPiece


class UploadNotFound(NotFound):
    """No such upload, or one that somebody else began."""

    code = "upload_not_found"
    title_vi, title_en = "Không tìm thấy lượt gửi tệp", "Upload not found"


class UploadEnded(Problem):
    """It was given up, refused, or not continued in time; nothing of it is kept."""

    status, code = 410, "upload_ended"
    title_vi, title_en = "Lượt gửi tệp đã kết thúc", "The upload has ended"


class UploadFinished(Problem):
    """The file came completely: it is a document now."""

    status, code = 409, "upload_finished"
    title_vi, title_en = "Tệp đã được gửi xong", "The upload is finished"


class UploadOffsetConflict(Problem):
    """The piece does not begin where the upload ends; `offset_bytes` is where it does."""

    status, code = 409, "upload_offset_conflict"
    title_vi, title_en = "Phần tệp không nối tiếp phần đã nhận", "The piece does not follow what has come"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload has come: finished as soon as its document is there."""

    upload: ResumableUpload
    offset_bytes: int
    pieces: int
    is_finished: bool

    def require_open(self, now: datetime) -> None:
        """Refuse to go on with an upload that is over.

        Raises: UploadFinished (409), UploadEnded (410).
        """
        if self.is_finished:
            raise UploadFinished()
        if self.upload.ended_at is not None or self.upload.expires_at <= now:
            raise UploadEnded()

    def require_offset(self, offset_bytes: int) -> None:
        """Refuse a piece that does not follow.

        Raises: UploadOffsetConflict (409).
        """
        if offset_bytes != self.offset_bytes:
            vi, en = f"Gửi tiếp từ byte {self.offset_bytes}.", f"Go on from byte {self.offset_bytes}."
            raise UploadOffsetConflict(vi, en, offset_bytes=self.offset_bytes)


async def progress_of(session: AsyncSession, caller: Principal, upload_id: UUID) -> Progress:
    """Return how far the caller's upload has come.

    Raises: UploadNotFound (404).
    """
    mine = UploadPiece.upload_id == ResumableUpload.id
    query = select(
        ResumableUpload,
        select(func.coalesce(func.sum(UploadPiece.size_bytes), 0)).where(mine).scalar_subquery(),
        select(func.count()).select_from(UploadPiece).where(mine).scalar_subquery(),
        exists().where(Document.id == ResumableUpload.id),
    ).where(
        ResumableUpload.id == upload_id,
        ResumableUpload.begun_by == caller.id,
        ResumableUpload.unit_id.in_(caller.units_with(Permission.EVIDENCE_UPLOAD)),
    )
    found = (await session.execute(query, execution_options={"populate_existing": True})).one_or_none()
    if found is None:
        raise UploadNotFound()
    upload, came, pieces, is_finished = found
    return Progress(upload, upload.length_bytes if is_finished else int(came), pieces, is_finished)


async def locked_progress_of(session: AsyncSession, caller: Principal, upload_id: UUID) -> Progress:
    """Return how far the caller's upload has come, locked against other writers.

    Raises: UploadNotFound (404).
    """
    # A statement of its own: one that waits for the lock still sees the pieces as they were before it waited.
    mine = select(ResumableUpload.id).where(
        ResumableUpload.id == upload_id, ResumableUpload.begun_by == caller.id
    )
    await session.execute(mine.with_for_update())
    return await progress_of(session, caller, upload_id)


async def names_of_pieces(session: AsyncSession, upload_id: UUID) -> list[str]:
    """Return the names in the store of an upload's pieces, in the order of the file."""
    query = select(UploadPiece.object_name).where(UploadPiece.upload_id == upload_id)
    return list(await session.scalars(query.order_by(UploadPiece.offset_bytes)))


async def expired_uploads(session: AsyncSession, now: datetime) -> list[ResumableUpload]:
    """Return the uploads that were not continued in time, locked; those that somebody works on are left out."""
    query = select(ResumableUpload).where(
        ResumableUpload.ended_at.is_(None), ResumableUpload.expires_at <= now
    )
    return list(await session.scalars(query.with_for_update(skip_locked=True)))


async def open_uploads(session: AsyncSession) -> set[UUID]:
    """Return the uploads that have not ended."""
    return set(await session.scalars(select(ResumableUpload.id).where(ResumableUpload.ended_at.is_(None))))
