"""Taking bytes out of the store: the only place where evidence ends, one file at a time.

    python -m app.results.keeping [--dry-run]

Reads the database of DATABASE_URL, or the embedded one whether or not its server is running. Every file that goes
stands on a line with the reason; then come counts, also of what stays. Exit 0: done. Exit 2: it could not be.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import SYSTEM, record
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgresError
from app.core.files import FileStore, content_name, file_store
from app.core.incoming import StoreUnavailable
from app.core.standstill import is_standing_still
from app.core.work import Step, is_due
from app.evidence.hold_queries import keep_still
from app.evidence.models import Document, StoredFile
from app.results.keeping_queries import Judged, judged
from app.results.keeping_rules import Fate, Stays

log = structlog.get_logger("keeping")

EVERY = timedelta(days=1)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Purged:
    """What a run took out, or would have, and how many files stayed, by reason."""

    gone: list[Judged] = field(default_factory=list)
    stayed: Counter[Stays] = field(default_factory=Counter)

    def add(self, one: Judged) -> None:
        """Count a file by what became of it."""
        if isinstance(one.fate, Stays):
            self.stayed[one.fate] += 1
        else:
            self.gone.append(one)


async def purge(
    database: Database, files: FileStore, *, grace: timedelta, now: datetime, dry_run: bool = False
) -> Purged:
    """Take out all bytes that nothing keeps, each in a transaction of its own; `grace` is for what nothing cites.

    Raises: StoreUnavailable (503); what went before is gone for good, the rest stays for the next run.
    """
    seen, done = Purged(), Purged()
    async with database.session() as session:
        async for one in judged(session, now, grace):
            seen.add(one)
    if dry_run:
        return seen
    done.stayed.update(seen.stayed)
    for one in seen.gone:
        async with database.session() as session, session.begin():
            again = await _take_out(session, files, one.sha256, grace=grace, now=now)
        if again is not None:
            done.add(again)
    return done


async def _take_out(
    session: AsyncSession, files: FileStore, sha256: str, *, grace: timedelta, now: datetime
) -> Judged | None:
    """Take bytes out if nothing keeps them; return what became of them, None if somebody else took them out.

    Nothing is done while a backup is made.

    Judged again under locks that an upload of the same bytes, a citation and a hold wait for. The bytes go first: a
    crash leaves a row that the next run finds due, and no bytes that nobody knows of.
    """
    if await is_standing_still(session):
        return None
    await keep_still(session)
    stored = await session.get_one(StoredFile, sha256, with_for_update=True)
    found = [one async for one in judged(session, now, grace, sha256)]
    if not found or isinstance(found[0].fate, Stays):
        return found[0] if found else None
    await files.remove(content_name(sha256))
    is_told, stored.purged_at = stored.purged_at is not None, now
    for document_id, fate in () if is_told else found[0].documents.items():
        document = await session.get_one(Document, document_id)
        known = {"sha256": sha256, "why": fate.value}
        await record(session, SYSTEM, "evidence.purge", document, now, after=known)
    log.info("purged", sha256=sha256, why=found[0].fate.value)
    return found[0]


class Keeping:
    """Takes out once a day what nothing keeps; several processes may do so at once."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, clock: Clock) -> None:
        self._database, self._files, self._clock = database, files, clock
        self._grace = timedelta(days=settings.evidence_grace_days)
        self._begun_at: datetime | None = None

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._purge]

    async def _purge(self) -> None:
        now = self._clock()
        if is_due(self._begun_at, now, EVERY):
            # Before the work, so that a failing store is tried again tomorrow: each try reads every document.
            self._begun_at = now
            await purge(self._database, self._files, grace=self._grace, now=now)


# --- the command --------------------------------------------------------------------------------------------


async def _purge_in(url: str, settings: Settings, *, dry_run: bool) -> Purged:
    database = Database(url, is_local=True, is_patient=True)
    grace = timedelta(days=settings.evidence_grace_days)
    try:
        return await purge(
            database, file_store(settings), grace=grace, now=datetime.now(UTC), dry_run=dry_run
        )
    finally:
        await database.close()


def report(done: Purged, *, dry_run: bool) -> str:
    """Return what a run did as text: a line per file that goes, then counts by reason."""
    lines = [f"{one.sha256} {one.size_bytes} {one.fate.value}" for one in done.gone]
    size = sum(one.size_bytes for one in done.gone)
    gone = Counter(one.fate for one in done.gone)
    what = "would go" if dry_run else "gone"
    lines.append(f"{what}: {len(done.gone)} files, {size} bytes{_counted(gone.items())}")
    lines.append(f"stay: {done.stayed.total()} files{_counted(done.stayed.items())}")
    return "".join(f"{line}\n" for line in lines)


def _counted(reasons: Iterable[tuple[Fate, int]]) -> str:
    return "".join(f"\n  {why.value}: {count}" for why, count in sorted(reasons))


def main(arguments: list[str]) -> int:
    """Take out what nothing keeps, or only tell; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/evidence purge", description="Takes out what nothing keeps."
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only tell what would go, and why the rest stays"
    )
    dry_run: bool = parser.parse_args(arguments).dry_run
    try:
        settings = Settings()
        with database_url(settings) as url:
            done = asyncio.run(_purge_in(url, settings, dry_run=dry_run))
    except (ValueError, SettingMissing, EmbeddedPostgresError, StoreUnavailable, OSError) as error:
        sys.stderr.write(f"scripts/evidence purge: {error}\n")
        return 2
    sys.stdout.write(report(done, dry_run=dry_run))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
