"""The state machine: random turns by everybody, each compared with the model on the real database."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import httpx
from hypothesis import currently_in_test_context, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conftest import START
from tests.machine import bodies, requests
from tests.machine.calendar import LAST, TET_EVE
from tests.machine.checks import Kept, agree, check_events, check_read, check_row, instant
from tests.machine.dossier import TURNS, WITH_REVIEWER, WITH_UNIT, Dossier, Effect, Refused
from tests.machine.finals import Finals
from tests.machine.life import Life
from tests.machine.people import PEOPLE, UNITS
from tests.machine.readers import Readers
from tests.machine.tally import Tally
from tests.machine.world import World

# How often what happens: more than half of it leads somewhere.
STEPS = {
    "take_a_turn": 56,
    "try_a_turn": 12,
    "try_on_another_version": 4,
    "hand_in": 6,
    "end_a_review": 5,
    "wait": 9,
    "give_figures": 4,
    "repeat": 4,
    "finalize": 5,
    "sign": 8,
    "read_everything": 3,
}
WEIGHTS = {"edit": 3, "submit": 3, "claim": 2, "return": 3, "pass": 2, "adjust": 3, "answer": 5, "reply": 2}
REVIEWERS = dict.fromkeys(UNITS[:-1], "huyen-964.reviewer") | {UNITS[-1]: "reviewer2"}
FINER = {"not_opened", "wrong_state", "entry_closed"}  # depend on what is sent, not only on who sends it when
Outcome = Effect | Refused


class ReviewChain(Finals, Readers, RuleBasedStateMachine):
    """One life of a year: it begins with its opening, and is rolled back at its end."""

    life_of: ClassVar[type[Life]] = Life
    steps: ClassVar[dict[str, int]] = STEPS

    def __init__(self, world: World, tally: Tally) -> None:
        super().__init__()
        self.world, self.tally = world, tally
        self._living = world.life()
        self._living.__enter__()
        is_strict = world.policy == "brvt-2022"
        self.life = self.life_of(world.due, START, is_strict=is_strict, rolls=not is_strict)
        for unit, d in self.life.dossiers.items():
            d.documents = tuple(world.documents[unit])
        self.kept, self.versions, self.keys = Kept(), dict.fromkeys(UNITS, 1), 0
        self.marks = world.marks()
        self.last_event: UUID = world.last_event
        self.answered: list[tuple[str, str, dict[str, Any], httpx.Response]] = []
        tally.lives += 1

    def teardown(self) -> None:
        """Check the whole audit trail once more, as it stands, and roll everything back."""
        try:
            self._check_the_trail()
        finally:
            self.end()

    def end(self) -> None:
        """Roll everything back."""
        self._living.__exit__(None, None, None)

    # --- what happens -----------------------------------------------------------------------------------

    @initialize(begins=st.tuples(*[st.sampled_from(["empty", "handed in", "passed"])] * len(UNITS)))
    def begin(self, begins: tuple[str, ...]) -> None:
        """Some dossiers have come some way already."""
        for unit, where in zip(UNITS, begins, strict=True):
            if where != "empty":
                self._bring_in(unit)
            if where == "passed":
                self._bring_to_an_end(unit)

    @rule(lot=st.integers(0, 2**32 - 1))
    def live_on(self, lot: int) -> None:
        """Something happens, more or less often; the lot decides everything in it."""
        # The same lot drawn twice in a life decides otherwise: such lives are drawn often, and would go in circles.
        chance = Random(f"{lot} {self.keys} {self.life.now}")
        (kind,) = chance.choices([*self.steps], [*self.steps.values()])
        getattr(self, f"_{kind}")(chance)

    def _take_a_turn(self, chance: Random) -> None:
        """Somebody does what he may do now, as far as that is known before it is said."""
        open_to: dict[str, list[tuple[str, str]]] = {}
        for d in self.life.dossiers.values():
            for who in PEOPLE.values():
                for turn in requests.PLAYED:
                    if self.life.denial(d, who, turn) is None and self._has_object(turn, d):
                        open_to.setdefault(turn, []).append((d.unit, who.name))
        turn = chance.choice([turn for turn in sorted(open_to) for _ in range(WEIGHTS.get(turn, 1))])
        self._say(turn, *chance.choice(open_to[turn]), chance)

    @staticmethod
    def _has_object(turn: str, d: Dossier) -> bool:
        return bool({"answer": d.asked, "reply": d.decisions}.get(turn, True))

    def _try_a_turn(self, chance: Random) -> None:
        """Anybody tries anything, most often what his role does at all."""
        turn, unit = chance.choice(requests.PLAYED), chance.choice(UNITS)
        able = [name for name, who in PEOPLE.items() if who.has(TURNS[turn].power)]
        self._say(turn, unit, chance.choice(able if chance.random() < 0.8 else [*PEOPLE]), chance)

    def _try_on_another_version(self, chance: Random) -> None:
        """Somebody acts on a dossier that has changed since he looked."""
        turn = chance.choice([turn for turn in requests.PLAYED if turn != "reply"])
        self._say(turn, chance.choice(UNITS), chance.choice([*PEOPLE]), chance, off_by=chance.choice([-1, 1]))

    def _hand_in(self, chance: Random) -> None:
        """A unit whose turn it is does everything until its dossier is with its reviewer."""
        if units := [unit for unit, d in self.life.dossiers.items() if d.state in WITH_UNIT]:
            self._bring_in(chance.choice(units))

    def _end_a_review(self, chance: Random) -> None:
        """A reviewer whose turn it is does everything until a dossier has passed."""
        if units := [unit for unit, d in self.life.dossiers.items() if d.state in WITH_REVIEWER]:
            self._bring_to_an_end(chance.choice(units))

    def _wait(self, chance: Random) -> None:
        """Time passes: a little, or until a second before, at or after the next deadlines."""
        now, life = self.life.now, self.life
        ends = {TET_EVE}
        for d in life.dossiers.values():
            ends |= {d.due, *d.reopened.values(), *(one.due for one in d.asked)}
        at = [end + timedelta(seconds=s) for end in sorted(ends) for s in (-1, 0, 1)]
        later = [then for then in at if then > now][:6]
        steps = [timedelta(seconds=1), timedelta(hours=5), timedelta(days=1)]
        then = chance.choice([*later, *(now + step for step in steps)])
        if then <= LAST:
            _tell(f"until {then:%Y-%m-%d %H:%M:%S}Z")
            self.life.now = self.world.clock.now = then
            self.tally.seen["waits"] += 1

    def _give_figures(self, chance: Random) -> None:
        """The agency gives what units may not declare; others try to."""
        unit = chance.choice(UNITS)
        name = chance.choice(["so-tttt.agency", "so-tttt.agency", f"{unit}.reporter", "reviewer"])
        d, figures = self.life.dossiers[unit], {"a": chance.choice([1, 4]), "b": 4}
        row = {"unit": {"key": unit}, "indicator": "1.3", "figures": figures}
        body = {"period_id": self.world.period["id"], "figures": [row]}
        expected = self._expected(lambda: self.life.give_figures(PEOPLE[name], d, figures))
        options = {"json": body, "headers": {"Idempotency-Key": self._key()}}
        answer = self.world.call(name, "POST", "/official-figures", **options)
        self._judge("give_figures", d, d.state, answer, expected)
        if not isinstance(expected, Refused):
            new = {"official_figure", "audit_event"} if expected.events else set()
            self._require_written({"idempotency_record"} | new)
            self._check_events(answer, expected)
        self._compare_tables()

    def _repeat(self, chance: Random) -> None:
        """A client that saw no answer sends the same again, or uses the key for something else."""
        if not self.answered:
            return
        name, path, options, first = chance.choice(self.answered[-8:])
        _tell(f"{name} repeats {path}")
        again = self.world.call(name, "POST", path, **options)
        agree("repeated", (again.status_code, again.text), (first.status_code, first.text))
        agree("repeated: etag", again.headers.get("etag"), first.headers.get("etag"))
        other = options | {"headers": options["headers"] | {"If-Match": '"999"'}}
        refused = self.world.call(name, "POST", path, **other)
        agree("key used again", refused.json().get("code"), "idempotency_key_reused")
        self._require_written(set())
        self.tally.seen["repetitions"] += 1

    # --- one turn ---------------------------------------------------------------------------------------

    def play(self, turn: str, unit: str, name: str, body: Any = None, off_by: int = 0) -> None:
        """Look at a dossier, take a turn with it, and compare everything that came of it."""
        d, who = self.life.dossiers[unit], PEOPLE[name]
        _tell(f"{name}: {turn} of {unit} ({d.state}){' on another version' if off_by else ''} {body or ''}")
        before, said = d.state, self._look(d, name)
        headers = {"If-Match": f'"{self.versions[unit] + off_by}"', "Idempotency-Key": self._key()}
        if off_by and who.has(TURNS[turn].power) and who.sees(unit):
            expected: Outcome = Refused(412, "stale_version")
        else:
            expected = self._expected(lambda: self.life.take(turn, who, d, body))
        path, given = requests.path(turn, self.world.ids[unit], body), requests.sent(turn, body)
        options = {"headers": headers} | ({} if given is None else {"json": given})
        method = "PATCH" if turn == "edit" else "POST"
        answer = self.world.call(name, method, path, **options)
        self._judge(turn, d, before, answer, expected)
        self._agrees_with_what_was_said(turn, said, answer)
        if not isinstance(expected, Refused):
            self._acknowledged(turn, d, answer, expected)
            if method == "POST":
                self.answered.append((name, path, options, answer))
        self._compare_tables()

    def _say(self, turn: str, unit: str, name: str, chance: Random, off_by: int = 0) -> None:
        said = bodies.body(turn, self.life.dossiers[unit], self.life, chance)
        self.play(turn, unit, name, said, off_by)

    def _bring_in(self, unit: str) -> None:
        d = self.life.dossiers[unit]
        self.play("edit", unit, f"{unit}.reporter", bodies.complete(d))
        for asked in d.asked[-1:]:
            for item in sorted(asked.open):
                body = {"to": asked.id, "item": item, "evidence": [d.documents[1]]}
                self.play("answer", unit, f"{unit}.reporter", body)
        self.play("approve", unit, f"{unit}.leader")
        self.play("submit", unit, f"{unit}.reporter", bodies.NOTE)

    def _bring_to_an_end(self, unit: str) -> None:
        d = self.life.dossiers[unit]
        name = (d.claimed if d.state == "under_review" else None) or REVIEWERS[unit]
        if d.state != "under_review":
            self.play("claim", unit, name)
        for code in sorted(self.life.undecided(d)):
            body = {"indicator": code, "kind": "points", "points": "5", "reason": bodies.REASON}
            self.play("adjust", unit, name, body)
        if d.submitted != len(d.contents) and not d.is_approved:
            self.play("approve", unit, f"{unit}.leader")
        self.play("pass", unit, name, bodies.NOTE)

    def _key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def _expected(self, act: Callable[[], Effect]) -> Outcome:
        try:
            return act()
        except Refused as refused:
            return refused

    def _look(self, d: Dossier, name: str) -> dict[str, str | None]:
        """Read the dossier as somebody does before he acts, and return what he is told about every turn."""
        answer = self.world.call(name, "GET", f"/submissions/{self.world.ids[d.unit]}")
        if not PEOPLE[name].sees(d.unit):
            agree("invisible", (answer.status_code, answer.json()["code"]), (404, "submission_not_found"))
            return {}
        agree("etag", answer.headers["etag"], f'"{self.versions[d.unit]}"')
        check_read(answer.json(), self.life, d, PEOPLE[name], self.world.names)
        return {one["action"]: one["reason_code"] for one in answer.json()["allowed_actions"]}

    # --- what came of it --------------------------------------------------------------------------------

    def _judge(self, turn: str, d: Dossier, before: str, answer: httpx.Response, expected: Outcome) -> None:
        """Compare an answer with the model's; nothing may have been written where it is a refusal."""
        problem = answer.json() if answer.status_code >= 400 else {}
        if isinstance(expected, Refused):
            found = (answer.status_code, problem.get("code"), problem.get("reason_code"))
            agree(f"{turn}: refusal", found, (expected.status, expected.code, expected.reason))
            self._require_written(set())
            self.tally.count(turn, before, expected.reason or expected.code)
        else:
            assert answer.is_success, (
                f"{turn} of {d.unit}: the model takes it, the service says {answer.text}"
            )
            self.tally.count(turn, before, "done")

    def _agrees_with_what_was_said(
        self, turn: str, said: dict[str, str | None], answer: httpx.Response
    ) -> None:
        """Check that `allowed_actions` said before what then happened."""
        if answer.is_success:
            agree(f"{turn}: said to be allowed", said[turn], None)
        elif answer.json()["code"] == "action_not_allowed":
            why = answer.json()["reason_code"]
            assert said[turn] == why or (said[turn] is None and why in FINER), (
                f"{said[turn]} was said, {why} came"
            )

    def _acknowledged(self, turn: str, d: Dossier, answer: httpx.Response, effect: Effect) -> None:
        """Check the answer, the tables and the audit trail after a change; a new version belongs to each, and only."""
        if not effect.events:
            self._require_written(set())
            return
        if turn != "reply":
            self.versions[d.unit] += 1
            agree(f"{turn}: etag", answer.headers["etag"], f'"{self.versions[d.unit]}"')
        shown = answer.json()
        if turn in requests.SHOWS_DOSSIER:
            agree(f"{turn}: state", shown["state"], d.state)
            agree(f"{turn}: content", shown["answers"], d.content["answers"])
        elif effect.made is not None:
            effect.made.id = shown["id"]
            if turn != "adjust":
                agree(f"{turn}: due", instant(shown["due_at"]), effect.made.due)
        self._require_written(*requests.WRITES[turn])
        self._check_events(answer, effect)
        if turn in ("adjust", "pass"):
            self._check_decisions(d)

    def _check_decisions(self, d: Dossier) -> None:
        """Compare all decisions on a dossier; those of the policy itself are seen here for the first time."""
        path = f"/submissions/{self.world.ids[d.unit]}/adjustments"
        listed = self.world.call("auditor", "GET", path).json()
        found = [(one["indicator_code"], one["kind"], one["declared"]) for one in listed]
        made = [(one.body["indicator"], one.body["kind"], one.declared) for one in d.decisions]
        agree(f"{d.unit}: decisions", found, made)
        for one, row in zip(d.decisions, listed, strict=True):
            assert one.id in ("", row["id"]), "an earlier decision is another one now"
            one.id = row["id"]

    def _check_events(self, answer: httpx.Response, effect: Effect) -> None:
        rows = self.world.events_after(self.last_event)
        request = answer.headers["x-request-id"]
        check_events(rows, effect.events, is_told=effect.is_told, now=self.life.now, request=request)
        if rows:
            self.last_event = rows[-1]["id"]

    def _check_the_trail(self) -> None:
        """Compare all audit rows of each dossier with what was acknowledged, in order."""
        rows = self.world.events_after(self.world.last_event)
        for unit, d in self.life.dossiers.items():
            found = [
                (one["actor_name"], one["action"]) for one in rows if one["object_id"] == self.world.ids[unit]
            ]
            agree(f"{unit}: audit trail", found, [(one.actor, one.action) for one in d.log])

    def _compare_tables(self) -> None:
        """No lost edit, no illegal state, no version without a change."""
        rows = self.world.dossiers()
        for unit, d in self.life.dossiers.items():
            check_row(rows[unit], d)
            self.kept.check(rows[unit], d)
            agree(f"{unit}: version", rows[unit]["version"], self.versions[unit])

    def _require_written(self, tables: set[str], maybe: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Check that exactly these tables were written since the last look, and perhaps some others."""
        now = self.world.marks()
        written = {name for name in now if now[name] != self.marks[name]}
        self.marks = now
        assert tables <= written <= tables | maybe, f"written: {sorted(written)}, expected: {sorted(tables)}"


def _tell(happened: str) -> None:
    """Say what happened, where a failing life is told."""
    if currently_in_test_context():
        note(happened)


def play(
    world: World,
    tally: Tally,
    how: settings,
    machine: type[ReviewChain] = ReviewChain,
    number: int | None = None,
) -> None:
    """Play lives in a world; `number` seeds them.

    Raises: AssertionError where the service and the model differ.
    """
    lives = partial(machine, world, tally)
    if number is not None:
        lives = seed(number)(lives)
    # Whatever makes a machine will do.
    run_state_machine_as_test(lives, settings=how)  # type: ignore[arg-type]
