"""The reviewer's turns: claim, call in, take over, return, pass, and take up again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import SYSTEM, record
from app.core.problems import Fault, Problem
from app.reviews import queries
from app.reviews.adopted import adopted, dossier_of
from app.reviews.asking import asked, keep_if_new, supplements_of, with_what_came
from app.reviews.deciding import decide, index_set_of, undecided
from app.reviews.documents import come_again
from app.reviews.groups import open_groups
from app.reviews.models import Adjustment, AdjustmentKind, Clarification, ClarificationKind
from app.reviews.schemas import AdjustmentIn, ReturnIn
from app.reviews.settled import settle
from app.submissions import content as contents
from app.submissions.actions import (
    explain_warnings,
    move,
    refused,
    require_allowed,
    require_approval,
    self_scores,
)
from app.submissions.models import ReviewState, Stage, Submission
from app.submissions.queries import content_of, entry_of, measures_of, revision_of
from app.submissions.readiness import Readiness, warnings_of
from app.submissions.rules import Action, Denial


class ReviewIncomplete(Problem):
    """Something is still undecided: figures an agency owes, a claim of not applicable, a group of the council."""

    status, code = 409, "review_incomplete"
    title_vi, title_en = "Thẩm định chưa xong", "The review is not complete"


async def claim(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Take a dossier up for review; the others see who has it.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.CLAIM, now)
    await _take(session, submission, Action.CLAIM, "review.claim", None, by=by, now=now)


async def take_over(
    session: AsyncSession, submission: Submission, reason: str, *, by: Principal, now: datetime
) -> None:
    """Take the review over from another reviewer, who may have left: he is told.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.TAKE_OVER, now)
    await _take(session, submission, Action.TAKE_OVER, "review.take_over", reason, by=by, now=now)


