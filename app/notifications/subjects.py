"""What an event is about: its object as it is now, in words for the templates, and how people stand to it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Delegation, User
from app.councils.models import Council, Minutes, Seat
from app.evidence.models import Document
from app.notifications.giving import People, persons
from app.periods.models import Period
from app.results.models import Appeal, Result
from app.reviews.models import HandOver
from app.submissions.models import RankingScope, Submission
from app.units.models import UnitVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object of an event: what the templates say of it, and everything by which people stand to it."""

    words: dict[str, Any]
    state: str | None = None
    unit_id: UUID | None = None
    reviewer_unit_id: UUID | None = None
    claimed_by: UUID | None = None
    finalizer_id: UUID | None = None
    to_unit_id: UUID | None = None
    above: list[UUID] = field(default_factory=list)
    persons: People | None = None
    units: Select[UUID] | None = None


async def subject_of(session: AsyncSession, object_type: str, object_id: UUID) -> Subject | None:
    """Return the object of an event as it is now, or None if it is not there or nobody is ever told of its kind."""
    read = _READ.get(object_type)
    return await read(session, object_id) if read else None


def _name_on(unit_id: Any, day: Any) -> ScalarSelect[str]:
    """Return the name of a unit on a day; the last one it had, where it is no more."""
    named = select(UnitVersion.name).where(UnitVersion.unit_id == unit_id, UnitVersion.valid_from <= day)
    return named.order_by(UnitVersion.valid_from.desc()).limit(1).scalar_subquery()


async def _submission(session: AsyncSession, object_id: UUID) -> Subject | None:
    query = select(Submission, Period.year).join(Period, Period.id == Submission.period_id)
    row = (await session.execute(query.where(Submission.id == object_id))).one_or_none()
    return row and _of_dossier(*row)


def _of_dossier(submission: Submission, year: int, **words: Any) -> Subject:
    return Subject(
        words={"unit": submission.unit_name, "year": year} | words,
        unit_id=submission.unit_id,
        reviewer_unit_id=submission.reviewer_unit_id,
        claimed_by=submission.claimed_by,
    )


async def _result(session: AsyncSession, object_id: UUID) -> Subject | None:
    query = select(Result, RankingScope.finalized_by_id).join(
        RankingScope, RankingScope.id == Result.scope_id
    )
    row = (await session.execute(query.where(Result.id == object_id))).one_or_none()
    if row is None:
        return None
    result, finalizer_id = row
    return Subject(
        words={
            "year": result.year,
            "kind": result.unit_kind.value,
            "scope": result.scope_name,
            "number": result.number,
            "decision": result.decision_number,
            "appeals_due_at": result.appeals_due_at and result.appeals_due_at.isoformat(),
        },
        finalizer_id=finalizer_id,
        above=result.overseen_by[1:],
        units=select(Submission.unit_id).where(Submission.scope_id == result.scope_id),
    )


async def _appeal(session: AsyncSession, object_id: UUID) -> Subject | None:
    query = (
        select(Appeal, Submission.unit_name, Period.year, RankingScope.finalized_by_id)
        .join(Submission, Submission.id == Appeal.submission_id)
        .join(Period, Period.id == Submission.period_id)
        .join(RankingScope, RankingScope.id == Appeal.scope_id)
    )
    row = (await session.execute(query.where(Appeal.id == object_id))).one_or_none()
    if row is None:
        return None
    appeal, unit, year, finalizer_id = row
    return Subject(
        words={"unit": unit, "year": year, "indicator": appeal.indicator_code},
        state=appeal.state.value,
        unit_id=appeal.unit_id,
        finalizer_id=finalizer_id,
    )


async def _hand_over(session: AsyncSession, object_id: UUID) -> Subject | None:
    query = (
        select(HandOver, _name_on(HandOver.reviewer_unit_id, Period.ends_on), Period.year)
        .join(Period, Period.id == HandOver.period_id)
        .where(HandOver.id == object_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    list_, from_unit, year = row
    words = {"from_unit": from_unit, "year": year, "kind": list_.unit_kind.value, "number": list_.number}
    words |= {"document": list_.document_number, "note": list_.note}
    return Subject(words=words, to_unit_id=list_.to_unit_id)


async def _council(session: AsyncSession, object_id: UUID) -> Subject | None:
    query = select(Council, Period.year).join(Period, Period.id == Council.period_id)
    row = (await session.execute(query.where(Council.id == object_id))).one_or_none()
    if row is None:
        return None
    council, year = row
    words = {"council": council.name, "year": year, "kind": council.unit_kind.value}
    members = select(Seat.user_id).where(Seat.council_id == council.id)
    return Subject(words=words | {"decision": council.decision}, persons=members)


async def _minutes(session: AsyncSession, object_id: UUID) -> Subject | None:
    minutes = await session.get(Minutes, object_id)
    council = await _council(session, minutes.council_id) if minutes else None
    if minutes is None or council is None:
        return None
    words = {"number": minutes.number, "held_on": minutes.held_on.isoformat()}
    return Subject(words=council.words | words, persons=council.persons)


async def _delegation(session: AsyncSession, object_id: UUID) -> Subject | None:
    delegator, delegate = aliased(User), aliased(User)
    query = (
        select(
            Delegation,
            delegator.full_name,
            delegate.full_name,
            _name_on(Delegation.unit_id, Delegation.starts_on),
        )
        .join(delegator, delegator.id == Delegation.delegator_id)
        .join(delegate, delegate.id == Delegation.delegate_id)
        .where(Delegation.id == object_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    delegation, from_name, to_name, unit = row
    words = {
        "delegator": from_name,
        "delegate": to_name,
        "unit": unit,
        "role": delegation.role.value,
        "basis": delegation.basis.value,
        "document": delegation.document,
        "starts_on": delegation.starts_on.isoformat(),
        "ends_on": delegation.ends_on.isoformat(),
    }
    return Subject(words=words, persons=persons([delegation.delegator_id, delegation.delegate_id]))


async def _document(session: AsyncSession, object_id: UUID) -> Subject | None:
    of_its_unit = and_(Submission.period_id == Document.period_id, Submission.unit_id == Document.unit_id)
    query = (
        select(Document, Submission, _name_on(Document.unit_id, Period.ends_on), Period.year)
        .join(Period, Period.id == Document.period_id)
        .outerjoin(Submission, of_its_unit)
        .where(Document.id == object_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    document, submission, unit, year = row
    if submission is not None:
        return _of_dossier(submission, year, file=document.file_name)
    return Subject(words={"unit": unit, "year": year, "file": document.file_name}, unit_id=document.unit_id)


async def _period(session: AsyncSession, object_id: UUID) -> Subject | None:
    period = await session.get(Period, object_id)
    if period is None:
        return None
    return Subject(
        words={"year": period.year, "due_at": period.submission_due_at.isoformat()},
        units=select(Submission.unit_id).where(Submission.period_id == period.id),
    )


_READ: dict[str, Callable[[AsyncSession, UUID], Awaitable[Subject | None]]] = {
    Submission.__tablename__: _submission,
    Document.__tablename__: _document,
    Result.__tablename__: _result,
    Appeal.__tablename__: _appeal,
    HandOver.__tablename__: _hand_over,
    Council.__tablename__: _council,
    Minutes.__tablename__: _minutes,
    Delegation.__tablename__: _delegation,
    Period.__tablename__: _period,
}
