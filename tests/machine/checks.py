"""Comparing the service with the model: what people read, what the tables hold, what the audit trail says."""

import json
from datetime import datetime
from typing import Any

from tests.machine.content import VERIFIED
from tests.machine.dossier import TURNS, Dossier, Event
from tests.machine.life import Life
from tests.machine.people import Person


def instant(given: str | datetime | None) -> datetime | None:
    """Read an instant of the API or the database."""
    return datetime.fromisoformat(given) if isinstance(given, str) else given


def agree(what: str, found: object, expected: object) -> None:
    """Fail where the service and the model differ."""
    assert found == expected, f"{what}: the service has {found!r}, the model {expected!r}"


def check_read(shown: Any, life: Life, d: Dossier, who: Person, names: dict[str, str]) -> None:
    """Compare a dossier as somebody reads it; `names` are the accounts by id."""
    agree("state", shown["state"], d.state)
    agree("revision", shown["revision_number"], len(d.contents))
    agree("claimed by", names.get(shown["claimed_by"] or ""), d.claimed)
    agree("due", instant(shown["entry_due_at"]), d.due)
    content = d.content
    if who.sees_parts:
        answers = {code: one for code, one in content["answers"].items() if code in VERIFIED}
        content = {"general_information": {}, "contacts": {}, "answers": answers}
    agree("content", {part: shown[part] for part in content}, content)
    reason, until, codes = life.entry(d)
    entry = shown["entry"]
    agree("entry", (entry["reason_code"], entry["is_open"]), (reason, until is not None))
    agree("entry until", instant(entry["until"]), until)
    approval = shown["approval"]
    if who.sees_parts:
        agree("what only those see who see all", (entry["indicators"], approval), (None, None))
    else:
        agree("entry of", entry["indicators"], None if codes is None else sorted(codes))
        agree("approved", approval and approval["revision_number"], d.approved)
    if approval:
        agree("approval is current", approval["is_current"], d.is_approved)
        agree("changes since the approval", bool(approval["changes"]), not d.is_approved)
    said = {one["action"]: one["reason_code"] for one in shown["allowed_actions"]}
    agree("allowed actions", said, {turn: life.denial(d, who, turn) for turn in TURNS})
    for one in shown["allowed_actions"]:
        assert one["allowed"] is (one["reason_code"] is None) is (one["reason"] is None), one


def check_row(row: Any, d: Dossier) -> None:
    """Compare the row of a dossier, its contents and what belongs to it."""
    found = {
        "state": row["state"],
        "approved": row["approved_revision"],
        "is approved": bool(row["is_approved"]),
        "submitted": row["submitted_revision"],
        "open items": row["open_items"],
        "claimed by": row["claimed_by"],
        "due": row["entry_due_at"],
        "reopened": {c: instant(until) for c, until in json.loads(row["reopened"] or "{}").items()},
        "passed at": row["passed_at"],
        "settled": row["is_settled"],
        "decisions": row["decisions"],
        "asked": row["asked"],
        "revision": row["revision_number"],
        "content": json.loads(row["content"]),
    }
    expected = {
        "state": d.state,
        "approved": d.approved,
        "is approved": d.is_approved,
        "submitted": d.submitted,
        "open items": d.open_items,
        "claimed by": d.claimed,
        "due": d.due,
        "reopened": d.reopened,
        "passed at": d.passed_at,
        "settled": d.state == "passed",
        "decisions": len(d.decisions),
        "asked": len(d.asked),
        "revision": len(d.contents),
        "content": d.content,
    }
    for what, value in found.items():
        agree(f"{d.unit}: {what}", value, expected[what])


class Kept:
    """Every content that was ever acknowledged, as the tables held it then: none changes, none is missing."""

    def __init__(self) -> None:
        self._known: dict[str, list[list[Any]]] = {}

    def check(self, row: Any, d: Dossier) -> None:
        """Compare what is kept now with what was kept before; at most one content comes with each turn."""
        now, before = json.loads(row["revisions"]), self._known.get(d.unit, [])
        agree(f"{d.unit}: numbers of contents", [one[0] for one in now], [*range(1, len(d.contents) + 1)])
        agree(f"{d.unit}: earlier contents", now[: len(before)], before)
        assert len(now) - max(len(before), 1) <= 1, f"{d.unit}: two contents came at once"
        agree(f"{d.unit}: hash of the present content", now[-1][1], row["content_hash"])
        self._known[d.unit] = now


def check_events(
    rows: list[Any], expected: list[Event], *, is_told: bool, now: datetime, request: str
) -> None:
    """Compare the audit rows of one turn: who did what, for whom, when, in which request, and who is told."""
    found = [(row["actor_name"], row["action"], row["acting_for"]) for row in rows]
    agree("audit", found, [(one.actor, one.action, one.acting_for) for one in expected])
    for row, event in zip(rows, expected, strict=True):
        agree("audit: at", row["at"], now)
        is_system = event.actor == "system"
        agree("audit: request", row["request_id"], "-" if is_system else request)
        agree("audit: told", row["told"], int(is_told and not is_system))
        before, after = json.loads(row["before"] or "{}"), json.loads(row["after"] or "{}")
        if event.before != event.after:
            agree("audit: states", (before.get("state"), after.get("state")), (event.before, event.after))
        else:  # where it says a state, it is the right one
            agree("audit: before", before.get("state", event.before), event.before)
            agree("audit: after", after.get("state", event.after), event.after)


def check_chain(events: list[tuple[str, str]], state: str) -> None:
    """Check that the states of a dossier's audit rows follow each other without a gap, from draft to the present."""
    at = "draft"
    for before, after in events:
        agree("audit chain", before, at)
        at = after
    agree("audit chain: end", at, state)
