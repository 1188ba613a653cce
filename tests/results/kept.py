"""Documents written straight into the tables and the store, and a year whose policy keeps evidence for a while."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import catalogue
from app.catalogue.models import PolicyRow
from app.core.audit import SYSTEM, AuditEvent
from app.core.files import content_name
from app.evidence.models import Document, Hold, ScanState, StoredFile
from app.results.keeping import Purged, purge
from app.results.keeping_rules import Fate
from app.submissions.models import Submission
from tests.conftest import START

GRACE = timedelta(days=30)
# The first instant after the last review of the year: from here on nobody will cite what nobody has cited.
REVIEWED_AT = datetime(2024, 1, 30, 17, tzinfo=UTC)
CONTENT = b"%PDF-1.7 noi dung"
TERM = "kept-1"  # the policy of Ca Mau, with a term of one year


async def keeping_policy(session: AsyncSession) -> None:
    """Store a policy that keeps cited evidence for one year."""
    content = catalogue().policies["camau-2023"].out.model_dump(mode="json")
    content |= {"key": TERM, "keep_evidence": {"years": 1, "source": "ví dụ"}}
    fingerprint = sha256(TERM.encode()).hexdigest()
    session.add(PolicyRow(key=TERM, policy_version=1, sha256=fingerprint, content=content, loaded_at=START))
    await session.flush()


async def bytes_in_store(
    app: FastAPI, session: AsyncSession, content: bytes = CONTENT, at: datetime = START
) -> str:
    """Put bytes into the store with their row, as an upload does; return their fingerprint."""
    digest = sha256(content).hexdigest()
    async with app.state.files.receiving() as upload:
        await upload.write(content)
        await upload.finish()
        await upload.keep()
    values: dict[str, Any] = {
        "sha256": digest,
        "size_bytes": len(content),
        "media_type": "application/pdf",
        "touched_at": at,
        "scan_state": ScanState.UPLOADED,
        "scan_attempts": 0,
    }
    await session.execute(insert(StoredFile).values(values).on_conflict_do_nothing())
    return digest


async def document(
    app: FastAPI,
    session: AsyncSession,
    dossier: Submission,
    content: bytes = CONTENT,
    at: datetime = START,
) -> str:
    """Give a unit a document in its dossier's period and return its id."""
    row = Document(
        period_id=dossier.period_id,
        unit_id=dossier.unit_id,
        file_name="bao-cao.pdf",
        media_type="application/pdf",
        size_bytes=len(content),
        sha256=await bytes_in_store(app, session, content, at),
        uploaded_by=SYSTEM.id,
        uploaded_by_name=SYSTEM.name,
        uploaded_at=at,
    )
    session.add(row)
    await session.flush()
    return str(row.id)


async def hold(session: AsyncSession, period_id: UUID, unit_id: UUID | None, *, released: bool) -> None:
    """Set a hold, released already or not."""
    unreleased = dict.fromkeys(("released_by", "released_at", "release_reason"))
    over = {"released_by": SYSTEM.id, "released_at": START, "release_reason": "xong"}
    session.add(
        Hold(
            period_id=period_id,
            unit_id=unit_id,
            reason="thanh tra",
            set_by=SYSTEM.id,
            set_by_name=SYSTEM.name,
            set_at=START,
            **(over if released else unreleased),
        )
    )
    await session.flush()


async def run(app: FastAPI, now: datetime, grace: timedelta = GRACE, *, dry_run: bool = False) -> Purged:
    """Take out what nothing keeps."""
    return await purge(app.state.database, app.state.files, grace=grace, now=now, dry_run=dry_run)


async def fate(app: FastAPI, now: datetime, *, dry_run: bool = True) -> Fate:
    """Return what becomes of the only file there is."""
    done = await run(app, now, dry_run=dry_run)
    found: list[Fate] = [one.fate for one in done.gone]
    found += done.stayed.elements()
    assert len(found) == 1
    return found[0]


async def lies_there(app: FastAPI, content: bytes = CONTENT) -> bool:
    """Answer whether bytes lie in the store."""
    return await app.state.files.size_of(content_name(sha256(content).hexdigest())) is not None


async def is_marked(session: AsyncSession, content: bytes = CONTENT) -> bool:
    """Answer whether the row of some bytes says that they were taken out."""
    query = select(StoredFile.purged_at).where(StoredFile.sha256 == sha256(content).hexdigest())
    return (await session.scalars(query)).one() is not None


async def purges(session: AsyncSession) -> list[tuple[str, str]]:
    """Return the documents of which the trail says that their bytes were taken out, and why."""
    query = select(AuditEvent).where(AuditEvent.action == "evidence.purge").order_by(AuditEvent.id)
    return [(str(one.object_id), (one.after or {})["why"]) for one in await session.scalars(query)]
