"""Evidence over HTTP: raw bytes in, raw bytes out."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.files import FileStore, StoreUnavailable
from app.core.http import (
    DbSession,
    IdempotencyKey,
    IfMatch,
    Now,
    Page,
    PagingQuery,
    claim_key,
    problems,
    require_version,
    router,
    set_etag,
)
from app.core.problems import Problem
from app.core.vietnamese import searchable
from app.evidence import actions, content, queries
from app.evidence.models import Document
from app.evidence.schemas import DocumentOut, DocumentPatch, Number, Title
from app.periods.queries import PeriodNotFound, PeriodNotOpen
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.EVIDENCE_READ)]
CanUpload = Annotated[Principal, Requires(Permission.EVIDENCE_UPLOAD)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")
_FOUND = problems(queries.DocumentNotFound)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANY_FILE = dict.fromkeys(sorted(set(content.BY_EXTENSION.values())), _BINARY)


class UploadInterrupted(Problem):
    """The client went away in the middle; nobody reads this answer, and nothing is kept."""

    status, code = 400, "upload_interrupted"
    title_vi, title_en = "Việc gửi tệp bị gián đoạn", "The upload was interrupted"


class RangeNotSatisfiable(Problem):
    status, code = 416, "range_not_satisfiable"
    title_vi, title_en = "Khoảng byte không hợp lệ", "The range of bytes cannot be served"


def get_files(request: Request) -> FileStore:
    """Return the content store."""
    files: FileStore = request.app.state.files
    return files


Files = Annotated[FileStore, Depends(get_files)]


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise UploadInterrupted() from error


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


@routes.post(
    "",
    response_model=DocumentOut,
    status_code=201,
    # The limit of the whole application is that of a JSON body; this room counts for itself, by its own setting.
    max_body_size=sys.maxsize,
    openapi_extra={"requestBody": {"required": True, "content": _ANY_FILE}},
    responses=problems(
        PeriodNotFound,
        UnitNotFound,
        PeriodNotOpen,
        actions.FileTooLarge,
        actions.FileEmpty,
        content.FileTypeNotAllowed,
        content.FileNameMismatch,
        content.FileHasMacros,
        content.FileUnreadable,
        UploadInterrupted,
        StoreUnavailable,
    ),
)
async def upload_document(
    request: Request,
    period_id: UUID,
    unit_id: UUID,
    file_name: Annotated[str, Query(description="with its extension", examples=["Quyết định 12.pdf"])],
    caller: CanUpload,
    key: IdempotencyKey,
    session: DbSession,
    files: Files,
    now: Now,
    response: Response,
    title: Annotated[Title | None, Query()] = None,
    number: Annotated[Number | None, Query()] = None,
) -> Document:
    """Store a file of your unit; the body is the raw file. It can be cited by any indicator of the period."""
    new = await actions.expect(
        session,
        period_id=period_id,
        unit_id=unit_id,
        file_name=file_name,
        title=title,
        number=number,
        by=caller,
    )
    await session.commit()  # nothing is written yet: a slow client must not hold a connection of the pool
    max_bytes = request.app.state.settings.max_upload_bytes
    async with files.receiving() as upload:
        announced = _announced_bytes(request)
        await actions.receive(upload, _chunks(request), announced_bytes=announced, max_bytes=max_bytes)
        await claim_key(request, session, caller.id, key, now, body_sha256=upload.sha256)
        document = await actions.keep(session, new, upload, by=caller, now=now)
    set_etag(response, document)
    return document


@routes.get("", response_model=Page[DocumentOut], responses=problems(PeriodNotFound, UnitNotFound))
async def list_documents(
    period_id: UUID, unit_id: UUID, caller: CanRead, session: DbSession, paging: PagingQuery
) -> Page[DocumentOut]:
    """List a unit's documents of a period, the latest first."""
    rows, total = await queries.documents_page(session, caller, paging, period_id=period_id, unit_id=unit_id)
    return Page[DocumentOut].of([DocumentOut.model_validate(row) for row in rows], total, paging)


@routes.get("/{document_id}", response_model=DocumentOut, responses=_FOUND)
async def read_document(
    document_id: UUID, caller: CanRead, session: DbSession, response: Response
) -> Document:
    """Show what is known of a document."""
    document = await queries.document_for(session, caller, document_id)
    set_etag(response, document)
    return document


@routes.patch(
    "/{document_id}",
    response_model=DocumentOut,
    responses=problems(queries.DocumentNotFound, PeriodNotFound, PeriodNotOpen),
)
async def change_document(
    document_id: UUID,
    body: DocumentPatch,
    if_match: IfMatch,
    caller: CanUpload,
    session: DbSession,
    now: Now,
    response: Response,
) -> Document:
    """Correct the title or the number of a document of your unit."""
    document = await queries.own_document_for(session, caller, document_id)
    require_version(document, if_match)
    await actions.change(session, document, body, by=caller, now=now)
    set_etag(response, document)
    return document


# --- the bytes ----------------------------------------------------------------------------------------------


class Download(FileResponse):
    """A file with ranges; a range that cannot be served is a problem like any other, not plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                raise RangeNotSatisfiable()
            await send(message)

        await super().__call__(scope, receive, checked)


def attachment(file_name: str) -> str:
    """Return the Content-Disposition of a download: plain letters for old clients, the real name for all others.

    Source: RFC 6266 section 5, RFC 8187.
    """
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in " ._-()") else "_" for c in searchable(file_name)
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "the file", "content": _ANY_FILE},
    206: {"description": "the asked-for part of it", "content": _ANY_FILE},
    **problems(queries.DocumentNotFound, RangeNotSatisfiable, StoreUnavailable),
}


@routes.get("/{document_id}/content", response_class=Download, responses=_DOWNLOAD)
async def download_document(document_id: UUID, caller: CanRead, session: DbSession, files: Files) -> Download:
    """Send the file as it was uploaded; parts of it by Range."""
    document = await queries.document_for(session, caller, document_id)
    return Download(
        files.path_of(document.sha256),
        media_type=document.media_type,
        headers={
            "ETag": f'"{document.sha256}"',
            "Content-Disposition": attachment(document.file_name),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-cache",
        },
    )
