"""A dossier's documents over HTTP."""

from typing import Annotated
from uuid import UUID

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Language, problems, router
from app.evidence.queries import DocumentNotFound
from app.evidence.scanned import Scanning
from app.evidence.signature_schemas import SignatureReportOut
from app.submissions import evidence_view
from app.submissions.evidence_view_schemas import CitedDocumentOut
from app.submissions.queries import SubmissionNotFound

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]

routes = router("/submissions", "Hồ sơ · Submissions")


@routes.get(
    "/{submission_id}/documents",
    response_model=list[CitedDocumentOut],
    responses=problems(SubmissionNotFound),
)
async def list_cited_documents(
    submission_id: UUID, caller: CanRead, session: DbSession, lang: Language, scanning: Scanning
) -> list[CitedDocumentOut]:
    """List every document behind the indicators you may see, with what is to be known before it is believed."""
    return await evidence_view.documents_seen(session, caller, submission_id, lang, scanning=scanning)


@routes.get(
    "/{submission_id}/evidence/{document_id}/signatures",
    response_model=SignatureReportOut,
    responses=problems(SubmissionNotFound, DocumentNotFound),
)
async def read_cited_signatures(
    submission_id: UUID, document_id: UUID, caller: CanRead, session: DbSession, lang: Language
) -> SignatureReportOut:
    """Say what was found of a cited document's signatures; a verifying agency reads here of what it verifies."""
    return await evidence_view.signatures_seen(session, caller, submission_id, document_id, lang)
