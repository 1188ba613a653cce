"""Reading reviews: everything the reviewer and the unit see side by side."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.catalogue.policy_schemas import PolicyFile
from app.core.problems import Lang, NotFound
from app.figures.models import OfficialFigure
from app.periods.models import Period
from app.reviews.adopted import adopted, dossier_of
from app.reviews.models import (
    Adjustment,
    AdjustmentKind,
    Clarification,
    ClarificationKind,
    ItemAnswer,
    Reply,
)
from app.reviews.schemas import (
    AdjustmentOut,
    ClarificationOut,
    ItemAnswerOut,
    ItemOut,
    OfficialOut,
    ReplyOut,
    ReviewLine,
    ReviewOut,
    WarningNoteOut,
)
from app.scoring.engine import Scorecard, score
from app.scoring.exact import exact, shown
from app.scoring.model import IndexSet
from app.submissions.actions import self_scores
from app.submissions.models import ReadinessNote, Submission
from app.submissions.queries import content_of, measures_of, sees_all, verified_codes
from app.submissions.schemas import StepOut
from app.units.models import Unit


class AdjustmentNotFound(NotFound):
    code = "adjustment_not_found"
    title_vi, title_en = "Không tìm thấy quyết định điều chỉnh", "Decision not found"


class ClarificationNotFound(NotFound):
    code = "clarification_not_found"
    title_vi, title_en = "Không tìm thấy yêu cầu giải trình", "Clarification not found"


async def adjustments_of(session: AsyncSession, submission_id: UUID) -> Sequence[Adjustment]:
    """Return every decision on a dossier in the order they were made."""
    query = select(Adjustment).where(Adjustment.submission_id == submission_id).order_by(Adjustment.id)
    return (await session.scalars(query)).all()


async def holding_adjustments(session: AsyncSession, submission_id: UUID) -> dict[str, Adjustment]:
    """Return the decision that holds for each indicator: its latest one, those on evidence apart."""
    rows = await adjustments_of(session, submission_id)
    return {row.indicator_code: row for row in rows if row.kind is not AdjustmentKind.EVIDENCE}


async def evidence_decisions(session: AsyncSession, submission_id: UUID) -> dict[str, Adjustment]:
    """Return the decision that holds on the evidence of each indicator."""
    return {code: made[-1] for code, made in (await made_on_evidence(session, submission_id)).items()}


async def made_on_evidence(session: AsyncSession, submission_id: UUID) -> dict[str, list[Adjustment]]:
    """Return every decision on the evidence of each indicator, the latest last."""
    found: defaultdict[str, list[Adjustment]] = defaultdict(list)
    for row in await adjustments_of(session, submission_id):
        if row.kind is AdjustmentKind.EVIDENCE:
            found[row.indicator_code].append(row)
    return found


async def adjustment_of(session: AsyncSession, submission: Submission, adjustment_id: UUID) -> Adjustment:
    """Return a decision on a dossier.

    Raises: AdjustmentNotFound.
    """
    query = select(Adjustment).filter_by(id=adjustment_id, submission_id=submission.id)
    adjustment = await session.scalar(query)
    if adjustment is None:
        raise AdjustmentNotFound()
    return adjustment


async def adjustments_shown(session: AsyncSession, submission_id: UUID) -> list[AdjustmentOut]:
    """Return every decision on a dossier in the order they were made, with what the unit said to each."""
    rows = await adjustments_of(session, submission_id)
    query = select(Reply).where(Reply.adjustment_id.in_([row.id for row in rows])).order_by(Reply.id)
    replies: defaultdict[UUID, list[ReplyOut]] = defaultdict(list)
    for reply in await session.scalars(query) if rows else ():
        replies[reply.adjustment_id].append(ReplyOut.model_validate(reply))
    shown_rows = [AdjustmentOut.model_validate(row) for row in rows]
    for row in shown_rows:
        row.replies = replies[row.id]
    return shown_rows


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


async def clarifications_of(session: AsyncSession, submission_id: UUID) -> list[ClarificationOut]:
    """Return everything the unit was asked, the latest first, with its answers to each item."""
    query = (
        select(Clarification)
        .where(Clarification.submission_id == submission_id)
        .order_by(Clarification.id.desc())
    )
    rows = (await session.scalars(query)).all()
    given = await answers_to(session, [row.id for row in rows])
    return [clarification_out(row, [one for one in given if one.clarification_id == row.id]) for row in rows]


def clarification_out(row: Clarification, answers: Sequence[ItemAnswer]) -> ClarificationOut:
    """Return what the unit was asked as the API shows it."""
    items = [
        ItemOut(**item, answers=[ItemAnswerOut.model_validate(one) for one in answers if one.item == place])
        for place, item in enumerate(row.items)
    ]
    known = {name: getattr(row, name) for name in ClarificationOut.model_fields if name != "items"}
    return ClarificationOut(**known, items=items)


async def clarification_of(
    session: AsyncSession, submission: Submission, clarification_id: UUID
) -> Clarification:
    """Return something the unit was asked.

    Raises: ClarificationNotFound.
    """
    query = select(Clarification).filter_by(id=clarification_id, submission_id=submission.id)
    clarification = await session.scalar(query)
    if clarification is None:
        raise ClarificationNotFound()
    return clarification


async def latest_return(session: AsyncSession, submission_id: UUID) -> Clarification | None:
    """Return why a dossier was returned last."""
    query = (
        select(Clarification)
        .filter_by(submission_id=submission_id, kind=ClarificationKind.RETURN)
        .order_by(Clarification.id.desc())
        .limit(1)
    )
    return await session.scalar(query)


async def supplements_asked(session: AsyncSession, submission_id: UUID) -> Sequence[Clarification]:
    """Return every request for supplementary evidence, the earliest first."""
    query = (
        select(Clarification)
        .filter_by(submission_id=submission_id, kind=ClarificationKind.SUPPLEMENT)
        .order_by(Clarification.id)
    )
    return (await session.scalars(query)).all()


async def answers_to(session: AsyncSession, clarification_ids: list[UUID]) -> Sequence[ItemAnswer]:
    """Return the unit's answers to some clarifications in the order they were given."""
    if not clarification_ids:
        return []
    query = select(ItemAnswer).where(ItemAnswer.clarification_id.in_(clarification_ids))
    return (await session.scalars(query.order_by(ItemAnswer.id))).all()


