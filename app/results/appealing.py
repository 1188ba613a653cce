"""Appeals (phúc tra): a unit lodges one or takes it back, whoever finalizes the scope decides it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue import queries as catalogue
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest
from app.evidence.queries import sizes_of
from app.evidence.rules import citation_faults
from app.results import appeals
from app.results.appeal_schemas import AppealIn, DecisionIn
from app.results.models import Appeal, AppealState, Result
from app.results.rules import DENIAL_TEXT, AppealAction, Denial, appeal_denial
from app.reviews.actions import correct_passed
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import RankingScope, Submission


async def lodge(
    session: AsyncSession, result: Result, body: AppealIn, *, max_bytes: int, by: Principal, now: datetime
) -> Appeal:
    """Contest a unit's points in one indicator of a result it has been told of, while there is time.

    The documents of an appeal may have `max_bytes` together.

    Raises: ActionNotAllowed (409) with `reason_code`, InvalidRequest (422) with every fault.
    """
    dossiers = await appeals.dossiers_to_appeal(session, by, result)
    why = appeal_denial(AppealAction.LODGE, bool(dossiers), appeals.lodging(result, now))
    if why is not None:
        raise _refused(why, result.state.value)
    submission = _meant(dossiers, body)
    if faults := await _faults(session, submission, body, max_bytes):
        raise InvalidRequest(faults=faults)
    if await appeals.is_open(session, result, submission, body.indicator):
        raise _refused(Denial.APPEALED_ALREADY, result.state.value)
    appeal = Appeal(
        result_id=result.id,
        scope_id=result.scope_id,
        submission_id=submission.id,
        unit_id=submission.unit_id,
        indicator_code=body.indicator,
        grounds=body.grounds,
        evidence=body.evidence,
        state=AppealState.LODGED,
        lodged_at=now,
        lodged_by=by.id,
        lodged_by_name=by.name,
        **dict.fromkeys(_DECISION),
    )
    session.add(appeal)
    await session.flush()
    by = by.acting_as(submission.unit_id, Permission.APPEAL_LODGE)
    known = _about(appeal) | {"state": appeal.state.value, "evidence": [str(one) for one in body.evidence]}
    await record(session, by, "appeal.lodge", appeal, now, after=known, reason=body.grounds, tell=True)
    return appeal


# Written as absent, so that the answer can be made before anything is read back.
_DECISION = ("decided_at", "decided_by", "decided_by_name", "decision_reason", "adjustment_id")


def _meant(dossiers: Sequence[Submission], body: AppealIn) -> Submission:
    """Return the dossier of the unit that appeals: the only one there is, or the one that is named.

    Raises: InvalidRequest (422).
    """
    if body.unit_id is None and len(dossiers) == 1:
        return dossiers[0]
    for one in dossiers:
        if one.unit_id == body.unit_id:
            return one
    vi, en = "nêu một đơn vị của bạn trong kết quả này", "name one of your units in this result"
    raise InvalidRequest(faults=[Fault("/unit_id", "unknown_unit", vi, en)])


async def _faults(
    session: AsyncSession, submission: Submission, body: AppealIn, max_bytes: int
) -> list[Fault]:
    index_set = catalogue.scoring_set(await catalogue.index_set_by_id(session, submission.index_set_id))
    found = []
    if body.indicator not in index_set.by_code:
        vi, en = "không có chỉ số này", "there is no such indicator"
        found.append(Fault("/indicator", "unknown_indicator", vi, en))
    sizes = await sizes_of(session, submission.period_id, submission.unit_id, body.evidence)
    return found + citation_faults(sizes, body.evidence, "/evidence", max_bytes)


async def decide(
    session: AsyncSession,
    appeal: Appeal,
    scope: RankingScope,
    body: DecisionIn,
    *,
    by: Principal,
    now: datetime,
) -> None:
    """Accept an appeal with the decision that follows from it, or refuse it; it counts in the next version.

    Raises: ActionNotAllowed (409) with `reason_code`, InvalidRequest (422).
    """
    _require(AppealAction.DECIDE, appeal, scope, by, now)
    _require_fitting(appeal, body)
    by = by.acting_as(scope.finalized_by_id, Permission.RESULT_FINALIZE)
    before = {"state": appeal.state.value}
    if body.adjustment is not None:
        submission = await session.get_one(Submission, appeal.submission_id, with_for_update=True)
        try:
            adjustment = await correct_passed(session, submission, body.adjustment, by=by, now=now)
        except InvalidRequest as error:
            at = [replace(fault, pointer=f"/adjustment{fault.pointer}") for fault in error.faults]
            raise InvalidRequest(faults=at) from error
        await session.flush()
        appeal.adjustment_id = adjustment.id
    appeal.state = AppealState.ACCEPTED if body.accepted else AppealState.REFUSED
    appeal.decided_at, appeal.decided_by, appeal.decided_by_name = now, by.id, by.name
    appeal.decision_reason = body.reason
    appeal.touch()
    known = _about(appeal) | {
        "state": appeal.state.value,
        "adjustment": appeal.adjustment_id and str(appeal.adjustment_id),
    }
    await record(
        session, by, "appeal.decide", appeal, now, before=before, after=known, reason=body.reason, tell=True
    )


def _require_fitting(appeal: Appeal, body: DecisionIn) -> None:
    """Refuse an acceptance that changes nothing, a refusal that does, and a decision on another indicator.

    Raises: InvalidRequest (422).
    """
    given = body.adjustment
    if body.accepted and given is None:
        vi, en = "chấp nhận thì phải kèm điều chỉnh", "an acceptance comes with a decision on the indicator"
        raise InvalidRequest(faults=[Fault("/adjustment", "missing", vi, en)])
    if not body.accepted and given is not None:
        vi, en = "từ chối thì không kèm điều chỉnh", "a refusal comes without a decision on the indicator"
        raise InvalidRequest(faults=[Fault("/adjustment", "not_of_this_kind", vi, en)])
    if given is not None and given.indicator != appeal.indicator_code:
        vi, en = f"đề nghị về chỉ số {appeal.indicator_code}", f"the appeal is about {appeal.indicator_code}"
        raise InvalidRequest(faults=[Fault("/adjustment/indicator", "other_indicator", vi, en)])


async def withdraw(
    session: AsyncSession, appeal: Appeal, scope: RankingScope, *, by: Principal, now: datetime
) -> None:
    """Take an appeal back before it is decided.

    Raises: ActionNotAllowed (409) with `reason_code`.
    """
    _require(AppealAction.WITHDRAW, appeal, scope, by, now)
    by = by.acting_as(appeal.unit_id, Permission.APPEAL_LODGE)
    before = {"state": appeal.state.value}
    appeal.state = AppealState.WITHDRAWN
    appeal.touch()
    known = _about(appeal) | {"state": appeal.state.value}
    await record(session, by, "appeal.withdraw", appeal, now, before=before, after=known, tell=True)


def _require(action: AppealAction, appeal: Appeal, scope: RankingScope, by: Principal, now: datetime) -> None:
    holds_role = appeals.may(by, action, appeal.unit_id, scope.finalized_by_id)
    why = appeal_denial(action, holds_role, appeals.appeal_standing(by, appeal, now))
    if why is not None:
        raise _refused(why, appeal.state.value)


def _about(appeal: Appeal) -> dict[str, str]:
    """Return what an appeal is about, for the audit."""
    return {
        "result": str(appeal.result_id),
        "submission": str(appeal.submission_id),
        "unit": str(appeal.unit_id),
        "indicator": appeal.indicator_code,
    }


def _refused(why: Denial, state: str) -> ActionNotAllowed:
    return ActionNotAllowed(*DENIAL_TEXT[why], reason_code=why.value, state=state)
