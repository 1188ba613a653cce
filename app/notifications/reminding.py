"""Reminders: before each deadline, and once after it, set-based: thousands of dossiers in a few statements."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Select, Text, and_, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Role
from app.notifications.giving import give, held
from app.notifications.rules import (
    AHEAD,
    OVERDUE_FOR,
    REVIEWER_ROLES,
    UNIT_ROLES,
    Reminder,
    local_day,
    reminder,
)
from app.periods.models import Period, PeriodSet
from app.results.models import Result, ResultState
from app.reviews.models import Clarification, ClarificationKind, ItemAnswer
from app.submissions.models import ReviewState, Submission
from app.submissions.rules import WITH_UNIT


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines of one kind, and who is told of them: the holders of `roles` for the row's unit.

    Each row is one deadline: `thing` (what is due, unique among all kinds), object_id, unit_id, due_at, about. A topic
    of None says nothing at that time.
    """

    rows: Select[str, UUID, UUID, datetime, dict[str, Any]]
    object_type: str
    roles: frozenset[Role]
    before: str | None
    overdue: str | None


async def remind(session: AsyncSession, now: datetime, *, mails: bool) -> int:
    """Make every reminder that is due and was not made yet, and return how many; to be run as often as you like."""
    return sum([await _remind(session, one, now, mails=mails) for one in _all_deadlines()])


async def _remind(session: AsyncSession, deadlines: Deadlines, now: datetime, *, mails: bool) -> int:
    rows = deadlines.rows.subquery("deadline")
    near = rows.c.due_at.between(now - OVERDUE_FOR, now + AHEAD)
    made = 0
    for due_at in (await session.scalars(select(rows.c.due_at).where(near).distinct())).all():
        due = reminder(due_at, now)
        if due is None:
            continue
        topic = deadlines.overdue if due.step is None else deadlines.before
        if topic is None:
            continue
        all_held = held(local_day(now))
        said = {"due_at": due_at.isoformat(), "days": due.days}
        told = (
            select(
                all_held.c.user_id.label("user_id"),
                _key(due, rows.c.thing, due_at).label("key"),
                rows.c.object_id.label("object_id"),
                rows.c.about.op("||")(literal(said, JSONB)).label("about"),
            )
            .join(all_held, and_(all_held.c.unit_id == rows.c.unit_id, all_held.c.role.in_(deadlines.roles)))
            .where(rows.c.due_at == due_at)
        )
        made += await give(
            session, told, topic=topic, object_type=deadlines.object_type, now=now, mails=mails
        )
    return made


def _key(due: Reminder, thing: ColumnElement[str], due_at: datetime) -> ColumnElement[str]:
    """Return `due.key` with the name of the thing filled in by the database."""
    before, after = due.key("\0", due_at).split("\0")
    return func.concat(before, thing, after)


def _all_deadlines() -> Iterator[Deadlines]:
    """Give every kind of deadline with those it concerns."""
    unit, period = Submission.__tablename__, Period.__tablename__
    yield Deadlines(_entries(), unit, UNIT_ROLES, "entry_due", "entry_overdue")
    yield Deadlines(_late_entries(), period, REVIEWER_ROLES, None, "entries_overdue")
    yield Deadlines(_reopenings(), unit, UNIT_ROLES, "reopening_due", None)
    yield Deadlines(_supplements(), unit, UNIT_ROLES, "supplement_due", "supplement_overdue")
    yield Deadlines(_supplements(asker=True), unit, REVIEWER_ROLES, None, "supplement_overdue")
    yield Deadlines(_reviews(), period, REVIEWER_ROLES, "review_due", "review_overdue")
    yield Deadlines(_appeals(), Result.__tablename__, UNIT_ROLES, "appeals_due", None)


def _thing(name: str, *ids: Any) -> ColumnElement[str]:
    return func.concat(name, *(part for one in ids for part in (":", cast(one, Text)))).label("thing")


def _about(**fields: Any) -> ColumnElement[dict[str, Any]]:
    pairs = [part for name, value in fields.items() for part in (cast(name, Text), value)]
    return func.jsonb_build_object(*pairs, type_=JSONB).label("about")


