"""Signatures of documents over HTTP."""

from typing import Annotated
from uuid import UUID

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Language, problems, router
from app.evidence import queries, reports
from app.evidence.signature_schemas import SignatureReportOut

CanRead = Annotated[Principal, Requires(Permission.EVIDENCE_READ)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")


@routes.get(
    "/{document_id}/signatures",
    response_model=SignatureReportOut,
    responses=problems(queries.DocumentNotFound),
)
async def read_signatures(
    document_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> SignatureReportOut:
    """Say what was found of a document's signatures, under which roots, and what that cannot tell."""
    document = await queries.document_for(session, caller, document_id)
    made = await reports.reports_of(session, document.sha256)
    return SignatureReportOut.of(document.media_type, made, lang)
