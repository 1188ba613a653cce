"""The embedded PostgreSQL, started and broken for real; as root it runs as nobody, else as this user."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresBusy, EmbeddedPostgresError, owner_of

PROJECT = Path(__file__).parents[2]
SUPERVISOR = """
import sys, pathlib, signal
from app.core.embedded import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever was inherited
with EmbeddedPostgres(pathlib.Path(sys.argv[1]), fast=True):
    print("ready", flush=True)
    sys.stdin.read()
"""
PATIENCE_SECONDS = 20
PASS_FOLDERS = 1 << 2  # CAP_DAC_READ_SEARCH


@pytest.fixture
def place() -> Iterator[Path]:
    """Give an empty folder that every user may enter: pytest's own are closed, which needs a capability."""
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a folder whose cluster is made and stopped; every test leaves it stopped."""
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        Path(made).chmod(0o711)
        with EmbeddedPostgres(Path(made), fast=True):
            pass
        yield Path(made)


@contextmanager
def supervisor(folder: Path, *, ready: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server under another process, in a session of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert not ready or process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


async def fetch(server: EmbeddedPostgres, sql: str) -> Any:
    connection = await asyncpg.connect(owner_of(server.dsn))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def ask(server: EmbeddedPostgres, sql: str) -> Any:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(fetch(server, sql))
    finally:
        loop.close()


def postmaster_of(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    try:
        return b"\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def wait_until_ended(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def expected_owner() -> int:
    return os.geteuid() or pwd.getpwnam("nobody").pw_uid


def capabilities_of(pid: int | str, kind: str) -> int:
    """Return the bits of one line of a process's status: CapPrm (permitted) or CapEff (effective)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1], 16)


def leave_locks(folder: Path, pid: int) -> None:
    """Leave the lock files of an unclean stop behind, naming a process."""
    (folder / "data" / "postmaster.pid").write_text(
        f"{pid}\n{folder}/data\n1700000000\n5432\n{folder}/socket\n"
    )
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text(f"{pid}\n{folder}/data\n")


async def test_the_first_start_makes_a_durable_cluster_with_the_applications_role_and_database(
    place: Path,
) -> None:
    with EmbeddedPostgres(place / "not" / "there") as server:
        engine = create_async_engine(server.url)
        async with engine.connect() as connection:
            row = await connection.execute(
                text(
                    "SELECT current_user, current_database(), pg_encoding_to_char(encoding), datcollate, "
                    "current_setting('is_superuser'), current_setting('fsync'), current_setting('TimeZone'), "
                    "current_setting('jit'), current_setting('max_connections'), uuidv7() IS NOT NULL "
                    "FROM pg_database WHERE datname = current_database()"
                )
            )
            assert row.one() == ("dti_app", "dti", "UTF8", "C", "off", "on", "UTC", "off", "60", True)
        await engine.dispose()
        await fetch(server, "CREATE TABLE kept (x int)")
        await fetch(server, "CREATE DATABASE cloned TEMPLATE template0")


def test_a_cluster_of_the_first_releases_gets_the_role_of_the_application(place: Path) -> None:
    with EmbeddedPostgres(place, fast=True) as server:
        made = server.dsn.replace("://dti_app@", "://postgres@")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(_execute(made, "DROP ROLE dti_app"))
        loop.close()
    for _ in range(2):
        with EmbeddedPostgres(place, fast=True) as server:
            assert (
                ask(server, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = 'dti_app'") is False
            )


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql)
    await connection.close()


def test_a_second_start_finds_what_the_first_one_wrote(place: Path) -> None:
    with EmbeddedPostgres(place, fast=True) as server:
        ask(server, "CREATE TABLE kept AS SELECT 7 AS x")
        first = postmaster_of(place)
    assert not is_running(first)
    assert not (place / "data" / "postmaster.pid").exists()
    with EmbeddedPostgres(place, fast=True) as server:
        assert ask(server, "SELECT x FROM kept") == 7
        assert ask(server, "SELECT current_setting('fsync')") == "off"


