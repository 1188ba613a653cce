"""Reading reviews: everything the reviewer and the unit see side by side."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.problems import Lang
from app.figures.models import OfficialFigure
from app.reviews.adopted import adopted, dossier_of
from app.reviews.models import Adjustment, Clarification
from app.reviews.schemas import AdjustmentOut, ClarificationOut, OfficialOut, ReviewLine, ReviewOut
from app.scoring.engine import Scorecard, score
from app.scoring.exact import exact, shown
from app.scoring.model import IndexSet
from app.submissions.actions import self_scores
from app.submissions.models import Submission
from app.submissions.queries import content_of, measures_of, sees_all, verified_codes
from app.submissions.schemas import StepOut
from app.units.models import Unit


async def adjustments_of(session: AsyncSession, submission_id: UUID) -> Sequence[Adjustment]:
    """Return every decision on a dossier in the order they were made."""
    query = select(Adjustment).where(Adjustment.submission_id == submission_id).order_by(Adjustment.id)
    return (await session.scalars(query)).all()


async def holding_adjustments(session: AsyncSession, submission_id: UUID) -> dict[str, Adjustment]:
    """Return the decision that holds for each indicator: its latest one."""
    return {row.indicator_code: row for row in await adjustments_of(session, submission_id)}


async def figures_that_count(
    session: AsyncSession, submission: Submission, index_set: IndexSet
) -> dict[str, UUID]:
    """Return, by indicator that an agency declares in the unit's place, that agency's latest figure (ruling 20)."""
    query = (
        select(OfficialFigure.indicator_code, Unit.key, OfficialFigure.id)
        .join(Unit, Unit.id == OfficialFigure.agency_unit_id)
        .where(OfficialFigure.period_id == submission.period_id, OfficialFigure.unit_id == submission.unit_id)
        .order_by(OfficialFigure.id)
    )
    return {
        code: figure_id
        for code, agency, figure_id in (await session.execute(query)).all()
        if index_set.is_declared_by(code, agency)
    }


async def clarifications_of(session: AsyncSession, submission_id: UUID) -> Sequence[Clarification]:
    """Return every return of a dossier, the latest first."""
    query = (
        select(Clarification)
        .where(Clarification.submission_id == submission_id)
        .order_by(Clarification.id.desc())
    )
    return (await session.scalars(query)).all()


async def appraised_card(session: AsyncSession, submission: Submission, lang: Lang = "vi") -> Scorecard:
    """Return the points of a dossier as the reviewer's decisions leave it; what depends on peers stays open."""
    index_set, policy = await measures_of(session, submission)
    mine = adopted(index_set, policy, await dossier_of(session, submission.id))
    return score(index_set, policy, [mine], peers_known=False).card(0, lang)


async def _official(session: AsyncSession, submission: Submission) -> dict[str, dict[UUID, OfficialOut]]:
    """Return the present figures per indicator and agency."""
    query = (
        select(OfficialFigure)
        .where(OfficialFigure.period_id == submission.period_id, OfficialFigure.unit_id == submission.unit_id)
        .order_by(OfficialFigure.id)
    )
    found: dict[str, dict[UUID, OfficialOut]] = {}
    for row in await session.scalars(query):
        found.setdefault(row.indicator_code, {})[row.agency_unit_id] = OfficialOut.model_validate(row)
    return found


async def review_of(
    session: AsyncSession, caller: Principal, submission: Submission, lang: Lang
) -> ReviewOut:
    """Return declared, official and adopted figures and both points of every indicator the caller may see."""
    content = await content_of(session, submission)
    declared = await self_scores(session, submission, content)
    own, digits = declared.card(0, lang), declared.policy.digits
    appraised = await appraised_card(session, submission, lang)
    official = await _official(session, submission)
    latest = await holding_adjustments(session, submission.id)
    whole = sees_all(caller, submission)
    codes = None if whole else (await verified_codes(session, caller))[submission.index_set_id]
    lines = [
        ReviewLine(
            code=mine.code,
            declared=content["answers"].get(mine.code),
            official=list(official.get(mine.code, {}).values()),
            decision=AdjustmentOut.model_validate(latest[mine.code]) if mine.code in latest else None,
            self_points=None if mine.points is None else exact(mine.points),
            appraised_points=None if theirs.points is None else exact(theirs.points),
            self_shown=mine.shown,
            appraised_shown=theirs.shown,
            explanation=theirs.explanation.text,
            steps=[StepOut(key=step.key, text=step.text) for step in theirs.explanation.steps],
        )
        for mine, theirs in zip(own.lines, appraised.lines, strict=True)
        if codes is None or mine.code in codes
    ]
    returns: list[Any] = list(await clarifications_of(session, submission.id)) if whole else []
    return ReviewOut(
        submission_id=submission.id,
        self_total=shown(own.total, digits) if whole else None,
        appraised_total=shown(appraised.total, digits) if whole else None,
        lines=lines,
        clarifications=[ClarificationOut.model_validate(row) for row in returns],
    )
