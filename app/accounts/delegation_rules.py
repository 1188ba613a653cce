"""The life of a delegation: what stage it is in, and who may end it. Pure."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.core.problems import Fault

Words = tuple[str, str]  # Vietnamese, English
MAX_DAYS = 60  # longer than that somebody is not away: the role is given to another


class Stage(StrEnum):
    """Where a delegation is in its life."""

    AHEAD = "ahead"
    RUNNING = "running"
    LAPSED = "lapsed"  # its days are not over, but the delegator no longer holds the role
    OVER = "over"
    ENDED = "ended"


class Action(StrEnum):
    """What can be done with a delegation."""

    END = "end"


class Denial(StrEnum):
    """Why an action is not possible now."""

    NOT_YOURS = "not_your_delegation"
    OVER = "delegation_over"
    ENDED = "delegation_ended"


DENIAL_TEXT: dict[Denial, Words] = {
    Denial.NOT_YOURS: (
        "Chỉ người ủy quyền, người được ủy quyền và quản trị tài khoản chấm dứt được",
        "Only its delegator, its delegate and administrators of accounts end it",
    ),
    Denial.OVER: ("Thời hạn ủy quyền đã qua", "Its last day has passed"),
    Denial.ENDED: ("Việc ủy quyền đã được chấm dứt", "It was ended already"),
}

# What each stage forbids everybody: a lapsed one can be ended, so that it cannot come back with the role.
_FORBIDDEN: dict[Stage, dict[Action, Denial]] = {
    Stage.OVER: {Action.END: Denial.OVER},
    Stage.ENDED: {Action.END: Denial.ENDED},
}


@dataclass(frozen=True, slots=True)
class Days:
    """From a first to a last day, both included (Asia/Ho_Chi_Minh)."""

    first: date
    last: date


def stage(days: Days, today: date, *, is_ended: bool, is_running: bool) -> Stage:
    """Return the stage a delegation is in on a day; `is_running` is what the database says of it."""
    if is_ended:
        return Stage.ENDED
    if is_running:
        return Stage.RUNNING
    if days.last < today:
        return Stage.OVER
    return Stage.AHEAD if days.first > today else Stage.LAPSED


def denial(action: Action, at: Stage, *, is_theirs: bool) -> Denial | None:
    """Return why the action is impossible now, or None if it is possible."""
    if not is_theirs:
        return Denial.NOT_YOURS
    return _FORBIDDEN.get(at, {}).get(action)


def faults_of_days(days: Days, today: date) -> list[Fault]:
    """Return what is wrong with the days of a new delegation."""
    if days.last < days.first:
        vi, en = "phải từ ngày bắt đầu trở đi", "must not be before the first day"
        return [Fault("/ends_on", "ends_before_start", vi, en)]
    faults = []
    if days.first < today:
        faults.append(Fault("/starts_on", "in_the_past", "phải từ hôm nay trở đi", "must be today or later"))
    if (days.last - days.first).days >= MAX_DAYS:
        vi, en = f"không quá {MAX_DAYS} ngày", f"at most {MAX_DAYS} days"
        faults.append(Fault("/ends_on", "too_long", vi, en))
    return faults
