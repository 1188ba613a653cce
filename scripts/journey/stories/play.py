"""The means of a story: a year of seven communes, the time, turns that succeed, and turns that are denied."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console

from scripts.journey import declaring, publishing, reviewing
from scripts.journey.books import Json, Result, UnitBook
from scripts.journey.client import UnexpectedAnswer
from scripts.journey.opening import open_year
from scripts.journey.stories.stage import Stage, instant
from scripts.journey.stories.tale import Tale, wall
from scripts.journey.world import Options, World

BEGINS = "2023-12-15 09:00"  # a Friday
UNITS = 7  # the communes of the smallest district: a whole ranking scope


@dataclass
class Play:
    """One story while it is played; `world` keeps its books."""

    stage: Stage
    tale: Tale
    world: World

    @classmethod
    def on(cls, stage: Stage, screen: Console) -> "Play":
        """Return a story that has not begun."""
        options = Options(units=UNITS, explained=0.0)
        world = World(options, stage.api, stage.people, Console(quiet=True), clock=stage.clock)
        return cls(stage, Tale(screen), world)

    # --- time and words ---------------------------------------------------------------------------------------

    def at(self, moment: str) -> None:
        """Let it be a moment in Vietnam; log-ins have ended meanwhile."""
        self.stage.clock.now = instant(moment)
        self.stage.people.forget()

    def tells(self, who: str, what: str, outcome: str = "done") -> None:
        """Tell a step that has been taken."""
        self.tale.goes_on(self.stage.clock.now, who, what, outcome)

    def check(self, what: str, ours: object, theirs: object) -> None:
        """Compare an outcome with what the story worked out."""
        self.tale.check(what, ours, theirs)

    # --- single turns -----------------------------------------------------------------------------------------

    async def turn(self, who: str, what: str, unit: UnitBook, verb: str, body: Any = None) -> Json:
        """Take a turn of a dossier on its present version, tell it, and return the answer; "save" changes content.

        Raises: UnexpectedAnswer.
        """
        response = await self._sent(who, unit, verb, body)
        if not response.is_success:
            raise UnexpectedAnswer(response, "success")
        unit.version = response.headers.get("etag", unit.version)
        answer: Json = response.json()
        unit.state = answer.get("state", unit.state)
        self.tells(who, what, _outcome(answer))
        return answer

    async def denied(
        self, who: str, what: str, unit: UnitBook, verb: str, why: str, body: Any = None
    ) -> Json:
        """Try a turn that must be denied, and check why: the reason of the table, or the code of the problem."""
        return self.refusal(who, what, await self._sent(who, unit, verb, body), why)

    def refusal(self, who: str, what: str, response: httpx.Response, why: str) -> Json:
        """Tell a refusal, and check why: the reason of the table, the code of the problem or those of its faults."""
        answer: Json = response.json()
        found = answer.get("reason_code") or answer.get("code")
        if found == "invalid_request":
            found = ", ".join(sorted({one["code"] for one in answer["errors"]}))
        if response.is_success:
            self.tale.fails(f"{who} {what}: expected to be refused with {why}, it was done")
            return answer
        self.tells(who, what, f"refused: {answer.get('detail') or answer.get('title')}")
        self.check("refused", why, found)
        return answer

    async def _sent(self, who: str, unit: UnitBook, verb: str, body: Any) -> httpx.Response:
        path = f"/submissions/{unit.submission_id}"
        version = await self.stage.people["admin"].etag(path)
        method, path = ("PATCH", path) if verb == "save" else ("POST", f"{path}/{verb}")
        return await self.stage.people[who].send(method, path, if_match=version, json=body)

    async def reads(self, who: str, unit: UnitBook, part: str = "", **params: Any) -> Any:
        """Return what somebody reads of a dossier."""
        return await self.stage.people[who].get(f"/submissions/{unit.submission_id}{part}", **params)

    async def hands_in(self, unit: UnitBook) -> None:
        """Let the leader approve and the reporter submit."""
        await self.turn(f"{unit.key}.leader", "approves the content", unit, "approve")
        await self.turn(f"{unit.key}.reporter", "submits the dossier", unit, "submit", declaring.EXPLAINED)

    async def corrects(self, unit: UnitBook, what: str, answers: Json) -> None:
        """Let the reporter change some answers."""
        await self.turn(f"{unit.key}.reporter", what, unit, "save", {"answers": answers})
        unit.answers = unit.answers | answers

    # --- what happens beside the story --------------------------------------------------------------------------

    async def opens(self, **chosen: Any) -> Json:
        """Open the year and the books of its smallest commune scope; return the scope."""
        await open_year(self.world, **chosen)
        due = wall(self.world.period["submission_due_at"])
        self.tells("admin", "opens the year 2023", f"{len(self.world.everybody)} dossiers, due {due}")
        return self.world.scopes[0]

    async def declared(self, units: Iterable[UnitBook]) -> None:
        """Let units fill in and submit their dossiers."""

        async def one(unit: UnitBook) -> None:
            await declaring.fill(self.world, unit)
            await declaring.hand_in(self.world, unit)

        await self._each(units, one, "– filled in, approved, handed in")

    async def gives_figures(self, units: Sequence[UnitBook] = ()) -> None:
        """Let the agency give the figures that units may not declare (ruling 20), of all units or of some."""
        chosen = units or self.world.units
        await reviewing.give_official_figures(self.world, chosen)
        self.tells(
            "so-tttt",
            "gives the figures of infected machines",
            f"of {len(chosen)} communes" if len(chosen) > 1 else chosen[0].name,
        )

    async def passed(self, units: Iterable[UnitBook]) -> None:
        """Let reviewers claim and pass dossiers; what they see of each indicator is compared with the books."""

        async def one(unit: UnitBook) -> None:
            if unit.state != "under_review":
                await reviewing.claim(self.world, unit)
            else:
                unit.version = await self.world.reviewer(unit).etag(f"/submissions/{unit.submission_id}")
            await reviewing.pass_on(self.world, unit)

        await self._each(units, one, "– reviewed")

    async def _each(self, units: Iterable[UnitBook], work: Any, what: str) -> None:
        many = list(units)
        try:
            async with asyncio.TaskGroup() as group:
                for unit in many:
                    group.create_task(work(unit))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        who = many[0].name if len(many) == 1 else f"{len(many)} communes"
        self.tells(who, what, ", ".join(sorted({unit.state for unit in many})))

    # --- results --------------------------------------------------------------------------------------------------

    async def finalizes(self, scope: Json, reason: str | None = None) -> Json:
        """Work out a scope in the books, finalize it, and compare every line; return the result."""
        publishing.reckon(self.world, scope)
        body = {} if reason is None else {"reason": reason}
        result = await publishing.finalize(self.world, scope, body)
        self.tells(scope["name"], "is finalized", f"version {result['number']}, {result['state']}")
        return result

    async def publishes(self, scope: Json, result: Json) -> None:
        """Publish a result and read it as everybody does."""
        await publishing.publish(self.world, scope, result)
        self.tells(scope["name"], "is published by its chairman", f"version {result['number']}")

    def reckoned(self, unit: UnitBook) -> Result:
        """Return a unit's result of the books."""
        return self.world.results[unit.key]

    def ends(self) -> None:
        """Check that everything compared beside the story agrees with the books."""
        found = self.world.differences
        if not found.compared:
            self.tale.fails("nothing was compared with the books")
        self.check(f"of {found.compared} other values, those that differ from the books", [], found.found[:5])


def _outcome(answer: Json) -> str:
    if "until_at" in answer:
        return f"open until {wall(answer['until_at'])}"
    if "due_at" in answer:
        return f"{len(answer['items'])} items, to be answered before {wall(answer['due_at'])}"
    return str(answer.get("state", "done"))
