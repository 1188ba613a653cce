"""The content store: immutable files on the local disk, each named by the SHA-256 of its bytes."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import structlog

from app.core.db import new_id
from app.core.problems import Problem

log = structlog.get_logger("files")

# What one upload holds in memory: the block being filled and those that wait for the disk.
BLOCK_BYTES = 512 * 1024
WAITING_BLOCKS = 4


class StoreUnavailable(Problem):
    """The disk refuses to write, or a file that must be there is not."""

    status, code = 503, "store_unavailable"
    title_vi, title_en = "Kho tài liệu tạm thời không dùng được", "The file store is temporarily unavailable"


class FileStore:
    """Files at `<sha[:2]>/<sha[2:4]>/<sha>` under a folder; unfinished ones lie in `incoming` and are never served."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator["Upload"]:
        """Open an upload; unless it is kept, nothing of it stays, however the block is left.

        Raises: StoreUnavailable (503).
        """
        incoming = self._root / "incoming"
        try:
            await asyncio.to_thread(incoming.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unavailable(error) from error
        upload = Upload(self, incoming / f"{new_id().hex}.part")
        try:
            yield upload
        finally:
            await upload.discard()

    def path_of(self, sha256: str) -> Path:
        """Return where a kept file lies, for reading.

        Raises: StoreUnavailable (503) if it is not there.
        """
        path = self._place_of(sha256)
        if not path.is_file():
            raise _unavailable(FileNotFoundError(path.name))
        return path

    def take(self, part: Path, sha256: str) -> None:
        """Make a finished file visible under its hash, durably. Identical bytes replace each other: one copy stays."""
        place = self._place_of(sha256)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.replace(place)
        for folder in (place.parent, place.parent.parent, self._root):
            _sync_folder(folder)

    def _place_of(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:4] / sha256


class Upload:
    """Bytes on their way into the store.

    A thread of its own hashes and writes them, fed through a bounded queue: the event loop never waits for the disk,
    the client is slowed down to the disk's pace, and a slow client takes no thread from a pool that others need.
    """

    def __init__(self, store: FileStore, part: Path) -> None:
        self.part = part
        self.size_bytes = 0
        self.sha256 = ""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._block = bytearray()
        self._blocks: SimpleQueue[bytearray | None] = SimpleQueue()
        self._room = asyncio.Semaphore(WAITING_BLOCKS)
        self._is_discarded = False
        # The hash of everything written, or what went wrong; running from the start, so that nobody can cancel it.
        self._written: Future[str | Exception] = Future()
        self._written.set_running_or_notify_cancel()
        Thread(target=self._write_all, name="upload", daemon=True).start()

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits while the disk is behind.

        Raises: StoreUnavailable (503).
        """
        self.size_bytes += len(chunk)
        self._block += chunk
        if len(self._block) >= BLOCK_BYTES:
            await self._hand_over()

    async def finish(self) -> None:
        """Wait until every byte is on the disk; then `part` can be read and `sha256` (hex) is set.

        Raises: StoreUnavailable (503).
        """
        if self._block:
            await self._hand_over()
        self._blocks.put(None)
        self.sha256 = await self._outcome()

    async def keep(self) -> None:
        """Make the finished bytes visible in the store; they survive a power cut from here on.

        Raises: StoreUnavailable (503).
        """
        try:
            await asyncio.to_thread(self._store.take, self.part, self.sha256)
        except OSError as error:
            raise _unavailable(error) from error

    async def discard(self) -> None:
        """Leave nothing behind of what was not kept."""
        self._is_discarded = True
        self._blocks.put(None)
        # A callback, not a line after the wait: the wait can be cancelled, the callback cannot.
        self._written.add_done_callback(lambda _: self.part.unlink(missing_ok=True))
        await asyncio.wait([asyncio.wrap_future(self._written)])

    async def _hand_over(self) -> None:
        await self._room.acquire()
        if self._written.done():  # only a failure can come before the end
            await self._outcome()
        self._blocks.put(self._block)
        self._block = bytearray()

    async def _outcome(self) -> str:
        outcome = await asyncio.wrap_future(self._written)
        if isinstance(outcome, Exception):
            raise _unavailable(outcome) from outcome
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
                file.write(block)
                digest.update(block)
                self._make_room()
            if not self._is_discarded:
                file.flush()
                os.fsync(file.fileno())
        return digest.hexdigest()

    def _make_room(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._room.release)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(error: Exception) -> StoreUnavailable:
    log.error("store_unavailable", exc_info=error)
    return StoreUnavailable()
