"""Prove that the audit trail holds what was written, all of it, in its order, and nothing else.

    python -m app.core.audit_verify [--json] [--heads FILE] [--archive FILE]

Reads the database of DATABASE_URL, or the embedded one whether or not its server is running; changes nothing. Every
hash is computed here, none is believed. Who owns the database could write the whole chain anew: that shows in the heads
that were kept outside (--heads: what GET /api/v1/public/audit-heads gave, or one head a line as JSON). Events that were
retired are looked for in their archives (--archive, as often as there are files).
Exit 0: all is as it must be. Exit 1: each finding on a line. Exit 2: it could not be found out.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.core import log
from app.core.audit import RETIRED, AuditEvent, AuditHead, AuditLink
from app.core.audit_chain import PAGE, Head, Link, hash_of, links
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgresError

screen = Console(stderr=True, highlight=False)


class Kind(StrEnum):
    """What can be wrong."""

    ALTERED = "altered"  # the event is not what was linked
    DELETED = "deleted"  # a link whose event is gone, and no retirement took it out
    INSERTED = "inserted"  # an event that the chain does not know
    GAP = "gap"  # links are gone
    BROKEN = "broken"  # a link does not continue the one before it
    TRUNCATED = "truncated"  # the chain ends before a published head
    REWRITTEN = "rewritten"  # the chain is another one than was published
    ARCHIVE = "archive"  # an archive does not hold what was retired


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: the link's number, the event's id where there is one, and what is wrong."""

    kind: Kind
    seq: int | None
    event_id: str | None
    detail: str


@dataclass(slots=True)
class Verification:
    """One reading of the whole chain; `events` and `retired` grow as they are found right, `last` is its end."""

    database: Database
    heads: list[Head] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    tell: Callable[[int], None] = lambda _: None
    events: int = 0
    retired: int = 0
    last: Link | None = None

    async def findings(self) -> AsyncIterator[Finding]:
        """Give what is wrong, in the order in which it is found."""
        async with self.database.session() as session:
            published = [Head(h.day, h.seq, h.hash) for h in await session.scalars(select(AuditHead))]
            retirements = list(
                await session.scalars(select(AuditEvent.after).where(AuditEvent.action == RETIRED))
            )
        heads: dict[int, list[Head]] = {}
        for head in published + self.heads:
            heads.setdefault(head.seq, []).append(head)
        retired_to = max((int(one["up_to_seq"]) for one in retirements if one), default=0)
        async for link in links(self.database):
            for found in self._of_link(link, retired_to, heads.pop(link.seq, [])):
                yield found
            self.last = link
            self.tell(1)
        for head in (head for there in heads.values() for head in there):
            yield self._of_lost(head)
        async for found in self._of_unlinked():
            yield found
        for archive in self.archives:
            async for found in self._of_archive(archive, [one for one in retirements if one]):
                yield found

    async def total(self) -> int:
        """Return how many links are to be read."""
        async with self.database.session() as session:
            return await session.scalar(select(func.count()).select_from(AuditLink)) or 0

    # --- the chain ------------------------------------------------------------------------------------------

    def _of_link(self, link: Link, retired_to: int, heads: list[Head]) -> Iterator[Finding]:
        def finding(kind: Kind, detail: str) -> Finding:
            return Finding(kind, link.seq, str(link.event_id), detail)

        before = self.last.seq if self.last else 0
        if link.seq != before + 1:
            yield finding(Kind.GAP, f"links {before + 1} to {link.seq - 1} are gone")
        elif link.previous != (self.last.hash if self.last else b""):
            yield finding(Kind.BROKEN, "it does not continue the link before it")
        if link.covered is None:
            if link.seq > retired_to:
                yield finding(Kind.DELETED, "its event is gone")
            else:
                self.retired += 1
        elif hash_of(link.previous, link.covered) != link.hash:
            yield finding(
                Kind.ALTERED, f"what is there now is not what was linked: {link.action} at {link.at}"
            )
        else:
            self.events += 1
        for head in heads:
            if head.hash != link.hash:
                yield finding(Kind.REWRITTEN, f"on {head.day} it was published as {head.hash.hex()}")

    def _of_lost(self, head: Head) -> Finding:
        end = self.last.seq if self.last else 0
        kind = Kind.TRUNCATED if head.seq > end else Kind.REWRITTEN
        return Finding(
            kind, head.seq, None, f"on {head.day} it was published, and is not there; the end is {end}"
        )

    async def _of_unlinked(self) -> AsyncIterator[Finding]:
        query = (
            select(AuditEvent.id, AuditEvent.action, AuditEvent.at)
            .outerjoin(AuditLink, AuditLink.event_id == AuditEvent.id)
            .where(AuditLink.seq.is_(None))
            .order_by(AuditEvent.id)
        )
        async with self.database.session() as session:
            async for row in await session.stream(query):
                yield Finding(
                    Kind.INSERTED, None, str(row.id), f"no link knows of it: {row.action} at {row.at}"
                )

    # --- what was retired -----------------------------------------------------------------------------------

    async def _of_archive(self, path: Path, retirements: list[dict[str, Any]]) -> AsyncIterator[Finding]:
        """Compare every line of an archive with its link, and the file with the event that says it was written."""
        digest, count, batch = hashlib.sha256(), 0, dict[int, bytes]()
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                seq, hashed = _archived(line)
                batch[seq] = hashed
                count += 1
                if len(batch) == PAGE:
                    async for found in self._of_batch(batch, path):
                        yield found
                    batch.clear()
        async for found in self._of_batch(batch, path):
            yield found
        if not any(one["sha256"] == digest.hexdigest() and one["events"] == count for one in retirements):
            yield Finding(
                Kind.ARCHIVE, None, None, f"{path.name}: no retirement says that it wrote this file"
            )

    async def _of_batch(self, batch: dict[int, bytes], path: Path) -> AsyncIterator[Finding]:
        query = select(AuditLink.seq, AuditLink.hash).where(AuditLink.seq.in_(batch))
        async with self.database.session() as session:
            linked = {row.seq: row.hash for row in await session.execute(query)}
        for seq, hashed in batch.items():
            if linked.get(seq) != hashed:
                yield Finding(Kind.ARCHIVE, seq, None, f"{path.name}: the line is not what was linked")


