"""The malware scan: what is due goes through the scanner, file by file; several processes may share the work."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.audit import SYSTEM, record
from app.core.files import FileStore, content_name
from app.core.incoming import StoreUnavailable
from app.evidence.clamd import SCAN_SECONDS, Clamd, NotScanned
from app.evidence.models import Document, ScanState, StoredFile
from app.evidence.rules import next_scan

log = structlog.get_logger("scan")

# Whoever began a scan and has not come back by then never will: the file is due again.
LEASE = timedelta(seconds=SCAN_SECONDS * 1.5)

Sessions = async_sessionmaker[AsyncSession]


async def scan(sessions: Sessions, files: FileStore, scanner: Clamd, clock: Callable[[], datetime]) -> None:
    """Scan everything that is due.

    Where the scanner is away nothing is begun: all of it waits as it is for the next round. It is asked before every
    file, because a file can bring it down; that one is put off, so it does not stand in the way of the others.
    """
    while True:
        try:
            engine = await scanner.version()
        except NotScanned as error:
            log.warning("scanner_away", error=str(error))
            return
        async with sessions() as session, session.begin():
            claimed = await _claim(session, clock())
        if claimed is None:
            return
        await _scan(sessions, files, scanner, claimed, engine, clock)


async def _scan(
    sessions: Sessions,
    files: FileStore,
    scanner: Clamd,
    claimed: StoredFile,
    engine: str,
    clock: Callable[[], datetime],
) -> None:
    """Scan one file, without a transaction, and write down what came of it."""
    finding, error = None, None
    try:
        finding = await scanner.finding_in(await files.read(content_name(claimed.sha256)))
    except (NotScanned, StoreUnavailable) as why:
        error = why
    async with sessions() as session, session.begin():
        stored = await session.get_one(StoredFile, claimed.sha256, with_for_update=True)
        if stored.scan_attempts != claimed.scan_attempts:
            return  # it took longer than the lease, and somebody else has begun again
        if error is None:
            await _settle(session, stored, finding, engine, clock())
        else:
            _put_off(stored, error, clock())


async def _claim(session: AsyncSession, now: datetime) -> StoredFile | None:
    """Take the next file that is due, so that nobody else takes it before the lease runs out.

    A file is somebody's document before it is scanned: until then its bytes may still be on their way into the store.
    """
    query = (
        select(StoredFile)
        .where(
            StoredFile.scan_due_at <= now,
            StoredFile.purged_at.is_(None),
            exists().where(Document.sha256 == StoredFile.sha256),
        )
        .order_by(StoredFile.scan_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    stored = await session.scalar(query)
    if stored is not None:
        _become(stored, ScanState.SCANNING)
        stored.scan_due_at = now + LEASE
        stored.scan_attempts += 1
    return stored


def _become(stored: StoredFile, state: ScanState) -> None:
    """Change the state; an infected file stays one until a scan says that it is clean."""
    if stored.scan_state is not ScanState.INFECTED:
        stored.scan_state = state


def _put_off(stored: StoredFile, error: Exception, now: datetime) -> None:
    _become(stored, ScanState.FAILED)
    stored.scan_due_at = next_scan(stored.scan_attempts, now)
    log.warning("not_scanned", sha256=stored.sha256, attempts=stored.scan_attempts, error=str(error))


async def _settle(
    session: AsyncSession, stored: StoredFile, finding: str | None, engine: str, now: datetime
) -> None:
    """Write a verdict down; whoever has these bytes as a document learns of an infection."""
    was_infected = stored.scan_state is ScanState.INFECTED
    stored.scan_state = ScanState.INFECTED if finding else ScanState.CLEAN
    stored.scan_finding, stored.scan_engine, stored.scanned_at = finding, engine, now
    stored.scan_due_at, stored.scan_attempts = None, 0
    if was_infected == bool(finding):
        return
    action = "evidence.infected" if finding else "evidence.cleared"
    after = {"finding": finding, "engine": engine}
    for document in await session.scalars(select(Document).where(Document.sha256 == stored.sha256)):
        await record(session, SYSTEM, action, document, now, after=after, tell=bool(finding))
