"""Resumable uploads over HTTP: the tus protocol, version 1.0.0, for clients whose connections break."""

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, StrictRequest, get_now, problems
from app.core.incoming import StoreUnavailable
from app.core.repetition import IdempotencyKey, claim_key
from app.evidence import actions, content, queries, resuming, tus
from app.evidence import upload_queries as uploads
from app.evidence.download import Files
from app.evidence.receiving import (
    TooManyUploads,
    UploadInterrupted,
    UploadTooSlow,
    announced_bytes,
    chunks,
    limits_of,
    receiving,
)
from app.evidence.upload_queries import Progress
from app.periods.queries import PeriodNotFound, PeriodNotOpen
from app.units.queries import UnitNotFound

CanUpload = Annotated[Principal, Requires(Permission.EVIDENCE_UPLOAD)]

_EVIDENCE = "/api/v1/evidence"
_UPLOADS = f"{_EVIDENCE}/uploads"
_BODY = {"required": True, "content": {tus.PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

routes = APIRouter(prefix=_UPLOADS, tags=["Gửi tệp từng phần · Resumable uploads"], route_class=tus.TusRoute)


def _say(response: Response, progress: Progress) -> None:
    """Send how far an upload has come, and until when it can be continued or which document it has become."""
    response.headers["Upload-Offset"] = str(progress.offset_bytes)
    if progress.is_finished:
        response.headers["Content-Location"] = f"{_EVIDENCE}/{progress.upload.id}"
    else:
        response.headers["Upload-Expires"] = _http_date(progress.upload.expires_at)


def _http_date(instant: datetime) -> str:
    return format_datetime(instant.astimezone(UTC), usegmt=True)


@routes.options("", status_code=204)
async def describe_uploads(request: Request, response: Response) -> None:
    """Say which version and extensions of the protocol are spoken, and how large a file may be."""
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.CHECKSUMS)
    response.headers["Tus-Max-Size"] = str(limits_of(request).file_bytes)


@routes.post(
    "",
    status_code=201,
    response_class=Response,
    responses=problems(
        tus.TusVersionUnsupported,
        PeriodNotFound,
        UnitNotFound,
        PeriodNotOpen,
        queries.DocumentNotFound,
        actions.QuotaExceeded,
        actions.FileTooLarge,
        actions.FileEmpty,
        content.FileTypeNotAllowed,
    ),
)
async def begin_upload(
    request: StrictRequest,
    caller: CanUpload,
    _: tus.Version,
    upload_length: Annotated[int, Header(ge=0, lt=2**62, description="bytes of the whole file")],
    upload_metadata: Annotated[str, Header(include_in_schema=False)],
    new: tus.NewDocument,
    key: IdempotencyKey,
    session: DbSession,
    now: Now,
    response: Response,
) -> None:
    """Begin a file of your unit; its pieces go to the address in Location. Upload-Defer-Length is not supported."""
    said = hashlib.sha256(f"{upload_length}\n{upload_metadata}".encode()).hexdigest()
    await claim_key(request, session, caller.id, key, now, body_sha256=said)
    upload = await resuming.begin(
        session,
        new,
        length_bytes=upload_length,
        told_in=tus.METADATA,
        by=caller,
        limits=limits_of(request),
        now=now,
    )
    response.headers["Location"] = f"{_UPLOADS}/{upload.id}"
    response.headers["Upload-Expires"] = _http_date(upload.expires_at)


@routes.head(
    "/{upload_id}",
    response_class=Response,
    responses=problems(uploads.UploadNotFound, uploads.UploadEnded, tus.TusVersionUnsupported),
)
async def read_upload(
    upload_id: UUID, caller: CanUpload, _: tus.Version, session: DbSession, now: Now, response: Response
) -> None:
    """Say how many bytes are kept; all of them as soon as the document, which has the upload's id, is there."""
    progress = await uploads.progress_of(session, caller, upload_id)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Upload-Length"] = str(progress.upload.length_bytes)
    response.headers["Upload-Metadata"] = tus.metadata_of(resuming.promised(progress.upload))
    if not progress.is_finished:
        progress.require_open(now)
    _say(response, progress)


@routes.patch(
    "/{upload_id}",
    status_code=204,
    openapi_extra={"requestBody": _BODY},
    responses=problems(
        uploads.UploadNotFound,
        uploads.UploadEnded,
        uploads.UploadFinished,
        uploads.UploadOffsetConflict,
        PeriodNotOpen,
        tus.TusVersionUnsupported,
        tus.PieceTypeWrong,
        tus.ChecksumUnreadable,
        tus.ChecksumMismatch,
        resuming.PieceTooLong,
        resuming.TooManyPieces,
        UploadInterrupted,
        UploadTooSlow,
        TooManyUploads,
        actions.QuotaExceeded,
        actions.FileInfected,
        *content.REFUSALS,
        StoreUnavailable,
    ),
)
async def send_piece(
    request: StrictRequest,
    upload_id: UUID,
    caller: CanUpload,
    _: tus.Version,
    piece: tus.PieceHeaders,
    session: DbSession,
    files: Files,
    now: Now,
    response: Response,
) -> None:
    """Go on with a file; what came is kept even if the connection breaks. The last piece makes the document."""
    seen = await resuming.expect_piece(session, upload_id, piece.offset_bytes, by=caller, now=now)
    await session.commit()  # nothing is written yet: a slow client must not hold a connection of the pool
    async with receiving(files, caller) as received:
        broken = await resuming.receive_piece(
            received,
            piece.checked(chunks(request)),
            seen,
            announced_bytes=announced_bytes(request),
            is_checked=piece.checksum is not None,
        )
        now = await get_now(request)  # a document counts as received when all of it was
        progress = await resuming.add(
            session, files, seen, received, by=caller, limits=limits_of(request), now=now
        )
    if broken is not None:
        raise broken
    _say(response, progress)


@routes.delete(
    "/{upload_id}",
    status_code=204,
    responses=problems(
        uploads.UploadNotFound, uploads.UploadEnded, uploads.UploadFinished, tus.TusVersionUnsupported
    ),
)
async def give_up_upload(
    upload_id: UUID, caller: CanUpload, _: tus.Version, session: DbSession, now: Now
) -> None:
    """Give a file up: nothing of it is kept."""
    progress = await uploads.locked_progress_of(session, caller, upload_id)
    progress.require_open(now)
    await resuming.end(session, progress.upload, "given_up", by=caller, now=now)
