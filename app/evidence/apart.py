"""Work on the files of strangers: in processes apart, bounded in time and memory, so that none can stop the service."""

import asyncio
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from functools import cache
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

WORKERS = 2
MAX_MEMORY_BYTES = 1024**3

P = ParamSpec("P")
T = TypeVar("T")


class GaveUp(Exception):
    """The work took too long or too much memory; the process is gone, the next one is as new."""


async def apart(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a function of a module returns that runs in another process; its exceptions come through.

    Raises: GaveUp after so many seconds of work, or where the process died.
    """
    try:
        future = _pool().schedule(work, args=args, kwargs=kwargs, timeout=seconds)
    except RuntimeError:  # all processes of it were killed: a pool does not recover from that
        _pool.cache_clear()
        future = _pool().schedule(work, args=args, kwargs=kwargs, timeout=seconds)
    try:
        return await asyncio.wrap_future(future)
    except (TookTooLong, ProcessExpired, MemoryError) as error:
        raise GaveUp(f"{work.__name__}: {type(error).__name__}") from error


@cache
def _pool() -> ProcessPool:
    # A server that forks never holds the threads and connections of this process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.evidence.content.look"])
    return ProcessPool(max_workers=WORKERS, initializer=_bound, context=context)


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
