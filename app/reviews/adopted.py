"""What counts: the declared answers, the agencies' figures in place of what units may not declare, the decisions."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.figures.models import OfficialFigure
from app.reviews.models import Adjustment, AdjustmentKind
from app.scoring.engine import UnitInput
from app.scoring.model import IndexSet
from app.submissions.models import Revision, Submission

Decisions = dict[str, tuple[AdjustmentKind, dict[str, Any]]]


def adopt(
    index_set: IndexSet,
    submission: Submission,
    declared: dict[str, Any],
    official: dict[str, Any],
    decisions: Decisions,
) -> UnitInput:
    """Return what is scored for one unit. Pure.

    `official` holds the agencies' answers by indicator: they count only where the unit may not declare (ruling 20);
    elsewhere the reviewer sees them beside the declared figure and adopts them by a decision. The latest decision of
    an indicator comes before everything else.
    """
    answers = dict(declared)
    for indicator in index_set.indicators:
        if indicator.declared_by != "unit" and indicator.code in official:
            answers[indicator.code] = official[indicator.code]
    points: dict[str, Fraction] = {}
    not_applicable: set[str] = set()
    for code, (kind, value) in decisions.items():
        if kind is AdjustmentKind.ANSWER:
            answers[code] = value
        elif kind is AdjustmentKind.POINTS:
            points[code] = Fraction(value["points"])
        elif kind is AdjustmentKind.NOT_APPLICABLE and value["accepted"]:
            not_applicable.add(code)
    return UnitInput(
        key=str(submission.unit_id),
        is_ranked=submission.is_ranked,
        answers=answers,
        points=points,
        not_applicable=frozenset(not_applicable),
    )


async def decisions_of(session: AsyncSession, submission_ids: Sequence[UUID]) -> dict[UUID, Decisions]:
    """Return the holding decision per indicator of some dossiers."""
    query = (
        select(Adjustment.submission_id, Adjustment.indicator_code, Adjustment.kind, Adjustment.value)
        .where(Adjustment.submission_id.in_(submission_ids))
        .order_by(Adjustment.id)
    )
    found: dict[UUID, Decisions] = {}
    for submission_id, code, kind, value in (await session.execute(query)).all():
        found.setdefault(submission_id, {})[code] = (kind, value)
    return found


async def official_of(session: AsyncSession, submissions: Sequence[Submission]) -> dict[UUID, dict[str, Any]]:
    """Return the agencies' latest answers per indicator, by unit."""
    if not submissions:
        return {}
    query = (
        select(OfficialFigure.unit_id, OfficialFigure.indicator_code, OfficialFigure.answer)
        .where(
            OfficialFigure.period_id == submissions[0].period_id,
            OfficialFigure.unit_id.in_([s.unit_id for s in submissions]),
        )
        .order_by(OfficialFigure.id)
    )
    found: dict[UUID, dict[str, Any]] = {}
    for unit_id, code, answer in (await session.execute(query)).all():
        found.setdefault(unit_id, {})[code] = answer
    return found


async def inputs_of(
    session: AsyncSession, index_set: IndexSet, submissions: Sequence[Submission]
) -> list[UnitInput]:
    """Return what is scored for dossiers of one period and set, in their order."""
    revisions = [s.revision_id for s in submissions]
    query = select(Revision.submission_id, Revision.content["answers"]).where(Revision.id.in_(revisions))
    declared = {row[0]: row[1] for row in (await session.execute(query)).all()}
    decisions = await decisions_of(session, [s.id for s in submissions])
    official = await official_of(session, submissions)
    return [
        adopt(index_set, s, declared[s.id], official.get(s.unit_id, {}), decisions.get(s.id, {}))
        for s in submissions
    ]