async def call_in(
    session: AsyncSession, submission: Submission, reason: str, *, by: Principal, now: datetime
) -> None:
    """Take up a dossier whose unit let its time pass: what it handed in last counts, and nothing where it never did.

    With it count the documents that were asked for and came in time. What the unit wrote since stays among the kept
    states, but nobody approved and sent it.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.CALL_IN, now)
    number, content = submission.submitted_revision, contents.EMPTY
    if number is not None:
        content = (await revision_of(session, submission, number)).content
    content = await with_what_came(session, submission, content, None)
    await keep_if_new(session, submission, content, by=by, now=now)
    submission.submitted_revision, submission.open_items = submission.revision_number, 0
    await _take(session, submission, Action.CALL_IN, "review.call_in", reason, by=by, now=now)


async def _take(
    session: AsyncSession,
    submission: Submission,
    action: Action,
    act: str,
    reason: str | None,
    *,
    by: Principal,
    now: datetime,
) -> None:
    before = move(submission, action, now)
    submission.claimed_by, submission.claimed_at = by.id, now
    after = {"state": submission.state.value, "revision": submission.revision_number}
    await record(session, by, act, submission, now, before=before, after=after, reason=reason, tell=True)


async def return_for_clarification(
    session: AsyncSession, submission: Submission, body: ReturnIn, *, by: Principal, now: datetime
) -> Clarification:
    """Give the dossier back to the unit with a reason, items and a due date (R-021, R-025).

    Raises: ActionNotAllowed (409), InvalidRequest (422) for an unknown indicator or a due date that has passed.
    """
    by = await require_allowed(session, by, submission, Action.RETURN, now)
    asker = submission.reviewer_unit_id
    clarification = await asked(session, submission, body, ClarificationKind.RETURN, asker, by=by, now=now)
    before = move(submission, Action.RETURN, now)
    # A return gives time, it never takes any: whoever was returned early keeps the deadline all units have.
    submission.entry_due_at = max(submission.entry_due_at, clarification.due_at)
    submission.open_items = len(clarification.items)
    submission.claimed_by = submission.claimed_at = None
    after = {
        "state": submission.state.value,
        "due_at": clarification.due_at.isoformat(),
        "entry_due_at": submission.entry_due_at.isoformat(),
        "items": clarification.items,
    }
    await record(
        session,
        by,
        "review.return",
        submission,
        now,
        before=before,
        after=after,
        reason=body.reason,
        tell=True,
    )
    return clarification


@dataclass(frozen=True, slots=True)
class Found:
    """What a review came to so far: the readiness check, the figures that count, and what came too late."""

    readiness: Readiness
    figures: dict[str, UUID]
    late: Mapping[str, datetime]


async def readiness_to_pass(
    session: AsyncSession, submission: Submission, now: datetime, *, for_reviewer: bool = False
) -> Found:
    """Return what keeps the review from ending, and what must be explained first.

    A warning about an indicator is explained by a decision on it, which has a reason. `for_reviewer` names other units
    that use the same file: what is kept with the dossier, which its unit reads, does not.
    """
    index_set = await index_set_of(session, submission)
    content = await content_of(session, submission)
    decisions = await queries.holding_adjustments(session, submission.id)
    figures = await queries.figures_that_count(session, submission, index_set)
    scores = await self_scores(session, submission, content)
    supplements = await supplements_of(session, submission, now)
    warnings = await warnings_of(session, submission, content, scores, for_reviewer=for_reviewer)
    unproven = contents.without_evidence(content["answers"], scores)
    on_evidence = await queries.made_on_evidence(session, submission.id)
    again = await come_again(session, content, on_evidence)
    decided = {f"/answers/{code}" for code in (*decisions, *on_evidence)}
    readiness = Readiness(
        errors=[
            *undecided(index_set, content["answers"], decisions, figures),
            *(_unchecked(group) for group in await open_groups(session, submission)),
        ],
        warnings=[*warnings, *unproven, *again, *supplements.warnings, *_still_open(submission, now)],
        explained=decided.__contains__,
    )
    return Found(readiness, figures, supplements.late)


def _still_open(submission: Submission, now: datetime) -> list[Fault]:
    """Return the indicators that were opened again and still are: the pass closes them before their time."""
    vi, en = (
        "đang được mở lại cho đơn vị, còn thời hạn",
        "was opened again for the unit, which still has time",
    )
    return [
        Fault(f"/answers/{code}", "reopening_open", vi, en)
        for code in sorted(entry_of(submission, now).indicators or ())
    ]


def _unchecked(group: str) -> Fault:
    vi = f"hội đồng chưa xong nhóm {group}"
    return Fault(f"/groups/{group}", "group_unchecked", vi, f"the council has not checked group {group}")


async def pass_dossier(
    session: AsyncSession, submission: Submission, note: str | None, *, by: Principal, now: datetime
) -> None:
    """End the review: the dossier counts as it now stands.

    Raises: ActionNotAllowed, ReviewIncomplete with what is undecided, NoteMissing with the warnings that nobody
    explained, ApprovalMissing where the unit's leader has not approved what changed since it was handed in (all 409).
    """
    by = await require_allowed(session, by, submission, Action.PASS, now)
    found = await readiness_to_pass(session, submission, now)
    if found.readiness.errors:
        raise ReviewIncomplete(faults=found.readiness.errors)
    await explain_warnings(session, submission, Stage.PASS, found.readiness.unexplained, note, by=by, now=now)
    if submission.revision_number != submission.submitted_revision:
        require_approval(submission)
    before = move(submission, Action.PASS, now)
    submission.passed_at, submission.submitted_revision = now, submission.revision_number
    submission.settled_figures = list(found.figures.values())
    await _decide_lateness(session, submission, found.late, now)
    await _settle(session, submission)
    after = {"state": submission.state.value, "revision": submission.revision_number}
    await record(session, by, "review.pass", submission, now, before=before, after=after, tell=True)


async def _decide_lateness(
    session: AsyncSession, submission: Submission, late: Mapping[str, datetime], now: datetime
) -> None:
    """Write down what came too late to count, as a decision everybody sees.

    What the reviewer decided himself holds: a value or points whenever, on the documents since their time ended.
    """
    on_evidence = await queries.evidence_decisions(session, submission.id)
    decisions = await queries.holding_adjustments(session, submission.id)
    for code, due_at in late.items():
        valued, documents = decisions.get(code), on_evidence.get(code)
        if valued is not None and valued.kind is not AdjustmentKind.AS_DECLARED:
            continue
        if documents is not None and documents.made_at >= due_at:
            continue
        adjustment = Adjustment(
            submission_id=submission.id,
            indicator_code=code,
            kind=AdjustmentKind.EVIDENCE,
            value={"late": True},
            declared=None,
            reason="Không bổ sung tài liệu trong thời hạn (chính sách, late_evidence)",
            made_at=now,
            made_by=SYSTEM.id,
            made_by_name=SYSTEM.name,
        )
        session.add(adjustment)
        after = {"indicator": code, "kind": adjustment.kind.value, "value": adjustment.value}
        await record(session, SYSTEM, "review.adjust", submission, now, after=after, reason=adjustment.reason)


async def _settle(session: AsyncSession, submission: Submission) -> None:
    """Write down what is to be scored of the dossier from now on."""
    index_set, policy = await measures_of(session, submission)
    await session.flush()
    mine = adopted(index_set, policy, await dossier_of(session, submission.id))
    submission.settled = settle(index_set, mine).decode()


async def correct_passed(
    session: AsyncSession, submission: Submission, body: AdjustmentIn, *, by: Principal, now: datetime
) -> Adjustment:
    """Decide one indicator of a dossier that has passed, as an appeal demands; the next version of the result has it.

    Raises: ActionNotAllowed (409) unless it has passed, InvalidRequest (422).
    """
    if submission.state is not ReviewState.PASSED:
        raise refused(Denial.WRONG_STATE, submission)
    adjustment = await decide(session, submission, body, "review.correct", by=by, now=now)
    await _settle(session, submission)
    return adjustment


async def reopen(
    session: AsyncSession, submission: Submission, reason: str, *, by: Principal, now: datetime
) -> None:
    """Take a passed dossier up again, to correct it; a published result changes only by a new version.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.REOPEN, now)
    before = move(submission, Action.REOPEN, now) | {"passed_at": str(submission.passed_at)}
    submission.claimed_by, submission.claimed_at = by.id, now
    content = await content_of(session, submission)
    content = await with_what_came(session, submission, content, submission.passed_at)
    await keep_if_new(session, submission, content, by=by, now=now)
    # `passed_at` stays: the review did take place, so nobody's policy may give 0 for want of it.
    submission.settled_figures = submission.settled = None
    after = {"state": submission.state.value, "revision": submission.revision_number}
    await record(
        session, by, "review.reopen", submission, now, before=before, after=after, reason=reason, tell=True
    )
