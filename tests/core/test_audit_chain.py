"""The audit trail cannot be rewritten unseen: the application may not, and whoever may leaves traces."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app.core.audit import SYSTEM, AuditEvent, record_about, record_reading
from app.core.audit_chain import Head, publish_head
from app.core.audit_heads import Heads
from app.core.audit_verify import Finding, Kind, Verification, heads_in
from app.core.db import Database, driver_of, new_id
from app.core.embedded import owner_of
from app.core.migrate import config, upgrade
from app.core.roles import may_rewrite
from tests.conftest import START, Clock, as_owner

THING = "thing"
COLUMNS = [column.name for column in AuditEvent.__table__.columns]
_OTHERS = ", ".join(f'"{name}"' for name in COLUMNS if name != "id")
COPY_OF_ONE = f"INSERT INTO audit_event (id, {_OTHERS}) SELECT uuidv7(), {_OTHERS} FROM audit_event LIMIT 1"


async def write(database: Database, *actions: str, told: bool = False) -> None:
    """Write events in one transaction."""
    async with database.session() as session, session.begin():
        for action in actions:
            about = (THING, new_id())
            await record_about(session, SYSTEM, action, about, START, after={"á": [1, None, "\n"]}, tell=told)


async def chained(database: Database) -> list[str]:
    """Return what was done to things, in the order of the chain."""
    query = "SELECT e.action FROM audit_link l JOIN audit_event e ON e.id = l.event_id WHERE e.object_type = :thing"
    async with database.session() as session:
        return list(await session.scalars(text(query + " ORDER BY l.seq"), {"thing": THING}))


async def found(database: Database, *heads: Head) -> list[Finding]:
    return [finding async for finding in Verification(database, list(heads)).findings()]


async def head_of(database: Database) -> Head:
    async with database.session() as session, session.begin():
        head = await publish_head(session, START)
    assert head is not None
    return head


async def as_superuser(database: Database, *statements: str) -> None:
    """Change rows with triggers off, as nobody but a superuser can."""
    url = database.engine.url.set(username="postgres")
    other = Database(url.render_as_string(hide_password=False), is_local=True)
    async with other.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await connection.execute(text(statement))
    await other.close()


@contextmanager
def refused() -> Iterator[None]:
    """Expect that the role may not do something."""
    with pytest.raises(ProgrammingError) as error:
        yield
    assert getattr(error.value.orig, "sqlstate", None) == "42501"


# --- what the database allows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["audit_event", "audit_link", "audit_head"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET {} = {}",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "DROP TABLE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} RENAME TO gone",
        "CREATE INDEX ON {} ({})",
        "DROP TRIGGER {}_kept ON {}",
    ],
)
async def test_the_application_can_rewrite_nothing(
    own_database: Database, table: str, statement: str
) -> None:
    column = {"audit_event": "action", "audit_link": "hash", "audit_head": "hash"}[table]
    names = {"DROP TRIGGER {}_kept ON {}": (table, table), "UPDATE {} SET {} = {}": (table, column, column)}
    async with own_database.session() as session:
        with refused():
            await session.execute(text(statement.format(*names.get(statement, (table, column)))))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_link VALUES (1000000, uuidv7(), now(), '', '')",
        "INSERT INTO audit_head VALUES ('2023-01-01', 1, '', now())",
        "SET session_replication_role = replica",
        "SET ROLE dti",
        "CREATE TABLE mine (x int)",
        "CREATE OR REPLACE FUNCTION link_audit_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER mine AFTER INSERT ON audit_event EXECUTE FUNCTION link_audit_event()",
    ],
)
async def test_the_application_can_forge_no_link(own_database: Database, statement: str) -> None:
    async with own_database.session() as session:
        with refused():
            await session.execute(text(statement))


async def test_the_linking_function_works_on_no_other_table(own_database: Database) -> None:
    async with own_database.session() as session, session.begin():
        await session.execute(text("CREATE TEMP TABLE audit_link (LIKE public.audit_link)"))
        await session.execute(text("CREATE TEMP TABLE forged (LIKE audit_event)"))
        trigger = (
            "CREATE TRIGGER mine AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION link_audit_event()"
        )
        with refused():
            await session.execute(text(trigger))


async def test_a_table_of_the_same_name_does_not_divert_the_links(own_database: Database) -> None:
    async with own_database.session() as session, session.begin():
        await session.execute(text("CREATE TEMP TABLE audit_link (LIKE public.audit_link) ON COMMIT DROP"))
        await record_about(session, SYSTEM, "thing.make", (THING, new_id()), START)
    assert (await chained(own_database), await found(own_database)) == (["thing.make"], [])


@pytest.mark.parametrize("table", ["audit_event", "audit_link", "audit_head"])
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
async def test_even_the_owner_is_refused(own_database: Database, table: str, statement: str) -> None:
    column = "action" if table == "audit_event" else "hash"
    with pytest.raises(DBAPIError, match="never rewritten"):
        async with as_owner(own_database) as owner:
            await owner.execute(text(statement.format(table, column)))


async def test_it_is_known_whether_a_role_could_rewrite(own_database: Database) -> None:
    owner = Database(owner_of(own_database.engine.url.render_as_string(hide_password=False)), is_local=True)
    async with owner.session() as session:
        assert await may_rewrite(session)
    await owner.close()
    async with own_database.session() as session:
        assert not await may_rewrite(session)


# --- the chain ------------------------------------------------------------------------------------------------


async def test_events_are_chained_in_the_order_of_their_commits(own_database: Database) -> None:
    async with own_database.session() as early, early.begin():
        await record_about(early, SYSTEM, "early.began", (THING, new_id()), START)
        await asyncio.wait_for(write(own_database, "late.one", "late.two"), 5)
    assert await chained(own_database) == ["late.one", "late.two", "early.began"]
    assert await found(own_database) == []


async def test_what_is_rolled_back_leaves_no_link_and_no_gap(own_database: Database) -> None:
    async with own_database.session() as session, session.begin():
        await record_about(session, SYSTEM, "kept.before", (THING, new_id()), START)
        inner = await session.begin_nested()
        await record_about(session, SYSTEM, "undone", (THING, new_id()), START)
        await inner.rollback()
        await record_about(session, SYSTEM, "kept.after", (THING, new_id()), START)
    async with own_database.session() as session:
        await record_about(session, SYSTEM, "undone", (THING, new_id()), START)
        await session.rollback()
    assert await chained(own_database) == ["kept.before", "kept.after"]
    assert await found(own_database) == []


async def test_many_writers_at_once_make_one_chain(own_database: Database) -> None:
    await asyncio.gather(*(write(own_database, f"{n}.a", f"{n}.b", told=n % 2 == 0) for n in range(40)))
    actions = await chained(own_database)
    assert len(actions) == 80
    assert all(actions[i][:-1] == actions[i + 1][:-1] for i in range(0, 80, 2)), (
        "a transaction's events are together"
    )
    assert await found(own_database) == []


async def test_a_snapshot_that_missed_the_last_link_fails_instead_of_forking(own_database: Database) -> None:
    async with own_database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        await connection.execute(text("SELECT count(*) FROM audit_link"))
        await write(own_database, "meanwhile")
        await connection.execute(text(COPY_OF_ONE))
        with pytest.raises(DBAPIError):
            await connection.commit()
    assert await found(own_database) == []


async def test_copied_events_are_linked_too_and_constraints_may_be_immediate(own_database: Database) -> None:
    values = {"at": START, "actor_id": new_id(), "actor_name": "x", "request_id": "-", "action": "thing.copy"}
    values |= {"object_type": THING, "object_id": new_id()}
    async with own_database.session() as session, session.begin():
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        driver = await driver_of(session)
        rows = [[(values | {"id": new_id()}).get(name) for name in COLUMNS] for _ in range(3)]
        await driver.copy_records_to_table("audit_event", records=rows, columns=COLUMNS)
    assert (len(await chained(own_database)), await found(own_database)) == (3, [])


# --- what verification finds -----------------------------------------------------------------------------------

NEWEST = "(SELECT event_id FROM audit_link ORDER BY seq DESC LIMIT 1)"
SECOND = "(SELECT event_id FROM audit_link WHERE seq = 2)"
CHANGED = "UPDATE audit_event SET {} WHERE id = " + SECOND
ALL_AGAIN = """
DO $$ DECLARE one record; head bytea := ''; BEGIN
  UPDATE audit_event SET action = 'nothing.happened' WHERE id = (SELECT event_id FROM audit_link WHERE seq = 2);
  FOR one IN SELECT l.seq, l.linked_at, e.* FROM audit_link l JOIN audit_event e ON e.id = l.event_id ORDER BY l.seq
  LOOP
    UPDATE audit_link SET previous = head, hash = sha256(head || convert_to(jsonb_build_array(
      one.seq, (extract(epoch FROM one.linked_at) * 1000000)::bigint, one.id,
      (extract(epoch FROM one.at) * 1000000)::bigint, one.actor_id, one.actor_name, one.acting_for, one.request_id,
      one.action, one.object_type, one.object_id, one.before::text, one.after::text, one.reason, one.on_behalf_of,
      one.basis)::text, 'UTF8')) WHERE seq = one.seq RETURNING hash INTO head;
  END LOOP;
