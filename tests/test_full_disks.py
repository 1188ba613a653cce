"""Disks that are full, for real: a file system of some megabytes under the evidence, and one under the database."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade
from app.main import create_app
from scripts.faults.stage import fill, mount_small, unmount
from tests.conftest import Clock, _fill, logged_in
from tests.evidence.pieces import PIECE, Tus, pdf
from tests.scene import Scene

UNIT = "xa-31999"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Give `small_disk(name, mebibytes)`: a folder on a file system of that size."""
    mounted: list[Path] = []

    def mount(name: str, mebibytes: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        if not mount_small(folder, mebibytes):
            pytest.skip("only root can mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        unmount(folder)


def below(folder: Path) -> list[str]:
    """Return the files below a folder but for the one that fills it."""
    return sorted(one.name for one in folder.rglob("*") if one.is_file() and one.name != "filler")


def is_store_refusal(answer: httpx.Response) -> bool:
    """Answer whether the store is told as temporarily unavailable."""
    told = (answer.status_code, answer.json()["code"], answer.headers["retry-after"])
    return told == (503, "store_unavailable", "10")


@pytest.fixture
async def scene(own_app: FastAPI, clock: Clock) -> Scene:
    """Give an open year on a database of its own."""
    return await Scene.opened(partial(logged_in, own_app, clock))


@pytest.fixture
def store(own_app: FastAPI, settings: Settings, small_disk: Callable[[str, int], Path]) -> Path:
    """Give the folder of the evidence, on a file system of two mebibytes."""
    folder = small_disk("evidence", 2)
    assert settings.evidence_path == folder
    return folder


async def test_a_full_store_refuses_files_keeps_nothing_of_them_and_takes_them_afterwards(
    store: Path, scene: Scene
) -> None:
    reporter = await scene.as_(f"{UNIT}.reporter")
    of = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    content = pdf(600_000)
    send = partial(
        reporter.post,
        "/api/v1/evidence",
        params=of | {"file_name": "a.pdf"},
        content=content,
        headers={"Idempotency-Key": "one file"},
    )
    filler = fill(store)
    assert is_store_refusal(await send())
    assert below(store) == []
    assert (await reporter.get("/readyz")).json()["checks"]["evidence"] == "failed"
    assert (await scene.save({"answers": {}})).status_code == 200, "what needs no file goes on"
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - len(content) // 2)
    assert is_store_refusal(await send()), "full in the middle of the file"
    assert below(store) == []
    filler.unlink()
    assert (await send()).status_code == 201
    assert (await reporter.get("/readyz")).status_code == 200


async def test_pieces_that_were_acknowledged_survive_a_full_store(store: Path, scene: Scene) -> None:
    reporter = await scene.as_(f"{UNIT}.reporter")
    of = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    content = pdf(300_000)
    tus = Tus(reporter, of)
    url = await tus.begun(len(content))
    assert (await tus.send(url, 0, content[:100_000])).status_code == 204
    filler = fill(store)
    for rest in (content[100_000:150_000], content[100_000:]):
        assert is_store_refusal(await tus.send(url, 100_000, rest))
        assert await tus.offset(url) == 100_000
    filler.unlink()
    assert await reporter.patch(url, content=content[100_000:], headers=PIECE | {"Upload-Offset": "100000"})
    got = await reporter.get(f"/api/v1/evidence/{url.rsplit('/', 1)[1]}/content")
    assert got.content == content


@pytest.fixture
async def cramped(
    small_disk: Callable[[str, int], Path], tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[Scene, Path]]:
    """Give an open year on a database server whose file system has 300 mebibytes."""
    folder = small_disk("postgres", 300)
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg", fast=True) as server:
        await asyncio.to_thread(upgrade, server.owner_url, server.url)
        await asyncio.to_thread(lambda: asyncio.run(_fill(server.url)))
        held = Database(server.url)
        app = create_app(Settings(var_dir=tmp_path / "var").on_embedded(server.url), held, clock)
        yield await Scene.opened(partial(logged_in, app, clock)), folder
        await held.close()


async def test_a_database_without_room_is_told_as_temporary_and_loses_nothing(
    cramped: tuple[Scene, Path],
) -> None:
    scene, folder = cramped
    await scene.filled()
    filler = await asyncio.to_thread(fill, folder)
    kept = await scene.read()
    for _ in range(60):
        answer = await scene.save({"answers": {"1.1": {"note": os.urandom(900).hex()}}})
        if answer.status_code != 200:
            break
        kept = answer.json()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await scene.read())["answers"] == kept["answers"], "what was acknowledged last is there"
    filler.unlink()
    assert (await scene.save({"answers": {"1.1": {"note": "there is room again"}}})).status_code == 200
