"""The reviewer's turns: claim, return, decide, pass, and take up again."""

from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.catalogue.declared import VALUE_FIELDS, value_of
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest, Problem
from app.periods.rules import end_of
from app.reviews import queries
from app.reviews.adopted import adopted, dossier_of
from app.reviews.models import Adjustment, AdjustmentKind, Clarification, ClarificationKind
from app.reviews.schemas import AdjustmentIn, ReturnIn
from app.reviews.settled import settle
from app.scoring import answers as answer_format
from app.scoring.exact import plain
from app.scoring.model import IndexSet, Manual
from app.scoring.values import field_of
from app.submissions.actions import ActionNotAllowed, move, require_allowed
from app.submissions.models import ReviewState, Submission
from app.submissions.queries import content_of, measures_of
from app.submissions.rules import DENIAL_TEXT, Action, Denial


class ReviewIncomplete(Problem):
    """Something is still undecided: figures an agency owes, or a claim of not applicable."""

    status, code = 409, "review_incomplete"
    title_vi, title_en = "Thẩm định chưa xong", "The review is not complete"


async def claim(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Take a dossier up for review; the others see who has it.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.CLAIM, now)
    before = move(submission, Action.CLAIM, now)
    submission.claimed_by, submission.claimed_at = by.id, now
    after = {"state": submission.state.value}
    await record(session, by, "review.claim", submission, now, before=before, after=after)


async def return_for_clarification(
    session: AsyncSession, submission: Submission, body: ReturnIn, *, by: Principal, now: datetime
) -> Clarification:
    """Give the dossier back to the unit with a reason, items and a due date (R-021, R-025).

    Raises: ActionNotAllowed (409), InvalidRequest (422) for an unknown indicator or a due date that has passed.
    """
    by = await require_allowed(session, by, submission, Action.RETURN, now)
    index_set = await _index_set(session, submission)
    due_at = end_of(body.due_on)
    faults = [
        Fault(
            f"/items/{i}/indicator", "unknown_indicator", "không có chỉ số này", "there is no such indicator"
        )
        for i, item in enumerate(body.items)
        if item.indicator is not None and item.indicator not in index_set.by_code
    ]
    if due_at <= now:
        faults.append(Fault("/due_on", "in_the_past", "phải từ hôm nay trở đi", "must be today or later"))
    if faults:
        raise InvalidRequest(faults=faults)
    clarification = Clarification(
        submission_id=submission.id,
        kind=ClarificationKind.RETURN,
        asked_for=submission.reviewer_unit_id,
        reason=body.reason,
        items=[item.model_dump(mode="json") for item in body.items],
        due_at=due_at,
        asked_at=now,
        asked_by=by.id,
        asked_by_name=by.name,
    )
    session.add(clarification)
    before = move(submission, Action.RETURN, now)
    # A return gives time, it never takes any: whoever was returned early keeps the deadline all units have.
    submission.entry_due_at = max(submission.entry_due_at, due_at)
    submission.claimed_by = submission.claimed_at = None
    after = {"state": submission.state.value, "due_at": due_at.isoformat(), "items": clarification.items}
    await record(
        session, by, "review.return", submission, now, before=before, after=after, reason=body.reason
    )
    return clarification


async def adjust(
    session: AsyncSession, submission: Submission, body: AdjustmentIn, *, by: Principal, now: datetime
) -> Adjustment:
    """Decide one indicator with a reason; earlier decisions stay as history.

    Raises: ActionNotAllowed (409), InvalidRequest (422) with every fault.
    """
    by = await require_allowed(session, by, submission, Action.ADJUST, now)
    index_set = await _index_set(session, submission)
    declared = (await content_of(session, submission))["answers"].get(body.indicator)
    faults = _faults(index_set, body, declared)
    if faults:
        raise InvalidRequest(faults=faults)
    previous = (await queries.holding_adjustments(session, submission.id)).get(body.indicator)
    adjustment = Adjustment(
        submission_id=submission.id,
        indicator_code=body.indicator,
        kind=body.kind,
        value=_value(index_set, body),
        declared=declared,
        reason=body.reason,
        made_at=now,
        made_by=by.id,
        made_by_name=by.name,
    )
    session.add(adjustment)
    submission.changed_at = now
    submission.touch()
    held = {"kind": previous.kind.value, "value": previous.value} if previous else None
    before = {"indicator": body.indicator, "declared": declared, "decision": held}
    after = {"indicator": body.indicator, "kind": body.kind.value, "value": adjustment.value}
    await record(
        session, by, "review.adjust", submission, now, before=before, after=after, reason=body.reason
    )
    return adjustment


