"""What is done with evidence behind the requests."""

from collections.abc import Callable
from datetime import datetime

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.work import Step
from app.evidence.reports import make_reports

Clock = Callable[[], datetime]


class Worker:
    """One step after the other; several processes may work on one database and one store."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, clock: Clock) -> None:
        self._database, self._files, self._settings, self._clock = database, files, settings, clock

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._signatures]

    async def _signatures(self) -> None:
        await make_reports(self._database, self._files, self._settings.trust_dir, self._clock)
