"""What the model keeps of a dossier, who takes which turn when, and how a turn ends."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.machine.content import EMPTY, Json

WITH_UNIT = frozenset({"draft", "returned"})
WITH_REVIEWER = frozenset({"submitted", "resubmitted", "under_review"})


@dataclass(frozen=True)
class Turn:
    """Who takes it (the unit, the unit that reviews it, or any unit above), with which power, in which states."""

    by: str
    power: str
    states: frozenset[str]


TURNS = {
    "edit": Turn("unit", "edit", WITH_UNIT | WITH_REVIEWER),
    "approve": Turn("unit", "approve", WITH_UNIT | WITH_REVIEWER),
    "submit": Turn("unit", "submit", WITH_UNIT),
    "recall": Turn("unit", "submit", WITH_REVIEWER - {"under_review"}),
    "answer": Turn("unit", "edit", WITH_UNIT | WITH_REVIEWER | {"passed"}),
    "reply": Turn("unit", "edit", frozenset({"under_review", "returned", "resubmitted", "passed"})),
    "claim": Turn("reviewer", "review", WITH_REVIEWER - {"under_review"}),
    "call_in": Turn("reviewer", "review", WITH_UNIT),
    "take_over": Turn("reviewer", "review", frozenset({"under_review"})),
    "return": Turn("reviewer", "review", frozenset({"under_review"})),
    "adjust": Turn("reviewer", "review", frozenset({"under_review"})),
    "check_group": Turn("reviewer", "review", frozenset({"under_review"})),
    "pass": Turn("reviewer", "review", frozenset({"under_review"})),
    "reopen_review": Turn("reviewer", "review", frozenset({"passed"})),
    "reopen_entry": Turn("above", "review", WITH_UNIT | WITH_REVIEWER),
    "ask_for_more": Turn("above", "review", WITH_REVIEWER | {"passed"}),
}
ACTED = {  # what the audit trail calls them
    **{turn: f"submission.{turn}" for turn in ("approve", "submit", "recall", "reopen_entry")},
    **{turn: f"review.{turn}" for turn in ("claim", "call_in", "take_over", "return", "adjust", "answer")},
    **{turn: f"review.{turn}" for turn in ("reply", "pass")},
    "edit": "submission.save",
    "reopen_review": "review.reopen",
    "ask_for_more": "review.ask",
}


class Refused(Exception):
    """The service must answer this and change nothing."""

    def __init__(self, status: int, code: str, reason: str | None = None) -> None:
        super().__init__(status, code, reason)
        self.status, self.code, self.reason = status, code, reason


def denied(reason: str) -> Refused:
    """Return the refusal of a turn by the state of things."""
    return Refused(409, "action_not_allowed", reason)


@dataclass
class Asked:
    """What a unit was asked: the items' indicators, until when, and which of them have an answer (late or not)."""

    kind: str
    due: datetime
    items: list[str | None]
    kinds: list[str]
    # Every answer given: item, documents, when, and whether it was late.
    given: list[tuple[int, list[str], datetime, bool]] = field(default_factory=list)
    answered: dict[int, bool] = field(default_factory=dict)
    id: str = ""

    @property
    def open(self) -> set[int]:
        """Return the places of the items without an answer."""
        return set(range(len(self.items))) - self.answered.keys()


@dataclass
class Decision:
    """A decision on one indicator: the request's body, and what was declared then."""

    body: Json
    declared: Json | None
    made_at: datetime
    id: str = ""


@dataclass(frozen=True)
class Event:
    """A row the audit trail must have."""

    actor: str
    action: str
    acting_for: str | None
    before: str
    after: str


@dataclass
class Effect:
    """What an acknowledged turn does: audit rows in order, whether others are told, what came into being."""

    events: list[Event] = field(default_factory=list)
    is_told: bool = True
    made: Any = None


@dataclass
class Dossier:
    """A unit's dossier: every content it ever had, in order; numbers count from 1."""

    unit: str
    due: datetime
    documents: tuple[str, ...] = ()
    state: str = "draft"
    contents: list[Json] = field(default_factory=lambda: [EMPTY])
    approved: int | None = None
    submitted: int | None = None
    claimed: str | None = None
    reopened: dict[str, datetime] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    passed_at: datetime | None = None
    figures: Json | None = None  # what the agency has given
    log: list[Event] = field(default_factory=list)

    @property
    def content(self) -> Json:
        """Return the present content."""
        return self.contents[-1]

    @property
    def is_approved(self) -> bool:
        """Answer whether the leader approved exactly this content."""
        return self.approved is not None and self.contents[self.approved - 1] == self.content

    @property
    def last_return(self) -> Asked | None:
        """Return why it was returned last."""
        return next((one for one in reversed(self.asked) if one.kind == "return"), None)

    @property
    def open_items(self) -> int:
        """Count the items of the last return that keep it from being handed in again."""
        last = self.last_return
        return len(last.open) if last and self.state == "returned" else 0

    def held(self, code: str, *, evidence: bool = False) -> Decision | None:
        """Return the decision that holds for an indicator, those on evidence apart."""
        of_kind = [one for one in self.decisions if (one.body["kind"] == "evidence") is evidence]
        return next((one for one in reversed(of_kind) if one.body["indicator"] == code), None)
