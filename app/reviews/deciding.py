"""Deciding single indicators: corrected figures, points, claims, evidence; and what the unit says to it."""

from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.catalogue.declared import VALUE_FIELDS, value_of
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest
from app.reviews import queries
from app.reviews.models import Adjustment, AdjustmentKind, Reply
from app.reviews.schemas import AdjustmentIn, ReplyIn
from app.scoring import answers as answer_format
from app.scoring.exact import plain
from app.scoring.model import IndexSet, Manual
from app.scoring.values import field_of
from app.submissions.actions import refused, require_allowed
from app.submissions.models import Submission
from app.submissions.queries import content_of, standing_of
from app.submissions.rules import Action, Denial


async def adjust(
    session: AsyncSession, submission: Submission, body: AdjustmentIn, *, by: Principal, now: datetime
) -> Adjustment:
    """Decide one indicator with a reason; earlier decisions stay as history.

    Raises: ActionNotAllowed (409), InvalidRequest (422) with every fault.
    """
    standing = await standing_of(session, by, submission, now)
    by = await require_allowed(session, by, submission, Action.ADJUST, now)
    index_set = await index_set_of(session, submission)
    known = body.indicator in index_set.by_code
    if (
        known
        and standing.groups is not None
        and not any(body.indicator in index_set.groups[group] for group in standing.groups)
    ):
        raise refused(Denial.NOT_YOUR_GROUP, submission)
    return await decide(session, submission, body, "review.adjust", by=by, now=now)


async def decide(
    session: AsyncSession,
    submission: Submission,
    body: AdjustmentIn,
    act: str,
    *,
    by: Principal,
    now: datetime,
) -> Adjustment:
    """Write a decision down, whoever may make it now; `act` names it in the audit trail.

    Raises: InvalidRequest (422) with every fault.
    """
    index_set = await index_set_of(session, submission)
    declared = (await content_of(session, submission))["answers"].get(body.indicator)
    if faults := _faults(index_set, body, declared):
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
    await record(session, by, act, submission, now, before=before, after=after, reason=body.reason, tell=True)
    return adjustment


async def reply(
    session: AsyncSession,
    submission: Submission,
    adjustment: Adjustment,
    body: ReplyIn,
    *,
    by: Principal,
    now: datetime,
) -> Reply:
    """Keep what the unit says to a decision; the reviewer is told.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.REPLY, now)
    said = Reply(
        adjustment_id=adjustment.id, text=body.text, made_at=now, made_by=by.id, made_by_name=by.name
    )
    session.add(said)
    known = {"adjustment_id": str(adjustment.id), "indicator": adjustment.indicator_code, "text": body.text}
    await record(session, by, "review.reply", submission, now, after=known, tell=True)
    return said


async def index_set_of(session: AsyncSession, submission: Submission) -> IndexSet:
    """Return the set a dossier answers."""
    return catalogue.scoring_set(await catalogue.index_set_by_id(session, submission.index_set_id))


def _faults(index_set: IndexSet, body: AdjustmentIn, declared: dict[str, Any] | None) -> list[Fault]:
    indicator = index_set.by_code.get(body.indicator)
    if indicator is None:
        return [Fault("/indicator", "unknown_indicator", "không có chỉ số này", "there is no such indicator")]
    belongs = {
        AdjustmentKind.ANSWER: {*VALUE_FIELDS},
        AdjustmentKind.POINTS: {"points"},
        AdjustmentKind.NOT_APPLICABLE: {"accepted"},
        AdjustmentKind.AS_DECLARED: set(),
        AdjustmentKind.EVIDENCE: {"disallowed"},
    }[body.kind]
    present = {
        name
        for name in (*VALUE_FIELDS, "points", "accepted", "disallowed")
        if getattr(body, name) is not None
    }
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
    elif body.kind is AdjustmentKind.EVIDENCE:
        cited = (declared or {}).get("evidence", [])
        vi, en = "đơn vị không nộp tài liệu này cho chỉ số", "the unit does not cite this document here"
        found += [
            Fault(f"/disallowed/{i}", "unknown_document", vi, en)
            for i, one in enumerate(body.disallowed or [])
            if str(one) not in cited
        ]
    return found


def _value(index_set: IndexSet, body: AdjustmentIn) -> dict[str, Any]:
    if body.kind is AdjustmentKind.ANSWER:
        return answer_format.canonical(index_set, {body.indicator: value_of(body)})[body.indicator]
    if body.kind is AdjustmentKind.POINTS:
        return {"points": str(Fraction(body.points or 0))}
    if body.kind is AdjustmentKind.EVIDENCE:
        return {"disallowed": sorted({str(one) for one in body.disallowed or []})}
    return {"accepted": body.accepted} if body.kind is AdjustmentKind.NOT_APPLICABLE else {}


def undecided(
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
