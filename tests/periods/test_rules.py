"""The bounds of a year, deadlines and working days. Pure; instants in Asia/Ho_Chi_Minh."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.vietnamese import VIETNAM
from app.periods.rules import (
    Calendar,
    end_of,
    is_late,
    period_bounds,
    review_last_day,
    submission_last_day,
)

_days = st.dates(date(2010, 1, 1), date(2040, 12, 31))
_overrides = st.dictionaries(st.dates(date(2023, 1, 1), date(2023, 12, 31)), st.booleans(), max_size=20)


def test_a_year_runs_from_15_december_to_14_december() -> None:
    """000:83, ruling 14."""
    assert period_bounds(2023) == (date(2022, 12, 15), date(2023, 12, 14))


@given(st.integers(2000, 2100))
def test_the_years_follow_each_other_without_gap_or_overlap(year: int) -> None:
    assert period_bounds(year + 1)[0] - period_bounds(year)[1] == timedelta(days=1)


@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, True), (1, True)])
def test_the_end_of_the_last_day_is_the_first_late_instant(seconds: int, late: bool) -> None:
    due = end_of(date(2024, 1, 2))
    assert due == datetime(2024, 1, 2, 17, 0, tzinfo=UTC)  # midnight in Vietnam
    assert is_late(due + timedelta(seconds=seconds), due) is late
    assert is_late((due + timedelta(seconds=seconds)).astimezone(UTC), due) is late


def test_the_sending_day_is_not_counted() -> None:
    """Ruling 15: sent on Monday 4 December 2023, due at the end of Tuesday the 19th."""
    assert submission_last_day(date(2023, 12, 4), 15, roll=True, calendar=Calendar()) == date(2023, 12, 19)


@pytest.mark.parametrize(
    ("sent", "last"),
    [
        (date(2023, 12, 8), date(2023, 12, 25)),  # Saturday the 23rd moves to Monday
        (date(2023, 12, 9), date(2023, 12, 25)),  # Sunday
        (date(2023, 12, 16), date(2024, 1, 2)),  # Sunday the 31st, then New Year's Day
        (date(2024, 1, 24), date(2024, 2, 15)),  # Tết: Thursday 8 to Wednesday 14 February 2024
    ],
)
def test_a_last_day_that_is_not_worked_moves_to_the_next_that_is(sent: date, last: date) -> None:
    """Ruling 15, Civil Code 2015, art. 148."""
    assert submission_last_day(sent, 15, roll=True, calendar=Calendar()) == last


def test_without_rolling_the_last_day_stays() -> None:
    assert submission_last_day(date(2024, 1, 24), 15, roll=False, calendar=Calendar()) == date(2024, 2, 8)


def test_the_review_takes_15_working_days_from_the_day_after_the_submission() -> None:
    """Ruling 16: from Tuesday 2 January 2024 (not counted) three weeks."""
    assert review_last_day(date(2024, 1, 2), 15, Calendar()) == date(2024, 1, 23)


def test_working_days_leave_out_tet() -> None:
    assert review_last_day(date(2024, 2, 7), 1, Calendar()) == date(2024, 2, 15)


def test_a_swap_gives_a_day_off_and_takes_it_back_on_a_saturday() -> None:
    """Monday 29 April 2024 was off, Saturday 4 May was worked instead (ruling 16)."""
    swapped = Calendar({date(2024, 4, 29): False, date(2024, 5, 4): True})
    assert not swapped.is_working(date(2024, 4, 29))
    assert swapped.is_working(date(2024, 5, 4))
    assert swapped.working_days_after(date(2024, 4, 26), 3) == date(2024, 5, 4)


def test_an_override_can_make_a_public_holiday_a_working_day() -> None:
    assert Calendar({date(2024, 1, 1): True}).is_working(date(2024, 1, 1))


@given(_days, st.integers(0, 60))
def test_the_last_day_to_submit_is_worked_and_never_earlier_than_counted(sent: date, count: int) -> None:
    calendar = Calendar()
    last = submission_last_day(sent, count, roll=True, calendar=calendar)
    counted = sent + timedelta(days=count)
    assert last >= counted
    assert calendar.is_working(last)
    between = [counted + timedelta(days=n) for n in range((last - counted).days)]
    assert not any(map(calendar.is_working, between))


@given(_days, st.integers(0, 30), _overrides)
def test_exactly_as_many_days_are_worked_as_were_counted(
    start: date, count: int, overrides: dict[date, bool]
) -> None:
    calendar = Calendar(overrides)
    last = calendar.working_days_after(start, count)
    passed = [start + timedelta(days=n) for n in range(1, (last - start).days + 1)]
    assert sum(map(calendar.is_working, passed)) == count
    assert count == 0 or calendar.is_working(last)


@given(_days, _days)
def test_a_later_guidance_letter_never_gives_an_earlier_deadline(one: date, other: date) -> None:
    calendar = Calendar()
    first, second = sorted((one, other))
    assert submission_last_day(first, 15, roll=True, calendar=calendar) <= submission_last_day(
        second, 15, roll=True, calendar=calendar
    )


@given(_days)
def test_a_day_ends_at_the_next_midnight_in_vietnam(day: date) -> None:
    end = end_of(day).astimezone(VIETNAM)
    assert (end.date(), end.time()) == (day + timedelta(days=1), datetime.min.time())
