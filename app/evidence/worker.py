"""What is done with evidence behind the requests."""

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.work import Step

Clock = Callable[[], datetime]


class Worker:
    """One step after the other; several processes may work on one database and one store."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, clock: Clock) -> None:
        self._database, self._files, self._settings, self._clock = database, files, settings, clock

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._drop_leftovers]

    async def _drop_leftovers(self) -> None:
        """Remove what a killed process left of its uploads; a day is more than any upload takes."""
        await self._files.drop_leftovers(self._clock() - timedelta(days=1))
