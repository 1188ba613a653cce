"""The work behind the requests: rounds of steps, again and again, as long as the service lives."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Protocol

import structlog

log = structlog.get_logger("work")


class Rounds:
    """When each kind of work ended its last round: what hangs shows here."""

    def __init__(self) -> None:
        self._ended: dict[str, float] = {}

    def ended(self, name: str) -> None:
        """Say that a round has ended now."""
        self._ended[name] = time.monotonic()

    def ages(self) -> dict[str, float]:
        """Return how many seconds ago each one was."""
        now = time.monotonic()
        return {name: round(now - ended, 1) for name, ended in self._ended.items()}


Step = Callable[[], Awaitable[None]]

# How often each step has failed in this process, for those who watch it.
failures: Counter[str] = Counter()


class Worker(Protocol):
    """What has steps to be done again and again."""

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""


def is_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Answer whether it is time again; a clock that was set back does not stop the work until it has caught up."""
    return last is None or not last <= now < last + every


async def one_round(steps: Sequence[Step]) -> None:
    """Do every step once. One that fails is logged and done again in the next round; the others go on."""
    for step in steps:
        try:
            await step()
        except Exception as error:  # whatever it is
            name = step.__name__.strip("_")
            failures[name] += 1
            # The text of a driver's error can hold people's data.
            log.error("work_failed", step=name, error=type(error).__name__)


@asynccontextmanager
async def working(
    steps: Sequence[Step], seconds: float, ended: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Do rounds with this pause between them as long as the block lasts (0: none at all), and tell each one's end."""
    if not seconds:
        yield
        return
    task = asyncio.create_task(_keep_working(steps, seconds, ended))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_working(steps: Sequence[Step], seconds: float, ended: Callable[[], None]) -> None:
    while True:
        await one_round(steps)
        ended()
        await asyncio.sleep(seconds)
