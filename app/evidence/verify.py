"""Prove that the store holds what the database says, byte for byte, and nothing else.

    python -m app.evidence.verify [--json]

Reads the database of DATABASE_URL, or the embedded one whether or not its server is running, and every byte of the
store; changes nothing. Exit 0: all is as it must be. Exit 1: each finding on a line. Exit 2: it could not be found out.

Uploads may go on meanwhile: what is not there is looked at again under the row's lock, and what a document does not
need yet may be on its way.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from app.core import log
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgresError
from app.core.files import PIECES, FileStore, Stored, content_name, file_store, sha256_of
from app.core.incoming import StoreUnavailable
from app.evidence.models import Document, ResumableUpload, StoredFile, UploadPiece

PAGE = 500

# How long what nobody needs may lie there before it counts as left behind.
GRACE = timedelta(hours=1)

_NAMED_DOCUMENTS = 20

screen = Console(stderr=True, highlight=False)


class Kind(StrEnum):
    """What can be wrong: bytes are not there, not those they were, nobody's, or of an upload that was cut off."""

    MISSING = "missing"
    DAMAGED = "damaged"
    ORPHAN = "orphan"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it must be, and the documents that need it (the first of them)."""

    kind: Kind
    name: str
    detail: str
    documents: list[str]


@dataclass(slots=True)
class Verification:
    """One comparison of a database with a store; `files` and `bytes` grow as they are found right."""

    database: Database
    store: FileStore
    now: datetime
    tell: Callable[[int], None] = lambda _: None
    files: int = 0
    bytes: int = 0

    async def findings(self) -> AsyncIterator[Finding]:
        """Give what is wrong, in the order in which it is found.

        Raises: StoreUnavailable where the store as a whole does not answer.
        """
        for part in (self._of_content(), self._of_uploads(), self._of_store(), self._of_leftovers()):
            async for finding in part:
                yield finding

    async def total_bytes(self) -> int:
        """Return how many bytes are to be read."""
        query = select(func.coalesce(func.sum(StoredFile.size_bytes), 0)).where(
            StoredFile.purged_at.is_(None)
        )
        async with self.database.session() as session:
            return int(await session.scalar(query) or 0)

    # --- what the database says -----------------------------------------------------------------------------

    async def _of_content(self) -> AsyncIterator[Finding]:
        last = ""
        while rows := await self._rows_after(last):
            for row in rows:
                if found := await self._of_file(row):
                    yield found
                self.tell(row.size_bytes)
            last = rows[-1].sha256

    async def _rows_after(self, last: str) -> list[StoredFile]:
        query = select(StoredFile).where(StoredFile.sha256 > last, StoredFile.purged_at.is_(None))
        async with self.database.session() as session:
            return list(await session.scalars(query.order_by(StoredFile.sha256).limit(PAGE)))

    async def _of_file(self, row: StoredFile) -> Finding | None:
        name = content_name(row.sha256)
        size = await self.store.size_of(name)
        if size is None:
            return await self._missing(row.sha256, f"{row.size_bytes} bytes")
        wrong = (
            await self._damage(row, name)
            if size == row.size_bytes
            else f"{size} bytes instead of {row.size_bytes}"
        )
        if wrong:
            return Finding(Kind.DAMAGED, name, wrong, await self._documents_of(row.sha256))
        self.files += 1
        self.bytes += size
        return None

    async def _damage(self, row: StoredFile, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            async for block in await self.store.read(name):
                digest.update(block)
        except StoreUnavailable:
            await self.store.size_of(name)  # raises where it is not this file alone
            return "cannot be read"
        return None if digest.hexdigest() == row.sha256 else f"the content has the hash {digest.hexdigest()}"

    async def _missing(self, sha256: str, detail: str) -> Finding | None:
        """Return a finding unless the bytes were taken out meanwhile, or no document has them: nobody was told yet
        that they are kept."""
        async with self.database.session() as session:
            row = await session.get(StoredFile, sha256, with_for_update={"read": True})
        if row is None or row.purged_at is not None or not (documents := await self._documents_of(sha256)):
            return None
        return Finding(Kind.MISSING, content_name(sha256), detail, documents)

    async def _documents_of(self, sha256: str) -> list[str]:
        query = (
            select(Document.id).where(Document.sha256 == sha256).order_by(Document.id).limit(_NAMED_DOCUMENTS)
        )
        async with self.database.session() as session:
            return [str(document_id) for document_id in await session.scalars(query)]

    async def _of_uploads(self) -> AsyncIterator[Finding]:
        """Compare the sizes of an open upload's pieces: which name each has is the business of who receives them."""
        is_open = (
            select(ResumableUpload.id).where(ResumableUpload.ended_at.is_(None)).order_by(ResumableUpload.id)
        )
        async with self.database.session() as session:
            ids = list(await session.scalars(is_open))
        for upload_id in ids:
            needed = await self._piece_sizes(upload_id)
            folder = f"{PIECES}/{upload_id}"
            there = (
                Counter([found.size_bytes async for found in self.store.listed(folder)])
                if needed
                else Counter()
            )
            lost = sum((needed - there).values())
            if lost and await self._is_open(upload_id):
                yield Finding(Kind.MISSING, folder, f"{lost} of {needed.total()} pieces", [])

    async def _piece_sizes(self, upload_id: UUID) -> Counter[int]:
        query = select(UploadPiece.size_bytes).where(UploadPiece.upload_id == upload_id)
        async with self.database.session() as session:
            return Counter(await session.scalars(query))

    async def _is_open(self, upload_id: UUID) -> bool:
        async with self.database.session() as session:
            upload = await session.get(ResumableUpload, upload_id)
        return upload is not None and upload.ended_at is None

    # --- what the store holds -------------------------------------------------------------------------------

    async def _of_store(self) -> AsyncIterator[Finding]:
        batch: list[Stored] = []
        async for found in self.store.listed():
            batch.append(found)
            if len(batch) == PAGE:
                for orphan in await self._orphans(batch):
                    yield orphan
                batch = []
        for orphan in await self._orphans(batch):
            yield orphan

    async def _orphans(self, batch: list[Stored]) -> list[Finding]:
        content = {found.name: sha256 for found in batch if (sha256 := sha256_of(found.name))}
        uploads = {found.name: upload for found in batch if (upload := _upload_of(found.name))}
        kept = select(StoredFile.sha256).where(
            StoredFile.sha256.in_(content.values()),
            or_(StoredFile.purged_at.is_(None), StoredFile.touched_at > self.now - GRACE),
        )
        # Pieces are taken out some time after their upload has ended.
        going_on = select(ResumableUpload.id).where(
            ResumableUpload.id.in_(uploads.values()),
            or_(ResumableUpload.ended_at.is_(None), ResumableUpload.ended_at > self.now - GRACE),
        )
        async with self.database.session() as session:
            known = {*await session.scalars(kept), *await session.scalars(going_on)}
        return [
            Finding(Kind.ORPHAN, found.name, f"{found.size_bytes} bytes", [])
            for found in batch
            if content.get(found.name) not in known and uploads.get(found.name) not in known
        ]

    async def _of_leftovers(self) -> AsyncIterator[Finding]:
        for found in await self.store.leftovers(self.now - GRACE):
            detail = f"{found.size_bytes} bytes, written last at {found.written_at:%Y-%m-%dT%H:%M:%SZ}"
            yield Finding(Kind.LEFTOVER, found.name, detail, [])


