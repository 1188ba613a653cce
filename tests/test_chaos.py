"""scripts/chaos, short: some rounds on a stage of its own; and that the checks find what they are there for."""

import io
import signal
from collections.abc import Iterator

import asyncpg
import pytest
from rich.console import Console

from scripts.faults import __main__ as command
from scripts.faults import checking
from scripts.faults.breaking import FAULTS, chosen, store_full
from scripts.faults.calling import Acknowledged
from scripts.faults.stage import Stage


def test_two_rounds_lose_nothing() -> None:
    screen = Console(file=io.StringIO(), width=160)
    status = command.main(["--rounds", "2", "--seed", "8"], screen)
    assert isinstance(screen.file, io.StringIO)
    printed = screen.file.getvalue()
    assert status == 0, printed
    assert "rounds          2 of 2" in printed


def test_the_seed_chooses_the_faults_and_each_comes_before_any_comes_again() -> None:
    assert chosen(20, 7, is_bounded=True) == chosen(20, 7, is_bounded=True)
    assert chosen(20, 7, is_bounded=True) != chosen(20, 8, is_bounded=True)
    assert set(chosen(len(FAULTS), 7, is_bounded=True)) == set(FAULTS)
    assert store_full not in chosen(40, 7, is_bounded=False)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a stage with a service that has just begun and ended."""
    held = Stage(tmp_path_factory.mktemp("stage"))
    held.start_database()
    held.start_service()
    held.wait_until_ready()
    held.end_service(signal.SIGTERM)
    yield held
    held.close()


BROKEN = {
    "every key that was taken has its answer": (
        "INSERT INTO idempotency_record (id, caller_id, key, fingerprint, created_at) "
        "VALUES (uuidv7(), uuidv7(), 'k', 'f', now())"
    ),
    "who has to be told is in the outbox": (
        "INSERT INTO audit_event (id, at, actor_id, actor_name, request_id, action, object_type, object_id) "
        "VALUES (uuidv7(), now(), uuidv7(), 'n', 'r', 'result.publish', 'result', uuidv7())"
    ),
}


@pytest.mark.parametrize("name", list(BROKEN))
async def test_what_is_half_done_is_found(stage: Stage, name: str) -> None:
    before = await checking.half_done(stage)
    assert not [one for one in before if one.startswith(f"not so: {name}")]
    connection = await asyncpg.connect(stage.database.dsn)
    await connection.execute(BROKEN[name])  # it stays: the application may not take back what the trail says
    await connection.close()
    found = [one for one in await checking.half_done(stage) if one not in before]
    assert [one.startswith(f"not so: {name}") for one in found] == [True]


async def test_what_was_acknowledged_and_is_not_there_is_found(stage: Stage) -> None:
    gone = Acknowledged("POST", "/submissions/x/submit", "no such key", 200, b"{}", "no such request", False)
    saved = Acknowledged("PATCH", "/submissions/x", "", 200, b"{}", "no such request", False)
    assert len(await checking.lost(stage, [gone, saved])) == 2
    assert await checking.lost_bytes(stage) == []
