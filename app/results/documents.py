"""Reading what leans on a document: the dossier that cites it, what the unit was asked, and its appeals."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.evidence import queries as evidence
from app.evidence.models import Document
from app.results.models import Appeal, AppealState
from app.reviews.models import Clarification, ItemAnswer
from app.submissions.models import Submission
from app.submissions.queries import content_of


async def own_document_for(
    session: AsyncSession, caller: Principal, document_id: UUID
) -> tuple[Document, Submission | None]:
    """Return a document of a unit for which the caller may upload, and that unit's dossier, both locked.

    The dossier first, as every turn of it locks it: so it is not handed in while the document changes. An appeal that
    is lodged meanwhile waits as well, by its foreign key to the dossier.

    Raises: DocumentNotFound.
    """
    own = caller.units_with(Permission.EVIDENCE_UPLOAD)
    same = and_(Document.period_id == Submission.period_id, Document.unit_id == Submission.unit_id)
    query = (
        select(Submission).join(Document, same).where(Document.id == document_id, Document.unit_id.in_(own))
    )
    submission = await session.scalar(query.with_for_update(of=Submission))
    return await evidence.own_document_for(session, caller, document_id), submission


async def indicators_proved(
    session: AsyncSession, submission: Submission, document_id: UUID
) -> frozenset[str | None]:
    """Return the indicators for which a dossier cites a document now, or the unit gave it when it was asked.

    None stands for an answer to a question about no indicator.
    """
    answers = (await content_of(session, submission))["answers"]
    cited = {code for code, answer in answers.items() if str(document_id) in answer.get("evidence", [])}
    query = (
        select(Clarification.items, ItemAnswer.item)
        .join(Clarification, Clarification.id == ItemAnswer.clarification_id)
        .where(Clarification.submission_id == submission.id, ItemAnswer.evidence.contains([document_id]))
    )
    given = (await session.execute(query)).all()
    return frozenset(cited | {items[place]["indicator"] for items, place in given})


async def indicators_appealed(
    session: AsyncSession, submission: Submission, document_id: UUID
) -> Sequence[str]:
    """Return the indicators for which an appeal that was not taken back names a document, in order."""
    query = select(Appeal.indicator_code).where(
        Appeal.submission_id == submission.id,
        Appeal.evidence.contains([document_id]),
        Appeal.state != AppealState.WITHDRAWN,
    )
    return sorted(set(await session.scalars(query)))
