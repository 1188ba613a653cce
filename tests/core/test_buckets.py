"""Evidence in a bucket: what a real S3 server refuses, and what happens when it goes away in the middle."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.buckets import SILENCE_SECONDS
from app.core.config import SettingMissing, Settings
from app.core.files import content_name
from app.core.incoming import StoreUnavailable
from app.serve import require_store
from tests.core.test_files import MIB, names, read_bytes, store_bytes
from tests.s3 import Place, S3Server


async def until(happens: Callable[[], Any]) -> None:
    """Return as soon as something is true, at most after ten seconds."""
    for _ in range(2000):
        if happens():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not happen")


@pytest.mark.parametrize(
    "wrong",
    [
        {"s3_secret_access_key": SecretStr("wrong")},
        {"s3_access_key_id": "nobody"},
        {"evidence_store": "s3://no-such-bucket"},
    ],
)
async def test_a_bucket_that_is_not_ours_is_unavailable_for_everything(
    s3_server: S3Server, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    place = Place(tmp_path / "evidence", s3_server)
    name = content_name(await store_bytes(place.store(), b"content"))
    place.settings |= wrong
    store = place.store()
    for refused in (
        store_bytes(store, b"other"),
        store.read(name),
        store.prove(),
        names(store),
    ):
        with pytest.raises(StoreUnavailable) as problem:
            await refused
        assert "wrong" not in str(problem.value)
    assert place.files() == [place.path(name)]


async def test_bytes_that_are_there_are_not_sent_again(s3_server: S3Server, tmp_path: Path) -> None:
    place = Place(tmp_path / "evidence", s3_server)
    path = place.path(content_name(await store_bytes(place.store(), b"content")))
    before = path.stat().st_ino
    await store_bytes(place.store(), b"content")
    assert path.stat().st_ino == before
    assert place.files() == [path]


# --- the server goes away -----------------------------------------------------------------------------------


async def test_a_dead_server_keeps_nothing_and_works_again_after_its_return(
    own_server: S3Server, own_place: Place
) -> None:
    store = own_place.store()
    name = content_name(await store_bytes(store, b"before"))
    own_server.kill()
    for refused in (
        store_bytes(store, b"content"),
        store_bytes(store, bytes(11 * MIB)),
        store.read(name),
        store.size_of(name),
        store.remove(name),
        store.prove(),
        names(store),
    ):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(refused, SILENCE_SECONDS)
    assert own_place.files() == [own_place.path(name)]
    own_server.start()
    again = content_name(await store_bytes(store, b"content"))
    assert await read_bytes(store, again) == b"content"
    assert await read_bytes(store, name) == b"before"


async def test_a_server_that_dies_in_the_middle_of_a_put_shows_nothing_of_it(
    own_server: S3Server, own_place: Place
) -> None:
    store = own_place.store()
    content = os.urandom(MIB) * 60
    sending = asyncio.create_task(store_bytes(store, content, MIB))
    # The second part has arrived, so that more of them are on their way.
    await until(lambda: list(own_server.folder.glob(".nanio/multipart/*/parts/000002.bin")))
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(sending, 3 * SILENCE_SECONDS)
    own_server.start()
    assert own_place.files() == []
    assert await names(store) == []
    name = content_name(await store_bytes(store, content, MIB))
    assert await read_bytes(store, name) == content


async def test_a_server_that_dies_in_the_middle_of_a_read_is_no_end_of_the_file(
    own_server: S3Server, own_place: Place
) -> None:
    store = own_place.store()
    content = os.urandom(MIB) * 60
    name = content_name(await store_bytes(store, content, MIB))
    blocks = await store.read(name)
    assert content.startswith(await anext(blocks))
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(_drain(blocks), 3 * SILENCE_SECONDS)
    own_server.start()
    assert await read_bytes(store, name) == content


async def _drain(blocks: AsyncIterator[bytes]) -> None:
    async for _ in blocks:
        pass


async def test_a_server_that_accepts_and_never_answers_is_given_up_within_seconds(
    own_server: S3Server, own_place: Place
) -> None:
    store = own_place.store()
    content = os.urandom(MIB) * 60
    name = content_name(await store_bytes(store, content, MIB))
    blocks = await store.read(name)
    await anext(blocks)
    own_server.hold()
    before = time.monotonic()
    outcomes = await asyncio.gather(
        store_bytes(store, b"content"),
        store_bytes(store, content[1:], MIB),
        store.read(name),
        store.size_of(name),
        store.remove(name),
        names(store),
        _drain(blocks),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 7
    assert time.monotonic() - before < 2 * SILENCE_SECONDS + 5
    own_server.kill()
    assert own_place.files() == [own_place.path(name)]


async def test_a_service_does_not_start_on_a_bucket_it_cannot_write(
    own_server: S3Server, tmp_path: Path
) -> None:
    good: dict[str, Any] = {"evidence_dir": tmp_path / "evidence"} | own_server.settings()
    await require_store(Settings(**good))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"evidence_store": "s3://no-such-bucket"}, "EVIDENCE_STORE: there is no such bucket"),
        ({"s3_secret_access_key": SecretStr("wrong")}, "S3_SECRET_ACCESS_KEY"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, "S3_ENDPOINT"),
        ({"evidence_dir": Path("/proc/evidence")}, "EVIDENCE_DIR: /proc/evidence cannot be written"),
    ]
    for wrong, named in cases:
        with pytest.raises(SettingMissing, match=named):
            await require_store(Settings(**good | wrong))
    own_server.hold()
    before = time.monotonic()
    with pytest.raises(SettingMissing, match="S3_ENDPOINT"):
        await require_store(Settings(**good))
    assert time.monotonic() - before < 2 * SILENCE_SECONDS
