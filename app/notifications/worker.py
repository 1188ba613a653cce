"""The work behind the requests: tell what happened, remind of deadlines, send e-mails."""

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.config import Settings
from app.core.db import Database
from app.core.work import Step, is_due, one_round
from app.notifications.mail import Mailer
from app.notifications.reminding import remind
from app.notifications.sending import send
from app.notifications.telling import BATCH, tell

REMIND_EVERY = timedelta(minutes=10)

Clock = Callable[[], datetime]


class Worker:
    """One round after the other; several processes may work on one database."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._mailer = Mailer(settings) if settings.smtp_host else None
        self._reminded_at: datetime | None = None

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._tell, self._remind, self._send]

    async def round(self) -> None:
        """Do everything that is due now."""
        await one_round(self.steps)

    async def _tell(self) -> None:
        told = BATCH
        while told == BATCH:
            async with self._database.session() as session, session.begin():
                told = await tell(session, self._clock(), mails=self._mailer is not None)

    async def _remind(self) -> None:
        now = self._clock()
        if is_due(self._reminded_at, now, REMIND_EVERY):
            async with self._database.session() as session, session.begin():
                await remind(session, now, mails=self._mailer is not None)
            self._reminded_at = now

    async def _send(self) -> None:
        if self._mailer is not None:
            await send(self._database.session, self._mailer, self._clock())
