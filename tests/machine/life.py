"""The review chain as the documents tell it, in plain Python: what each turn leads to, and why it is refused.

Written from the issue, the rulings and the domain's conventions. It knows nothing of the service's own rules.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.machine.calendar import end_of, end_of_term
from tests.machine.content import CODES, EMPTY, MANUAL, OWED, Json, Reading, is_faulty, merged, value
from tests.machine.dossier import (
    ACTED,
    TURNS,
    WITH_UNIT,
    Asked,
    Decision,
    Dossier,
    Effect,
    Event,
    Refused,
    denied,
)
from tests.machine.people import DEPARTMENT, DISTRICT, PROVINCE, UNITS, Person, above

MAX_POINTS = 10


class Life:
    """All dossiers of a year under a policy: `is_strict` counts late or missing evidence as nothing (BR-VT)."""

    def __init__(self, due: datetime, now: datetime, *, is_strict: bool, rolls: bool) -> None:
        self.now, self.is_strict, self.rolls = now, is_strict, rolls
        self.dossiers = {unit: Dossier(unit, due) for unit in UNITS}

    # --- may one? ---

    def entry(self, d: Dossier) -> tuple[str, datetime | None, set[str] | None]:
        """Return why entry is open or closed, until when, and for which indicators (None: all)."""
        if d.state == "passed":
            return "passed", None, None
        if d.state in WITH_UNIT and self.now < d.due:
            return "in_time", d.due, None
        still = {code: until for code, until in d.reopened.items() if self.now < until}
        if still:
            return "reopened", max(still.values()), set(still)
        return ("entry_closed" if d.state in WITH_UNIT else "handed_in"), None, None

    def acting_for(self, d: Dossier, who: Person, turn: str) -> str | None:
        """Return the unit for which somebody takes a turn, the nearest one."""
        t, chain = TURNS[turn], above(d.unit)
        units = {"unit": [d.unit], "reviewer": chain[:1], "above": chain}[t.by]
        return next((unit for unit in units if who.has(t.power, unit)), None)

    def denial(self, d: Dossier, who: Person, turn: str) -> str | None:
        """Return why somebody may not take a turn now."""
        t = TURNS[turn]
        if self.acting_for(d, who, turn) is None:
            return "not_your_role"
        if t.by != "unit" and who.home == d.unit:
            return "own_unit"
        if d.state not in t.states:
            return "passed" if d.state == "passed" else "wrong_state"
        reason, until, _ = self.entry(d)
        return getattr(self, f"_{turn}_denied", lambda *_: None)(d, who, None if until else reason)

    def _edit_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return closed

    def _approve_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        if d.state in WITH_UNIT and closed:
            return closed
        return "approved_already" if d.is_approved else None

    def _submit_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return closed or ("items_open" if d.open_items else None)

    def _recall_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return None if self.now < d.due else "entry_closed"

    def _call_in_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return None if closed else "not_late"

    def _take_over_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return "claimed_by_you" if d.claimed == who.name else None

    def _claimant_only(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return None if d.claimed == who.name else "claimed_by_another"

    _return_denied = _adjust_denied = _pass_denied = _claimant_only

    def _check_group_denied(self, d: Dossier, who: Person, closed: str | None) -> str | None:
        return "no_council"  # nobody sits in a council here

    # --- taking turns ---

    def take(self, turn: str, who: Person, d: Dossier, body: Any = None) -> Effect:
        """Take a turn.

        Raises: Refused with what the service must answer; then nothing has changed.
        """
        if not who.has(TURNS[turn].power):
            raise Refused(403, "not_permitted")
        if not who.sees(d.unit):
            raise Refused(404, "submission_not_found")
        self._require_there(d, turn, body)
        if why := self.denial(d, who, turn):
            raise denied(why)
        before, effect = d.state, Effect()
        made = getattr(self, f"_{turn}")(d, who, body, effect)
        if made is not False:  # False: there was nothing to change
            effect.made = made
            by = self.acting_for(d, who, turn)
            effect.events.append(Event(who.name, ACTED[turn], by, before, d.state))
        d.log += effect.events
        return effect

    def _require_there(self, d: Dossier, turn: str, body: Any) -> None:
        if turn == "answer" and all(one.id != body["to"] for one in d.asked):
            raise Refused(404, "clarification_not_found")
        if turn == "reply" and all(one.id != body["to"] for one in d.decisions):
            raise Refused(404, "adjustment_not_found")

    def _edit(self, d: Dossier, who: Person, patch: Json, effect: Effect) -> bool | None:
        opened = self.entry(d)[2]
        named = set(patch.get("answers") or {}) | (set(patch) - {"answers"})
        if opened is not None and not named <= opened:
            raise denied("not_opened")
        if is_faulty(patch):
            raise Refused(422, "invalid_request")
        new = merged(d.content, patch)
        if new == d.content:
            return False
        d.contents.append(new)
        effect.is_told = d.state not in WITH_UNIT
        return None

    def _approve(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        d.approved = len(d.contents)
        if d.state not in WITH_UNIT:
            d.submitted = d.approved

    def reading(self, d: Dossier) -> Reading:
        """Return how the present content is judged."""
        return Reading(d.content, proof_counts=self.is_strict)

    def _submit(self, d: Dossier, who: Person, note: str | None, effect: Effect) -> None:
        found = self.reading(d)
        if found.is_incomplete:
            raise Refused(409, "submission_incomplete")
        if found.unexplained() and not note:
            raise Refused(409, "note_missing")
        if not d.is_approved:
            raise Refused(409, "approval_missing")
        d.state = "submitted" if d.state == "draft" else "resubmitted"
        d.submitted = len(d.contents)

    def _recall(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        d.state = "draft" if d.state == "submitted" else "returned"

    def _claim(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        d.state, d.claimed = "under_review", who.name

    def _take_over(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        d.claimed = who.name

    def _call_in(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        """What was handed in last counts, with what was asked for and came in time; nothing where nothing was."""
        last = EMPTY if d.submitted is None else d.contents[d.submitted - 1]
        last = self._with_given(d, last, since=None)
        if last != d.content:
            d.contents.append(last)
        d.state, d.claimed, d.submitted = "under_review", who.name, len(d.contents)

    def _asked(self, d: Dossier, kind: str, body: Json) -> Asked:
        items = [item["indicator"] for item in body["items"]]
        due = end_of(body["due_on"])
        if (
            due <= self.now
            or due > self.now + timedelta(days=91)
            or any(code is not None and code not in CODES for code in items)
        ):
            raise Refused(422, "invalid_request")
        d.asked.append(Asked(kind, due, items, [item["kind"] for item in body["items"]]))
        return d.asked[-1]

    def _return(self, d: Dossier, who: Person, body: Json, effect: Effect) -> Asked:
        asked = self._asked(d, "return", body)
        d.state, d.claimed, d.due = "returned", None, max(d.due, asked.due)
        return asked

    def _ask_for_more(self, d: Dossier, who: Person, body: Json, effect: Effect) -> Asked:
        return self._asked(d, "supplement", body)

    def _answer(self, d: Dossier, who: Person, body: Json, effect: Effect) -> None:
        asked = next(one for one in d.asked if one.id == body["to"])
        is_late = asked.kind == "supplement" and self.now >= asked.due
        if asked.kind == "return":
            if d.state != "returned" or asked is not d.last_return:
                raise denied("wrong_state")
            if self.entry(d)[1] is None:
                raise denied("entry_closed")
        elif is_late and self.is_strict:
            raise Refused(409, "supplement_late")
        if body["item"] >= len(asked.items) or not {*body["evidence"]} <= {*d.documents}:
            raise Refused(422, "invalid_request")
        code, opened = asked.items[body["item"]], self.entry(d)[2]
        if asked.kind == "return" and body["evidence"] and opened is not None and code not in opened:
            raise denied("not_opened")
        asked.answered[body["item"]] = is_late
        asked.given.append((body["item"], body["evidence"], self.now, is_late))
        if d.state != "passed":  # what a review ended with stays
            new = self._with(d.content, code, body["evidence"])
            if new != d.content:
                d.contents.append(new)

    def _with_given(self, d: Dossier, content: Json, since: datetime | None) -> Json:
        """What was asked for beside the turns joins: what came since then, or whatever came in time."""
        given = [
            (when, asked.items[item], documents, is_late)
            for asked in d.asked
            if asked.kind == "supplement"
            for item, documents, when, is_late in asked.given
        ]
        for when, code, documents, is_late in sorted(given, key=lambda one: one[0]):
            if not is_late if since is None else when >= since:
                content = self._with(content, code, documents)
        return content

    def _with(self, content: Json, code: str | None, documents: list[str]) -> Json:
        """Documents join those of the item's indicator."""
        held = content["answers"].get(code, {})
        cited = held.get("evidence", [])
        new = [one for one in documents if one not in cited]
        if code is None or not new:
            return content
        return content | {"answers": content["answers"] | {code: held | {"evidence": cited + new}}}

    def _reply(self, d: Dossier, who: Person, body: Json, effect: Effect) -> None:
        pass

    def _adjust(self, d: Dossier, who: Person, body: Json, effect: Effect) -> Decision:
        code, kind = body["indicator"], body["kind"]
        declared = d.content["answers"].get(code)
        cited = (declared or {}).get("evidence", [])
        if (
            code not in CODES
            or (kind == "points" and Fraction(body["points"]) > MAX_POINTS)
            or (kind == "not_applicable" and not (declared or {}).get("not_applicable"))
            or (kind == "evidence" and not {*body["disallowed"]} <= {*cited})
        ):
            raise Refused(422, "invalid_request")
        d.decisions.append(Decision(body, declared, self.now))
        return d.decisions[-1]

    def undecided(self, d: Dossier) -> set[str]:
        """Return the indicators a reviewer must still decide (rulings 6, 8, 20)."""
        found = set()
        for code in CODES:
            held, answer = d.held(code), d.content["answers"].get(code)
            if held and held.body["kind"] != "as_declared":
                is_open = value(held.declared) != value(answer)  # decided on what was changed since
            else:
                is_open = d.figures is None if code == OWED else "not_applicable" in value(answer)
            settles = held and (held.body["kind"] == "points" or held.body.get("accepted"))
            if is_open or (code == MANUAL and not settles):
                found.add(code)
        return found

    def _pass(self, d: Dossier, who: Person, note: str | None, effect: Effect) -> None:
        if self.undecided(d):
            raise Refused(409, "review_incomplete")
        if self.to_explain(d) and not note:
            raise Refused(409, "note_missing")
        if d.submitted != len(d.contents) and not d.is_approved:
            raise Refused(409, "approval_missing")
        for code, due in self._supplements(d)[0].items():
            valued, documents = d.held(code), d.held(code, evidence=True)
            # What the reviewer decided himself holds; that he took a decision back decides nothing.
            own = valued is not None and valued.body["kind"] != "as_declared"
            if not own and (documents is None or documents.made_at < due):
                d.decisions.append(Decision({"indicator": code, "kind": "evidence"}, None, self.now))
                effect.events.append(Event("system", "review.adjust", None, d.state, d.state))
        d.state, d.passed_at, d.submitted = "passed", self.now, len(d.contents)

    def to_explain(self, d: Dossier) -> set[str]:
        """Return what looks wrong and nobody has decided, so that the pass must be explained."""
        found = self.reading(d)
        odd = found.odd | found.unproved | self._supplements(d)[1] | (self.entry(d)[2] or set())
        odd = {one for one in odd if not (d.held(one) or d.held(one, evidence=True))}
        return odd | {code for code in CODES if self._comes_again(d, code)}

    def _comes_again(self, d: Dossier, code: str) -> bool:
        """Answer whether a document that was refused for an indicator is back since the last decision on its documents.

        Every document of the model has bytes of its own, so the same bytes are the same document.
        """
        judged: dict[str, bool] = {}  # by document: whether the last decision that saw it refused it
        seen: list[str] = []
        for one in d.decisions:
            if one.body["indicator"] == code and "disallowed" in one.body:
                seen = (one.declared or {}).get("evidence", [])
                if not one.body["disallowed"]:
                    judged = {}
                judged |= {document: document in one.body["disallowed"] for document in seen}
        cited = d.content["answers"].get(code, {}).get("evidence", [])
        return any(judged.get(document) for document in cited if document not in seen)

    def _supplements(self, d: Dossier) -> tuple[dict[str, datetime], set[str]]:
        """Return what came too late to count, and which indicators ("": none) have something open or late."""
        late: dict[str, datetime] = {}
        to_explain: set[str] = set()
        last: dict[str, tuple[Asked, int]] = {}
        for asked in d.asked:
            for place, code in enumerate(asked.items if asked.kind == "supplement" else []):
                # About one indicator the last request counts: it may have given more time.
                last[code or f"{id(asked)} {place}"] = asked, place
        for asked, place in last.values():
            code, is_missing = asked.items[place], place not in asked.answered
            if is_missing or asked.answered[place]:
                to_explain.add(code or "")
            proves = asked.kinds[place] == "missing_evidence"
            if is_missing and self.now >= asked.due and self.is_strict and code and proves:
                late[code] = asked.due
        return late, to_explain

    def _reopen_review(self, d: Dossier, who: Person, body: Any, effect: Effect) -> None:
        new = self._with_given(d, d.content, since=d.passed_at)
        if new != d.content:
            d.contents.append(new)
        d.state, d.claimed = "under_review", who.name

    def _reopen_entry(self, d: Dossier, who: Person, body: Json, effect: Effect) -> None:
        codes = body["indicators"]
        if codes is None and d.state not in WITH_UNIT:
            raise denied("wrong_state")
        if codes is not None and not {*codes} <= {*CODES}:
            raise Refused(422, "invalid_request")
        until = end_of_term(self.now, body["days"], rolls=self.rolls)
        if codes is None:
            d.due = max(d.due, until)
        else:
            d.reopened |= {code: max(until, d.reopened.get(code, until)) for code in codes}

    # --- the agency ---

    def give_figures(self, who: Person, d: Dossier, figures: Json) -> Effect:
        """An agency gives what the unit may not declare.

        Raises: Refused.
        """
        if not who.has("figures"):
            raise Refused(403, "not_permitted")
        if d.figures == figures:
            return Effect()
        d.figures = figures
        return Effect([Event(who.name, "figure.give", who.place, d.state, d.state)], is_told=False)


def scope_units(unit: str, *, is_strict: bool) -> tuple[str, list[str]]:
    """Return who finalizes the scope of a unit, and the played units in it (ruling 19)."""
    if unit == DEPARTMENT:
        return PROVINCE, [DEPARTMENT]
    return (PROVINCE if is_strict else DISTRICT), [one for one in UNITS if one != DEPARTMENT]
