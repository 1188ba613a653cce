"""The processes that look into files: some die, and those who upload do not notice."""

import asyncio
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from app.evidence.apart import GaveUp, apart


def _workers() -> list[int]:
    return [one.pid for one in multiprocessing.active_children() if one.pid is not None]


def _die_once(mark: Path) -> str:
    if mark.exists():
        return "done"
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


async def test_a_process_that_dies_while_it_has_nothing_to_do_is_replaced() -> None:
    assert await apart(10, os.getpid) in _workers()
    for pid in _workers():
        os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.5)
    assert await apart(10, os.getpid) in _workers()


async def test_work_whose_process_is_killed_is_done_by_another_one(tmp_path: Path) -> None:
    assert await apart(10, _die_once, tmp_path / "mark") == "done"


async def test_work_that_every_process_dies_of_is_given_up() -> None:
    with pytest.raises(GaveUp):
        await apart(10, _die)
    assert await apart(10, os.getpid) in _workers()
