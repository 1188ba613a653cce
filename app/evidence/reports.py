"""Reports on signatures: made behind the requests, one for each PDF and version of the trust store, kept beside each
other; the one made last is the present one."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database, new_id
from app.core.files import FileStore, content_name
from app.evidence.apart import GaveUp, apart
from app.evidence.content.kinds import PDF
from app.evidence.models import Document, SignatureReport, StoredFile
from app.evidence.signatures import ENGINE, report_on, without_signatures
from app.evidence.trust import TrustStore, trust_store

# One file ends after so long, and a round once it has lasted as long or after so many files: scans wait for it.
FILES_A_ROUND = 20
SECONDS_A_FILE = 60

_LOCK = 1_072_055  # one process at a time looks at signatures


async def latest_reports(session: AsyncSession, hashes: Collection[str]) -> dict[str, SignatureReport]:
    """Return the present report of each of these files that has one, by SHA-256 (hex)."""
    if not hashes:
        return {}
    query = (
        select(SignatureReport)
        .where(SignatureReport.sha256.in_(hashes))
        .ext(distinct_on(SignatureReport.sha256))
        .order_by(SignatureReport.sha256, SignatureReport.made_at.desc(), SignatureReport.id.desc())
    )
    return {row.sha256: row for row in await session.scalars(query)}


async def reports_of(session: AsyncSession, sha256: str) -> list[SignatureReport]:
    """Return every report on a file, the present one first."""
    query = (
        select(SignatureReport)
        .where(SignatureReport.sha256 == sha256)
        .order_by(SignatureReport.made_at.desc(), SignatureReport.id.desc())
    )
    return list(await session.scalars(query))


@dataclass(frozen=True, slots=True)
class _Waiting:
    sha256: str
    received_at: datetime


async def _next(session: AsyncSession, version: str) -> _Waiting | None:
    """Return the PDF waiting longest for a report under a version: none of it, or a later one of another version.

    It counts as received when the first document with its bytes was.
    """
    latest = (
        select(SignatureReport.trust_version)
        .where(SignatureReport.sha256 == StoredFile.sha256)
        .order_by(SignatureReport.made_at.desc(), SignatureReport.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    received_at = func.min(Document.uploaded_at)
    query = (
        select(StoredFile.sha256, received_at)
        .join(Document, Document.sha256 == StoredFile.sha256)
        .where(
            StoredFile.media_type == PDF,
            StoredFile.purged_at.is_(None),
            latest.is_distinct_from(version),
        )
        .group_by(StoredFile.sha256)
        .order_by(received_at, StoredFile.sha256)
        .limit(1)
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else _Waiting(*found)


async def make_reports(
    database: Database, files: FileStore, folder: Path | None, clock: Callable[[], datetime]
) -> None:
    """Report on the PDFs that wait for it, the oldest first; new roots make new reports on all of them.

    Raises: SettingMissing if the folder of roots cannot be read, StoreUnavailable (503).
    """
    trust = trust_store(folder)
    until = clock() + timedelta(seconds=SECONDS_A_FILE)
    for number in range(FILES_A_ROUND):
        if number and clock() >= until:
            return
        async with database.session() as session, session.begin():
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                return
            waiting = await _next(session, trust.version)
            if waiting is None:
                return
            report = await _report(files, trust, waiting)
            await _keep(session, waiting.sha256, trust.version, report, clock())


async def _report(files: FileStore, trust: TrustStore, waiting: _Waiting) -> dict[str, Any]:
    name = content_name(waiting.sha256)
    if await files.size_of(name) is None:
        return without_signatures("failed", "bytes_missing", waiting.received_at)
    async with files.local(name) as path:
        try:
            return await apart(SECONDS_A_FILE, report_on, path, trust, waiting.received_at)
        except GaveUp:  # said once: it would end the same way every round
            return without_signatures("failed", "gave_up", waiting.received_at)


async def _keep(
    session: AsyncSession, sha256: str, version: str, report: dict[str, Any], now: datetime
) -> None:
    values = {"engine": ENGINE, "made_at": now, "report": report}
    # Where older roots come back there is a report already: it is made anew, so that it is the present one again.
    await session.execute(
        insert(SignatureReport)
        .values(id=new_id(), sha256=sha256, trust_version=version, **values)
        .on_conflict_do_update(index_elements=["sha256", "trust_version"], set_=values)
    )
