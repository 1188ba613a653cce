"""The words of notices, and the arithmetic of their days."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications.reminding import _all_deadlines
from app.notifications.rules import (
    BACK_OFF_MINUTES,
    MOST_ATTEMPTS,
    TOLD,
    Reminder,
    next_attempt,
    reminder,
    told_of,
)
from app.notifications.templates import TEMPLATES, on_one_line, rendered, shown
from app.periods.rules import end_of

DUE = datetime(2024, 1, 10, 17, 0, tzinfo=UTC)  # the end of 10/01/2024 in Vietnam
SECOND = timedelta(seconds=1)


def value_of(field: str) -> Any:
    """Return something for a field of a template."""
    if field.endswith("_at"):
        return DUE.isoformat()
    if field.endswith("_on"):
        return "2024-01-05"
    known = {"kind": "commune", "role": "unit_leader", "days": 3, "indicators": ["1.1", "6.10"]}
    return known.get(field, f"<{field}>")


@pytest.mark.parametrize("topic", TEMPLATES)
def test_every_template_says_everything_in_both_languages(topic: str) -> None:
    template = TEMPLATES[topic]
    about = {field: value_of(field) for field in template.fields()}
    said = {}
    for place, lang in enumerate(("vi", "en")):
        title, text = rendered(topic, about, lang)  # type: ignore[arg-type]
        for field in template.fields():
            assert shown(field, about[field], lang) in title + text, field  # type: ignore[arg-type]
        assert len(template.text) == len([w for w in template.text if w[place]])
        assert not {"{", "}", "…"} & set(title + text)
        assert title[0].upper() == title[0] or title.startswith("<")
        assert text.endswith(".")
        said[lang] = (title, text)
    assert said["vi"][0] != said["en"][0] and said["vi"][1] != said["en"][1]


@pytest.mark.parametrize("topic", TEMPLATES)
def test_a_title_and_its_first_sentence_need_the_same_in_both_languages(topic: str) -> None:
    """No language tells more than the other: each pair of words names the same fields."""
    import string

    def fields(words: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(words) if name}

    template = TEMPLATES[topic]
    for vi, en in (template.title, *template.text):
        # A name that stands in the title already may be left out of a sentence.
        assert fields(vi) ^ fields(en) <= {"year", "unit"}, (vi, en)


def test_every_topic_has_a_template_and_every_template_a_use() -> None:
    used = {one.topic for row in TOLD.values() for one in row}
    used |= {topic for one in _all_deadlines() for topic in (one.before, one.overdue) if topic}
    assert used == set(TEMPLATES)


def test_what_is_not_known_is_left_out() -> None:
    about = {"unit": "Phường 9", "year": 2023, "reason": None, "items": "", "due_at": DUE.isoformat()}
    title, text = rendered("returned", about, "vi")
    assert title == "Hồ sơ năm 2023 của Phường 9 bị trả lại, yêu cầu giải trình"
    assert text == (
        "Đơn vị thẩm định trả lại hồ sơ năm 2023 và yêu cầu giải trình. "
        "Hạn trả lời, sửa và gửi lại: hết ngày 10/01/2024."
    )
    assert rendered("returned", {}, "en")[0] == "The dossier of … of … was returned for clarification"
    assert rendered("of_a_later_version", {}, "vi") == ("of_a_later_version", "")


def test_a_reason_that_ends_with_a_full_stop_gets_no_second_one() -> None:
    about = {
        "unit": "Phường 9",
        "year": 2023,
        "reason": "Thiếu tài liệu.",
        "until_at": "2024-01-10T03:30:00Z",
    }
    assert rendered("entry_reopened", about, "vi")[1].endswith(
        "Thời hạn: 10:30 ngày 10/01/2024. Lý do: Thiếu tài liệu."
    )


@given(st.text())
def test_no_value_breaks_the_line(text: str) -> None:
    line = on_one_line(text)
    assert len(line.splitlines()) <= 1 and not any(ord(c) < 32 for c in line)
    about = {"unit": text, "year": 2023, "reason": text}
    title, said = rendered("returned", about, "vi")
    assert len(title.splitlines()) == 1 and len(said.splitlines()) == 1


def test_who_is_told_depends_on_the_state_where_the_table_says_so() -> None:
    assert [one.topic for one in told_of("submission.submit", "resubmitted")] == ["resubmitted"]
    assert [one.topic for one in told_of("submission.submit", "submitted")] == ["submitted"]
    assert [one.topic for one in told_of("review.claim", "under_review")] == ["claimed"]
    assert told_of("nothing.known", None) == ()


def day(number: int) -> datetime:
    """Return when a day of January 2024 begins in Vietnam."""
    return end_of(datetime(2024, 1, number).date()) - timedelta(days=1)  # noqa: DTZ001  a day


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (day(5) - SECOND, None),
        (day(5), Reminder(5, 5)),
        (day(5) + SECOND, Reminder(5, 5)),
        (day(7), Reminder(5, 3)),  # missed while the server stood still: made late
        (day(9) - SECOND, Reminder(5, 2)),
        (day(9), Reminder(1, 1)),
        (day(9) + SECOND, Reminder(1, 1)),
        (day(10) - SECOND, Reminder(1, 1)),
        (day(10), Reminder(0, 0)),
        (day(10) + SECOND, Reminder(0, 0)),
        (DUE - SECOND, Reminder(0, 0)),
        (DUE, Reminder(None, 0)),
        (DUE + SECOND, Reminder(None, 0)),
        (DUE + timedelta(days=3) - SECOND, Reminder(None, 0)),
        (DUE + timedelta(days=3), None),
    ],
)
def test_a_reminder_is_due_when_its_day_begins_in_vietnam(now: datetime, expected: Reminder | None) -> None:
    assert reminder(DUE, now) == expected


def test_a_letter_is_tried_for_more_than_seven_days_and_then_given_up() -> None:
    now, first = DUE, DUE
    pauses = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        due = next_attempt(attempt, now)
        assert due is not None
        pauses.append((due - now).total_seconds() / 60)
        now = due
    assert pauses[:5] == [*BACK_OFF_MINUTES, 60] == [1, 5, 15, 60, 60]
    assert now - first >= timedelta(days=7)
    assert next_attempt(MOST_ATTEMPTS + 1, now) is None