def _faults(index_set: IndexSet, body: AdjustmentIn, declared: dict[str, Any] | None) -> list[Fault]:
    indicator = index_set.by_code.get(body.indicator)
    if indicator is None:
        return [Fault("/indicator", "unknown_indicator", "không có chỉ số này", "there is no such indicator")]
    belongs = {
        AdjustmentKind.ANSWER: {*VALUE_FIELDS},
        AdjustmentKind.POINTS: {"points"},
        AdjustmentKind.NOT_APPLICABLE: {"accepted"},
        AdjustmentKind.AS_DECLARED: set(),
    }[body.kind]
    present = {name for name in (*VALUE_FIELDS, "points", "accepted") if getattr(body, name) is not None}
    found = [
        Fault(
            f"/{name}", "not_of_this_kind", "không thuộc loại điều chỉnh này", "does not belong to this kind"
        )
        for name in sorted(present - belongs)
    ]
    if belongs and not present & belongs:
        name = field_of(indicator.rule) if body.kind is AdjustmentKind.ANSWER else belongs.pop()
        found.append(
            Fault(f"/{name}", "missing", "thiếu giá trị điều chỉnh", "the adjusted value is missing")
        )
    elif body.kind is AdjustmentKind.ANSWER:
        given = {body.indicator: value_of(body)}
        faults = answer_format.faults(index_set, given, by=None)
        if not faults and not answer_format.canonical(index_set, given):
            found.append(
                Fault("/figures", "missing", "thiếu giá trị điều chỉnh", "the adjusted value is missing")
            )
        found += [Fault(f.pointer.removeprefix(f"/{body.indicator}"), f.code, f.vi, f.en) for f in faults]
    elif body.points is not None and Fraction(body.points) > (indicator.max_points or 0):
        most = plain(indicator.max_points or Fraction(0))
        vi, en = f"không quá {most} điểm", f"at most {most} points"
        found.append(Fault("/points", "above_maximum", vi, en))
    elif body.kind is AdjustmentKind.NOT_APPLICABLE and not (declared or {}).get("not_applicable"):
        vi, en = "đơn vị không đề nghị không áp dụng", "the unit has not claimed this"
        found.append(Fault("/indicator", "not_claimed", vi, en))
    return found


def _value(index_set: IndexSet, body: AdjustmentIn) -> dict[str, Any]:
    if body.kind is AdjustmentKind.ANSWER:
        return answer_format.canonical(index_set, {body.indicator: value_of(body)})[body.indicator]
    if body.kind is AdjustmentKind.POINTS:
        return {"points": str(Fraction(body.points or 0))}
    return {"accepted": body.accepted} if body.kind is AdjustmentKind.NOT_APPLICABLE else {}


async def _index_set(session: AsyncSession, submission: Submission) -> IndexSet:
    return catalogue.scoring_set(await catalogue.index_set_by_id(session, submission.index_set_id))


def _undecided(
    index_set: IndexSet, answers: dict[str, Any], decisions: dict[str, Adjustment], figures: dict[str, UUID]
) -> list[Fault]:
    """Return what the reviewer must still decide. Pure.

    Figures an agency owes (ruling 20), claims of not applicable (ruling 8), points where nothing is computed
    (ruling 6), and decisions on answers that the unit has changed since.
    """
    faults = []
    for indicator in index_set.indicators:
        held, answer = decisions.get(indicator.code), answers.get(indicator.code)
        pointer = f"/answers/{indicator.code}"
        if held is not None and held.kind is not AdjustmentKind.AS_DECLARED:
            if _value_of(held.declared) != _value_of(answer):
                vi = "đơn vị đã sửa số liệu sau điều chỉnh này; quyết định lại"
                en = "the unit has changed its answer since this decision: decide again"
                faults.append(Fault(pointer, "decision_outdated", vi, en))
        elif indicator.declared_by != "unit" and indicator.code not in figures:
            vi, en = (
                f"chờ số liệu của {indicator.declared_by}",
                f"figures of {indicator.declared_by} are missing",
            )
            faults.append(Fault(pointer, "official_figures_missing", vi, en))
        elif (answer or {}).get("not_applicable"):
            vi, en = "chưa quyết định đề nghị không áp dụng", "the claim of not applicable is undecided"
            faults.append(Fault(pointer, "claim_undecided", vi, en))
        if isinstance(indicator.rule, Manual) and not _settles_points(held):
            vi, en = (
                "chưa cho điểm: văn bản không nêu cách tính",
                "no points given yet: nothing is computed here",
            )
            faults.append(Fault(pointer, "points_missing", vi, en))
    return faults


