"""What is done with evidence behind the requests."""

from collections.abc import Callable
from datetime import datetime

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.work import Step
from app.evidence import scanning
from app.evidence.clamd import Clamd

Clock = Callable[[], datetime]


class Worker:
    """One step after the other; several processes may work on one database and one store."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, clock: Clock) -> None:
        self._database, self._files, self._settings, self._clock = database, files, settings, clock

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._scan]

    async def _scan(self) -> None:
        if self._settings.clamd:
            scanner = Clamd(self._settings.clamd)
            await scanning.scan(self._database.session, self._files, scanner, self._clock)