async def policy_of(session: AsyncSession, submission: Submission) -> PolicyFile:
    """Return the policy of a dossier's period."""
    period = await session.get_one(Period, submission.period_id)
    return catalogue.policy_file(await catalogue.policy_by_id(session, period.policy_id))


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
    made = await adjustments_shown(session, submission.id)
    decided = {row.indicator_code: row for row in made if row.kind is not AdjustmentKind.EVIDENCE}
    on_evidence = {row.indicator_code: row for row in made if row.kind is AdjustmentKind.EVIDENCE}
    whole = sees_all(caller, submission)
    codes = None if whole else (await verified_codes(session, caller))[submission.index_set_id]
    lines = [
        ReviewLine(
            code=mine.code,
            declared=content["answers"].get(mine.code),
            official=list(official.get(mine.code, {}).values()),
            decision=decided.get(mine.code),
            evidence_decision=on_evidence.get(mine.code),
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
    return ReviewOut(
        submission_id=submission.id,
        self_total=shown(own.total, digits) if whole else None,
        appraised_total=shown(appraised.total, digits) if whole else None,
        lines=lines,
        clarifications=await clarifications_of(session, submission.id) if whole else [],
        notes=await _notes(session, submission.id) if whole else [],
    )


async def _notes(session: AsyncSession, submission_id: UUID) -> list[WarningNoteOut]:
    query = select(ReadinessNote).filter_by(submission_id=submission_id).order_by(ReadinessNote.id)
    return [WarningNoteOut.model_validate(row) for row in await session.scalars(query)]
