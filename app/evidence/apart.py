"""Work on the files of strangers: in processes apart, bounded in time and memory, so that none can stop the service."""

import asyncio
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from threading import Lock, Thread
from typing import ParamSpec, TypeVar

import structlog
from pebble import ProcessExpired, ProcessPool

from app.core.problems import Unavailable

log = structlog.get_logger("apart")

WORKERS = 2
MAX_MEMORY_BYTES = 1024**3

# How long work may wait for a process: longer than the files of some busy minutes take.
WAIT_SECONDS = 120.0

P = ParamSpec("P")
T = TypeVar("T")


_one_at_a_time = Lock()


class GaveUp(Exception):
    """The work took too long or too much memory; the process is gone, the next one is as new."""


async def apart(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a function of a module returns that runs in another process; its exceptions come through.

    A process can die of its work, or be ended by somebody: only what two processes die of is given up.

    Raises: GaveUp after so many seconds of work, or where the process died; Unavailable (503) where none took it up.
    """
    died: Exception = Unavailable()
    for _ in range(2):
        # In a thread: it may have to wait until processes have begun, which takes seconds where the machine is busy.
        pool = await asyncio.to_thread(_pool)
        future = pool.schedule(work, args=args, kwargs=kwargs, timeout=seconds)
        try:
            waiting = asyncio.wrap_future(future)
            await asyncio.wait([waiting], timeout=seconds + WAIT_SECONDS)
            if not waiting.done():
                raise Unavailable()
            return waiting.result()
        except (TookTooLong, MemoryError) as error:
            raise _gave_up(work, error) from error
        except (ProcessExpired, BrokenProcessPool) as error:
            log.warning("process_died", work=work.__name__, error=type(error).__name__)
            died = error
        finally:
            future.cancel()  # type: ignore[no-untyped-call]  # where nobody waits for it any more
    if isinstance(died, ProcessExpired):
        raise _gave_up(work, died) from died
    raise Unavailable() from died


def _gave_up(work: Callable[..., object], error: Exception) -> GaveUp:
    return GaveUp(f"{work.__name__}: {type(error).__name__}")


async def begin() -> None:
    """Let the processes begin before somebody needs them."""
    await asyncio.to_thread(_pool)


def _pool() -> ProcessPool:
    """Return the processes; new ones where the pool is broken, as by the end of a process that had nothing to do."""
    with _one_at_a_time:
        pool = _begun()
        if not pool.active:
            _begun.cache_clear()
            Thread(target=_end, args=(pool,), name="pool", daemon=True).start()
            pool = _begun()
        return pool


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


@cache
def _begun() -> ProcessPool:
    # A server that forks never holds the threads and connections of this process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.evidence.content.look", "app.evidence.inspecting"])
    pool = ProcessPool(max_workers=WORKERS, initializer=_bound, context=context)
    if not pool.active:  # the question lets it begin
        raise Unavailable()
    return pool


def _bound() -> None:
    for what, most in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        _, allowed = resource.getrlimit(what)  # the system may allow less, and never lets it be raised
        bound = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (bound, bound))
