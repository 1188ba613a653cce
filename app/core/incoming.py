"""Bytes on their way into the content store: hashed and written to a local file while they come."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import structlog

from app.core.problems import Problem

log = structlog.get_logger("files")

# What one upload holds in memory: the block being filled and those that wait for the disk.
BLOCK_BYTES = 512 * 1024
WAITING_BLOCKS = 4


class StoreUnavailable(Problem):
    """The store refuses to write or to answer, or a file that must be there is not."""

    status, code = 503, "store_unavailable"
    title_vi, title_en = "Kho tài liệu tạm thời không dùng được", "The file store is temporarily unavailable"
    headers = {"Retry-After": "10"}


def unavailable(error: Exception) -> StoreUnavailable:
    """Return the problem for whatever a store raised; the reason goes to the log only."""
    log.error("store_unavailable", exc_info=error)
    return StoreUnavailable()


# Blocks that were written serve the next ones: a new one has to be cleared by the system, which takes as long as
# filling it. No more are kept than two uploads need.
_spare: deque[bytearray] = deque()


def _block() -> bytearray:
    try:
        return _spare.pop()
    except IndexError:
        return bytearray(BLOCK_BYTES)


def _spare_again(written: memoryview) -> None:
    block = written.obj
    written.release()
    if len(_spare) < 2 * (WAITING_BLOCKS + 1) and isinstance(block, bytearray):
        _spare.append(block)


class Upload:
    """Bytes on their way into the store.

    A thread of its own hashes and writes them, fed through a bounded queue: the event loop never waits for the disk,
    the client is slowed down to the disk's pace, and a slow client takes no thread from a pool that others need.
    """

    def __init__(self, keep: Callable[[Path, str], Awaitable[None]], part: Path) -> None:
        self.part = part
        self.size_bytes = 0
        self.sha256 = ""
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._block, self._filled = _block(), 0
        self._blocks: SimpleQueue[memoryview | None] = SimpleQueue()
        self._room = asyncio.Semaphore(WAITING_BLOCKS)
        self._is_discarded = False
        # The hash of everything written, or what went wrong; running from the start, so that nobody can cancel it.
        self._written: Future[str | Exception] = Future()
        self._written.set_running_or_notify_cancel()
        try:
            Thread(target=self._write_all, name="upload", daemon=True).start()
        except RuntimeError as error:  # the system allows no more of them
            raise unavailable(error) from error

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits while the disk is behind.

        Raises: StoreUnavailable (503).
        """
        self.size_bytes += len(chunk)
        rest = memoryview(chunk)
        while rest:
            taken = rest[: BLOCK_BYTES - self._filled]
            # Into a block of its full size: a growing one would be copied again and again.
            self._block[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if self._filled == BLOCK_BYTES:
                await self._hand_over()

    async def finish(self) -> None:
        """Wait until every byte is on the disk; then `part` can be read and `sha256` (hex) is set.

        Raises: StoreUnavailable (503).
        """
        if self._filled:
            await self._hand_over()
        self._blocks.put(None)
        self.sha256 = await self._outcome()

    async def keep(self) -> None:
        """Make the finished bytes visible under their hash; they survive a power cut from here on.

        Raises: StoreUnavailable (503).
        """
        await self._keep(self.part, self.sha256)

    async def discard(self) -> None:
        """Leave nothing behind of what was not kept."""
        self._is_discarded = True
        self._blocks.put(None)
        # A callback, not a line after the wait: the wait can be cancelled, the callback cannot.
        self._written.add_done_callback(lambda _: _forget(self.part))
        await asyncio.wait([asyncio.wrap_future(self._written)])

    async def _hand_over(self) -> None:
        await self._room.acquire()
        if self._written.done():  # only a failure can come before the end
            await self._outcome()
        self._blocks.put(memoryview(self._block)[: self._filled])
        self._block, self._filled = _block(), 0

    async def _outcome(self) -> str:
        outcome = await asyncio.wrap_future(self._written)
        if isinstance(outcome, Exception):
            raise unavailable(outcome) from outcome
        return outcome

    def _write_all(self) -> None:
        try:
            self._written.set_result(self._write_blocks())
        except Exception as error:
            self._written.set_result(error)
            self._make_room()  # whoever waits for room learns of it now

    def _write_blocks(self) -> str:
        digest = hashlib.sha256()
        with self.part.open("xb") as file:
            while (block := self._blocks.get()) is not None and not self._is_discarded:
                written = file.tell()
                file.write(block)
                file.flush()
                # The system begins with the disk at once: at the end there is little left to wait for.
                os.posix_fadvise(file.fileno(), written, len(block), os.POSIX_FADV_DONTNEED)
                digest.update(block)
                _spare_again(block)
                self._make_room()
            if not self._is_discarded:
                os.fsync(file.fileno())
        return digest.hexdigest()

    def _make_room(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._room.release)


def _forget(part: Path) -> None:
    with suppress(OSError):  # with the whole folder gone, so is the file
        part.unlink(missing_ok=True)