END $$"""


@pytest.mark.parametrize(
    ("tampering", "kinds"),
    [
        ([CHANGED.format("actor_name = actor_name || ' '")], {Kind.ALTERED: 2}),
        ([CHANGED.format("at = at + interval '1 microsecond'")], {Kind.ALTERED: 2}),
        ([CHANGED.format("reason = ''")], {Kind.ALTERED: 2}),
        ([CHANGED.format("before = 'null'")], {Kind.ALTERED: 2}),
        (["UPDATE audit_link SET linked_at = linked_at - interval '1 day' WHERE seq = 2"], {Kind.ALTERED: 2}),
        ([f"DELETE FROM audit_event WHERE id = {SECOND}"], {Kind.DELETED: 2}),
        (
            [f"DELETE FROM audit_event WHERE id = {SECOND}", "DELETE FROM audit_link WHERE seq = 2"],
            {Kind.GAP: 3},
        ),
        (["DELETE FROM audit_link WHERE seq = 2"], {Kind.GAP: 3, Kind.INSERTED: None}),
        (
            [COPY_OF_ONE],
            {Kind.INSERTED: None},
        ),
        (["UPDATE audit_link SET hash = sha256('x') WHERE seq = 2"], {Kind.ALTERED: 2, Kind.BROKEN: 3}),
        (
            ["CREATE TEMP TABLE t AS SELECT * FROM audit_link WHERE seq IN (2, 3)",
             "UPDATE audit_link SET event_id = uuidv7() WHERE seq = 2",
             "UPDATE audit_link SET event_id = (SELECT event_id FROM t WHERE seq = 2) WHERE seq = 3",
             "UPDATE audit_link SET event_id = (SELECT event_id FROM t WHERE seq = 3) WHERE seq = 2"],
            {Kind.ALTERED: 3},
        ),
        (
            [f"DELETE FROM audit_event WHERE id = {NEWEST}",
             "DELETE FROM audit_link WHERE seq = (SELECT max(seq) FROM audit_link)"],
            {Kind.TRUNCATED: 0},
        ),
        ([ALL_AGAIN], {Kind.REWRITTEN: 0}),
    ],
    ids=[
        "a name", "a microsecond", "an empty reason", "an empty object", "the link's time", "an event deleted",
        "an event deleted with its link", "a link deleted", "an event inserted", "a hash", "an order", "the end",
        "everything written anew",
    ],
)  # fmt: skip
async def test_what_a_superuser_changes_with_triggers_off_is_found(
    own_database: Database, tampering: list[str], kinds: dict[Kind, int | None]
) -> None:
    await write(own_database, "thing.make", "thing.change")
    kept = await head_of(own_database)
    assert await found(own_database) == []
    statements = [*tampering, "DELETE FROM audit_head"]  # whoever can do this can hide the head as well
    await as_superuser(own_database, *statements)
    findings = {finding.kind: finding.seq for finding in await found(own_database, kept)}
    assert findings == {kind: kept.seq if seq == 0 else seq for kind, seq in kinds.items()}


async def test_without_a_head_kept_outside_a_chain_written_anew_passes(own_database: Database) -> None:
    """Why heads are published: nothing inside can tell."""
    await write(own_database, "thing.make")
    await as_superuser(own_database, ALL_AGAIN)
    assert await found(own_database) == []


# --- heads ----------------------------------------------------------------------------------------------------


async def test_a_head_is_published_once_a_day_of_vietnam(own_database: Database, clock: Clock) -> None:
    clock.now = START.replace(hour=16, minute=59, second=59)  # one second before midnight in Vietnam
    (publish,) = Heads(own_database, clock).steps
    (of_another_process,) = Heads(own_database, clock).steps
    for _ in range(2):
        await publish()
        await of_another_process()
        await write(own_database, "thing.make")
    assert [str(day) for day in await days(own_database)] == ["2023-12-15"]
    clock.advance(seconds=1)
    await publish()
    assert [str(day) for day in await days(own_database)] == ["2023-12-15", "2023-12-16"]
    assert await found(own_database) == []


async def days(database: Database) -> list[object]:
    async with database.session() as session:
        return list(await session.scalars(text("SELECT day FROM audit_head ORDER BY day")))


def test_kept_heads_are_read_in_every_form() -> None:
    one = {"day": "2023-12-15", "seq": 7, "hash": "00ff"}
    read = [Head(START.date(), 7, b"\x00\xff")]
    for text_ in (
        json.dumps(one),
        json.dumps([one]),
        json.dumps({"items": [one], "total": 1}),
        f"{json.dumps(one)}\n",
    ):
        assert heads_in(text_) == read
    assert heads_in(f"{json.dumps(one)}\n{json.dumps(one)}\n") == read * 2
    for faulty in (
        "{",
        '{"day": "2023-12-15"}',
        '[{"day": "x", "seq": 1, "hash": ""}]',
        '[{"day": 1}]',
        "7",
        "[7]",
    ):
        with pytest.raises(ValueError, match=r".+"):
            heads_in(faulty)


# --- readings -------------------------------------------------------------------------------------------------


async def test_a_reading_is_recorded_once_an_hour_and_an_export_always(
    own_database: Database, clock: Clock
) -> None:
    async def read(*, always: bool = False, **filters: str | None) -> None:
        async with own_database.session() as session, session.begin():
            await record_reading(
                session, SYSTEM, "thing.read", THING, clock.now, filters=filters, always=always
            )

    clock.now = START.replace(minute=0, second=0, microsecond=0)
    await read(a="1")
    await read(a="1", b=None)
    await read(a="2")
    clock.advance(seconds=3599)
    await read(a="1")
    assert len(await chained(own_database)) == 2
    clock.advance(seconds=1)
    await read(a="1")
    assert len(await chained(own_database)) == 3
    await read(a="1", always=True)
    assert len(await chained(own_database)) == 4


# --- the release before -----------------------------------------------------------------------------------------


async def test_the_events_of_the_release_before_are_chained_as_they_are(own_database: Database) -> None:
    await write(own_database, "thing.make", "thing.change", told=True)
    url = own_database.engine.url.render_as_string(hide_password=False)
    await own_database.close()
    await asyncio.to_thread(command.downgrade, config(owner_of(url)), "0006")
    async with as_owner(own_database) as owner:
        before = (await owner.execute(text("SELECT * FROM audit_event ORDER BY at, id"))).all()
    await asyncio.to_thread(upgrade, owner_of(url), url)
    async with own_database.session() as session:
        assert (await session.execute(text("SELECT * FROM audit_event ORDER BY at, id"))).all() == before
        ids: list[UUID] = list(await session.scalars(text("SELECT event_id FROM audit_link ORDER BY seq")))
        assert ids == [row.id for row in before]
    await write(own_database, "thing.since")
    assert await chained(own_database) == ["thing.make", "thing.change", "thing.since"]
    assert await found(own_database) == []
