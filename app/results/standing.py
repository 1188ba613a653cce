"""How a result stands now: everything that may keep its signer from signing."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.periods.models import Period
from app.results import queries
from app.results.models import Appeal, AppealState, Result, ResultLine, ResultState
from app.results.rules import Standing
from app.reviews.settled import START
from app.submissions.models import RankingScope, ReviewState, Submission


async def standing_of(session: AsyncSession, result: Result, scope: RankingScope, now: datetime) -> Standing:
    """Return how a result stands now, for whoever may sign it."""
    of_scope = Result.scope_id == scope.id
    period = await session.get_one(Period, scope.period_id)
    policy = await catalogue.policy_by_id(session, period.policy_id)
    defaults = await queries.defaults_unreviewed(session, scope, policy, now)
    waited_for = [Submission.scope_id == scope.id, Submission.state != ReviewState.PASSED]
    if defaults:  # a review that was taken up again did take place, and is waited for
        waited_for.append(Submission.passed_at.is_not(None))
    query = select(
        exists().where(of_scope, Result.number > result.number),
        exists().where(*waited_for),
        _scored_otherwise(result, scope),
        select(func.count())
        .where(Appeal.scope_id == scope.id, Appeal.state == AppealState.LODGED)
        .scalar_subquery(),
        select(func.max(Result.appeals_due_at))
        .where(of_scope, Result.state == ResultState.ANNOUNCED)
        .scalar_subquery(),
    )
    is_overtaken, is_waiting, is_outdated, open_appeals, until = (await session.execute(query)).one()
    return Standing(
        now=now,
        state=result.state,
        is_reviewed=not is_waiting,
        is_newest=not is_overtaken,
        is_outdated=is_outdated,
        open_appeals=open_appeals,
        appeals_run_until=until,
    )


def _scored_otherwise(result: Result, scope: RankingScope) -> ColumnElement[bool]:
    """Return the condition that a dossier has passed with another content than the result was scored from.

    What a review ended with stands in the line's document letter by letter, so nothing has to be parsed.
    """
    text = ResultLine.document
    settled = func.concat('"settled":', Submission.settled, '},"scorecard":')
    differs = or_(func.strpos(text, settled) == 0, func.strpos(text, '"reviewed":true,"revision":') == 0)
    return exists().where(
        ResultLine.result_id == result.id,
        Submission.unit_id == ResultLine.unit_id,
        Submission.scope_id == scope.id,
        Submission.state == ReviewState.PASSED,
        func.starts_with(Submission.settled, START),  # of another format it would always differ
        differs,
    )
