"""The state machine: random turns by everybody, each compared with the model on the real database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.conftest import START
from tests.machine import bodies, requests
from tests.machine.calendar import LAST, TET_EVE
from tests.machine.checks import Kept, agree, check_events, check_read, check_row, instant
from tests.machine.life import TURNS, WITH_REVIEWER, WITH_UNIT, Dossier, Effect, Life, Refused
from tests.machine.people import PEOPLE, UNITS
from tests.machine.tally import Tally
from tests.machine.world import World

NAMES, TRIES = st.sampled_from(sorted(PEOPLE)), st.sampled_from(requests.PLAYED)
WEIGHTS = {"edit": 3, "submit": 3, "claim": 2, "return": 2, "pass": 2, "adjust": 3, "answer": 4, "reply": 2}
REVIEWERS = {unit: "huyen-964.reviewer" for unit in UNITS[:-1]} | {UNITS[-1]: "reviewer2"}
FINER = {"not_opened", "wrong_state", "entry_closed"}  # depend on what is sent, not only on who sends it when


class ReviewChain(RuleBasedStateMachine):
    """One life of a year: it begins with its opening, and is rolled back at its end."""

    life_of: ClassVar[type[Life]] = Life

    def __init__(self, world: World, tally: Tally) -> None:
        super().__init__()
        self.world, self.tally = world, tally
        self._living = world.life()
        self._living.__enter__()
        is_strict = world.policy == "brvt-2022"
        self.life = self.life_of(world.due, START, is_strict=is_strict, rolls=not is_strict)
        for unit, d in self.life.dossiers.items():
            d.documents = tuple(world.documents[unit])
        self.kept, self.versions = Kept(), dict.fromkeys(UNITS, 1)
        self.marks = world.marks()
        self.last_event: UUID = world.last_event
        self.answered: list[tuple[str, str, dict[str, Any], httpx.Response]] = []
        tally.lives += 1

    def teardown(self) -> None:
        self._living.__exit__(None, None, None)

    # --- rules ---

    @rule(data=st.data())
    def take_a_turn(self, data: Any) -> None:
        """Somebody does what he may do now, as far as that is known before it is said."""
        self._take_some(data)

    # Rules are chosen alike: half of the steps shall lead somewhere.
    @rule(data=st.data())
    def take_another_turn(self, data: Any) -> None:
        """The same again."""
        self._take_some(data)

    @rule(data=st.data())
    def take_one_more_turn(self, data: Any) -> None:
        """And again."""
        self._take_some(data)

    def _take_some(self, data: Any) -> None:
        open_to: dict[str, list[tuple[str, str]]] = {}
        for d in self.life.dossiers.values():
            for who in PEOPLE.values():
                for turn in requests.PLAYED:
                    if self.life.denial(d, who, turn) is None:
                        open_to.setdefault(turn, []).append((d.unit, who.name))
        turns = [turn for turn in sorted(open_to) for _ in range(WEIGHTS.get(turn, 1))]
        turn = data.draw(st.sampled_from(turns), label="turn")
        unit, name = data.draw(st.sampled_from(open_to[turn]), label="unit, who")
        self.play(turn, unit, name, data.draw(self._body(turn, unit), label="body"))

    @rule(turn=TRIES, unit=st.sampled_from(UNITS), name=NAMES, data=st.data())
    def try_a_turn(self, turn: str, unit: str, name: str, data: Any) -> None:
        """Anybody tries anything."""
        self.play(turn, unit, name, data.draw(self._body(turn, unit), label="body"))

    @rule(turn=TRIES, unit=st.sampled_from(UNITS), name=NAMES, by=st.sampled_from([-1, 1]), data=st.data())
    def try_on_another_version(self, turn: str, unit: str, name: str, by: int, data: Any) -> None:
        """Somebody acts on a dossier that has changed since he looked."""
        if turn != "reply":  # says something to a decision, whatever became of the dossier
            self.play(turn, unit, name, data.draw(self._body(turn, unit), label="body"), off_by=by)

    @rule(data=st.data())
    def hand_some_in(self, data: Any) -> None:
        """A unit whose turn it is does everything until its dossier is with its reviewer."""
        if units := [unit for unit, d in self.life.dossiers.items() if d.state in WITH_UNIT]:
            self._hand_in(data.draw(st.sampled_from(units), label="unit"))

    @rule(data=st.data())
    def end_some_review(self, data: Any) -> None:
        """A reviewer whose turn it is does everything until a dossier has passed."""
        if units := [unit for unit, d in self.life.dossiers.items() if d.state in WITH_REVIEWER]:
            self._end_review(data.draw(st.sampled_from(units), label="unit"))

    @initialize(
        begins=st.tuples(*[st.sampled_from(["empty", "handed in", "handed in", "passed"])] * len(UNITS))
    )
    def begin(self, begins: tuple[str, ...]) -> None:
        """Some dossiers have come some way already."""
        for unit, where in zip(UNITS, begins, strict=True):
            if where != "empty":
                self._hand_in(unit)
            if where == "passed":
                self._end_review(unit)

    def _hand_in(self, unit: str) -> None:
        d = self.life.dossiers[unit]
        self.play("edit", unit, f"{unit}.reporter", bodies.complete(d))
        for asked in d.asked:
            for item in sorted(asked.open):
                body = {"to": asked.id, "item": item, "evidence": [d.documents[1]]}
                self.play("answer", unit, f"{unit}.reporter", body)
        self.play("approve", unit, f"{unit}.leader")
        self.play("submit", unit, f"{unit}.reporter", bodies.NOTE)

    def _end_review(self, unit: str) -> None:
        d = self.life.dossiers[unit]
        name = d.claimed if d.state == "under_review" else REVIEWERS[unit]
        assert name is not None
        if d.state != "under_review":
            self.play("claim", unit, name)
        for code in sorted(self.life.undecided(d)):
            body = {"indicator": code, "kind": "points", "points": "5", "reason": bodies.REASON}
            self.play("adjust", unit, name, body)
        self.play("pass", unit, name, bodies.NOTE)

    @rule(data=st.data())
    def wait(self, data: Any) -> None:
        """Time passes: a little, or up to a second before, at or after some deadline."""
        now, life = self.life.now, self.life
        ends = {TET_EVE, life.dossiers[UNITS[0]].due}
        for d in life.dossiers.values():
            ends |= {d.due, *d.reopened.values(), *(one.due for one in d.asked)}
        seconds = [timedelta(seconds=s) for s in (-1, 0, 1)]
        at = [end + s for end in sorted(ends) for s in seconds if end + s > now]
        steps = [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=3)]
        then = data.draw(st.sampled_from([*at[:12], *(now + step for step in steps)]), label="until")
        if then <= LAST:
            self.life.now = self.world.clock.now = then

    @rule(data=st.data())
    def give_figures(self, data: Any) -> None:
        """The agency gives what units may not declare; others try to."""
        unit = data.draw(st.sampled_from(UNITS))
        name = data.draw(
            st.sampled_from(["so-tttt.agency", "so-tttt.agency", f"{unit}.reporter", "reviewer"])
        )
        d, figures = self.life.dossiers[unit], {"a": data.draw(st.sampled_from([1, 4])), "b": 4}
        row = {"unit": {"key": unit}, "indicator": "1.3", "figures": figures}
        body = {"period_id": self.world.period["id"], "figures": [row]}
        expected = self._expected(lambda: self.life.give_figures(PEOPLE[name], d, figures))
        key = {"Idempotency-Key": self._key()}
        answer = self.world.call(name, "POST", "/official-figures", json=body, headers=key)
        self._judge("give_figures", d, d.state, answer, expected)
        if not isinstance(expected, Refused):
            self._require_written(
                {"official_figure", "audit_event", "idempotency_record"}
                if expected.events
                else {"idempotency_record"}
            )
            self._check_events(answer, expected)
        self._compare_tables()

    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        """A client that saw no answer sends the same again; or uses the key for something else."""
        if not self.answered:
            return
        name, path, options, first = data.draw(st.sampled_from(self.answered[-5:]), label="again")
        again = self.world.call(name, "POST", path, **options)
        agree("repeated", (again.status_code, again.text), (first.status_code, first.text))
        agree("repeated: etag", again.headers.get("etag"), first.headers.get("etag"))
        other = options | {"headers": options["headers"] | {"If-Match": '"999"'}}
        refused = self.world.call(name, "POST", path, **other)
        agree("key used again", refused.json().get("code"), "idempotency_key_reused")
        self.tally.seen["repetitions"] += 1
        self._require_written(set())

    # --- playing ---

    def _body(self, turn: str, unit: str) -> st.SearchStrategy[Any]:
        return bodies.body(turn, self.life.dossiers[unit], self.life)

    def _key(self) -> str:
        return f"{self.tally.lives}-{self.tally.turns}"

    def _expected(self, act: Callable[[], Effect]) -> Effect | Refused:
        try:
            return act()
        except Refused as refused:
            return refused

    def play(self, turn: str, unit: str, name: str, body: Any = None, off_by: int = 0) -> None:
        """Look at a dossier, take a turn with it, and compare everything that came of it."""
        d, who = self.life.dossiers[unit], PEOPLE[name]
        before, said = d.state, self._look(d, name)
        version = self.versions[unit] + off_by
        if off_by and who.has(TURNS[turn].power) and who.sees(unit):
            expected: Effect | Refused = Refused(412, "stale_version")
        else:
            expected = self._expected(lambda: self.life.take(turn, who, d, body))
        path = requests.path(turn, self.world.ids[unit], body)
        headers = {"If-Match": f'"{version}"', "Idempotency-Key": self._key()}
        given = requests.sent(turn, body)
        options = {"headers": headers} | ({} if given is None else {"json": given})
        method = "PATCH" if turn == "edit" else "POST"
        answer = self.world.call(name, method, path, **options)
        self._judge(turn, d, before, answer, expected)
        self._agrees_with_what_was_said(turn, said, answer)
        if not isinstance(expected, Refused):
            if expected.events:
                self._acknowledged(turn, d, answer, expected)
            else:
                self._require_written(set())
            if method == "POST":
                self.answered.append((name, path, options, answer))
        self._compare_tables()

    def _look(self, d: Dossier, name: str) -> dict[str, str | None]:
        """Read the dossier as somebody does before he acts, and return what he is told about every turn."""
        answer = self.world.call(name, "GET", f"/submissions/{self.world.ids[d.unit]}")
        if not PEOPLE[name].sees(d.unit):
            agree("invisible", (answer.status_code, answer.json()["code"]), (404, "submission_not_found"))
            return {}
        agree("etag", answer.headers["etag"], f'"{self.versions[d.unit]}"')
        check_read(answer.json(), self.life, d, PEOPLE[name], self.world.names)
        return {one["action"]: one["reason_code"] for one in answer.json()["allowed_actions"]}

    def _judge(
        self, turn: str, d: Dossier, before: str, answer: httpx.Response, expected: Effect | Refused
    ) -> None:
        """Compare an answer with the model's; nothing may have been written where it is a refusal."""
        problem = answer.json() if answer.status_code >= 400 else {}
        found = (problem.get("code"), problem.get("reason_code"))
        if isinstance(expected, Refused):
            agree(
                f"{turn}: refusal",
                (answer.status_code, *found),
                (expected.status, expected.code, expected.reason),
            )
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
            reason = answer.json()["reason_code"]
            assert said[turn] == reason or (said[turn] is None and reason in FINER), (
                turn,
                said[turn],
                reason,
            )

    def _acknowledged(self, turn: str, d: Dossier, answer: httpx.Response, effect: Effect) -> None:
        if turn == "reply":
            assert "etag" not in answer.headers
        else:
            version = int(answer.headers["etag"].strip('"'))
            assert version > self.versions[d.unit], f"{turn}: an acknowledged change has no new version"
            self.versions[d.unit] = version
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

    def _check_events(self, answer: httpx.Response, effect: Effect) -> None:
        rows = self.world.events_after(self.last_event)
        request = answer.headers["x-request-id"]
        check_events(rows, effect.events, is_told=effect.is_told, now=self.life.now, request=request)
        if rows:
            self.last_event = rows[-1]["id"]

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
