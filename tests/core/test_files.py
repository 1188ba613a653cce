"""The content store: one contract, kept by a folder of the disk and by a bucket of an S3 server."""

import asyncio
import hashlib
import os
import re
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.files import PART_BYTES, FileStore, content_name, sha256_of
from app.core.incoming import BLOCK_BYTES, WAITING_BLOCKS, StoreUnavailable
from tests.s3 import Place

MIB = 1024**2


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


async def store_bytes(store: FileStore, content: bytes, piece: int = 65536) -> str:
    async with store.receiving() as upload:
        for chunk in pieces(content, piece):
            await upload.write(chunk)
        await upload.finish()
        await upload.keep()
        return upload.sha256


async def read_bytes(store: FileStore, name: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in await store.read(name, start, end)])


async def names(store: FileStore, prefix: str = "") -> list[str]:
    return sorted([found.name async for found in store.listed(prefix)])


# --- the contract -------------------------------------------------------------------------------------------


async def test_a_kept_file_lies_under_its_hash_and_reads_back_unchanged(place: Place) -> None:
    content = bytes(range(256)) * 20_000  # several blocks and a part of one
    sha256 = await store_bytes(place.store(), content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert content_name(sha256) == f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert place.files() == [place.path(content_name(sha256))]
    assert place.path(content_name(sha256)).read_bytes() == content
    assert await place.store().size_of(content_name(sha256)) == len(content)
    assert await read_bytes(place.store(), content_name(sha256)) == content


async def test_a_file_of_several_parts_reads_back_unchanged(place: Place) -> None:
    content = os.urandom(MIB) * 11
    assert len(content) > 2 * PART_BYTES
    sha256 = await store_bytes(place.store(), content, 100_000)
    assert await read_bytes(place.store(), content_name(sha256)) == content


async def test_any_part_of_a_file_can_be_read(place: Place) -> None:
    content = os.urandom(BLOCK_BYTES + 1000)
    store = place.store()
    name = content_name(await store_bytes(store, content))
    size = len(content)
    for start, end in [
        (0, 1),
        (0, size),
        (1, None),
        (size - 1, None),
        (size - 1, size),
        (500, BLOCK_BYTES + 500),
    ]:
        assert await read_bytes(store, name, start, end) == content[start:end], (start, end)


async def test_what_is_not_there_has_no_size_and_cannot_be_read(place: Place) -> None:
    store = place.store()
    missing = content_name(hashlib.sha256(b"missing").hexdigest())
    assert await store.size_of(missing) is None
    with pytest.raises(StoreUnavailable):
        await store.read(missing)
    with pytest.raises(StoreUnavailable):
        async with store.local(missing):
            raise AssertionError("there is nothing to read")
    assert place.files() == []


async def test_the_store_is_listed_as_a_whole_and_by_folder(place: Place, tmp_path: Path) -> None:
    store = place.store()
    assert await names(store) == []
    contents = [b"a", b"bb", b"ccc"]
    kept = {content_name(await store_bytes(store, content)): len(content) for content in contents}
    for offset in (0, 5):
        part = tmp_path / f"{offset}"
        part.write_bytes(b"piece")
        await store.take(part, f"pieces/one/{offset}")
    async with store.receiving() as upload:
        await upload.write(b"not yet")
        listed = {found.name: found async for found in store.listed()}
    assert {name: listed[name].size_bytes for name in kept} == kept
    assert sorted(listed.keys() - kept.keys()) == ["pieces/one/0", "pieces/one/5"]
    assert await names(store, "pieces") == ["pieces/one/0", "pieces/one/5"]
    assert await names(store, "pieces/one") == ["pieces/one/0", "pieces/one/5"]
    assert await names(store, "pieces/two") == []
    for found in listed.values():
        assert abs(found.written_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_long_list_is_complete(place: Place, tmp_path: Path) -> None:
    for number in range(1200):  # an S3 server gives a thousand at a time
        place.path(f"pieces/{number % 7}").mkdir(parents=True, exist_ok=True)
        place.path(f"pieces/{number % 7}/{number}").write_bytes(b"x")
    assert len(await names(place.store(), "pieces")) == 1200


async def test_removed_files_are_gone_and_missing_ones_are_no_fault(place: Place) -> None:
    store = place.store()
    first, second = [content_name(await store_bytes(store, content)) for content in (b"1", b"2")]
    await store.remove(first, content_name("0" * 64))
    await store.remove(first)
    assert await store.size_of(first) is None
    assert await names(store) == [second]
    await store_bytes(store, b"1")
    assert await read_bytes(store, first) == b"1"


async def test_a_local_file_is_lent_for_reading(place: Place) -> None:
    store = place.store()
    name = content_name(await store_bytes(store, b"content" * 100_000))
    async with store.local(name) as path:
        assert path.read_bytes() == b"content" * 100_000
    assert place.files() == [place.path(name)]
    assert place.path(name).read_bytes() == b"content" * 100_000


async def test_a_name_that_is_no_content_takes_what_came_last(place: Place, tmp_path: Path) -> None:
    store = place.store()
    for content in (b"first", b"other"):
        (tmp_path / "part").write_bytes(content)
        await store.take(tmp_path / "part", "pieces/one/0")
    assert await read_bytes(store, "pieces/one/0") == b"other"


async def test_a_copy_of_a_wrong_size_is_healed_when_the_same_bytes_come_again(place: Place) -> None:
    store = place.store()
    name = content_name(await store_bytes(store, b"content"))
    place.path(name).write_bytes(b"cont")
    if place.is_bucket:
        await store.remove(name)  # what the server says of a size is older than the damage
        place.path(name).parent.mkdir(parents=True, exist_ok=True)
        place.path(name).write_bytes(b"cont")
    await store_bytes(store, b"content")
    assert place.path(name).read_bytes() == b"content"


async def test_an_upload_that_breaks_leaves_nothing_behind(place: Place) -> None:
    async def broken() -> None:
        async with place.store().receiving() as upload:
            await upload.write(bytes(3 * BLOCK_BYTES))
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert place.files() == []


async def test_an_upload_that_is_finished_but_not_kept_leaves_nothing_behind(place: Place) -> None:
    async with place.store().receiving() as upload:
        await upload.write(b"content")
        await upload.finish()
        assert upload.part.read_bytes() == b"content"
    assert place.files() == []


async def test_a_cancelled_upload_leaves_nothing_behind(place: Place) -> None:
    started = asyncio.Event()

    async def endless() -> None:
        async with place.store().receiving() as upload:
            await upload.write(bytes(BLOCK_BYTES))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert place.files() == []


async def test_a_file_on_its_way_is_not_visible_under_any_hash(place: Place) -> None:
    store = place.store()
    async with store.receiving() as upload:
        await upload.write(b"content")
        await upload.finish()
        assert await store.size_of(content_name(upload.sha256)) is None
        assert await names(store) == []
        with pytest.raises(StoreUnavailable):
            await store.read(content_name(upload.sha256))


async def test_identical_bytes_sent_at_once_are_stored_once(place: Place) -> None:
    store = place.store()
    content = b"same" * 2 * MIB
    hashes = await asyncio.gather(*(store_bytes(store, content) for _ in range(8)))
    assert len(set(hashes)) == 1
    assert place.files() == [place.path(content_name(hashes[0]))]
    assert place.files()[0].read_bytes() == content


async def test_many_uploads_at_once_do_not_mix(place: Place) -> None:
    store = place.store()
    contents = [bytes([i]) * (BLOCK_BYTES + i) for i in range(20)]
    hashes = await asyncio.gather(*(store_bytes(store, content) for content in contents))
    for sha256, content in zip(hashes, contents, strict=True):
        assert await read_bytes(store, content_name(sha256)) == content


async def test_a_store_that_is_ready_proves_it_and_shows_nothing_of_it(place: Place) -> None:
    await place.store().prove()
    assert await names(place.store()) == []


async def test_a_kept_file_that_vanished_is_reported_as_unavailable(place: Place) -> None:
    store = place.store()
    name = content_name(await store_bytes(store, b"content"))
    place.path(name).unlink()
    with pytest.raises(StoreUnavailable):
        await store.read(name)


def memory(field: str) -> int:
    """Return what the kernel says of this process's memory, in bytes."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def forget_the_peak() -> None:
    """Let the kernel count the peak of memory (VmHWM) from here on."""
    Path("/proc/self/clear_refs").write_text("5")


async def test_sixty_megabytes_pass_through_in_bounded_memory(place: Place) -> None:
    store = place.store()
    await store_bytes(store, b"warm" * 2 * MIB)
    block = os.urandom(MIB)
    before = memory("VmRSS")
    forget_the_peak()
    async with store.receiving() as upload:
        for _ in range(60):
            await upload.write(block)
        await upload.finish()
        await upload.keep()
    size = 0
    async for read in await store.read(content_name(upload.sha256)):
        size += len(read)
    assert size == 60 * MIB
    assert memory("VmHWM") - before < 40 * MIB


def test_a_name_of_content_tells_its_hash_and_no_other_name_does() -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    assert sha256_of(content_name(sha256)) == sha256
    for name in [
        sha256,
        f"00/00/{sha256}",
        f"{content_name(sha256)}.part",
        f"{content_name(sha256)}\n",
        content_name(sha256.upper()),
        content_name(sha256[:-1]),
        f"x/{content_name(sha256)}",
        "pieces/one/0",
    ]:
        assert sha256_of(name) is None, name


# --- the disk alone -----------------------------------------------------------------------------------------


@given(content=st.binary(max_size=300), piece=st.integers(1, 64))
@settings(max_examples=30, deadline=None)
def test_the_pieces_in_which_bytes_arrive_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    sha256 = asyncio.run(store_bytes(FileStore(root), content, piece))
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert (root / content_name(sha256)).read_bytes() == content


async def test_a_store_that_cannot_be_written_is_reported_as_unavailable(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    store = FileStore(tmp_path / "evidence")
    with pytest.raises(StoreUnavailable):
        await store_bytes(store, b"content")
    with pytest.raises(StoreUnavailable):
        await store.size_of(content_name("0" * 64))
    with pytest.raises(StoreUnavailable):
        await names(store)


@pytest.fixture
def half_a_block_per_file() -> Iterator[None]:
    """Let the operating system refuse files of more than half a block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK_BYTES // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("half_a_block_per_file")
async def test_a_disk_that_refuses_to_write_stops_the_upload_instead_of_blocking_it(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    content = bytes(BLOCK_BYTES * (WAITING_BLOCKS + 8))
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(store_bytes(place.store(), content), timeout=30)
    assert place.files() == []


async def test_a_damaged_copy_is_healed_when_the_same_bytes_come_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    name = content_name(await store_bytes(store, b"content"))
    (tmp_path / name).write_bytes(b"c0ntent")
    await store_bytes(store, b"content")
    assert (tmp_path / name).read_bytes() == b"content"


async def test_what_others_keep_beside_the_store_is_not_listed(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    name = content_name(await store_bytes(store, b"content"))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / os.fsdecode(b"\xff")).write_bytes(b"not a name")
    assert await names(store) == [name]


# --- leftovers ----------------------------------------------------------------------------------------------


def leave(store: FileStore, name: str, *, hours: float) -> Path:
    """Put a file into `incoming` that was written so long ago."""
    store.incoming.mkdir(parents=True, exist_ok=True)
    place = store.incoming / name
    place.write_bytes(b"half")
    age(place, hours)
    return place


def age(place: Path, hours: float) -> None:
    then = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
    os.utime(place, (then, then))


async def test_leftovers_are_the_unfinished_uploads_that_nobody_goes_on_with(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    now = datetime.now(UTC)
    assert await store.leftovers(now) == []
    old = leave(store, "old.part", hours=3)
    young = leave(store, "young.part", hours=1)
    other = leave(store, "other.txt", hours=3)
    (store.incoming / "folder.part").mkdir()
    age(store.incoming / "folder.part", 3)
    async with store.receiving() as upload:
        await upload.write(b"x" * BLOCK_BYTES)
        await upload.finish()
        age(upload.part, 3)
        found = await store.leftovers(now - timedelta(hours=2))
        assert [(f.name, f.size_bytes) for f in found] == [("incoming/old.part", 4)]
        await store.drop_leftovers(now - timedelta(hours=2))
        assert upload.part.exists()
        await upload.keep()
    assert [path.exists() for path in (old, young, other, store.incoming / "folder.part")] == [
        False,
        True,
        True,
        True,
    ]


async def test_a_leftover_is_old_from_the_instant_on_and_not_before(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    place = leave(store, "one.part", hours=0)
    instant = 1_700_000_000
    os.utime(place, (instant, instant))
    at = datetime.fromtimestamp(instant, UTC)
    for seconds, found in [(-1, 0), (0, 0), (1, 1)]:
        assert len(await store.leftovers(at + timedelta(seconds=seconds))) == found, seconds
