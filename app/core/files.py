"""The content store: immutable bytes, each named by its SHA-256, in a folder of the local disk or in an S3 bucket."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from app.core.buckets import bucket_of
from app.core.config import Settings
from app.core.db import new_id
from app.core.incoming import BLOCK_BYTES, Upload, unavailable

log = structlog.get_logger("files")


# An object larger than a part goes into a bucket in parts, so many at a time: they are held in memory.
PART_BYTES = 5 * 1024**2
PARTS_AT_ONCE = 2

# Folders of the store beside the content: files that are being received, always of the local disk, and objects that
# wait until they are put together.
INCOMING = "incoming"
PIECES = "pieces"
_OURS = re.compile(rf"[0-9a-f]{{2}}|{PIECES}")
_CONTENT = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the store: its name, its size and when it was written last (UTC)."""

    name: str
    size_bytes: int
    written_at: datetime


def content_name(sha256: str) -> str:
    """Return the name under which bytes are stored: `<sha[:2]>/<sha[2:4]>/<sha>`."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def sha256_of(name: str) -> str | None:
    """Return the hash that the bytes of a name must have, None where it is no name of content."""
    found = _CONTENT.fullmatch(name)
    return found and found[3]


class FileStore:
    """Bytes by name, read alike wherever they lie; a name is written once and never changed.

    `root` is a local folder: unfinished uploads lie in its `incoming`, and without a `bucket` everything else too.
    Every method raises StoreUnavailable (503) where the store does not answer.
    """

    def __init__(self, root: Path, bucket: S3Store | None = None) -> None:
        self._root, self._bucket = root, bucket
        self.incoming = root / INCOMING
        self._synced: set[Path] = set()
        self._open: set[str] = set()  # what this process is receiving

    @property
    def _objects(self) -> LocalStore | S3Store:
        return self._bucket or LocalStore(self._root, mkdir=True)

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator["Upload"]:
        """Open an upload; unless it is kept, nothing of it stays, however the block is left."""
        with _explained():
            await asyncio.to_thread(self.incoming.mkdir, mode=0o700, parents=True, exist_ok=True)
        upload = Upload(self._keep, self.incoming / f"{new_id().hex}.part")
        self._open.add(upload.part.name)
        try:
            yield upload
        finally:
            self._open.discard(upload.part.name)
            await upload.discard()

    async def take(self, part: Path, name: str) -> None:
        """Make a finished local file visible under a name, durably; the file may be gone afterwards.

        Identical bytes replace each other: one copy stays. On the disk that heals a damaged one; into a bucket, bytes
        of which a copy of the right size is there are not sent again.
        """
        with _explained():
            if self._bucket is None:
                await asyncio.to_thread(self._move, part, name)
            elif not await self._is_there(part, name):
                await obstore.put_async(
                    self._bucket, name, part, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
                )

    async def _keep(self, part: Path, sha256: str) -> None:
        await self.take(part, content_name(sha256))

    async def size_of(self, name: str) -> int | None:
        """Return the size in bytes of what lies under a name, None if nothing does."""
        with _explained():
            try:
                return (await obstore.head_async(self._objects, name))["size"]
            except FileNotFoundError:
                return None

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from `start` up to `end` (excluded) in blocks; missing ones are known before the first.

        start < end ≤ size: stores differ in what they say to anything else.
        """
        with _explained():
            if self._bucket is None:
                # The library reads a local file in pieces of 8 KiB, which takes ten times as long.
                place = self._root / name
                first = await asyncio.to_thread(_read_block, place, start, end)
                return _blocks_of(place, first, start, end)
            options = {} if end is None and not start else {"range": _range(start, end)}
            found = await obstore.get_async(self._bucket, name, options=options)  # type: ignore[arg-type]
        return _blocks(found.stream(min_chunk_size=BLOCK_BYTES))

    @asynccontextmanager
    async def local(self, name: str) -> AsyncIterator[Path]:
        """Give a local file with the bytes of a name, for libraries that need one; it is only to be read."""
        if self._bucket is None:
            if await self.size_of(name) is None:
                raise unavailable(FileNotFoundError(name))
            yield self._root / name
            return
        async with self.receiving() as copy:
            async for block in await self.read(name):
                await copy.write(block)
            await copy.finish()
            yield copy.part

    async def listed(self, prefix: str = "") -> AsyncIterator[Stored]:
        """Return everything that lies in the store's own folders (in one of them), unfinished uploads left out."""
        with _explained():
            for folder in [prefix] if prefix else await asyncio.to_thread(self._folders):
                async for batch in obstore.list(self._objects, folder or None):
                    for found in batch:
                        if _OURS.fullmatch(found["path"].partition("/")[0]):
                            yield Stored(found["path"], found["size"], found["last_modified"])

    async def remove(self, *names: str) -> None:
        """Take names out of the store; those that are not there are no fault."""
        with _explained():
            for name in names:
                try:
                    await obstore.delete_async(self._objects, name)
                except FileNotFoundError:
                    continue

    async def leftovers(self, before: datetime) -> list[Stored]:
        """Return the unfinished uploads written last before an instant that this process is not receiving."""
        with _explained():
            return await asyncio.to_thread(lambda: list(self._leftovers(before)))

    async def drop_leftovers(self, before: datetime) -> None:
        """Remove the unfinished uploads that nobody goes on with: what a process left that was killed."""
        with _explained():
            for found in await self.leftovers(before):
                await asyncio.to_thread((self._root / found.name).unlink, missing_ok=True)
                log.warning("leftover_removed", name=found.name, size_bytes=found.size_bytes)

    async def prove(self) -> None:
        """Write a few bytes: permissions alone do not tell, the disk may be full."""
        with _explained():
            await asyncio.to_thread(self.incoming.mkdir, mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(_write_and_forget, self.incoming / f"{new_id().hex}.part")
            if self._bucket is not None:
                await obstore.put_async(self._bucket, f"{INCOMING}/ready", b"ready")

    async def _is_there(self, part: Path, name: str) -> bool:
        """Answer whether a bucket holds content of this name already; another name does not tell what lies there."""
        if sha256_of(name) is None:
            return False
        return await self.size_of(name) == (await asyncio.to_thread(part.stat)).st_size

    def _folders(self) -> list[str]:
        """Return where to list: a disk has folders of others beside ours (`lost+found`), which may be unreadable."""
        if self._bucket is not None:
            return [""]
        if not self._root.exists():
            return []
        return sorted(folder.name for folder in self._root.iterdir() if _OURS.fullmatch(folder.name))

    def _leftovers(self, before: datetime) -> Iterator[Stored]:
        for part in self.incoming.glob("*.part"):
            try:
                found = part.lstat()
            except FileNotFoundError:  # received meanwhile
                continue
            written_at = datetime.fromtimestamp(found.st_mtime, UTC)
            if part.name not in self._open and stat.S_ISREG(found.st_mode) and written_at < before:
                yield Stored(f"{INCOMING}/{part.name}", found.st_size, written_at)

    def _move(self, part: Path, name: str) -> None:
        place = self._root / name
        folder = place.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.replace(place)
        _sync_folder(folder)
        while folder != self._root and folder not in self._synced:
            # A folder that may be new needs its own name to be durable, too; once is enough.
            _sync_folder(folder.parent)
            self._synced.add(folder)
            folder = folder.parent


def file_store(settings: Settings) -> FileStore:
    """Return the store that the settings name.

    Raises: SettingMissing.
    """
    return FileStore(settings.evidence_path, bucket_of(settings))


def _range(start: int, end: int | None) -> tuple[int, int] | dict[str, int]:
    return {"offset": start} if end is None else (start, end)


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with _explained():
        async for block in stream:
            yield block


async def _blocks_of(place: Path, block: bytes, start: int, end: int | None) -> AsyncIterator[bytes]:
    while block:
        yield block
        start += len(block)
        if end is not None and start >= end:
            return
        with _explained():
            block = await asyncio.to_thread(_read_block, place, start, end)


def _read_block(place: Path, start: int, end: int | None) -> bytes:
    """Return the next bytes. The file is opened for each block: none stays open while a slow client reads."""
    with place.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(BLOCK_BYTES if end is None else min(end - start, BLOCK_BYTES))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever a store raises into a problem; the reason goes to the log only."""
    try:
        yield
    except (OSError, BaseError) as error:
        raise unavailable(error) from error


def _write_and_forget(place: Path) -> None:
    try:
        place.write_bytes(b"ready")
    finally:
        place.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
