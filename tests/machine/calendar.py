"""The days the machine lives through, written down by hand: winter 2023 to summer 2024 in Vietnam."""

from datetime import UTC, date, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))
_DAY = timedelta(days=1)
LAST = datetime(2024, 6, 30, tzinfo=UTC)  # the clock goes no further
# New Year; Tết Giáp Thìn from 29 Chạp to mùng 5; the Hùng kings; 29/04 swapped with 04/05; reunification; labour day.
HOLIDAYS = frozenset(
    {date(2024, 1, 1), date(2024, 4, 18), date(2024, 4, 29), date(2024, 4, 30), date(2024, 5, 1)}
    | {date(2024, 2, day) for day in range(8, 15)}
)
TET_EVE = datetime(2024, 2, 7, 9, 0, tzinfo=VIETNAM)


def day_of(now: datetime) -> date:
    """Return the day in Vietnam."""
    return now.astimezone(VIETNAM).date()


def end_of(day: date) -> datetime:
    """Return the first instant after a day in Vietnam."""
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM).astimezone(UTC) + _DAY


def end_of_term(now: datetime, days: int, *, rolls: bool) -> datetime:
    """Return the end of some calendar days, today not counted; a last day off may move to the next worked one."""
    last = day_of(now) + days * _DAY
    while rolls and (last.weekday() >= 5 or last in HOLIDAYS):
        last += _DAY
    return end_of(last)
