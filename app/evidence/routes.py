"""Evidence over HTTP: raw bytes in, raw bytes out."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, StrictRequest, get_now, problems, router, set_etag
from app.core.incoming import StoreUnavailable
from app.core.paging import Page, PagingQuery
from app.core.repetition import IdempotencyKey, claim_key, look_up_key
from app.evidence import actions, content, queries
from app.evidence.download import ANY_FILE, DOWNLOAD, Download, Files, Inline, Sending
from app.evidence.receiving import (
    TooManyUploads,
    UploadInterrupted,
    UploadTooSlow,
    announced_bytes,
    chunks,
    limits_of,
    receiving,
)
from app.evidence.scanned import Scanning
from app.evidence.schemas import DocumentOut, DocumentRevisionOut, NewDocumentIn
from app.periods.queries import PeriodNotFound, PeriodNotOpen
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.EVIDENCE_READ)]
CanUpload = Annotated[Principal, Requires(Permission.EVIDENCE_UPLOAD)]
CanManage = Annotated[Principal, Requires(Permission.PERIOD_MANAGE)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")
_FOUND = problems(queries.DocumentNotFound)


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
        actions.FileInfected,
        *content.REFUSALS,
        UploadInterrupted,
        UploadTooSlow,
        TooManyUploads,
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
    scanning: Scanning,
    response: Response,
) -> DocumentOut:
    """Store a file of your unit; the body is the raw file. It can be cited by any indicator of the period."""
    limits = limits_of(request)
    media_type = await actions.expect(session, new, by=caller, limits=limits, now=now)
    await session.commit()  # nothing is written yet: a slow client must not hold a connection of the pool
    async with receiving(files, caller) as upload:
        announced = announced_bytes(request)
        await actions.receive(upload, chunks(request), announced_bytes=announced, max_bytes=limits.file_bytes)
        now = await get_now(request)  # the document counts as received when all of it was
        await look_up_key(request, session, caller.id, key, body_sha256=upload.sha256)
        await actions.store(session, upload, media_type, now=now)
    await claim_key(request, session, caller.id, key, now, body_sha256=upload.sha256)
    document = await actions.keep(session, new, sha256=upload.sha256, by=caller, limits=limits, now=now)
    set_etag(response, document)
    return DocumentOut.of(document, scanning=scanning)


@routes.get("", response_model=Page[DocumentOut], responses=problems(PeriodNotFound, UnitNotFound))
async def list_documents(
    period_id: UUID,
    unit_id: UUID,
    caller: CanRead,
    session: DbSession,
    paging: PagingQuery,
    scanning: Scanning,
) -> Page[DocumentOut]:
    """List a unit's documents of a period, the latest first."""
    rows, total = await queries.documents_page(session, caller, paging, period_id=period_id, unit_id=unit_id)
    return Page[DocumentOut].of([DocumentOut.of(row, scanning=scanning) for row in rows], total, paging)


@routes.get("/{document_id}", response_model=DocumentOut, responses=_FOUND)
async def read_document(
    document_id: UUID, caller: CanRead, session: DbSession, scanning: Scanning, response: Response
) -> DocumentOut:
    """Show what is known of a document."""
    document = await queries.document_for(session, caller, document_id)
    set_etag(response, document)
    return DocumentOut.of(document, scanning=scanning)


@routes.get("/{document_id}/revisions", response_model=Page[DocumentRevisionOut], responses=_FOUND)
async def list_document_revisions(
    document_id: UUID, caller: CanRead, session: DbSession, paging: PagingQuery
) -> Page[DocumentRevisionOut]:
    """List everything that was ever said of a document, the latest first."""
    document = await queries.document_for(session, caller, document_id)
    rows, total = await queries.revisions_page(session, document, paging)
    return Page[DocumentRevisionOut].of(
        [DocumentRevisionOut.model_validate(row) for row in rows], total, paging
    )


@routes.post(
    "/{document_id}/rescan",
    response_model=DocumentOut,
    responses=problems(queries.DocumentNotFound, actions.ScanningOff),
    dependencies=[Repeatable(Permission.PERIOD_MANAGE)],
)
async def rescan_document(
    document_id: UUID, caller: CanManage, session: DbSession, now: Now, scanning: Scanning
) -> DocumentOut:
    """Let the malware scanner look at the file again: its signatures are newer, or it was wrong."""
    document = await queries.document_for(session, caller, document_id)
    await actions.rescan(session, document, scanning=scanning, by=caller, now=now)
    return DocumentOut.of(document, scanning=scanning)


# --- the bytes ----------------------------------------------------------------------------------------------


@routes.head("/{document_id}/content", response_class=Response, include_in_schema=False)
@routes.get("/{document_id}/content", response_class=Response, responses=DOWNLOAD)
async def download_document(
    document_id: UUID, caller: CanRead, session: DbSession, sender: Sending, inline: Inline = False
) -> Download:
    """Send the file as it was uploaded; parts of it by Range."""
    document = await queries.document_for(session, caller, document_id)
    return await sender.sent(document, by=caller, inline=inline)
