"""Reading everything of a dossier, as a part of the machine: it says what was acknowledged, and writes nothing."""

from random import Random
from typing import Any

from tests.machine.checks import agree
from tests.machine.dossier import Dossier
from tests.machine.life import Life
from tests.machine.people import PEOPLE, UNITS


class Readers:
    """The part of a life in which somebody only looks."""

    world: Any
    life: Life
    tally: Any

    def _read_everything(self, chance: Random) -> None:
        """Somebody who sees the whole dossier reads every view of it."""
        d = self.life.dossiers[chance.choice(UNITS)]
        name = chance.choice([one.name for one in PEOPLE.values() if one.sees(d.unit) and not one.sees_parts])
        self._read_contents(d, name, chance)
        self._read_readiness(d, name)
        review = self._got(d, name, "/review")
        asked = [(one["id"], one["kind"]) for one in review["clarifications"]]
        agree("asked", asked, [(one.id, one.kind) for one in reversed(d.asked)])
        answered = [[bool(item["answers"]) for item in one["items"]] for one in review["clarifications"]]
        places = [[n in one.answered for n in range(len(one.items))] for one in reversed(d.asked)]
        agree("answered", answered, places)
        held = {line["code"]: line["decision"] and line["decision"]["id"] for line in review["lines"]}
        expected = {code: (one.id if (one := d.held(code)) else None) for code in held}
        agree("decisions that hold", held, expected)
        agree(
            "agency's figures",
            [len(one["official"]) for one in review["lines"]].count(1),
            int(bool(d.figures)),
        )
        self._require_written(set())  # type: ignore[attr-defined]
        self.tally.seen["readings"] += 1

    def _read_contents(self, d: Dossier, name: str, chance: Random) -> None:
        """Every content that was ever acknowledged can be read, and compared with any other."""
        numbers = [one["number"] for one in self._got(d, name, "/revisions")]
        agree("contents", numbers, [*range(len(d.contents), 0, -1)])
        first, second = (chance.choice(numbers) for _ in range(2))
        agree("content", self._got(d, name, f"/revisions/{first}")["content"], d.contents[first - 1])
        changes = self._got(d, name, f"/changes?from={first}&to={second}")["changes"]
        agree("changes", bool(changes), d.contents[first - 1] != d.contents[second - 1])

    def _read_readiness(self, d: Dossier, name: str) -> None:
        to_submit, to_pass = self._got(d, name, "/readiness"), self._got(d, name, "/review/readiness")
        found = self.life.reading(d)
        agree("incomplete", bool(to_submit["errors"]), found.is_incomplete)
        agree("ready to submit", to_submit["is_ready"], not (found.is_incomplete or found.unexplained()))
        undecided = {one["pointer"].removeprefix("/answers/") for one in to_pass["errors"]}
        agree("undecided", undecided, self.life.undecided(d))
        agree("ready to pass", to_pass["is_ready"], not (undecided or self.life.to_explain(d)))

    def _got(self, d: Dossier, name: str, path: str) -> Any:
        answer = self.world.call(name, "GET", f"/submissions/{self.world.ids[d.unit]}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()
