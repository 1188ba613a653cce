"""What the register says is kept for some days only goes by itself, once a day."""

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.db import Database
from app.core.work import Step, is_due
from app.privacy.erasing import take_out
from app.privacy.register import register

EVERY = timedelta(days=1)


class Forgetting:
    """The step that takes out what is older than the register allows."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self.database, self.clock = database, clock
        self.last: datetime | None = None

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self.forget]

    async def forget(self) -> None:
        """Take out what is too old, unless it was done today."""
        now = self.clock()
        if not is_due(self.last, now, EVERY):
            return
        async with self.database.session() as session, session.begin():
            for field in register().personal:
                if field.days is not None and field.since is not None:
                    column = field.rows_of.c[field.since]
                    await take_out(session, field, column < now - timedelta(days=field.days))
        self.last = now
