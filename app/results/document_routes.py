"""Correcting documents over HTTP: the address is that of the evidence, but it needs to know who leans on it."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag
from app.evidence.queries import DocumentNotFound
from app.evidence.scanned import Scanning
from app.evidence.schemas import DocumentOut, DocumentPatch
from app.periods.queries import PeriodNotFound, PeriodNotOpen
from app.results import correcting, documents

CanUpload = Annotated[Principal, Requires(Permission.EVIDENCE_UPLOAD)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")


@routes.patch(
    "/{document_id}",
    response_model=DocumentOut,
    responses=problems(DocumentNotFound, PeriodNotFound, PeriodNotOpen, correcting.DocumentInUse),
)
async def change_document(
    document_id: UUID,
    body: DocumentPatch,
    if_match: IfMatch,
    caller: CanUpload,
    session: DbSession,
    now: Now,
    scanning: Scanning,
    response: Response,
) -> DocumentOut:
    """Correct what is said of a document of your unit; what was said before stays in its history."""
    document, submission = await documents.own_document_for(session, caller, document_id)
    require_version(document, if_match)
    await correcting.correct(session, document, submission, body, by=caller, now=now)
    set_etag(response, document)
    return DocumentOut.of(document, scanning=scanning)