def _upload_of(name: str) -> UUID | None:
    """Return the upload to which an object of the store is a piece."""
    folder, _, rest = name.partition("/")
    try:
        return UUID(rest.partition("/")[0]) if folder == PIECES else None
    except ValueError:
        return None


# --- the command --------------------------------------------------------------------------------------------


def _print(text: str) -> None:
    """Write a line at once: whoever reads along sees it while the rest is being read."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _line(finding: Finding) -> str:
    """Return a finding as a line: names of others' making can hold anything."""
    name = finding.name if finding.name.isprintable() else ascii(finding.name)
    needed = f"; needed by documents {', '.join(finding.documents)}" if finding.documents else ""
    return f"{finding.kind:<8} {name}: {finding.detail}{needed}"


async def _verify(url: str, settings: Settings, *, as_json: bool) -> int:
    """Print every finding as soon as it is known; give how many there are."""
    columns = (TextColumn("Reading the evidence"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    count = 0
    database = Database(url, is_local=True, is_patient=True)
    try:
        with Progress(*columns, console=screen, transient=True) as progress:
            verification = Verification(database, file_store(settings), datetime.now(UTC))
            task = progress.add_task("", total=await verification.total_bytes())
            verification.tell = lambda size: progress.advance(task, size)
            async for finding in verification.findings():
                count += 1
                _print(json.dumps(asdict(finding)) if as_json else _line(finding))
    finally:
        await database.close()
    if as_json:
        _print(json.dumps({"files": verification.files, "bytes": verification.bytes, "findings": count}))
    else:
        told = f"{verification.files} files, {verification.bytes} bytes"
        if count:
            screen.print(f"{told} are right; findings: {count}")
        else:
            _print(f"OK {told}")
    return count


def main(arguments: list[str]) -> int:
    """Verify the store of the settings; give the exit status."""
    parser = argparse.ArgumentParser(
        "scripts/evidence verify", description="compares every file with its row"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line, the last one sums up")
    options = parser.parse_args(arguments)
    try:
        settings = Settings()
        with database_url(settings) as url:
            return 1 if asyncio.run(_verify(url, settings, as_json=options.json)) else 0
    except (SettingMissing, ValueError, EmbeddedPostgresError) as error:
        why = str(error)
    except StoreUnavailable:
        why = "the store of the files does not answer"
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        # The text of a driver's error can hold the address with its password.
        why = f"the database cannot be read ({type(error).__name__})"
    sys.stderr.write(f"scripts/evidence verify: {why}\n")
    return 2


if __name__ == "__main__":
    log.configure("error")
    sys.exit(main(sys.argv[1:]))
