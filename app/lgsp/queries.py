"""Reading for the feeds: few, flat, and in a constant number of queries."""

from collections import Counter
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue.models import PolicyRow
from app.catalogue.queries import policy_file
from app.lgsp.schemas import Counts, KindProgress, ProgressOut, ResultRow, ReviewerProgress
from app.periods.queries import period_by_id
from app.results.models import Result, ResultLine, ResultState
from app.scoring.exact import shown
from app.submissions.models import ReviewState, Submission
from app.units.models import UnitKind
from app.units.queries import refs_on

_WITH_UNIT = (ReviewState.DRAFT, ReviewState.RETURNED)
_LATE = "late"
_Tally = Counter[str]
_SAME = ("year", "unit_kind", "decision_number", "decision_date", "sha256")
_OF_LINE = ("unit_key", "gso_code", "unit_name", "is_ranked", "rank", "band")


def _visible_to(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that a dossier is of a unit the caller reads feeds for, or of one below it.

    As the tree stood at the period's end: a province reads all, a district its own and its communes', others their own.
    """
    seen: ColumnElement[bool] = Submission.path.overlap(list(caller.units_with(Permission.FEED_READ)))
    return seen


async def progress(session: AsyncSession, caller: Principal, period_id: UUID, now: datetime) -> ProgressOut:
    """Return how far those of a year's dossiers are that the caller sees, by kind of unit and by reviewing unit.

    Raises: PeriodNotFound.
    """
    period = await period_by_id(session, period_id)
    groups = await _tallies(session, caller, period_id, now)
    refs = await refs_on(session, list({reviewer for _, reviewer in groups}), period.ends_on)
    kinds: dict[UnitKind, _Tally] = {}
    for (kind, _), tally in groups.items():
        kinds.setdefault(kind, Counter()).update(tally)
    reviewers = [
        ReviewerProgress(
            reviewer_unit_id=reviewer,
            reviewer_key=refs[reviewer].key,
            reviewer_name=refs[reviewer].name,
            unit_kind=kind,
            **_counts(tally),
        )
        for (kind, reviewer), tally in groups.items()
    ]
    return ProgressOut(
        period_id=period.id,
        year=period.year,
        at=now,
        whole=Counts(**_counts(sum(groups.values(), Counter()))),
        kinds=[KindProgress(unit_kind=kind, **_counts(tally)) for kind, tally in sorted(kinds.items())],
        reviewers=sorted(reviewers, key=lambda row: (row.unit_kind, row.reviewer_key)),
    )


async def _tallies(
    session: AsyncSession, caller: Principal, period_id: UUID, now: datetime
) -> dict[tuple[UnitKind, UUID], _Tally]:
    """Count the dossiers per state, and the late ones, by kind and reviewing unit."""
    is_late = and_(Submission.state.in_(_WITH_UNIT), Submission.entry_due_at <= now)
    group = (Submission.unit_kind, Submission.reviewer_unit_id, Submission.state)
    query = (
        select(*group, func.count(), func.count().filter(is_late))
        .where(Submission.period_id == period_id, _visible_to(caller))
        .group_by(*group)
    )
    found: dict[tuple[UnitKind, UUID], _Tally] = {}
    for kind, reviewer, state, count, late in (await session.execute(query)).all():
        found.setdefault((kind, reviewer), Counter()).update({state.value: count, _LATE: late})
    return found


def _counts(tally: _Tally) -> dict[str, Any]:
    states = {state: tally[state.value] for state in ReviewState}
    total = sum(states.values())
    handed_in = total - sum(states[state] for state in _WITH_UNIT)
    return {
        "total": total,
        "states": states,
        "late": tally[_LATE],
        "handed_in_percent": _percent(handed_in, total),
        "passed_percent": _percent(states[ReviewState.PASSED], total),
    }


def _percent(part: int, whole: int) -> str:
    return shown(Fraction(100 * part, whole), 2) if whole else "0.00"


async def published_rows(session: AsyncSession, caller: Principal, period_id: UUID) -> list[ResultRow]:
    """Return one row per unit the caller sees of every result published in a period, in the order of the rankings.

    Raises: PeriodNotFound.
    """
    await period_by_id(session, period_id)
    lines = [getattr(ResultLine, name) for name in (*_OF_LINE, "total", "maximum", "dti")]
    # A unit has one dossier in a period, which stands in one result of those that are published.
    dossier = and_(Submission.period_id == period_id, Submission.unit_id == ResultLine.unit_id)
    query = (
        select(Result, PolicyRow, *lines)
        .join(ResultLine, ResultLine.result_id == Result.id)
        .join(PolicyRow, PolicyRow.id == Result.policy_id)
        .join(Submission, dossier)
        .where(Result.period_id == period_id, Result.state == ResultState.PUBLISHED, _visible_to(caller))
        .order_by(
            Result.unit_kind, Result.scope_name, Result.id, ResultLine.rank.nulls_last(), ResultLine.unit_key
        )
    )
    return [_row(*found) for found in await session.execute(query)]


def _row(result: Result, policy: PolicyRow, *line: Any) -> ResultRow:
    digits = policy_file(policy).digits
    *described, total, maximum, dti = line
    return ResultRow.model_validate(
        {name: getattr(result, name) for name in _SAME}
        | dict(zip(_OF_LINE, described, strict=True))
        | {
            "scope": result.scope_name,
            "total": shown(Fraction(total), digits),
            "maximum": shown(Fraction(maximum), digits),
            "dti": None if dti is None else shown(Fraction(dti), digits),
            "result_version": result.number,
        }
    )
