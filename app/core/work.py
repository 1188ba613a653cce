"""The work behind the requests: rounds of steps, again and again, as long as the service lives."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

log = structlog.get_logger("work")

Step = Callable[[], Awaitable[None]]

# How often each step has failed in this process, for those who watch it.
failures: Counter[str] = Counter()


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
async def working(steps: Sequence[Step], seconds: float) -> AsyncIterator[None]:
    """Do rounds with this pause between them as long as the block lasts (0: none at all)."""
    if not seconds:
        yield
        return
    task = asyncio.create_task(_keep_working(steps, seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_working(steps: Sequence[Step], seconds: float) -> None:
    while True:
        await one_round(steps)
        await asyncio.sleep(seconds)