def test_committed_rows_survive_a_killed_postmaster(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        ask(server, "CREATE TABLE survivor AS SELECT 42 AS x")
        os.kill(postmaster_of(folder), signal.SIGKILL)
    assert (folder / "data" / "postmaster.pid").exists()
    with EmbeddedPostgres(folder) as server:
        assert ask(server, "SELECT x FROM survivor") == 42


async def test_a_start_waits_for_the_backends_of_a_killed_postmaster(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        busy = await asyncpg.connect(owner_of(server.dsn))
        # A backend that computes does not look whether its postmaster lives.
        backend = await busy.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        os.kill(postmaster_of(folder), signal.SIGKILL)
    waker = threading.Timer(0.5, os.kill, (backend, signal.SIGCONT))
    waker.start()
    try:
        with EmbeddedPostgres(folder) as server:
            assert await fetch(server, "SELECT 1") == 1
            assert not is_running(backend)
    finally:
        waker.join()
        busy.terminate()


def test_postgres_ends_with_a_killed_supervisor_and_starts_again(folder: Path) -> None:
    with supervisor(folder) as process:
        postmaster = postmaster_of(folder)
        process.kill()
        wait_until_ended(postmaster)
    with EmbeddedPostgres(folder, fast=True) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_start_right_after_a_killed_supervisor_works_too(folder: Path) -> None:
    with supervisor(folder) as process:
        first = postmaster_of(folder)
        process.kill()
    with EmbeddedPostgres(folder, fast=True) as server:
        assert ask(server, "SELECT 1") == 1
        assert postmaster_of(folder) != first


def test_an_orphan_postmaster_is_stopped_before_the_start(folder: Path) -> None:
    with EmbeddedPostgres(folder, fast=True) as server:
        command = Path(f"/proc/{postmaster_of(folder)}/cmdline").read_text().rstrip("\0").split("\0")
    command = [*server._prefix("clear"), *command]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True) as orphan:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (folder / "socket" / ".s.PGSQL.5432").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            with EmbeddedPostgres(folder, fast=True) as server:
                assert orphan.wait(PATIENCE_SECONDS) == 0
                assert ask(server, "SELECT 1") == 1
        finally:
            orphan.kill()


def test_locks_that_name_an_unrelated_process_neither_stop_the_start_nor_hurt_it(folder: Path) -> None:
    # Of the server's own user: the process of another one would not deceive postgres.
    with subprocess.Popen(["sleep", "60"], user=expected_owner()) as stranger:
        try:
            leave_locks(folder, stranger.pid)
            with EmbeddedPostgres(folder, fast=True) as server:
                assert ask(server, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_locks_that_name_a_zombie_do_not_stop_the_start(folder: Path) -> None:
    with subprocess.Popen(["true"], user=expected_owner()) as zombie:
        stat = Path(f"/proc/{zombie.pid}/stat")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ") Z " not in stat.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        leave_locks(folder, zombie.pid)
        with EmbeddedPostgres(folder, fast=True) as server:
            assert ask(server, "SELECT 1") == 1
        assert ") Z " in stat.read_text()


def test_locks_that_name_the_postmaster_of_another_folder_leave_it_alone(folder: Path, place: Path) -> None:
    with EmbeddedPostgres(place, fast=True) as other:
        leave_locks(folder, postmaster_of(place))
        with EmbeddedPostgres(folder, fast=True) as server:
            assert ask(server, "SELECT 1") == 1
        assert ask(other, "SELECT 1") == 1


@pytest.mark.parametrize("left", ["", "garbage\n", "999999999\n"])
def test_locks_that_name_nobody_do_not_stop_the_start(folder: Path, left: str) -> None:
    (folder / "data" / "postmaster.pid").write_text(left)
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text(left)
    with EmbeddedPostgres(folder, fast=True) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_second_supervisor_is_told_who_holds_the_folder(folder: Path) -> None:
    with EmbeddedPostgres(folder, fast=True) as server:
        with pytest.raises(EmbeddedPostgresBusy) as busy, EmbeddedPostgres(folder):
            pytest.fail("two servers on one folder")
        assert busy.value.pid == os.getpid()
        assert ask(server, "SELECT 1") == 1
    with supervisor(folder) as process:
        with pytest.raises(EmbeddedPostgresBusy, match=str(process.pid)), EmbeddedPostgres(folder):
            pytest.fail("two servers on one folder")
        assert is_running(postmaster_of(folder))


def test_an_interrupt_reaches_only_the_supervisor_which_stops_postgres_in_order(folder: Path) -> None:
    with supervisor(folder) as process:
        postmaster = postmaster_of(folder)
        assert os.getsid(postmaster) == postmaster != os.getsid(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE_SECONDS)
        assert not is_running(postmaster)
    assert not (folder / "data" / "postmaster.pid").exists()
    assert "database system is shut down" in (folder / "postgres.log").read_text().splitlines()[-1]


def test_the_server_outlives_the_thread_that_entered_the_block(folder: Path) -> None:
    server = EmbeddedPostgres(folder, fast=True)
    starter = threading.Thread(target=server.__enter__)
    starter.start()
    starter.join()
    try:
        # The fast shutdown of a death signal would end this query.
        assert ask(server, "SELECT pg_sleep(0.3) IS NULL") is False
    finally:
        server.__exit__(None, None, None)


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
def test_a_socket_path_that_does_not_fit_moves_to_a_private_folder(place: Path, name: str) -> None:
    with EmbeddedPostgres(place / name, fast=True) as server:
        socket = Path(parse_qs(urlsplit(server.dsn).query)["host"][0])
        assert ask(server, "SELECT 1") == 1
        assert not socket.is_relative_to(place)
        assert (socket.stat().st_mode & 0o777, socket.stat().st_uid) == (0o700, expected_owner())
    assert not socket.exists()


async def test_a_path_may_have_blanks_signs_and_vietnamese_letters(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with EmbeddedPostgres(place / "dữ liệu 100%:+&", fast=True) as server:
        assert await fetch(server, "SELECT 1") == 1
        engine = create_async_engine(server.url)
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        await engine.dispose()


def test_nothing_listens_on_tcp_and_a_host_would_be_rejected(folder: Path) -> None:
    with EmbeddedPostgres(folder, fast=True) as server:
        assert ask(server, "SHOW listen_addresses") == ""
        # Written by the postmaster itself: the sixth line is the first address it listens on.
        assert (folder / "data" / "postmaster.pid").read_text().splitlines()[5] == ""
    rules = (folder / "data" / "pg_hba.conf").read_text().splitlines()
    hosts = [rule.split() for rule in rules if rule.startswith("host")]
    assert hosts
    assert {rule[-1] for rule in hosts} == {"reject"}


def test_only_the_servers_own_folders_change_owner_and_mode(place: Path) -> None:
    inside = place / "pg"
    inside.mkdir(mode=0o751)
    with EmbeddedPostgres(inside, fast=True):
        found = {path.name: path.stat() for path in (inside, *inside.iterdir())}
    assert {name: (oct(s.st_mode & 0o777), s.st_uid) for name, s in found.items()} == {
        "pg": ("0o751", os.geteuid()),
        "data": ("0o700", expected_owner()),
        "socket": ("0o700", expected_owner()),
        "postgres.log": ("0o600", os.geteuid()),
        "supervisor.lock": ("0o600", os.geteuid()),
    }


def test_under_a_closed_folder_nobody_gets_the_power_to_pass_it_and_no_other(place: Path) -> None:
    place.chmod(0o700)
    if os.geteuid() == 0 and not capabilities_of("self", "CapPrm") & PASS_FOLDERS:
        with pytest.raises(EmbeddedPostgresError, match="DAC_READ_SEARCH"), EmbeddedPostgres(place):
            pytest.fail("started in a folder that nobody can reach")
        return
    with EmbeddedPostgres(place / "pg", fast=True):
        postmaster = postmaster_of(place / "pg")
        for kind in ("CapPrm", "CapEff"):
            mine = capabilities_of("self", kind)
            assert capabilities_of(postmaster, kind) == (PASS_FOLDERS if os.geteuid() == 0 else mine)
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_supervisor_killed_while_the_cluster_is_made_leaves_none(place: Path) -> None:
    with supervisor(place, ready=False) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not list(place.glob("data.part-*/PG_VERSION")):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        process.wait()
    assert not (place / "data").exists()
    deadline = time.monotonic() + PATIENCE_SECONDS
    left = True
    while left:  # the killed initdb's own child may write for a moment yet; a later start clears that too
        assert time.monotonic() < deadline
        with EmbeddedPostgres(place, fast=True) as server:
            assert ask(server, "SELECT 1") == 1
            left = any(place.glob("data.part-*"))


def test_a_failed_start_quotes_the_log_and_releases_the_folder(folder: Path) -> None:
    settings = folder / "data" / "postgresql.conf"
    kept = settings.read_text()
    settings.write_text(kept + "\nno_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"), EmbeddedPostgres(folder):
        pytest.fail("started with a broken setting")
    settings.write_text(kept)
    with EmbeddedPostgres(folder, fast=True) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_folder_of_another_user_is_refused_with_the_way_out(folder: Path, place: Path) -> None:
    refused = place
    if os.geteuid() == 0:
        refused = folder
        os.chown(folder / "data", 12345, -1)
    else:
        refused.chmod(0o500)
    try:
        with pytest.raises(EmbeddedPostgresError, match="chown -R"), EmbeddedPostgres(refused):
            pytest.fail("started in a folder of another user")
    finally:
        refused.chmod(0o700)
        os.chown(folder / "data", expected_owner(), -1)
    assert not list(place.iterdir())
