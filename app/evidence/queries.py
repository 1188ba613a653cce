"""Reading documents: a unit's own people see them, and those above the unit in the tree."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.accounts.permissions import Permission, Principal, Reach
from app.core.paging import Paging
from app.core.problems import NotFound, Problem
from app.evidence.models import Document, DocumentRevision, ResumableUpload, ScanState, StoredFile
from app.periods.models import Period
from app.periods.queries import period_by_id
from app.units.models import UnitVersion
from app.units.queries import UnitNotFound, valid_on


class DocumentNotFound(NotFound):
    """No such document, or none that the caller may see."""

    code = "document_not_found"
    title_vi, title_en = "Không tìm thấy tài liệu", "Document not found"


async def document_ids_of(
    session: AsyncSession, period_id: UUID, unit_id: UUID, among: list[UUID]
) -> set[UUID]:
    """Return those of the given documents that are the unit's own in the period, and whose bytes are there."""
    return set(await sizes_of(session, period_id, unit_id, among))


async def sizes_of(
    session: AsyncSession, period_id: UUID, unit_id: UUID, among: Collection[UUID]
) -> dict[UUID, int]:
    """Return how many bytes those of the given documents have that are the unit's own in the period.

    Those whose bytes were taken out are left out. The others' stay until the caller's transaction ends; if it cites
    them, longer.
    """
    if not among:
        return {}
    query = (
        select(Document.id, Document.size_bytes)
        .join(StoredFile, StoredFile.sha256 == Document.sha256)
        .where(Document.period_id == period_id, Document.unit_id == unit_id, Document.id.in_(among))
        .where(StoredFile.purged_at.is_(None))
        # Whoever takes bytes out locks the row against this, and then looks again at who cites them.
        .with_for_update(of=StoredFile, read=True, key_share=True)
    )
    return {document_id: size for document_id, size in (await session.execute(query)).all()}


async def bytes_used(
    session: AsyncSession, period_id: UUID, unit_id: UUID, *, but: UUID | None = None
) -> int:
    """Return how many bytes the unit's documents of the period have, and its resumable uploads will have.

    What was taken out and uploads that have ended do not count, nor does the one named by `but`.
    """
    kept = (
        select(func.coalesce(func.sum(Document.size_bytes), 0))
        .join(StoredFile, StoredFile.sha256 == Document.sha256)
        .where(Document.period_id == period_id, Document.unit_id == unit_id, StoredFile.purged_at.is_(None))
    )
    reserved = select(func.coalesce(func.sum(ResumableUpload.length_bytes), 0)).where(
        ResumableUpload.period_id == period_id,
        ResumableUpload.unit_id == unit_id,
        ResumableUpload.ended_at.is_(None),
        ResumableUpload.id.is_distinct_from(but),
    )
    return int(await session.scalar(select(kept.scalar_subquery() + reserved.scalar_subquery())) or 0)


async def revisions_page(
    session: AsyncSession, document: Document, paging: Paging
) -> tuple[list[DocumentRevision], int]:
    """Return one page of what was said of a document, the latest first, and how many revisions there are."""
    query = select(DocumentRevision).where(DocumentRevision.document_id == document.id)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(DocumentRevision.number.desc()).offset(paging.offset).limit(paging.page_size)
    return list(await session.scalars(ordered)), total


async def revisions_of(session: AsyncSession, document_id: UUID) -> int:
    """Return how many revisions a document has; whoever adds one holds the document's lock."""
    query = select(func.max(DocumentRevision.number)).where(DocumentRevision.document_id == document_id)
    return await session.scalar(query) or 0


def _self_and_above(unit_id: UUID, on: date) -> Select[tuple[UUID]]:
    """Return the query of the unit and all above it on a day, however many levels there are (ruling 18)."""
    step = select(UnitVersion.unit_id, UnitVersion.parent_id).where(valid_on(on))
    path = step.where(UnitVersion.unit_id == unit_id).cte("path", recursive=True)
    path = path.union(step.join(path, UnitVersion.unit_id == path.c.parent_id))
    return select(path.c.unit_id)


