"""Every document of a dossier at one look. The number of queries does not depend on how many there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.problems import Lang
from app.evidence.models import Document, SignatureReport
from app.evidence.reports import latest_reports, reports_of
from app.evidence.schemas import DocumentOut
from app.evidence.signature_rules import found_of
from app.evidence.signature_schemas import SaidOut, SignatureReportOut, SignaturesFoundOut
from app.evidence.trust import SignerKind
from app.periods.models import Period
from app.submissions import queries
from app.submissions.compared import cited_elsewhere
from app.submissions.documents import citations_in, is_outside
from app.submissions.evidence_view_schemas import CitedDocumentOut
from app.submissions.models import Submission
from app.submissions.signed import asks_for_signatures, findings_of


async def documents_seen(
    session: AsyncSession, caller: Principal, submission_id: UUID, lang: Lang, *, scanning: bool
) -> list[CitedDocumentOut]:
    """Return every document behind the indicators the caller may see, in the order of the answers.

    `scanning` tells whether a malware scanner is configured.

    Raises: SubmissionNotFound.
    """
    submission, content = await queries.dossier_for(session, caller, submission_id)
    answers = await queries.answers_seen(session, caller, submission, content)
    cited_by: dict[UUID, list[str]] = {}
    documents: dict[UUID, Document] = {}
    for one in await citations_in(session, {"answers": answers}):
        documents[one.document.id] = one.document
        cited_by.setdefault(one.document.id, []).append(one.code)
    hashes = {document.sha256 for document in documents.values()}
    period = await session.get_one(Period, submission.period_id)
    known = _Known(
        period=period,
        asks_for_signatures=await asks_for_signatures(session, period),
        scanning=scanning,
        reports=await latest_reports(session, hashes),
        elsewhere=await _elsewhere(session, caller, submission, documents),
    )
    return [known.shown(documents[one], codes, lang) for one, codes in cited_by.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read of all documents at once."""

    period: Period
    asks_for_signatures: bool
    scanning: bool
    reports: Mapping[str, SignatureReport]
    elsewhere: Mapping[UUID, list[str]] | None

    def shown(self, document: Document, codes: list[str], lang: Lang) -> CitedDocumentOut:
        """Return one document as the caller may see it."""
        made = self.reports.get(document.sha256)
        report = made.report if made else None
        said = findings_of("", document, report) if self.asks_for_signatures else ()
        return CitedDocumentOut(
            document=DocumentOut.of(document, scanning=self.scanning),
            indicators=codes,
            purged_at=document.stored.purged_at,
            is_outside_period=is_outside(document, self.period),
            used_by=None if self.elsewhere is None else self.elsewhere.get(document.id, []),
            signatures=SignaturesFoundOut(
                person=found_of(SignerKind.PERSON, document.media_type, report),
                organisation=found_of(SignerKind.ORGANISATION, document.media_type, report),
            ),
            signature_findings=[SaidOut(code=one.code, message=one.said(lang)) for one in said],
        )


async def _elsewhere(
    session: AsyncSession, caller: Principal, submission: Submission, documents: Mapping[UUID, Document]
) -> dict[UUID, list[str]] | None:
    """Return the other units that use the same files to the dossier's reviewers, None to all others."""
    if not caller.may(Permission.REVIEW_ACT, submission.reviewer_unit_id):
        return None
    return await cited_elsewhere(session, list(documents.values()))


async def signatures_seen(
    session: AsyncSession, caller: Principal, submission_id: UUID, document_id: UUID, lang: Lang
) -> SignatureReportOut:
    """Return what was found of the signatures of a document that an indicator the caller may see cites.

    Raises: SubmissionNotFound, DocumentNotFound.
    """
    document = await queries.cited_document(session, caller, submission_id, document_id)
    return SignatureReportOut.of(document.media_type, await reports_of(session, document.sha256), lang)
