"""The story of `scripts/year`, short: all districts, all departments and the communes of one district, in process."""

import io
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from rich.console import Console

from app.accounts.first import DEMO_PASSWORD, DEMO_SERVICE, DEMO_SERVICE_SECRET
from scripts.journey import __main__ as command
from scripts.journey.client import Api, People
from scripts.journey.closing import compare_dossier
from scripts.journey.declaring import declare
from scripts.journey.opening import YearAlreadyThere, open_year
from scripts.journey.world import Options, World
from scripts.journey.year import live_through
from tests.conftest import Clock

UNITS = 7 + 9 + 19  # the communes of Ngọc Hiển, the districts, the departments


@pytest.fixture
async def world(own_app: FastAPI, clock: Clock) -> AsyncIterator[World]:
    """Give a run that has not begun, on a database of its own."""
    transport = httpx.ASGITransport(own_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        api = Api(http)
        people = People(api, password=DEMO_PASSWORD, service=(DEMO_SERVICE, DEMO_SERVICE_SECRET))
        screen = Console(file=io.StringIO(), width=120)
        yield World(Options(units=UNITS), api, people, screen, clock=clock)


async def test_a_year_from_opening_to_correction_agrees_with_its_own_books(world: World) -> None:
    agrees = await live_through(world)
    assert world.differences.found == []
    assert agrees
    assert len(world.published) == 3, "all departments, all districts, the communes of one district"
    assert world.corrected == 1
    assert {unit.state for unit in world.units} == {"passed"}
    claims = [unit for unit in world.units if unit.not_applicable]
    assert any(unit.is_ranked for unit in claims)
    assert {world.places[unit.key] for unit in world.units if not unit.is_ranked} == {None}
    for act in (
        "review.return",
        "review.answer",
        "review.adjust",
        "review.reopen",
        "figure.give",
        "result.supersede",
    ):
        assert world.acts[act] > 0, act
    assert isinstance(world.screen.file, io.StringIO)
    printed = world.screen.file.getvalue()
    assert "Xã Đất Mũi" in printed
    assert "No difference" in printed


async def test_a_year_that_is_there_already_is_not_begun_again(world: World) -> None:
    await open_year(world)
    with pytest.raises(YearAlreadyThere):
        await open_year(world)


async def test_a_book_that_says_otherwise_than_the_server_is_found_out(world: World) -> None:
    world.options = Options(units=2)
    await open_year(world)
    unit = world.units[1]
    await declare(world, unit)
    assert world.differences.found == []
    code = next(code for code, answer in unit.answers.items() if "choice" in answer)
    unit.answers[code] = {"choice": "another"}
    document = next(iter(unit.files))
    unit.files[document] = "0" * 64
    unit.state = "passed"
    await compare_dossier(world, unit)
    found = "\n".join(world.differences.found)
    assert len(world.differences.found) == 3, found
    for what in ("state at the end", "answers at the end", "sha256"):
        assert f"{unit.key} {what}" in found


def test_the_command_knows_the_demo_accounts_of_the_service() -> None:
    assert command.DEMO_PASSWORD == DEMO_PASSWORD
    assert command.DEMO_SERVICE == (DEMO_SERVICE, DEMO_SERVICE_SECRET)
