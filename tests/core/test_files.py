"""The content store on a real disk."""

import asyncio
import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.files import BLOCK_BYTES, WAITING_BLOCKS, FileStore, StoreUnavailable, content_name


def stored(root: Path) -> list[Path]:
    """Return every file under the store, finished or not."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


async def store_bytes(store: FileStore, content: bytes, piece: int = 65536) -> str:
    async with store.receiving() as upload:
        for chunk in pieces(content, piece):
            await upload.write(chunk)
        await upload.finish()
        await upload.keep()
        return upload.sha256


async def test_a_kept_file_lies_under_its_hash_and_reads_back_unchanged(tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000  # several blocks and a part of one
    sha256 = await store_bytes(FileStore(tmp_path), content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    place = tmp_path / sha256[:2] / sha256[2:4] / sha256
    assert stored(tmp_path) == [place]
    assert (await FileStore(tmp_path).size_of(content_name(sha256))) == len(content)
    assert place.read_bytes() == content


@given(content=st.binary(max_size=300), piece=st.integers(1, 64))
@settings(max_examples=30, deadline=None)
def test_the_pieces_in_which_bytes_arrive_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    sha256 = asyncio.run(store_bytes(FileStore(root), content, piece))
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert (root / content_name(sha256)).read_bytes() == content


async def test_an_upload_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    async def broken() -> None:
        async with FileStore(tmp_path).receiving() as upload:
            await upload.write(bytes(3 * BLOCK_BYTES))
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken()
    assert stored(tmp_path) == []


async def test_an_upload_that_is_finished_but_not_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    async with FileStore(tmp_path).receiving() as upload:
        await upload.write(b"content")
        await upload.finish()
        assert upload.part.read_bytes() == b"content"
    assert stored(tmp_path) == []


async def test_a_cancelled_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def endless() -> None:
        async with FileStore(tmp_path).receiving() as upload:
            await upload.write(bytes(BLOCK_BYTES))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stored(tmp_path) == []


async def test_a_file_on_its_way_is_not_visible_under_any_hash(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    async with store.receiving() as upload:
        await upload.write(b"content")
        await upload.finish()
        assert await store.size_of(content_name(upload.sha256)) is None
        with pytest.raises(StoreUnavailable):
            await store.read(content_name(upload.sha256))


async def test_identical_bytes_sent_at_once_are_stored_once(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    hashes = await asyncio.gather(*(store_bytes(store, b"same" * 200_000) for _ in range(8)))
    assert len(set(hashes)) == 1
    assert stored(tmp_path) == [tmp_path / content_name(hashes[0])]


async def test_many_uploads_at_once_do_not_mix(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    contents = [bytes([i]) * (BLOCK_BYTES + i) for i in range(20)]
    hashes = await asyncio.gather(*(store_bytes(store, content) for content in contents))
    assert [
        (tmp_path / content_name(h)).read_bytes() == c for h, c in zip(hashes, contents, strict=True)
    ] == [True] * 20


async def test_a_store_that_cannot_be_written_is_reported_as_unavailable(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable):
        await store_bytes(FileStore(tmp_path / "evidence"), b"content")


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
    content = bytes(BLOCK_BYTES * (WAITING_BLOCKS + 8))
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(store_bytes(FileStore(tmp_path), content), timeout=30)
    assert stored(tmp_path) == []


async def test_a_kept_file_that_vanished_is_reported_as_unavailable(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    sha256 = await store_bytes(store, b"content")
    (tmp_path / content_name(sha256)).unlink()
    with pytest.raises(StoreUnavailable):
        await store.read(content_name(sha256))


async def test_a_damaged_copy_is_healed_when_the_same_bytes_come_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    sha256 = await store_bytes(store, b"content")
    (tmp_path / content_name(sha256)).write_bytes(b"c0ntent")
    await store_bytes(store, b"content")
    assert (tmp_path / content_name(sha256)).read_bytes() == b"content"
