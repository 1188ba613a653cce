"""Write the database and the evidence down together, so that they can be put back together.

    python -m app.backups.making FOLDER

Reads the database of DATABASE_URL (DATABASE_OWNER_URL, where one is set), or the embedded one whether or not its
server is running; the service may go on. FOLDER must not be there; it appears only when the backup is whole. Exit 0:
all is in it. Exit 1: it is whole, but the store itself lacks the named files. Exit 2: there is no backup.

The database first, as it stands at one instant, then the files it names: these never change, and none is taken out
meanwhile.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import exists, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.backups.manifest import DUMP, FILES, Kept, Manifest, sha256_of_file
from app.backups.tools import ToolFailed, run, tool
from app.core import log
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgresError
from app.core.files import FileStore, content_name, file_store, sha256_of
from app.core.incoming import StoreUnavailable
from app.core.standstill import stand_still
from app.evidence.models import Document, ResumableUpload, StoredFile, UploadPiece

screen = Console(stderr=True, highlight=False)
PROGRESS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database said at the instant of the backup; `files` are names of the store with their sizes."""

    migration: str
    postgres: str
    rows: dict[str, int]
    files: dict[str, int]
    is_needed: dict[str, bool]


async def back_up(
    url: str, store: FileStore, folder: Path, now: datetime, tell: Tell = lambda _: None
) -> Manifest:
    """Write a backup into a folder that is not there yet, and return what is in it.

    Raises: FileExistsError, ToolFailed, StoreUnavailable, and the driver's errors; then nothing is left.
    """
    part = _begun(folder)
    database = Database(url, is_local=True, is_patient=True)
    try:
        async with database.session() as session:
            await stand_still(session)
            async with _snapshot(database) as (snapshot, reading):
                seen = await _look(reading)
                await _dump(url, seen, snapshot, part / DUMP)
            kept, lost = await _copy(store, seen, part / FILES, tell)
        dump = Kept(DUMP, (part / DUMP).stat().st_size, sha256_of_file(part / DUMP))
        manifest = Manifest(now.isoformat(), seen.migration, seen.postgres, dump, seen.rows, kept, lost)
        manifest.write(part)
        _make_durable(*part.rglob("*"), part)  # before the folder gets its name
        part.rename(folder)
        _make_durable(folder.parent)
        return manifest
    finally:
        shutil.rmtree(part, ignore_errors=True)
        await database.close()


def _begun(folder: Path) -> Path:
    """Return a new folder beside the one that is to be; what a killed backup left there goes."""
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: name another folder")
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    return part


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[tuple[str, AsyncSession]]:
    """Give the name of an instant of the database, and a session that reads as of it."""
    async with database.session() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield str(await session.scalar(text("SELECT pg_export_snapshot()"))), session


async def _look(session: AsyncSession) -> Seen:
    needed = exists().where(Document.sha256 == StoredFile.sha256).label("is_needed")
    present = select(StoredFile.sha256, StoredFile.size_bytes, needed).where(StoredFile.purged_at.is_(None))
    stored = (await session.execute(present)).all()
    still_open = select(UploadPiece.object_name, UploadPiece.size_bytes).join(
        ResumableUpload, ResumableUpload.id == UploadPiece.upload_id
    )
    pieces = (await session.execute(still_open.where(ResumableUpload.ended_at.is_(None)))).all()
    return Seen(
        migration=str(await session.scalar(text("SELECT version_num FROM alembic_version"))),
        postgres=str(await session.scalar(text("SHOW server_version"))),
        rows=await rows_of(session),
        files={content_name(row.sha256): row.size_bytes for row in stored}
        | {row.object_name: row.size_bytes for row in pieces},
        is_needed={content_name(row.sha256): row.is_needed for row in stored},
    )


async def rows_of(session: AsyncSession) -> dict[str, int]:
    """Return how many rows each table has."""
    names = await session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    )
    return {
        name: await session.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0  # noqa: S608  names of our own
        for name in names.all()
    }


async def _dump(url: str, seen: Seen, snapshot: str, place: Path) -> None:
    program = tool("pg_dump", int(seen.postgres.split(".")[0]))
    await run(program, url, "--format=custom", f"--snapshot={snapshot}", f"--file={place}")


# --- the files ----------------------------------------------------------------------------------------------


async def _copy(store: FileStore, seen: Seen, folder: Path, tell: Tell) -> tuple[list[Kept], dict[str, str]]:
    """Copy what the database names; return what was kept, and why the rest was not."""
    kept: list[Kept] = []
    lost: dict[str, str] = {}
    for name, size_bytes in sorted(seen.files.items()):
        found = await store.size_of(name)
        if found is None:
            if seen.is_needed.get(
                name, True
            ):  # else its upload was broken off, and nobody was told it is kept
                lost[name] = "is missing"
            continue
        one = await _copy_one(store, name, folder / name, tell)
        wanted = (size_bytes, sha256_of(name) or one.sha256)
        if (one.size_bytes, one.sha256) == wanted:
            kept.append(one)
        else:
            (folder / name).unlink()
            lost[name] = "is damaged: it has another hash or size"
    return kept, lost


async def _copy_one(store: FileStore, name: str, place: Path, tell: Tell) -> Kept:
    digest, size_bytes = hashlib.sha256(), 0
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        async for block in await store.read(name):
            digest.update(block)
            size_bytes += len(block)
            await asyncio.to_thread(file.write, block)
            tell(len(block))
    return Kept(name, size_bytes, digest.hexdigest())


def _make_durable(*places: Path) -> None:
    """Make files, and the names in folders, survive a power cut."""
    for place in places:
        handle = os.open(place, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


# --- the command --------------------------------------------------------------------------------------------


async def _back_up(settings: Settings, url: str, folder: Path) -> Manifest:
    with Progress(*PROGRESS, console=screen, transient=True) as progress:
        task = progress.add_task("Copying the evidence", total=None)
        return await back_up(
            url, file_store(settings), folder, datetime.now(UTC), lambda size: progress.advance(task, size)
        )


def main(arguments: list[str]) -> int:
    """Make a backup; give the exit status."""
    parser = argparse.ArgumentParser(
        "scripts/backup", description="writes database and evidence into a folder"
    )
    parser.add_argument("folder", type=Path, help="the folder to make; it must not be there")
    folder: Path = parser.parse_args(arguments).folder.absolute()
    os.umask(0o077)  # personal data: nobody else reads it
    try:
        settings = Settings()
        # Who owns the tables: only he may read everything.
        with database_url(settings, as_owner=True) as url:
            made = asyncio.run(_back_up(settings, url, folder))
    except (ValueError, SettingMissing, EmbeddedPostgresError, ToolFailed, StoreUnavailable) as error:
        why = str(error)
    except (SQLAlchemyError, asyncpg.PostgresError) as error:
        # The text of a driver's error can hold the address with its password.
        why = f"the database cannot be read ({type(error).__name__})"
    except OSError as error:
        why = f"{error.filename or folder}: {error.strerror}" if error.strerror else str(error)
    else:
        sys.stdout.write(
            f"{folder}: {sum(made.rows.values())} rows of {len(made.rows)} tables, {len(made.files)} files, "
            f"{made.size_bytes} bytes\n"
        )
        sys.stdout.writelines(f"LOST {name}: {what}\n" for name, what in made.lost.items())
        return 1 if made.lost else 0
    sys.stderr.write(f"scripts/backup: {why}\n")
    return 2


if __name__ == "__main__":
    log.configure("error")
    sys.exit(main(sys.argv[1:]))
