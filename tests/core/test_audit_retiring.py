"""Old audit events go into a file, by policy; the chain verifies without them, and the file against the chain."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.core.audit import RETIRED, SYSTEM, AuditEvent, AuditLink, OutboxEvent, record_about
from app.core.audit_retire import ChainBroken, TooYoung, require_old, retire
from app.core.audit_verify import Kind, Verification
from app.core.db import Database, new_id
from app.core.embedded import owner_of
from app.core.vietnamese import VIETNAM
from tests.conftest import START, as_owner
from tests.core.test_audit_chain import as_superuser

NOW = START.replace(year=2040)
BEFORE = date(2023, 12, 16)


async def write(database: Database, action: str, at: timedelta = timedelta(), *, told: bool = False) -> None:
    async with database.session() as session, session.begin():
        await record_about(
            session, SYSTEM, action, ("thing", new_id()), START + at, after={"á": action}, tell=told
        )


async def count(database: Database, action: str = "") -> int:
    async with database.session() as session:
        query = select(func.count()).select_from(AuditEvent).where(AuditEvent.action.startswith(action))
        return await session.scalar(query) or 0


def owner(database: Database) -> Database:
    return Database(owner_of(database.engine.url.render_as_string(hide_password=False)), is_local=True)


async def kinds(database: Database, *archives: Path) -> list[Kind]:
    return [finding.kind async for finding in Verification(database, archives=list(archives)).findings()]


async def done(database: Database) -> None:
    async with database.session() as session, session.begin():
        await session.execute(text("UPDATE outbox_event SET done_at = now()"))


async def test_what_is_retired_leaves_its_links_a_file_and_an_event(
    own_database: Database, tmp_path: Path
) -> None:
    await write(own_database, "old.one", told=True)
    await done(own_database)
    await write(own_database, "young.one", timedelta(days=1))
    await write(
        own_database, "old.but.late"
    )  # after a young one: the chain is retired from its beginning only
    there = await count(own_database)
    file, by_owner = tmp_path / "events", owner(own_database)
    would = await retire(by_owner, BEFORE, file, NOW, dry_run=True)
    assert (await count(own_database), file.exists()) == (there, False)
    archived = await retire(by_owner, BEFORE, file, NOW)
    assert archived == would
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert (len(lines), lines[-1]["seq"], file.stat().st_mode & 0o777) == (
        archived.events,
        archived.up_to_seq,
        0o600,
    )
    assert json.loads(lines[-1]["covered"])[8] == "old.one"
    assert [await count(own_database, name) for name in ("old.one", "young", "old.but.late", RETIRED)] == [
        0,
        1,
        1,
        1,
    ]
    assert await count(own_database) == there - archived.events + 1
    assert await kinds(own_database, file) == []
    with pytest.raises(FileExistsError):
        await retire(by_owner, BEFORE, file, NOW)
    again = await retire(by_owner, date(2041, 1, 1), tmp_path / "more", NOW)  # all but the retirement itself
    assert (again.events, await count(own_database), await count(own_database, RETIRED)) == (2, 2, 2)
    assert await kinds(own_database, file, tmp_path / "more") == []
    await by_owner.close()


async def test_what_somebody_is_still_to_be_told_of_stays(own_database: Database, tmp_path: Path) -> None:
    await write(own_database, "old.told", told=True)
    await write(own_database, "old.after")
    by_owner = owner(own_database)
    await retire(by_owner, BEFORE, tmp_path / "events", NOW)
    assert [await count(own_database, name) for name in ("old.told", "old.after")] == [1, 1]
    await by_owner.close()


async def test_a_changed_archive_and_a_deletion_beside_it_are_found(
    own_database: Database, tmp_path: Path
) -> None:
    await write(own_database, "old.one")
    await write(own_database, "young.one", timedelta(days=1))
    file, by_owner = tmp_path / "events", owner(own_database)
    await retire(by_owner, BEFORE, file, NOW)
    await by_owner.close()
    changed = tmp_path / "changed"
    changed.write_bytes(file.read_bytes().replace(b"old.one", b"old.two"))
    assert await kinds(own_database, changed) == [Kind.ARCHIVE, Kind.ARCHIVE]
    shorter = tmp_path / "shorter"
    shorter.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert await kinds(own_database, shorter) == [Kind.ARCHIVE]
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"[]\n\xff\n{}\n")
    assert set(await kinds(own_database, nonsense)) == {Kind.ARCHIVE}
    await as_superuser(own_database, "DELETE FROM audit_event WHERE action = 'young.one'")
    assert await kinds(own_database, file) == [Kind.DELETED]


async def test_nothing_is_retired_from_a_chain_that_does_not_hold(
    own_database: Database, tmp_path: Path
) -> None:
    await write(own_database, "old.one")
    await as_superuser(own_database, "UPDATE audit_event SET reason = 'x' WHERE action = 'old.one'")
    there, by_owner = await count(own_database), owner(own_database)
    with pytest.raises(ChainBroken):
        await retire(by_owner, BEFORE, tmp_path / "events", NOW)
    assert await count(own_database) == there
    await by_owner.close()


async def test_the_application_cannot_retire(own_database: Database, tmp_path: Path) -> None:
    await write(own_database, "old.one")
    with pytest.raises(Exception, match="permission denied"):
        await retire(own_database, BEFORE, tmp_path / "events", NOW)
    assert await count(own_database, "old.one") == 1


async def test_links_and_heads_are_never_retired(own_database: Database) -> None:
    for table in (AuditLink.__tablename__, "audit_head"):
        with pytest.raises(Exception, match="never rewritten"):
            async with as_owner(own_database) as connection:
                await connection.execute(text("SET LOCAL dti.retiring = 'on'"))
                await connection.execute(text(f"DELETE FROM {table}"))
    async with own_database.session() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxEvent)) == 0


def test_the_policy_counts_years_to_the_day() -> None:
    today = date(2030, 6, 15)
    require_old(date(2020, 6, 15), 10, today)
    require_old(date(2020, 3, 1), 10, date(2030, 3, 1))
    require_old(date(2021, 3, 1), 7, date(2028, 2, 29))
    for before, years, on in [
        (date(2020, 6, 16), 10, today),
        (date(2021, 3, 2), 7, date(2028, 2, 29)),
        (date(1990, 1, 1), None, today),
    ]:
        with pytest.raises(TooYoung):
            require_old(before, years, on)
    assert NOW.astimezone(VIETNAM).year == 2040