async def _sees_all_of(session: AsyncSession, caller: Principal, unit_id: UUID, period: Period) -> bool:
    """Answer whether the caller sees all documents of a unit: as the tree stood at the period's end."""
    if unit_id in caller.units_reaching(Reach.OWN):
        return True
    reached = caller.units_reaching(Reach.SUBTREE)
    return bool(reached) and not reached.isdisjoint(
        await session.scalars(_self_and_above(unit_id, period.ends_on))
    )


async def document_for(session: AsyncSession, caller: Principal, document_id: UUID) -> Document:
    """Return a document the caller may see.

    Agencies that verify indicators see documents through the dossiers that cite them, which are a later room's.

    Raises: DocumentNotFound.
    """
    query = (
        select(Document, Period)
        .join(Period, Period.id == Document.period_id)
        .where(Document.id == document_id)
        .options(joinedload(Document.stored))
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or not await _sees_all_of(session, caller, found[0].unit_id, found[1]):
        raise DocumentNotFound()
    document: Document = found[0]
    return document


class DocumentPurged(Problem):
    """The bytes were taken out when their time was over; what is known of the document stays."""

    status, code = 410, "document_purged"
    title_vi, title_en = "Tệp đã hết thời hạn lưu giữ", "The file is no longer kept"


class DocumentInfected(Problem):
    """The scanner found malware in the file (`finding`): nobody gets it."""

    status, code = 409, "document_infected"
    title_vi, title_en = "Tệp có mã độc", "The file is infected"


class DocumentNotScanned(Problem):
    """The scanner has not yet called the file clean (`state`): until then only its unit gets it."""

    status, code = 409, "document_not_scanned"
    title_vi, title_en = "Tệp chưa được kiểm tra mã độc", "The file has not been scanned for malware"
    headers = {"Retry-After": "60"}


async def require_readable(
    session: AsyncSession, caller: Principal, document: Document, *, scanning: bool
) -> None:
    """Refuse the bytes of a document that the caller may see where they are gone or must not be handed out.

    `scanning` tells whether a malware scanner is configured: then others than the unit's own people who may upload
    get clean bytes only.

    Raises: DocumentPurged (410), DocumentInfected (409), DocumentNotScanned (409).
    """
    stored = await session.get_one(StoredFile, document.sha256)
    if stored.purged_at is not None:
        raise DocumentPurged()
    if stored.scan_state is ScanState.INFECTED:
        raise DocumentInfected(finding=stored.scan_finding)
    is_clean = stored.scan_state is ScanState.CLEAN
    if scanning and not is_clean and not caller.may(Permission.EVIDENCE_UPLOAD, document.unit_id):
        raise DocumentNotScanned(state=stored.scan_state.value)


async def own_document_for(session: AsyncSession, caller: Principal, document_id: UUID) -> Document:
    """Return a document of a unit for which the caller may upload, locked against other writers.

    Raises: DocumentNotFound.
    """
    own = caller.units_with(Permission.EVIDENCE_UPLOAD)
    query = select(Document).where(Document.id == document_id, Document.unit_id.in_(own))
    query = query.options(joinedload(Document.stored)).with_for_update(of=Document)
    document = await session.scalar(query)
    if document is None:
        raise DocumentNotFound()
    return document


async def documents_page(
    session: AsyncSession, caller: Principal, paging: Paging, *, period_id: UUID, unit_id: UUID
) -> tuple[list[Document], int]:
    """Return one page of a unit's documents of a period, the latest first, and how many there are.

    Raises: PeriodNotFound, UnitNotFound if the caller does not see the unit's documents.
    """
    period = await period_by_id(session, period_id)
    if not await _sees_all_of(session, caller, unit_id, period):
        raise UnitNotFound()
    query = select(Document).where(Document.period_id == period_id, Document.unit_id == unit_id)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(Document.id.desc()).offset(paging.offset).limit(paging.page_size)
    return list(await session.scalars(ordered.options(joinedload(Document.stored)))), total
