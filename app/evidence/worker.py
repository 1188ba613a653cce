"""What is done with evidence behind the requests."""

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.work import Step, is_due
from app.evidence import resuming, scanning
from app.evidence.clamd import Clamd
from app.evidence.reports import make_reports

# Uploads that nobody continues wait some hours; looking for them, and through a bucket, is not done in every round.
SWEEP_EVERY = timedelta(minutes=10)

Clock = Callable[[], datetime]


class Worker:
    """One step after the other; several processes may work on one database and one store."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, clock: Clock) -> None:
        self._database, self._files, self._settings, self._clock = database, files, settings, clock
        self._swept_at: datetime | None = None

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._drop_leftovers, self._end_uploads, self._scan, self._signatures]

    async def _drop_leftovers(self) -> None:
        """Remove what a killed process left of its uploads; a day is more than any upload takes."""
        await self._files.drop_leftovers(self._clock() - timedelta(days=1))

    async def _end_uploads(self) -> None:
        now = self._clock()
        if not is_due(self._swept_at, now, SWEEP_EVERY):
            return
        async with self._database.session() as session, session.begin():
            await resuming.end_expired(session, now)
        async with self._database.session() as session:
            await resuming.sweep(session, self._files)
            await session.commit()
        self._swept_at = now

    async def _scan(self) -> None:
        if self._settings.is_scanning:
            scanner = Clamd(self._settings.clamd)
            await scanning.scan(self._database.session, self._files, scanner, self._clock)

    async def _signatures(self) -> None:
        await make_reports(self._database, self._files, self._settings.trust_dir, self._clock)
