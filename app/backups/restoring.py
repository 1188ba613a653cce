"""Put a backup back where nothing is: every byte is verified before, and everything compared after.

    python -m app.backups.restoring FOLDER

Writes into the database of DATABASE_URL (DATABASE_OWNER_URL, where one is set), or into an embedded one made for it,
and into the store of the settings; both must be empty, and the service must not run. Exit 0: all is there and right.
Exit 1: it is there, but not as the backup says; each difference on a line. Exit 2: nothing was put back.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from alembic.script import ScriptDirectory
from rich.progress import Progress
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.backups.making import PROGRESS, rows_of, screen
from app.backups.manifest import DUMP, FILES, BackupUnusable, Kept, Manifest
from app.backups.tools import ToolFailed, run, tool
from app.core import log, migrate
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresError
from app.core.files import FileStore, file_store
from app.core.incoming import BLOCK_BYTES, StoreUnavailable
from app.evidence.verify import Verification

_THINGS = text(
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
)

Tell = Callable[[int], None]


class NotEmpty(Exception):
    """Something is there already; the message says what."""


@dataclass(frozen=True, slots=True)
class Target:
    """An empty database, by the address of who is to own its tables, and the application's address to it."""

    owner_url: str
    application_url: str


async def restore(
    folder: Path, target: Target, store: FileStore, now: datetime, tell: Tell = lambda _: None
) -> list[str]:
    """Put a backup back, bring it to the newest schema, and return what differs from what the backup says.

    Files first, then the database in one transaction: what broke off before that is done again as if for the first
    time; after it, the database is not empty any more, and has to be made anew.

    Raises: BackupUnusable and NotEmpty before anything is written, ToolFailed, StoreUnavailable, the driver's errors.
    """
    manifest = await asyncio.to_thread(_whole, folder, tell)
    database = Database(target.owner_url, is_local=True, is_patient=True)
    try:
        major = await _require_empty(database, store, manifest)
        program = tool("pg_restore", major)
        for kept in manifest.files:
            await _put(store, folder / FILES / kept.name, kept, tell)
        # Without the rights of the roles there were: those of here are given below.
        options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        await run(program, target.owner_url, *options, str(folder / DUMP))
        differences = await _differences(database, manifest)
        await asyncio.to_thread(migrate.upgrade, target.owner_url, target.application_url)
        async for finding in Verification(database, store, now).findings():
            if finding.name not in manifest.lost:
                differences.append(f"{finding.kind} {finding.name}: {finding.detail}")
        return differences
    finally:
        await database.close()


def _whole(folder: Path, tell: Tell) -> Manifest:
    """Return the manifest of a backup of which every byte was read.

    Raises: BackupUnusable.
    """
    manifest = Manifest.read(folder)
    known = {script.revision for script in ScriptDirectory.from_config(migrate.config("")).walk_revisions()}
    if manifest.migration not in known:
        raise BackupUnusable(
            f"the backup is of a newer release (schema {manifest.migration}): install that one"
        )
    if faults := list(manifest.faults(folder, tell)):
        raise BackupUnusable("\n  ".join(["the backup is not what it was:", *faults]))
    return manifest


async def _require_empty(database: Database, store: FileStore, manifest: Manifest) -> int:
    """Refuse to write where something is; return the server's major version.

    Files of this very backup are no obstacle: they were left by an attempt that broke off.

    Raises: NotEmpty.
    """
    async with database.session() as session:
        if await session.scalar(_THINGS):
            raise NotEmpty("the database is not empty: restore into a new one")
        major = int(str(await session.scalar(text("SHOW server_version_num")))) // 10_000
    ours = {kept.name for kept in manifest.files}
    async for found in store.listed():
        if found.name not in ours:
            raise NotEmpty(f"the store is not empty ({found.name}): restore into a new one")
    return major


async def _put(store: FileStore, place: Path, kept: Kept, tell: Tell) -> None:
    """Put a file into the store, verified once more on its way.

    Raises: BackupUnusable.
    """
    async with store.receiving() as upload:
        with place.open("rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                await upload.write(block)
                tell(len(block))
        await upload.finish()
        if upload.sha256 != kept.sha256:
            raise BackupUnusable(f"{kept.name}: was changed while it was read")
        await store.take(upload.part, kept.name)


async def _differences(database: Database, manifest: Manifest) -> list[str]:
    async with database.session() as session:
        found = await rows_of(session)
    return [
        f"{name}: {found.get(name, 0)} rows instead of {manifest.rows.get(name, 0)}"
        for name in sorted(found.keys() | manifest.rows.keys())
        if found.get(name) != manifest.rows.get(name)
    ]


# --- the command --------------------------------------------------------------------------------------------


@contextmanager
def _target(settings: Settings) -> Iterator[Target]:
    """Give the address of the configured database; the embedded one is made and held, so that no service runs on it."""
    if not settings.is_embedded:
        yield Target(settings.sqlalchemy_owner_url, settings.sqlalchemy_url)
        return
    with EmbeddedPostgres(settings.var_dir.absolute() / "postgres") as server:
        yield Target(server.owner_url, server.url)


async def _restore(settings: Settings, target: Target, folder: Path) -> list[str]:
    with Progress(*PROGRESS, console=screen, transient=True) as progress:
        task = progress.add_task("Verifying, then copying", total=None)
        return await restore(
            folder, target, file_store(settings), datetime.now(UTC), lambda size: progress.advance(task, size)
        )


def main(arguments: list[str]) -> int:
    """Restore a backup; give the exit status."""
    parser = argparse.ArgumentParser("scripts/restore", description="puts a backup back where nothing is")
    parser.add_argument("folder", type=Path, help="the folder that scripts/backup made")
    folder: Path = parser.parse_args(arguments).folder.absolute()
    os.umask(0o077)
    try:
        settings = Settings()
        Manifest.read(folder)  # before a database is made for it
        with _target(settings) as target:
            differences = asyncio.run(_restore(settings, target, folder))
    except (BackupUnusable, NotEmpty, ToolFailed, StoreUnavailable) as error:
        why = str(error)
    except (ValueError, SettingMissing, EmbeddedPostgresError) as error:
        why = str(error)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        # The text of a driver's error can hold the address with its password.
        why = f"the database or the store cannot be written ({type(error).__name__})"
    else:
        sys.stdout.writelines(f"DIFFERS {one}\n" for one in differences)
        if not differences:
            sys.stdout.write("OK everything is there as the backup says\n")
        return 1 if differences else 0
    sys.stderr.write(f"scripts/restore: {why}\n")
    return 2


if __name__ == "__main__":
    log.configure("error")
    sys.exit(main(sys.argv[1:]))