def _settles_points(held: Adjustment | None) -> bool:
    """Tell whether a decision says what an indicator earns of which nothing is computed."""
    return held is not None and (held.kind is AdjustmentKind.POINTS or bool(held.value.get("accepted")))


def _value_of(answer: dict[str, Any] | None) -> dict[str, Any]:
    """Return what an answer declares, without its notes and documents."""
    return {key: value for key, value in (answer or {}).items() if key in (*VALUE_FIELDS, "not_applicable")}


async def pass_dossier(
    session: AsyncSession, submission: Submission, *, by: Principal, now: datetime
) -> None:
    """End the review: the dossier counts as it now stands.

    Raises: ActionNotAllowed, ReviewIncomplete with what is undecided (both 409).
    """
    by = await require_allowed(session, by, submission, Action.PASS, now)
    index_set, policy = await measures_of(session, submission)
    figures = await queries.figures_that_count(session, submission, index_set)
    decisions = await queries.holding_adjustments(session, submission.id)
    answers = (await content_of(session, submission))["answers"]
    if faults := _undecided(index_set, answers, decisions, figures):
        raise ReviewIncomplete(faults=faults)
    before = move(submission, Action.PASS, now)
    submission.passed_at = now
    submission.settled_figures = list(figures.values())
    await session.flush()
    mine = adopted(index_set, policy, await dossier_of(session, submission.id))
    submission.settled = settle(index_set, mine).decode()
    after = {"state": submission.state.value, "revision": submission.revision_number}
    await record(session, by, "review.pass", submission, now, before=before, after=after)


async def reopen(
    session: AsyncSession, submission: Submission, reason: str, *, by: Principal, now: datetime
) -> None:
    """Take a passed dossier up again, to correct it; a published result changes only by a new version.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.REOPEN, now)
    before = move(submission, Action.REOPEN, now) | {"passed_at": str(submission.passed_at)}
    submission.claimed_by, submission.claimed_at = by.id, now
    # `passed_at` stays: the review did take place, so nobody's policy may give 0 for want of it.
    submission.settled_figures = submission.settled = None
    after = {"state": submission.state.value}
    await record(session, by, "review.reopen", submission, now, before=before, after=after, reason=reason)


async def correct_passed(
    session: AsyncSession, submission: Submission, body: AdjustmentIn, *, by: Principal, now: datetime
) -> Adjustment:
    """Decide one indicator of a dossier that has passed, and settle it again: what an accepted appeal comes to.

    Raises: ActionNotAllowed (409) unless it has passed, InvalidRequest (422) with every fault.
    """
    if submission.state is not ReviewState.PASSED:
        raise ActionNotAllowed(
            *DENIAL_TEXT[Denial.WRONG_STATE],
            reason_code=Denial.WRONG_STATE.value,
            state=submission.state.value,
        )
    index_set, policy = await measures_of(session, submission)
    declared = (await content_of(session, submission))["answers"].get(body.indicator)
    if faults := _faults(index_set, body, declared):
        raise InvalidRequest(faults=faults)
    adjustment = Adjustment(
        submission_id=submission.id,
        indicator_code=body.indicator,
        kind=body.kind,
        value=_value(index_set, body),
        declared=declared,
        reason=body.reason,
        made_at=now,
        made_by=by.id,
        made_by_name=by.name,
    )
    session.add(adjustment)
    submission.changed_at = now
    submission.touch()
    await session.flush()
    mine = adopted(index_set, policy, await dossier_of(session, submission.id))
    submission.settled = settle(index_set, mine).decode()
    after = {"indicator": body.indicator, "kind": body.kind.value, "value": adjustment.value}
    await record(session, by, "review.correct", submission, now, after=after, reason=body.reason)
    return adjustment
