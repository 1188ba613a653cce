"""What every part of the story shares: the people, the units of this run, the books, and the screen."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.journey.books import Differences, Json, Result, UnitBook
from scripts.journey.client import Api, Caller, People

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How to live through the year; `units` None is the whole province.

    `explained` is the share of the answers that a note explains where others cite evidence.
    """

    year: int = 2023
    seed: int = 1072
    units: int | None = None
    at_once: int = 8
    explained: float = 0.1


@dataclass
class World:
    """The run so far."""

    options: Options
    api: Api
    people: People
    screen: Console
    clock: Callable[[], datetime] = _now
    period: Json = field(default_factory=dict)
    everybody: list[UnitBook] = field(default_factory=list)  # all units of the period
    units: list[UnitBook] = field(default_factory=list)  # those of them that take part
    scopes: list[Json] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)  # what the audit trail must hold, by action
    results: dict[str, Result] = field(default_factory=dict)  # of the books, by key of the unit
    places: dict[str, int | None] = field(default_factory=dict)
    published: dict[str, Json] = field(default_factory=dict)  # rankings as the public reads them, by scope
    corrected: int = 0
    differences: Differences = field(default_factory=Differences)

    def today(self) -> date:
        """Return the day in Vietnam."""
        return self.clock().astimezone(VIETNAM).date()

    def reporter(self, unit: UnitBook) -> Caller:
        """Return who fills in a unit's dossier."""
        return self.people[f"{unit.key}.reporter"]

    def leader(self, unit: UnitBook) -> Caller:
        """Return who approves a unit's dossier."""
        return self.people[f"{unit.key}.leader"]

    def reviewer(self, unit: UnitBook) -> Caller:
        """Return who reviews a unit's dossier."""
        return self.people[unit.reviewer]

    def whole_scopes(self) -> list[Json]:
        """Return the ranking scopes whose units are all part of the run: only they can be finalized."""
        present = Counter(unit.scope_id for unit in self.units)
        return [scope for scope in self.scopes if present[scope["id"]] == scope["units"]]

    def units_of(self, scope: Json) -> list[UnitBook]:
        """Return the units of a scope."""
        return [unit for unit in self.units if unit.scope_id == scope["id"]]

    async def move(self, by: Caller, unit: UnitBook, verb: str, body: Any = None, *, act: str) -> Json:
        """Post a step of a dossier on its present version, and keep the version it leads to."""
        path = f"/submissions/{unit.submission_id}/{verb}"
        response = await by.call("POST", path, if_match=unit.version, json=body)
        unit.version = response.headers["etag"]
        self.acts[act] += 1
        return dict(response.json())

    async def each(
        self, title: str, units: Sequence[UnitBook], work: Callable[["World", UnitBook], Awaitable[None]]
    ) -> None:
        """Do the same for many units, some at once, with a progress bar.

        Raises: the first failure; the others are given up.
        """
        places = asyncio.Semaphore(self.options.at_once)
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.screen) as progress:
            bar = progress.add_task(title, total=len(units))

            async def one(unit: UnitBook) -> None:
                async with places:
                    await work(self, unit)
                progress.advance(bar)

            try:
                async with asyncio.TaskGroup() as group:
                    for unit in units:
                        group.create_task(one(unit))
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None

    def say(self, text: str) -> None:
        """Tell the next part of the story."""
        self.screen.print(text)
