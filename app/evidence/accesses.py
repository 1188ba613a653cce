"""Who has got a document's bytes: written before they leave, read by the unit and by those who watch over all."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Date, Uuid, and_, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.paging import Paging
from app.core.vietnamese import VIETNAM
from app.evidence.access_schemas import AccessOut
from app.evidence.models import AccessKind, Document, DocumentAccess
from app.units.models import UnitVersion
from app.units.queries import valid_on

# A viewer asks for a document in hundreds of pieces: within this time they are one access.
ONE_ACCESS = timedelta(minutes=10)


async def note(
    session: AsyncSession, document_ids: Collection[UUID], kind: AccessKind, *, by: Principal, now: datetime
) -> None:
    """Write down that somebody gets the bytes of documents."""
    if not await _new(session, document_ids, kind, by, now):
        return
    mine = func.hashtextextended(f"access:{by.id}", 2)
    await session.execute(select(func.pg_advisory_xact_lock(mine)))  # his other requests of this moment wait
    new = await _new(session, document_ids, kind, by, now)
    known = {"kind": kind, "person_id": by.id, "person_name": by.name, "unit_id": by.unit_id, "at": now}
    session.add_all([DocumentAccess(document_id=document_id, **known) for document_id in new])


async def _new(
    session: AsyncSession, document_ids: Collection[UUID], kind: AccessKind, by: Principal, now: datetime
) -> list[UUID]:
    """Return those documents of which the person has no access of this kind that still goes on."""
    query = select(DocumentAccess.document_id).where(
        DocumentAccess.document_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
        DocumentAccess.at > now - ONE_ACCESS,
        DocumentAccess.kind == kind,
        DocumentAccess.person_id == by.id,
    )
    noted = set(await session.scalars(query, {"ids": list(document_ids)}))
    return [document_id for document_id in document_ids if document_id not in noted]


async def accesses_page(
    session: AsyncSession, document: Document, paging: Paging
) -> tuple[list[AccessOut], int]:
    """Return one page of a document's accesses, the latest first, with the units' names of that day."""
    own = DocumentAccess.document_id == document.id
    total = await session.scalar(select(func.count()).select_from(DocumentAccess).where(own)) or 0
    day = cast(func.timezone(VIETNAM.key, DocumentAccess.at), Date)
    query = (
        select(DocumentAccess, UnitVersion.name)
        .outerjoin(UnitVersion, and_(UnitVersion.unit_id == DocumentAccess.unit_id, valid_on(day)))
        .where(own)
        .order_by(DocumentAccess.at.desc(), DocumentAccess.id.desc())
        .offset(paging.offset)
        .limit(paging.page_size)
    )
    rows = (await session.execute(query)).all()
    return [_out(access, name) for access, name in rows], total


def _out(access: DocumentAccess, unit_name: str | None) -> AccessOut:
    return AccessOut(
        at=access.at,
        kind=access.kind,
        person_name=access.person_name,
        unit_id=access.unit_id,
        unit_name=unit_name,
    )
