"""Time: the bounds of a year, working days and deadlines. Pure; every instant is given in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays

from app.core.vietnamese import VIETNAM

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days of Vietnam: Monday to Friday less public holidays, corrected by the administrator's table.

    Source: ruling 16. `overrides` maps a day to whether it is worked (official swaps, missing holidays).
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)

    def is_working(self, day: date) -> bool:
        """Answer whether a day is worked."""
        return self.overrides.get(day, day.weekday() < 5 and day not in _public_holidays(day.year))

    def next_working(self, day: date) -> date:
        """Return the day itself if it is worked, else the next one that is."""
        while not self.is_working(day):
            day += _DAY
        return day

    def working_days_after(self, day: date, count: int) -> date:
        """Return the `count`-th working day after a day (the day itself is not counted)."""
        for _ in range(count):
            day = self.next_working(day + _DAY)
        return day


@lru_cache(maxsize=32)
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("VN", years=year))


def period_bounds(year: int) -> tuple[date, date]:
    """Return the first and the last day of a year's figures: 15/12 of the year before and 14/12.

    Source: 000:83, ruling 14.
    """
    return date(year - 1, 12, 15), date(year, 12, 14)


def end_of(day: date) -> datetime:
    """Return the first instant after a day in Vietnam: what is due on the day is in time before it."""
    return datetime.combine(day + _DAY, time(), VIETNAM).astimezone(UTC)


def last_day_before(due_at: datetime) -> date:
    """Return the day in Vietnam of which a deadline is the end: the inverse of `end_of`."""
    return due_at.astimezone(VIETNAM).date() - _DAY


def submission_last_day(guidance_on: date, calendar_days: int, *, roll: bool, calendar: Calendar) -> date:
    """Return the last day to submit: the sending day is not counted; a day off moves to the next working day.

    Source: 000:83, ruling 15 (Civil Code 2015, art. 147-148).
    """
    last = guidance_on + timedelta(days=calendar_days)
    return calendar.next_working(last) if roll else last


def review_last_day(submission_last: date, working_days: int, calendar: Calendar) -> date:
    """Return the last day of the review; its clock starts the day after the submission deadline.

    Source: 000:85, 000:88, ruling 16.
    """
    return calendar.working_days_after(submission_last, working_days)


def is_late(now: datetime, due_at: datetime) -> bool:
    """Answer whether an instant is past a deadline: the deadline itself is the first instant that is late."""
    return now >= due_at
