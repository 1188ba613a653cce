"""Looking at results from several sides: the ranking, one unit's scorecard, three kinds of points side by side."""

import asyncio
from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue.queries import scoring_set, version_of
from app.core.http import AllowedAction
from app.core.problems import Lang
from app.results import queries
from app.results.appeals import dossiers_to_appeal, lodging
from app.results.models import Result
from app.results.projection import projected
from app.results.publication import in_order, line_out, notes_of
from app.results.rules import (
    DENIAL_TEXT,
    Action,
    AppealAction,
    Denial,
    Standing,
    appeal_denial,
    denial,
)
from app.results.schemas import (
    PointsLine,
    PointsOut,
    PointsSideBySide,
    ProjectedLine,
    ProjectionOut,
    ReasonOut,
    ResultDetailOut,
    ResultOut,
    ResultSummary,
    UnitResultOut,
)
from app.results.snapshot import card_of
from app.results.standing import standing_of
from app.reviews.queries import adjustments_of, appraised_card
from app.scoring.exact import exact, fraction, shown
from app.submissions.actions import self_scores
from app.submissions.models import RankingScope, Submission
from app.submissions.queries import content_of
from app.submissions.schemas import ScorecardOut


async def result_out(
    session: AsyncSession, caller: Principal, result: Result, now: datetime, lang: Lang
) -> ResultOut:
    """Return a result with what the caller may do with it now."""
    return ResultOut(
        **dict(ResultSummary.model_validate(result)),
        reported_to=await queries.reported_to(session, result),
        allowed_actions=await allowed_actions(session, caller, result, now, lang),
    )


async def result_detail(
    session: AsyncSession, caller: Principal, result: Result, now: datetime, lang: Lang
) -> ResultDetailOut:
    """Return a result with its ranking, as far as the caller may read it."""
    reads = queries.reads_lines(caller, result)
    digits = (await queries.basis_of_result(session, result)).policy.digits
    lines = await queries.lines_of(session, result.id) if reads else []
    return ResultDetailOut(
        **dict(await result_out(session, caller, result, now, lang)),
        method_notes=notes_of(result) if reads else [],
        lines=in_order(lines, digits),
    )


async def allowed_actions(
    session: AsyncSession, caller: Principal, result: Result, now: datetime, lang: Lang
) -> list[AllowedAction]:
    """Return what can be done with a result, with whether the caller may do it now, and why not."""
    scope = await session.get_one(RankingScope, result.scope_id)
    signs = caller.may(Permission.RESULT_PUBLISH, scope.finalized_by_id)
    standing = Standing(now=now, state=result.state)
    if signs:  # everybody else is told so first
        standing = await standing_of(session, result, scope, now)
    found = [
        allowed(action, denial(action, signs, standing), lang)
        for action in (Action.ANNOUNCE, Action.PUBLISH, Action.WITHDRAW)
    ]
    takes_part = bool(await dossiers_to_appeal(session, caller, result))
    why = appeal_denial(AppealAction.LODGE, takes_part, lodging(result, now))
    return [*found, allowed(AppealAction.LODGE, why, lang)]


def allowed(action: Action | AppealAction, why: Denial | None, lang: Lang) -> AllowedAction:
    """Return an action with the sentence that forbids it."""
    return AllowedAction.of(action, why, DENIAL_TEXT[why] if why else ("", ""), lang)


async def unit_result(
    session: AsyncSession, result: Result, unit_id: UUID, lang: str, *, in_public: bool = False
) -> UnitResultOut:
    """Return one unit's scorecard in a result, explained in "vi" or "en"; in public without what people wrote.

    Raises: ResultNotFound if the unit is not in it.
    """
    line, document = await queries.line_of(session, result.id, unit_id)
    basis = await queries.basis_of_result(session, result)
    card = card_of(basis, result.peers, document, lang, in_public=in_public)
    return UnitResultOut(
        result_id=result.id,
        state=result.state,
        number=result.number,
        unit=line_out(line, basis.policy.digits),
        scorecard=ScorecardOut.of(card, basis.policy.digits),
    )


async def projection(session: AsyncSession, result: Result, version: int) -> ProjectionOut:
    """Return which ranks of a result would move under another version of its set, a draft included.

    Raises: IndexSetNotFound.
    """
    basis = await queries.basis_of_result(session, result)
    other = scoring_set((await version_of(session, basis.index_set.key, version)).row)
    lines, documents = await queries.documents_of(session, result.id)
    found = await asyncio.to_thread(projected, basis, other, documents)
    scores, digits = found.scores, basis.policy.digits
    shown_lines = []
    for i, line in enumerate(lines):
        rank, band = scores.rank(i), scores.band(i)
        shown_lines.append(
            ProjectedLine(
                unit_id=line.unit_id,
                unit_name=line.unit_name,
                rank=line.rank,
                rank_projected=rank,
                moved=None if line.rank is None or rank is None else line.rank - rank,
                dti_shown=None if line.dti is None else shown(fraction(line.dti), digits),
                dti_projected_shown=scores.shown_dti(i),
                band=line.band,
                band_projected=band.key if band else None,
            )
        )
    shown_lines.sort(key=lambda one: (one.rank_projected is None, one.rank_projected, one.unit_name))
    return ProjectionOut(
        result_id=result.id,
        index_set=basis.index_set.key,
        version=basis.index_set.version,
        version_projected=version,
        carried=len(scores.index_set.indicators),
        left_out=found.left_out,
        gone=found.gone,
        moved=sum(bool(one.moved) for one in shown_lines),
        lines=shown_lines,
    )


async def side_by_side(session: AsyncSession, caller: Principal, submission: Submission) -> PointsSideBySide:
    """Return the unit's own, the reviewer's and the final points of every indicator."""
    scores = await self_scores(session, submission, await content_of(session, submission))
    appraised = await appraised_card(session, submission)
    reasons: defaultdict[str, list[ReasonOut]] = defaultdict(list)
    for row in await adjustments_of(session, submission.id):
        reasons[row.indicator_code].append(ReasonOut(kind=row.kind, reason=row.reason, made_at=row.made_at))
    result = await queries.final_of(session, caller, submission)
    final: list[Fraction | None] = [None] * len(appraised.lines)
    rank = None
    if result is not None:
        line, document = await queries.line_of(session, result.id, submission.unit_id)
        card = card_of(await queries.basis_of_result(session, result), result.peers, document, "vi")
        final, rank = [one.points for one in card.lines], line.rank
    digits = scores.policy.digits
    lines = []
    for mine, theirs, last in zip(scores.card(0).lines, appraised.lines, final, strict=True):
        counted = theirs.points if last is None else last
        apart = None if counted is None or mine.points is None else counted - mine.points
        lines.append(
            PointsLine(
                code=mine.code,
                max_points=exact(theirs.max_points),
                self_points=PointsOut.of(mine.points, digits),
                appraised_points=PointsOut.of(theirs.points, digits),
                final_points=PointsOut.of(last, digits),
                difference=PointsOut.of(apart, digits),
                adjustments=reasons[mine.code],
            )
        )
    return PointsSideBySide(
        submission_id=submission.id,
        result_id=result.id if result else None,
        result_state=result.state if result else None,
        rank=rank,
        lines=lines,
    )
