"""Two roles of the database: the owner of the tables, and the application, made where it is absent."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from app.core import audit_retire, audit_verify
from app.core.config import SettingMissing, Settings
from app.core.db import Database, new_id
from app.core.embedded import owner_of
from app.core.migrate import upgrade_async
from tests.conftest import as_owner
from tests.core.test_audit_chain import as_superuser, head_of, write


def url_of(database: Database, name: str = "dti_app", password: str | None = None) -> str:
    return database.engine.url.set(username=name, password=password).render_as_string(hide_password=False)


async def test_the_application_may_do_what_it_has_to_with_every_table(own_database: Database) -> None:
    query = text(
        "SELECT relname, array_agg(right_ ORDER BY right_) FILTER (WHERE has_table_privilege('dti_app', oid, right_))"
        "  FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER',"
        "    'MAINTAIN']) AS right_"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') GROUP BY relname"
    )
    async with own_database.session() as session:
        found = {name: " ".join(rights) for name, rights in (await session.execute(query)).all()}
    less = {
        "audit_event": "INSERT SELECT",
        "audit_link": "SELECT",
        "audit_head": "SELECT",
        "alembic_version": "SELECT",
    }
    assert found == dict.fromkeys(found, "DELETE INSERT SELECT UPDATE") | less


async def test_an_owner_who_may_not_make_roles_says_what_to_do(own_database: Database) -> None:
    with pytest.raises(SettingMissing, match="CREATE ROLE absent_one LOGIN") as error:
        await upgrade_async(owner_of(url_of(own_database)), url_of(own_database, "absent_one", "se-cret"))
    assert "se-cret" not in str(error.value)


async def test_an_owner_who_may_makes_the_role_with_its_password_and_its_rights(
    own_database: Database,
) -> None:
    name = f"made_{new_id().hex}"
    for _ in range(2):
        await upgrade_async(url_of(own_database, "postgres"), url_of(own_database, name, "se-cret"))
    made = Database(url_of(own_database, name), is_local=True)
    await write(made, "thing.make")
    await made.close()
    query = (
        "SELECT rolpassword, rolsuper OR rolcreaterole OR rolcreatedb FROM pg_authid WHERE rolname = :name"
    )
    other = Database(url_of(own_database, "postgres"), is_local=True)
    async with other.session() as session:
        password, may_more = (await session.execute(text(query), {"name": name})).one()
    await other.close()
    assert (password.startswith("SCRAM-SHA-256$4096:"), may_more) == (True, False)


async def test_a_password_that_cannot_be_prepared_is_refused(own_database: Database) -> None:
    with pytest.raises(SettingMissing, match="ASCII"):
        await upgrade_async(url_of(own_database, "postgres"), url_of(own_database, "made_never", "mật-khẩu"))


async def test_where_one_role_does_everything_nothing_is_given_away(own_database: Database) -> None:
    owner = owner_of(url_of(own_database))
    await upgrade_async(owner, owner)
    async with as_owner(own_database) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit_link")) != 0


def test_the_owner_is_the_application_where_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:x@host/dti")
    assert make_url(Settings().sqlalchemy_owner_url).username == "app"
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgres://owner:y@host/dti?sslmode=require")
    url = make_url(Settings().sqlalchemy_owner_url)
    assert (url.username, url.drivername, dict(url.query)) == (
        "owner",
        "postgresql+asyncpg",
        {"ssl": "require"},
    )
    for faulty in ("mysql://owner:se-cret@host/dti", "postgresql://owner:se-cret@host:x/dti"):
        monkeypatch.setenv("DATABASE_OWNER_URL", faulty)
        with pytest.raises(SettingMissing, match="DATABASE_OWNER_URL") as error:
            _ = Settings().sqlalchemy_owner_url
        assert "se-cret" not in str(error.value)


# --- the commands -----------------------------------------------------------------------------------------------


async def test_verify_says_ok_then_what_is_wrong_and_where(
    own_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", url_of(own_database))
    await write(own_database, "thing.make")
    head = await head_of(own_database)
    kept = tmp_path / "heads"
    kept.write_text(json.dumps({"day": head.day.isoformat(), "seq": head.seq, "hash": head.hash.hex()}))

    async def verify(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(audit_verify.main, [*arguments])
        return status, *capsys.readouterr()

    status, out, _ = await verify("--heads", str(kept))
    assert (status, out) == (0, f"OK {head.seq} events, 0 retired, head {head.seq} {head.hash.hex()}\n")
    await as_superuser(
        own_database, "UPDATE audit_event SET action = E'x\\r\\n\\x1b' WHERE action = 'thing.make'"
    )
    status, out, _ = await verify("--json", "--heads", str(kept))
    finding, summary = map(json.loads, out.splitlines())
    assert (status, finding["kind"], finding["seq"], summary["findings"]) == (1, "altered", head.seq, 1)
    status, out, told = await verify()
    assert (status, out.count("\n"), "findings: 1" in told) == (1, 1, True)
    assert out.startswith(f"altered   {head.seq} ") or f"altered   {head.seq} " in out
    kept.write_text("{")
    assert (await verify("--heads", str(kept)))[0] == 2
    assert (await verify("--heads", str(tmp_path / "absent")))[0] == 2
    monkeypatch.setenv("DATABASE_URL", "postgresql://x:se-cret@127.0.0.1:1/dti")
    status, _, told = await verify()
    assert (status, "se-cret" in told) == (2, False)


async def test_retire_asks_for_a_policy_and_for_the_owner(
    own_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def retire(*arguments: str) -> tuple[int, str]:
        asked = ["--before", "2024-01-01", "--out", str(tmp_path / "events"), *arguments]
        status = await asyncio.to_thread(audit_retire.main, asked)
        return status, "".join(capsys.readouterr())

    await write(own_database, "thing.make")
    monkeypatch.setenv("DATABASE_URL", url_of(own_database))
    status, told = await retire()
    assert (status, "kept for ever" in told) == (2, True)
    monkeypatch.setenv("AUDIT_KEPT_YEARS", "50")
    status, told = await retire()
    assert (status, "kept for 50 years" in told) == (2, True)
    monkeypatch.setenv("AUDIT_KEPT_YEARS", "2")
    status, told = await retire()
    assert (status, "must name the owner" in told) == (2, True)
    (tmp_path / "events").unlink()
    monkeypatch.setenv("DATABASE_OWNER_URL", owner_of(url_of(own_database)))
    for arguments, said in ((["--dry-run"], "would be retired: "), ([], "retired: ")):
        status, told = await retire(*arguments)
        assert (status, told.startswith(said)) == (0, True), told
    status, told = await retire()
    assert (status, "exists already" in told) == (2, True)
