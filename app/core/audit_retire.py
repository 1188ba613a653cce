"""Take audit events out that need not be kept any longer; the chain stays whole, because their links do.

    python -m app.core.audit_retire --before DATE --out FILE [--dry-run]

As the owner of the tables (DATABASE_OWNER_URL, or the embedded database whether or not its server is running). Retires
the beginning of the chain, up to the first event of that day (Asia/Ho_Chi_Minh) or of which somebody is still to be
told; former retirements stay. The events go into a new file, one a line: `seq`, `previous` and `covered`, the text
whose SHA-256 after `previous` is the hash of the link. `scripts/audit verify --archive FILE` compares them. A
retirement is an event itself, with the SHA-256 of the file. How long events are kept is the decision of the province
(AUDIT_KEPT_YEARS): for ever where nothing is set.
Exit 0: done. Exit 1: the chain does not hold, nothing was retired. Exit 2: it could not be.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import BinaryIO

import asyncpg
from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import log
from app.core.audit import RETIRED, SYSTEM, AuditEvent, AuditLink, OutboxEvent, record_about
from app.core.audit_chain import Link, hash_of, links
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database, new_id
from app.core.embedded import EmbeddedPostgresError
from app.core.vietnamese import VIETNAM


class ChainBroken(Exception):
    """What is to be retired is not what was linked: `scripts/audit verify` says more."""


class TooYoung(Exception):
    """The policy keeps events of that day."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What was written to a file: how many events, up to which link, and the SHA-256 of the file."""

    events: int
    up_to_seq: int
    sha256: str


def require_old(before: date, kept_years: int | None, today: date) -> None:
    """Refuse to retire what the policy keeps: events are kept so many years to the day.

    Raises: TooYoung.
    """
    if kept_years is None:
        raise TooYoung("AUDIT_KEPT_YEARS is not set: audit events are kept for ever")
    # The first of March stands for a 29th of February that the other year does not have.
    has_day = today.month != 2 or today.day != 29
    youngest = today.replace(year=today.year - kept_years) if has_day else date(today.year - kept_years, 3, 1)
    if before > youngest:
        raise TooYoung(f"events are kept for {kept_years} years: --before may be {youngest} at the latest")


async def last_to_retire(session: AsyncSession, before: date) -> int:
    """Return the number of the last link that may go; 0: none."""
    day = datetime.combine(before, time(), VIETNAM)
    stays = (
        select(func.min(AuditLink.seq))
        .join(AuditEvent, AuditEvent.id == AuditLink.event_id)
        .outerjoin(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
        .where(
            or_(
                AuditEvent.at >= day,
                (OutboxEvent.id.is_not(None)) & OutboxEvent.done_at.is_(None),
            )
        )
    )
    first_kept = await session.scalar(stays)
    end = await session.scalar(select(func.max(AuditLink.seq))) or 0
    return end if first_kept is None else first_kept - 1


async def archive(database: Database, up_to_seq: int, file: BinaryIO) -> Archived:
    """Write the events that are still there up to a link, proving each.

    Raises: ChainBroken.
    """
    digest, count, previous = hashlib.sha256(), 0, b""
    async for link in links(database):
        if link.seq > up_to_seq:
            break
        if link.previous != previous or (link.covered and hash_of(previous, link.covered) != link.hash):
            raise ChainBroken(f"link {link.seq} does not hold")
        previous = link.hash
        if link.covered is not None and link.action != RETIRED:
            line = _line(link)
            digest.update(line)
            file.write(line)
            count += 1
    return Archived(count, up_to_seq, digest.hexdigest())


def _line(link: Link) -> bytes:
    said = {"seq": link.seq, "previous": link.previous.hex(), "covered": link.covered}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


async def take_out(session: AsyncSession, archived: Archived, before: date, now: datetime) -> None:
    """Take the archived events out and say so in the trail; in the owner's transaction."""
    await session.execute(text("SET LOCAL dti.retiring = 'on'"))
    gone = select(AuditLink.event_id).where(AuditLink.seq <= archived.up_to_seq)
    await session.execute(delete(OutboxEvent).where(OutboxEvent.audit_event_id.in_(gone)))
    old = (
        delete(AuditEvent)
        .where(AuditEvent.id.in_(gone), AuditEvent.action != RETIRED)
        .returning(AuditEvent.id)
    )
    taken = len((await session.scalars(old)).all())
    if taken != archived.events:
        raise ChainBroken(f"{taken} events are there, {archived.events} were archived")
    said = {"before": before.isoformat(), "events": archived.events}
    said |= {"up_to_seq": archived.up_to_seq, "sha256": archived.sha256}
    await record_about(session, SYSTEM, RETIRED, ("audit_event", new_id()), now, after=said)


async def retire(
    database: Database, before: date, out: Path, now: datetime, *, dry_run: bool = False
) -> Archived:
    """Write the events before a day (Asia/Ho_Chi_Minh) to a new file, then take them out.

    Raises: ChainBroken, FileExistsError.
    """
    async with database.session() as session:
        up_to_seq = await last_to_retire(session, before)
    if dry_run:
        with _opened(os.devnull, os.O_WRONLY) as nowhere:
            return await archive(database, up_to_seq, nowhere)
    with _opened(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        archived = await archive(database, up_to_seq, file)
        file.flush()
        os.fsync(file.fileno())
    if archived.events:
        async with database.session() as session, session.begin():
            await take_out(session, archived, before, now)
    return archived


def _opened(path: Path | str, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "wb")


# --- the command --------------------------------------------------------------------------------------------


async def _retire_in(url: str, before: date, out: Path, now: datetime, *, dry_run: bool) -> Archived:
    database = Database(url, is_local=True)
    try:
        return await retire(database, before, out, now, dry_run=dry_run)
    finally:
        await database.close()


def main(arguments: list[str]) -> int:
    """Retire old events of the settings' database; give the exit status."""
    parser = argparse.ArgumentParser(
        "scripts/audit retire", description="takes out events that need not be kept"
    )
    parser.add_argument(
        "--before", type=date.fromisoformat, required=True, help="first day that stays, 2020-01-31"
    )
    parser.add_argument("--out", type=Path, required=True, help="new file for the events")
    parser.add_argument("--dry-run", action="store_true", help="only say how many would go")
    options = parser.parse_args(arguments)
    now, status = datetime.now(UTC), 2
    try:
        settings = Settings()
        require_old(options.before, settings.audit_kept_years, now.astimezone(VIETNAM).date())
        with database_url(settings, as_owner=True) as url:
            done = asyncio.run(_retire_in(url, options.before, options.out, now, dry_run=options.dry_run))
        what = "would be retired" if options.dry_run else "retired"
        sys.stdout.write(f"{what}: {done.events} events up to link {done.up_to_seq}, sha256 {done.sha256}\n")
        return 0
    except ChainBroken as error:
        why, status = f"nothing was retired: {error}", 1
    except (SettingMissing, ValueError, EmbeddedPostgresError, TooYoung) as error:
        why = str(error)
    except FileExistsError:
        why = f"{options.out} exists already"
    except (SQLAlchemyError, asyncpg.PostgresError, ConnectionError) as error:
        # The text of a driver's error can hold the address with its password.
        why = (
            f"the database does not allow it ({type(error).__name__}): DATABASE_OWNER_URL must name the owner"
        )
    except OSError as error:
        why = f"{error.filename or 'the database'} cannot be used ({type(error).__name__})"
    sys.stderr.write(f"scripts/audit retire: {why}\n")
    return status


if __name__ == "__main__":
    log.configure("error")
    sys.exit(main(sys.argv[1:]))
