"""A backup put back where nothing is makes the same, row by row and byte by byte; a damaged one is refused."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.backups.making import back_up
from app.backups.manifest import DUMP, FILES, MANIFEST, SEAL, BackupUnusable, Manifest
from app.backups.restoring import NotEmpty, Target, restore
from app.backups.tools import ToolFailed, tool
from app.core.config import Settings
from app.core.db import Database, new_id
from app.core.embedded import owner_of
from app.core.files import FileStore, content_name
from app.core.standstill import stand_still
from app.evidence.models import StoredFile
from app.results.keeping import purge
from tests.conftest import START, Clock, logged_in
from tests.evidence.pieces import PIECE, Tus, pdf
from tests.s3 import Place, S3Server
from tests.scene import Scene, photograph
from tests.test_serving import ROOT, Service, log_in

UNIT = "xa-31999"


@pytest.fixture
async def filled(own_app: FastAPI, clock: Clock) -> Scene:
    """Give an open year with a dossier handed in, documents, and an upload that is under way."""
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    for number in range(3):
        await scene.document(number)
    await scene.submitted()
    reporter = await scene.as_(f"{UNIT}.reporter")
    of = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    whole = pdf(20_000)
    url = await Tus(reporter, of).begun(len(whole))
    sent = await reporter.patch(url, content=whole[:9000], headers=PIECE | {"Upload-Offset": "0"})
    assert sent.status_code == 204
    return scene


def address(database: Database) -> str:
    """Return the whole address of a database, as the owner of its tables."""
    return owner_of(database.engine.url.render_as_string(hide_password=False))


def target(database: Database) -> Target:
    """Return where to restore to."""
    return Target(address(database), database.engine.url.render_as_string(hide_password=False))


@pytest.fixture
async def empty(own_database: Database) -> AsyncIterator[Database]:
    """Give a database in which nothing is."""
    name = f"empty_{new_id().hex}"
    owner = Database(address(own_database))
    async with owner.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    await owner.close()
    held = Database(own_database.engine.url.set(database=name).render_as_string(hide_password=False))
    yield held
    await held.close()


async def rows(database: Database) -> dict[str, list[str]]:
    """Return every row of every table."""
    async with database.session() as session:
        return await photograph(session)


def files_below(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder."""
    return {
        str(place.relative_to(folder)): hashlib.sha256(place.read_bytes()).hexdigest()
        for place in sorted(folder.rglob("*"))
        if place.is_file()
    }


@pytest.fixture
async def backup(filled: Scene, own_app: FastAPI, own_database: Database, tmp_path: Path) -> Path:
    """Give a backup of it."""
    folder = tmp_path / "backup"
    await back_up(address(own_database), own_app.state.files, folder, START)
    return folder


async def test_what_is_put_back_is_the_same_row_by_row_and_byte_by_byte(
    backup: Path, own_database: Database, empty: Database, settings: Settings, tmp_path: Path
) -> None:
    before, bytes_before = await rows(own_database), files_below(settings.evidence_path)
    assert len(bytes_before) == 4, "three documents and a piece"
    assert await restore(backup, target(empty), FileStore(tmp_path / "again"), START) == []
    assert await rows(empty) == before
    assert files_below(tmp_path / "again") == bytes_before
    # Written down by the database in the same form, too: sequences, constraints, defaults.
    again = tmp_path / "second backup"
    await back_up(address(empty), FileStore(tmp_path / "again"), again, START)
    first, second = Manifest.read(backup), Manifest.read(again)
    assert (first.files, first.rows, first.lost) == (second.files, second.rows, {})


async def test_a_bucket_is_saved_and_filled_like_a_folder(
    backup: Path, empty: Database, s3_server: S3Server, tmp_path: Path
) -> None:
    bucket = Place(tmp_path / "local", s3_server).store()
    assert await restore(backup, target(empty), bucket, START) == []
    again = await back_up(address(empty), bucket, tmp_path / "second backup", START)
    assert (again.files, again.lost) == (Manifest.read(backup).files, {})


