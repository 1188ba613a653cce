"""Evidence over HTTP: raw bytes in, raw bytes out."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from starlette.requests import ClientDisconnect

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.files import StoreUnavailable
from app.core.http import (
    DbSession,
    IdempotencyKey,
    IfMatch,
    Now,
    StrictRequest,
    claim_key,
    look_up_key,
    problems,
    require_version,
    router,
    set_etag,
)
from app.core.paging import Page, PagingQuery
from app.core.problems import Problem
from app.evidence import actions, content, queries
from app.evidence.download import ANY_FILE, DOWNLOAD, Download, Files, Inline, Sending
from app.evidence.models import Document
from app.evidence.schemas import DocumentOut, DocumentPatch, NewDocumentIn
from app.periods.queries import PeriodNotFound, PeriodNotOpen
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.EVIDENCE_READ)]
CanUpload = Annotated[Principal, Requires(Permission.EVIDENCE_UPLOAD)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")
_FOUND = problems(queries.DocumentNotFound)


class UploadInterrupted(Problem):
    """The client went away in the middle; nobody reads this answer, and nothing is kept."""

    status, code = 400, "upload_interrupted"
    title_vi, title_en = "Việc gửi tệp bị gián đoạn", "The upload was interrupted"


async def _chunks(request: StrictRequest) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.unbounded_stream():
            yield chunk
    except ClientDisconnect as error:
        raise UploadInterrupted() from error


def limits_of(request: Request) -> actions.Limits:
    """Return the limits of uploads as they are configured."""
    settings = request.app.state.settings
    return actions.Limits(file_bytes=settings.max_upload_bytes, unit_bytes=settings.max_unit_bytes)


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


@routes.post(
    "",
    response_model=DocumentOut,
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": ANY_FILE}},
    responses=problems(
        PeriodNotFound,
        UnitNotFound,
        PeriodNotOpen,
        queries.DocumentNotFound,
        actions.QuotaExceeded,
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
    request: StrictRequest,
    new: Annotated[NewDocumentIn, Query()],
    caller: CanUpload,
    key: IdempotencyKey,
    session: DbSession,
    files: Files,
    now: Now,
    response: Response,
) -> Document:
    """Store a file of your unit; the body is the raw file. It can be cited by any indicator of the period."""
    limits = limits_of(request)
    media_type = await actions.expect(session, new, by=caller, limits=limits, now=now)
    await session.commit()  # nothing is written yet: a slow client must not hold a connection of the pool
    async with files.receiving() as upload:
        announced = _announced_bytes(request)
        await actions.receive(
            upload, _chunks(request), announced_bytes=announced, max_bytes=limits.file_bytes
        )
        await look_up_key(request, session, caller.id, key, body_sha256=upload.sha256)
        await actions.store(session, upload, media_type, now=now)
    await claim_key(request, session, caller.id, key, now, body_sha256=upload.sha256)
    document = await actions.keep(session, new, sha256=upload.sha256, by=caller, limits=limits, now=now)
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
    """Correct what is said of a document of your unit; what was said before stays in its history."""
    document = await queries.own_document_for(session, caller, document_id)
    require_version(document, if_match)
    await actions.change(session, document, body, by=caller, now=now)
    set_etag(response, document)
    return document


# --- the bytes ----------------------------------------------------------------------------------------------


@routes.head("/{document_id}/content", response_class=Response, include_in_schema=False)
@routes.get("/{document_id}/content", response_class=Response, responses=DOWNLOAD)
async def download_document(
    document_id: UUID, caller: CanRead, session: DbSession, sender: Sending, inline: Inline = False
) -> Download:
    """Send the file as it was uploaded; parts of it by Range."""
    document = await queries.document_for(session, caller, document_id)
    return await sender.sent(document, by=caller, inline=inline)