_DOSSIER = {"unit": Submission.unit_name, "year": Period.year}


def _entries() -> Select[Any]:
    """Dossiers that are with their units."""
    return (
        select(
            _thing("entry", Submission.id),
            Submission.id.label("object_id"),
            Submission.unit_id,
            Submission.entry_due_at.label("due_at"),
            _about(**_DOSSIER),
        )
        .join(Period, Period.id == Submission.period_id)
        .where(Submission.state.in_(WITH_UNIT))
    )


def _late_entries() -> Select[Any]:
    """Dossiers that are with their units, counted for each reviewing unit, kind and deadline."""
    by = (Period.id, Period.year, Submission.reviewer_unit_id, Submission.unit_kind, Submission.entry_due_at)
    return (
        select(
            _thing("entries", Period.id, Submission.reviewer_unit_id, Submission.unit_kind),
            Period.id.label("object_id"),
            Submission.reviewer_unit_id.label("unit_id"),
            Submission.entry_due_at.label("due_at"),
            _about(kind=Submission.unit_kind, year=Period.year, count=func.count()),
        )
        .join(Period, Period.id == Submission.period_id)
        .where(Submission.state.in_(WITH_UNIT))
        .group_by(*by)
    )


def _reopenings() -> Select[Any]:
    """Indicators that were opened again, one row for all that close at the same time."""
    each = func.jsonb_each_text(Submission.reopened).table_valued(column("key", Text), column("value", Text))
    until = cast(each.c.value, DateTime(True))
    return (
        select(
            _thing("reopening", Submission.id),
            Submission.id.label("object_id"),
            Submission.unit_id,
            until.label("due_at"),
            _about(**_DOSSIER, indicators=func.jsonb_agg(each.c.key)),
        )
        .select_from(Submission)
        .join(Period, Period.id == Submission.period_id)
        .join(each, literal(True))
        .where(Submission.reopened.is_not(None), Submission.state != ReviewState.PASSED)
        .group_by(Submission.id, Period.year, until)
    )


def _supplements(*, asker: bool = False) -> Select[Any]:
    """Supplements with items that nobody has answered: for the unit, or for the unit that asked."""
    answered = select(func.count(ItemAnswer.item.distinct())).where(
        ItemAnswer.clarification_id == Clarification.id
    )
    return (
        select(
            _thing("asked" if asker else "supplement", Clarification.id),
            Submission.id.label("object_id"),
            (Clarification.asked_for if asker else Submission.unit_id).label("unit_id"),
            Clarification.due_at,
            _about(**_DOSSIER),
        )
        .join(Submission, Submission.id == Clarification.submission_id)
        .join(Period, Period.id == Submission.period_id)
        .where(
            Clarification.kind == ClarificationKind.SUPPLEMENT,
            func.jsonb_array_length(Clarification.items) > answered.scalar_subquery(),
        )
    )


def _reviews() -> Select[Any]:
    """Dossiers that have not passed, counted for each reviewing unit and kind."""
    return (
        select(
            _thing("review", PeriodSet.id, Submission.reviewer_unit_id),
            Period.id.label("object_id"),
            Submission.reviewer_unit_id.label("unit_id"),
            PeriodSet.review_due_at.label("due_at"),
            _about(kind=PeriodSet.unit_kind, year=Period.year, count=func.count()),
        )
        .join(Period, Period.id == PeriodSet.period_id)
        .join(
            Submission,
            and_(Submission.period_id == Period.id, Submission.unit_kind == PeriodSet.unit_kind),
        )
        .where(Submission.state != ReviewState.PASSED)
        .group_by(PeriodSet.id, Period.id, Period.year, Submission.reviewer_unit_id)
    )


def _appeals() -> Select[Any]:
    """Results against which the units of the ranking may still appeal."""
    return (
        select(
            _thing("appeals", Result.id),
            Result.id.label("object_id"),
            Submission.unit_id,
            Result.appeals_due_at.label("due_at"),
            _about(year=Result.year),
        )
        .join(Submission, Submission.scope_id == Result.scope_id)
        .where(Result.state.in_((ResultState.ANNOUNCED, ResultState.PUBLISHED)))
    )