def test_nobody_else_can_read_a_backup_and_no_secret_is_in_it(backup: Path, settings: Settings) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert not backup.with_name("backup.part").exists()
    texts = b"".join((backup / name).read_bytes() for name in (MANIFEST, SEAL, DUMP))
    assert settings.secret_key.get_secret_value().encode() not in texts


# How it is damaged, and what the refusal names.
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of a file is another": (lambda of: _change(_a_file(of)), "{file}: was changed"),
    "a file is cut short": (lambda of: _cut(_a_file(of)), "{file}: "),
    "a file is missing": (lambda of: _a_file(of).unlink(), "{file}: is missing"),
    "a byte of the dump is another": (lambda of: _change(of / DUMP), "database.dump: was changed"),
    "the dump is cut short": (lambda of: _cut(of / DUMP), "database.dump: "),
    "the manifest is another": (lambda of: _change(of / MANIFEST), "manifest.json was changed"),
    "the manifest is missing": (lambda of: (of / MANIFEST).unlink(), "no whole backup"),
    "the seal is missing": (lambda of: (of / SEAL).unlink(), "no whole backup"),
    "more is there": (lambda of: (of / FILES / "more").write_bytes(b"more"), "files/more: is not of this"),
}


def _a_file(of: Path) -> Path:
    return of / FILES / Manifest.read(of).files[1].name


def _change(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def _cut(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:-1])


async def test_a_damaged_backup_is_refused_by_name_before_anything_is_written(
    backup: Path, empty: Database, tmp_path: Path
) -> None:
    for what, (damage, named) in DAMAGES.items():
        damaged = tmp_path / "damaged"
        shutil.copytree(backup, damaged)
        damage(damaged)
        with pytest.raises(BackupUnusable) as refused:
            await restore(damaged, target(empty), FileStore(tmp_path / "again"), START)
        assert named.format(file=Manifest.read(backup).files[1].name) in str(refused.value), what
        assert await rows(empty) == {}, what
        assert not (tmp_path / "again").exists(), what
        shutil.rmtree(damaged)


@pytest.mark.parametrize(
    "text", ["[]", '"x"', "{}", '{"format": 1}', '{"format": 1, "dump": 5, "files": []}', "\ud800"]
)
def test_a_manifest_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    """Its seal is right: no damage, but a file of something else; exit 1 would say that all of it was put back."""
    written = text.encode("utf-8", "surrogatepass")
    (tmp_path / "manifest.json").write_bytes(written)
    (tmp_path / "manifest.sha256").write_text(f"{hashlib.sha256(written).hexdigest()}  manifest.json\n")
    with pytest.raises(BackupUnusable, match="not one of ours"):
        Manifest.read(tmp_path)


async def test_a_backup_of_a_newer_release_is_refused(backup: Path, empty: Database, tmp_path: Path) -> None:
    said = json.loads((backup / MANIFEST).read_text())
    changed = json.dumps(said | {"migration": "9999"}).encode()
    (backup / MANIFEST).write_bytes(changed)
    (backup / SEAL).write_text(hashlib.sha256(changed).hexdigest())
    with pytest.raises(BackupUnusable, match="newer release"):
        await restore(backup, target(empty), FileStore(tmp_path / "again"), START)


async def test_it_is_put_back_only_where_nothing_is(
    backup: Path, own_database: Database, empty: Database, tmp_path: Path
) -> None:
    with pytest.raises(NotEmpty, match="database"):
        await restore(backup, target(own_database), FileStore(tmp_path / "again"), START)
    taken = FileStore(tmp_path / "taken")
    foreign = tmp_path / "taken" / content_name("ab" * 32)
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of somebody else")
    with pytest.raises(NotEmpty, match="store"):
        await restore(backup, target(empty), taken, START)
    assert await rows(empty) == {}


async def test_what_broke_off_is_done_again(backup: Path, empty: Database, tmp_path: Path) -> None:
    """The files of an attempt that was killed lie there already; the database is still empty."""
    shutil.copytree(backup / FILES, tmp_path / "again")
    assert await restore(backup, target(empty), FileStore(tmp_path / "again"), START) == []


