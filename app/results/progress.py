"""How far a year is: one pass over narrow rows of the dossiers that the caller sees, counted in plain Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from heapq import nsmallest
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Dialect, bindparam, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler

from app.accounts.models import User
from app.accounts.permissions import Principal, Reach
from app.core.db import driver_of
from app.periods.models import PeriodSet
from app.periods.queries import period_by_id
from app.results.models import Result
from app.results.progress_schemas import (
    Claimed,
    LevelTurns,
    Named,
    ReviewerTurns,
    ScopeTurns,
    Wait,
    WaitList,
    Who,
    WhoList,
    YearProgressOut,
)
from app.results.queries import visible_to
from app.results.snapshot import not_collecting
from app.reviews.models import Clarification, ClarificationKind
from app.submissions.models import RankingScope, ReviewState, Submission
from app.submissions.queries import VISIBLE, sight, verified_codes
from app.submissions.rules import WITH_UNIT
from app.units.models import UnitKind
from app.units.queries import refs_on

S = ReviewState
# Plain words: comparing them with members of the enumeration takes twice as long, ten thousand times.
_WITH_UNIT = frozenset(state.value for state in WITH_UNIT)


class Turn(NamedTuple):
    """A dossier, and whose turn it is. `state` and `kind` are the words of their enumerations."""

    unit_id: UUID
    unit_name: str
    kind: str
    reviewer_id: UUID
    scope_id: UUID
    state: str
    revision: int
    due_at: datetime
    submitted_at: datetime | None
    claimed_by: UUID | None
    claimed_at: datetime | None
    returned_at: datetime | None


Row = Sequence[Any]  # a Turn as the driver gives it
_DUE_AT = Turn._fields.index("due_at")


@dataclass(slots=True)
class Tally:
    """Counts of some dossiers."""

    states: Counter[str] = field(default_factory=Counter)
    claimed: Counter[UUID] = field(default_factory=Counter)
    not_begun: int = 0
    late: int = 0
    review_overdue: int = 0
    oldest: datetime | None = None

    def add(self, other: "Tally") -> None:
        """Add the counts of other dossiers."""
        self.states.update(other.states)
        self.claimed.update(other.claimed)
        self.not_begun += other.not_begun
        self.late += other.late
        self.review_overdue += other.review_overdue
        self.oldest = _earlier(self.oldest, other.oldest)

    def shown(self, people: dict[UUID, str]) -> dict[str, Any]:
        """Return the counts as the API shows them, with the claimants that are named."""
        return {
            "total": self.states.total(),
            "states": {state: self.states[state] for state in S},
            "not_begun": self.not_begun,
            "late": self.late,
            "to_claim": self.states[S.SUBMITTED] + self.states[S.RESUBMITTED],
            "oldest_to_claim": self.oldest,
            "claimed": [
                Claimed(user_id=who, name=people[who], dossiers=count)
                for who, count in self.claimed.most_common()
                if who in people
            ],
            "review_overdue": self.review_overdue,
        }


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


class Counted(NamedTuple):
    """What one pass over the dossiers finds; `waits` with since when, where that is known."""

    groups: defaultdict[tuple[str, UUID], Tally]
    scopes: defaultdict[UUID, Counter[bool]]  # how many have passed, and how many have not
    not_begun: list[Row]
    late: list[Row]
    waits: list[tuple[datetime | None, Row]]


def counted(rows: Iterable[Row], review_due: Mapping[str, datetime], now: datetime) -> Counted:
    """Count dossiers by kind and reviewing unit, and list who has not begun, is late or is waited for. Pure."""
    found = Counted(defaultdict(Tally), defaultdict(Counter), [], [], [])
    for row in rows:
        (
            _,
            _,
            kind,
            reviewer,
            scope,
            state,
            revision,
            due_at,
            submitted_at,
            claimed_by,
            claimed_at,
            back_at,
        ) = row
        tally = found.groups[kind, reviewer]
        tally.states[state] += 1
        found.scopes[scope][state == "passed"] += 1
        if state in _WITH_UNIT:
            if revision == 1 and state == "draft":
                tally.not_begun += 1
                found.not_begun.append(row)
            if now >= due_at:
                tally.late += 1
                found.late.append(row)
            if state == "returned":
                found.waits.append((back_at, row))
        elif state != "passed":
            tally.review_overdue += now >= review_due[kind]
            if state == "under_review":
                tally.claimed[claimed_by] += 1
                found.waits.append((claimed_at, row))
            else:
                tally.oldest = _earlier(tally.oldest, submitted_at)
                found.waits.append((submitted_at, row))
    return found


@cache
def _turns_sql(dialect: Dialect) -> tuple[str, Sequence[str], Mapping[str, Any]]:
    """Return the statement over the dossiers a caller may see, for the driver.

    With it the order of its parameters, and those of them that are constants.
    """
    returned = (
        select(func.max(Clarification.asked_at))
        .where(Clarification.submission_id == Submission.id, Clarification.kind == ClarificationKind.RETURN)
        .scalar_subquery()
    )
    query = (
        select(
            Submission.unit_id,
            Submission.unit_name,
            Submission.unit_kind,
            Submission.reviewer_unit_id,
            Submission.scope_id,
            Submission.state,
            Submission.revision_number,
            Submission.entry_due_at,
            Submission.submitted_at,
            Submission.claimed_by,
            Submission.claimed_at,
            case((Submission.state == S.RETURNED, returned)),
        )
        .where(Submission.period_id == bindparam("period_id"), VISIBLE)
        .order_by(Submission.sort_key, Submission.id)
    )
    made = query.compile(dialect=dialect)
    assert isinstance(made, SQLCompiler)
    return made.string, made.positiontup or (), made.params


async def _turns(session: AsyncSession, caller: Principal, period_id: UUID) -> list[Row]:
    sql, names, constants = _turns_sql((await session.connection()).dialect)
    seen = sight(caller, await verified_codes(session, caller))
    known = {**constants, "period_id": period_id, **seen}
    rows: list[Row] = await (await driver_of(session)).fetch(sql, *(known[name] for name in names))
    return rows


async def progress(
    session: AsyncSession, caller: Principal, period_id: UUID, names: int, now: datetime
) -> YearProgressOut:
    """Return how far a year is as far as the caller sees it, with up to `names` units in each list.

    Raises: PeriodNotFound.
    """
    period = await period_by_id(session, period_id)
    used = select(PeriodSet.unit_kind, PeriodSet.review_due_at).where(PeriodSet.period_id == period_id)
    review_due = {kind.value: due_at for kind, due_at in (await session.execute(used)).all()}
    with not_collecting():
        found = counted(await _turns(session, caller, period_id), review_due, now)
    whole, kinds = Tally(), dict[str, Tally]()
    for (kind, _), tally in found.groups.items():
        whole.add(tally)
        kinds.setdefault(kind, Tally()).add(tally)
    people = await _people(session, caller, whole.claimed.keys())
    refs = await refs_on(session, list({reviewer for _, reviewer in found.groups}), period.ends_on)
    reviewers = {unit_id: Named(id=unit_id, name=ref.name) for unit_id, ref in refs.items()}
    return YearProgressOut(
        period_id=period.id,
        year=period.year,
        at=now,
        whole=whole.shown(people),
        kinds=[
            LevelTurns(unit_kind=UnitKind(kind), review_due_at=review_due.get(kind), **tally.shown(people))
            for kind, tally in sorted(kinds.items())
        ],
        reviewers=[
            ReviewerTurns(unit_kind=UnitKind(kind), reviewer=reviewers[unit_id], **tally.shown(people))
            for (kind, unit_id), tally in sorted(found.groups.items(), key=lambda one: one[0][0])
        ],
        not_begun=_who(found.not_begun, names),
        late=_who(sorted(found.late, key=itemgetter(_DUE_AT)), names),
        waits=_waits(found.waits, reviewers, names, now),
        scopes=await _scopes(session, caller, period_id, found.scopes),
    )


def _who(rows: list[Row], names: int) -> WhoList:
    turns = (Turn(*row) for row in rows[:names])
    first = [
        Who(unit_id=one.unit_id, unit_name=one.unit_name, unit_kind=UnitKind(one.kind), due_at=one.due_at)
        for one in turns
    ]
    return WhoList(total=len(rows), first=first)


def _waits(
    waits: list[tuple[datetime | None, Row]], reviewers: dict[UUID, Named], names: int, now: datetime
) -> WaitList:
    first = []
    for since, row in nsmallest(names, waits, key=lambda one: one[0] or now):
        turn = Turn(*row)
        unit, reviewer = Named(id=turn.unit_id, name=turn.unit_name), reviewers[turn.reviewer_id]
        waiting, waits_for = (reviewer, unit) if turn.state == S.RETURNED else (unit, reviewer)
        first.append(Wait(waiting=waiting, waits_for=waits_for, state=S(turn.state), since=since))
    return WaitList(total=len(waits), first=first)


async def _people(session: AsyncSession, caller: Principal, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of claimants, to those who oversee units: no unit is told who of its reviewers is at it."""
    wanted = list(ids)
    if not wanted or not caller.units_reaching(Reach.SUBTREE):
        return {}
    query = select(User.id, User.full_name).where(User.id.in_(wanted))
    return {user_id: name for user_id, name in (await session.execute(query)).all()}


async def _scopes(
    session: AsyncSession, caller: Principal, period_id: UUID, passed: Mapping[UUID, Counter[bool]]
) -> list[ScopeTurns]:
    newest = (
        select(Result.scope_id, Result.id, Result.number, Result.state)
        .where(Result.period_id == period_id, visible_to(caller))
        .order_by(Result.scope_id, Result.number.desc())
    )
    rows = (await session.execute(newest.ext(distinct_on(Result.scope_id)))).all()
    results = {scope_id: (result_id, number, state) for scope_id, result_id, number, state in rows}
    query = select(RankingScope).where(RankingScope.period_id == period_id)
    scopes = (await session.scalars(query.order_by(RankingScope.unit_kind, RankingScope.name))).all()
    found = []
    for scope in scopes:
        if scope.id in passed:
            result_id, number, state = results.get(scope.id, (None, None, None))
            found.append(
                ScopeTurns(
                    scope_id=scope.id,
                    name=scope.name,
                    unit_kind=scope.unit_kind,
                    units=passed[scope.id].total(),
                    passed=passed[scope.id][True],
                    result_id=result_id,
                    result_number=number,
                    result_state=state,
                )
            )
    return found
