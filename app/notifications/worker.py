"""The work behind the requests: tell what happened, remind of deadlines, send e-mails; again and again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog

from app.core.config import Settings
from app.core.db import Database
from app.notifications.mail import Mailer
from app.notifications.reminding import remind
from app.notifications.sending import send
from app.notifications.telling import BATCH, tell

log = structlog.get_logger("notices")
REMIND_EVERY = timedelta(minutes=10)

Clock = Callable[[], datetime]


class Worker:
    """One round after the other; several processes may work on one database."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._mailer = Mailer(settings) if settings.smtp_host else None
        self._reminded_at: datetime | None = None

    async def round(self) -> None:
        """Do everything that is due now. A step that fails is logged and done again in the next round."""
        for step in (self._tell, self._remind, self._send):
            await self._attempt(step)

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:  # whatever it is: the other steps go on
            # The text of a driver's error can hold people's data.
            log.error("work_failed", step=step.__name__.strip("_"), error=type(error).__name__)

    async def _tell(self) -> None:
        told = BATCH
        while told == BATCH:
            async with self._database.session() as session, session.begin():
                told = await tell(session, self._clock(), mails=self._mailer is not None)

    async def _remind(self) -> None:
        now = self._clock()
        if self._reminded_at is None or now - self._reminded_at >= REMIND_EVERY:
            async with self._database.session() as session, session.begin():
                await remind(session, now, mails=self._mailer is not None)
            self._reminded_at = now

    async def _send(self) -> None:
        if self._mailer is not None:
            await send(self._database.session, self._mailer, self._clock())


@asynccontextmanager
async def working(database: Database, settings: Settings, clock: Clock) -> AsyncIterator[None]:
    """Work every `worker_seconds` as long as the block lasts (0: not at all)."""
    if not settings.worker_seconds:
        yield
        return
    task = asyncio.create_task(_keep_working(Worker(database, settings, clock), settings.worker_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_working(worker: Worker, seconds: float) -> None:
    while True:
        await worker.round()
        await asyncio.sleep(seconds)