async def test_a_backup_that_fails_leaves_nothing(
    filled: Scene, own_app: FastAPI, own_database: Database, tmp_path: Path
) -> None:
    gone = address(own_database).replace("/race_", "/no_such_race_")
    with pytest.raises(Exception, match="does not exist"):
        await back_up(gone, own_app.state.files, tmp_path / "backup", START)
    assert not (tmp_path / "backup.part").exists()
    (tmp_path / "backup").mkdir()
    with pytest.raises(FileExistsError):
        await back_up(address(own_database), own_app.state.files, tmp_path / "backup", START)


async def test_what_the_store_has_lost_is_named_and_the_rest_is_saved(
    filled: Scene,
    own_app: FastAPI,
    own_database: Database,
    empty: Database,
    settings: Settings,
    tmp_path: Path,
) -> None:
    names = [name for name in files_below(settings.evidence_path) if not name.startswith("pieces")]
    (settings.evidence_path / names[0]).unlink()
    _change(settings.evidence_path / names[1])
    made = await back_up(address(own_database), own_app.state.files, tmp_path / "backup", START)
    assert made.lost == {names[0]: "is missing", names[1]: "is damaged: it has another hash or size"}
    assert await restore(tmp_path / "backup", target(empty), FileStore(tmp_path / "again"), START) == []
    assert names[2] in files_below(tmp_path / "again")


async def test_nothing_is_taken_out_while_a_backup_is_made(
    filled: Scene, own_app: FastAPI, own_database: Database, settings: Settings, clock: Clock
) -> None:
    async with own_database.session() as session:
        await session.execute(text("UPDATE stored_file SET touched_at = touched_at - interval '9 years'"))
        lonely = StoredFile(
            sha256="ab" * 32, size_bytes=1, media_type="application/pdf", touched_at=START.replace(year=2014)
        )
        session.add(lonely)
        await session.commit()
    work = partial(purge, own_database, own_app.state.files, grace=START - START, now=clock.now)
    async with own_database.session() as session:
        await stand_still(session)
        assert (await work()).gone == []
    assert [one.sha256 for one in (await work()).gone] == ["ab" * 32]


def command(module: str, folder: Path, var: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the two commands on the embedded database of a folder."""
    inherited = {n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "SECRET_KEY", "APP_ENV")}
    return subprocess.run(
        [sys.executable, "-m", f"app.backups.{module}", str(folder)],
        cwd=ROOT,
        env=inherited | {"VAR_DIR": str(var)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_save_a_living_service_and_make_another_of_it(tmp_path: Path) -> None:
    service = Service(tmp_path / "var", LOG_LEVEL="warning")
    assert log_in(service.address()) == 200
    made = command("making", tmp_path / "backup", tmp_path / "var")
    assert made.returncode == 0, made.stderr
    for place in (tmp_path / "backup").rglob("*"):
        assert stat.S_IMODE(place.stat().st_mode) == (0o700 if place.is_dir() else 0o600), place
    assert command("making", tmp_path / "backup", tmp_path / "var").returncode == 2
    refused = command("restoring", tmp_path / "backup", tmp_path / "var")
    assert refused.returncode == 2
    assert "is in use by process" in refused.stderr
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(20)
    back = command("restoring", tmp_path / "backup", tmp_path / "again")
    assert (back.returncode, back.stdout) == (0, "OK everything is there as the backup says\n"), back.stderr
    once_more = command("restoring", tmp_path / "backup", tmp_path / "again")
    assert once_more.returncode == 2
    assert "not empty" in once_more.stderr
    service = Service(tmp_path / "again", LOG_LEVEL="warning")
    assert log_in(service.address()) == 200
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(20)


async def test_without_the_programs_of_the_servers_version_nothing_is_begun() -> None:
    with pytest.raises(ToolFailed, match="postgresql-client-99"):
        tool("pg_dump", 99)
