"""The first axis of a dossier: may its unit enter figures now, why, and until when. Pure; served as documentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.submissions.models import ReviewState as S

Words = tuple[str, str]  # Vietnamese, English


class Closed(StrEnum):
    """Why the unit cannot enter figures now."""

    HANDED_IN = "handed_in"
    PASSED = "passed"
    DEADLINE = "entry_closed"


class OpenFor(StrEnum):
    """Why the unit can enter figures now."""

    IN_TIME = "in_time"
    REOPENED = "reopened"


ENTRY_TEXT: dict[Closed | OpenFor, Words] = {
    Closed.HANDED_IN: ("Hồ sơ đã gửi, đang ở đơn vị thẩm định", "The dossier is with its reviewer"),
    Closed.PASSED: ("Hồ sơ đã thẩm định xong", "The review has ended"),
    Closed.DEADLINE: ("Đã hết hạn nhập số liệu", "The time to enter figures has ended"),
    OpenFor.IN_TIME: ("Đang trong thời hạn nhập số liệu", "Figures can be entered"),
    OpenFor.REOPENED: ("Một số chỉ số được mở lại", "Some indicators were opened again"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Whether the unit may enter figures now, why, and until when.

    `indicators` None is all of them; `until` is the first instant at which it is closed, None while it is closed.
    """

    reason: Closed | OpenFor
    until: datetime | None = None
    indicators: frozenset[str] | None = None

    @property
    def is_open(self) -> bool:
        """Answer whether anything may be entered."""
        return self.until is not None

    def opens(self, indicator: str | None) -> bool:
        """Answer whether one indicator may be answered; None asks for what belongs to no indicator."""
        return self.is_open and (self.indicators is None or indicator in self.indicators)


WITH_UNIT = frozenset({S.DRAFT, S.RETURNED})


class Door(StrEnum):
    """The two states of the entry axis."""

    OPEN = "open"
    CLOSED = "closed"


# What opens and closes entry: the state follows from `entry`, this table says it in words, tests hold both together.
DOOR_MOVES: tuple[tuple[str, Door, Door, Words], ...] = (
    (
        "open_period",
        Door.CLOSED,
        Door.OPEN,
        ("Kỳ mở: đến hết hạn nộp", "The period opens: until the deadline"),
    ),
    ("deadline", Door.OPEN, Door.CLOSED, ("Hết hạn: tự đóng", "The deadline passes: it closes by itself")),
    ("submit", Door.OPEN, Door.CLOSED, ("Gửi hồ sơ", "The dossier is handed in")),
    (
        "recall",
        Door.CLOSED,
        Door.OPEN,
        ("Rút hồ sơ: đến hết hạn nộp", "It is taken back: until the deadline"),
    ),
    (
        "return",
        Door.CLOSED,
        Door.OPEN,
        ("Trả lại: đến hạn giải trình", "It is returned: until the day that was set"),
    ),
    (
        "reopen_entry",
        Door.CLOSED,
        Door.OPEN,
        (
            "Mở lại N ngày cho đơn vị hoặc vài chỉ số",
            "Opened again for N days, for the unit or some indicators",
        ),
    ),
    (
        "reopening_ends",
        Door.OPEN,
        Door.CLOSED,
        ("Hết N ngày: tự đóng", "The N days end: it closes by itself"),
    ),
    ("pass", Door.OPEN, Door.CLOSED, ("Thông qua", "The dossier passes")),
)


def entry(state: S, now: datetime, *, due_at: datetime, reopened: Mapping[str, datetime]) -> Entry:
    """Return whether a dossier is open for entry: the one lock function of the API, imports and exports.

    `due_at` ends the unit's turn: the deadline of all units, or a later one by a return or a reopening. `reopened`
    holds the indicators that were opened again and until when each: they are open whoever's turn it is, until the
    dossier has passed. A deadline is the first instant that is late (rulings 14 to 16).
    """
    if state is S.PASSED:
        return Entry(Closed.PASSED)
    if state in WITH_UNIT and now < due_at:
        return Entry(OpenFor.IN_TIME, due_at)
    still = {code: until for code, until in reopened.items() if now < until}
    if still:
        return Entry(OpenFor.REOPENED, max(still.values()), frozenset(still))
    return Entry(Closed.DEADLINE if state in WITH_UNIT else Closed.HANDED_IN)