def _archived(line: bytes) -> tuple[int, bytes]:
    """Return the number and the hash of a line of an archive; -1 where it is none."""
    with suppress(ValueError, KeyError, TypeError):
        found = json.loads(line)
        return int(found["seq"]), hash_of(bytes.fromhex(found["previous"]), found["covered"])
    return -1, b""


def heads_in(text: str) -> list[Head]:
    """Return the heads that were kept: one a line, a list, or a page of the public list.

    Raises: ValueError.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(found, dict):
        found = found.get("items", [found])
    try:
        return [Head(date.fromisoformat(h["day"]), int(h["seq"]), bytes.fromhex(h["hash"])) for h in found]
    except (KeyError, TypeError) as error:
        raise ValueError("a head needs day, seq and hash") from error


# --- the command --------------------------------------------------------------------------------------------


def _print(text: str) -> None:
    """Write a line at once: whoever reads along sees it while the rest is being read."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _line(finding: Finding) -> str:
    """Return a finding as a line: what events say can hold anything."""
    named = " ".join(f"{part}" for part in (finding.seq, finding.event_id) if part is not None)
    text = f"{finding.kind:<9} {named}: {finding.detail}"
    return text if text.isprintable() else ascii(text)


async def _verify(url: str, heads: list[Head], archives: list[Path], *, as_json: bool) -> int:
    """Print every finding as soon as it is known; give how many there are."""
    columns = (
        TextColumn("Reading the audit trail"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    count = 0
    database = Database(url, is_local=True)
    try:
        with Progress(*columns, console=screen, transient=True) as progress:
            verification = Verification(database, heads, archives)
            task = progress.add_task("", total=await verification.total())
            verification.tell = lambda links: progress.advance(task, links)
            async for finding in verification.findings():
                count += 1
                _print(json.dumps(asdict(finding)) if as_json else _line(finding))
    finally:
        await database.close()
    _sum_up(verification, count, as_json=as_json)
    return count


def _sum_up(verification: Verification, count: int, *, as_json: bool) -> None:
    last = verification.last
    seq, end = (last.seq, last.hash.hex()) if last else (0, "")
    if as_json:
        known = {"events": verification.events, "retired": verification.retired, "findings": count}
        _print(json.dumps({**known, "seq": seq, "hash": end}))
        return
    told = f"{verification.events} events, {verification.retired} retired, head {seq} {end}"
    if count:
        screen.print(f"{told}; findings: {count}", soft_wrap=True)
    else:
        _print(f"OK {told}")


def main(arguments: list[str]) -> int:
    """Verify the audit trail of the settings; give the exit status."""
    parser = argparse.ArgumentParser("scripts/audit verify", description="computes the whole chain again")
    parser.add_argument("--json", action="store_true", help="one JSON object per line, the last one sums up")
    parser.add_argument("--heads", type=Path, help="published heads that were kept outside")
    parser.add_argument("--archive", type=Path, action="append", default=[], help="file of retired events")
    options = parser.parse_args(arguments)
    try:
        heads = heads_in(options.heads.read_text(encoding="utf-8")) if options.heads else []
        with database_url(Settings()) as url:
            return 1 if asyncio.run(_verify(url, heads, options.archive, as_json=options.json)) else 0
    except (SettingMissing, ValueError, EmbeddedPostgresError) as error:
        why = str(error)
    except (SQLAlchemyError, asyncpg.PostgresError, ConnectionError) as error:
        # The text of a driver's error can hold the address with its password.
        why = f"the database cannot be read ({type(error).__name__})"
    except OSError as error:
        why = f"{error.filename or 'the database'} cannot be read ({type(error).__name__})"
    sys.stderr.write(f"scripts/audit verify: {why}\n")
    return 2


if __name__ == "__main__":
    log.configure("error")
    sys.exit(main(sys.argv[1:]))
