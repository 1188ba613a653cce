"""The unit's turns: declare, approve, hand in, take back; and the time it is given again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.core.audit import Actor, record
from app.core.db import driver_of, insert_sql, new_id, to_json
from app.core.problems import Fault, InvalidRequest, Problem
from app.core.vietnamese import VIETNAM
from app.evidence import queries as evidence
from app.evidence.rules import citation_faults
from app.periods.models import Period
from app.periods.queries import calendar
from app.periods.rules import end_of, submission_last_day
from app.scoring.engine import Scores, UnitInput, score
from app.submissions import content as contents
from app.submissions import queries, readiness
from app.submissions.entry import WITH_UNIT, Entry
from app.submissions.models import ReadinessNote, Reopening, Revision, Stage, Submission
from app.submissions.rules import DENIAL_TEXT, TRANSITIONS, Action, Denial, after, denial
from app.submissions.schemas import ReopeningIn, SubmissionPatch


class ActionNotAllowed(Problem):
    """The dossier's state, the time or the caller's part in it forbids the action; `reason_code` says which."""

    status, code = 409, "action_not_allowed"
    title_vi, title_en = "Hiện không làm được việc này", "This cannot be done now"


class SubmissionIncomplete(Problem):
    status, code = 409, "submission_incomplete"
    title_vi, title_en = "Hồ sơ chưa đầy đủ", "The submission is not complete"


class ApprovalMissing(Problem):
    status, code = 409, "approval_missing"
    title_vi, title_en = (
        "Lãnh đạo chưa duyệt nội dung hiện tại",
        "The leader has not approved the present content",
    )


class NoteMissing(Problem):
    """There are warnings that nobody has explained; `errors` lists them."""

    status, code = 409, "note_missing"
    title_vi, title_en = "Có cảnh báo chưa được giải trình", "Some warnings have not been explained"


def refused(why: Denial, submission: Submission, faults: Sequence[Fault] = ()) -> ActionNotAllowed:
    """Return the refusal of an action for a reason of the table."""
    vi, en = DENIAL_TEXT[why]
    return ActionNotAllowed(vi, en, faults=faults, reason_code=why.value, state=submission.state.value)


async def require_allowed(
    session: AsyncSession, caller: Principal, submission: Submission, action: Action, now: datetime
) -> Principal:
    """Refuse an action that the dossier does not allow the caller now; return him acting for the unit he does it for.

    Raises: ActionNotAllowed with `reason_code`.
    """
    unit = queries.unit_acting(caller, submission, action)
    standing = await queries.standing_of(session, caller, submission, now)
    why = denial(action, unit is not None, standing)
    if why is not None or unit is None:
        raise refused(why or Denial.NOT_YOUR_ROLE, submission)
    return caller.acting_as(unit, TRANSITIONS[action].permission)


_INSERT_REVISION = insert_sql(
    Revision,
    "id",
    "submission_id",
    "number",
    "content",
    "content_hash",
    "created_at",
    "created_by",
    "created_by_name",
)


async def keep_content(
    session: AsyncSession, submission: Submission, content: dict[str, Any], by: Actor, now: datetime
) -> None:
    """Make this the present content of the dossier: a new revision; the action raises the version of the row."""
    submission.revision_id, submission.revision_number = new_id(), submission.revision_number + 1
    submission.content_hash = contents.content_hash(content)
    await (await driver_of(session)).execute(
        _INSERT_REVISION,
        submission.revision_id,
        submission.id,
        submission.revision_number,
        to_json(content),
        submission.content_hash,
        now,
        by.id,
        by.name,
    )


# --- declaring ----------------------------------------------------------------------------------------------


async def save(
    session: AsyncSession,
    submission: Submission,
    present: dict[str, Any],
    patch: SubmissionPatch,
    *,
    max_bytes: int,
    by: Principal,
    now: datetime,
) -> dict[str, Any]:
    """Merge a change into the present content as a new revision and return it; no change writes nothing.

    The documents of an answer may have `max_bytes` together.

    Raises: ActionNotAllowed (409), InvalidRequest (422) with every fault.
    """
    by = await require_allowed(session, by, submission, Action.EDIT, now)
    _require_opened(submission, patch, queries.entry_of(submission, now))
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    file, index_set = catalogue.set_file(row), catalogue.scoring_set(row)
    raw = contents.raw_answers(patch)
    faults = contents.faults(patch, raw, file, index_set)
    faults += await _evidence_faults(session, submission, patch, max_bytes)
    if faults:
        raise InvalidRequest(faults=faults)
    new, before, changes = contents.changed(present, patch, raw, index_set)
    if not changes:
        return present
    await keep_content(session, submission, new, by, now)
    submission.changed_at = now
    submission.touch()
    # Whoever has the dossier meanwhile is told that an indicator opened again was changed.
    tell = submission.state not in WITH_UNIT
    before, after = _without_persons(before), _without_persons(changes)
    await record(session, by, "submission.save", submission, now, before=before, after=after, tell=tell)
    return new


def _without_persons(part: dict[str, Any]) -> dict[str, Any]:
    """Name the contacts that changed without saying who they are: the trail is never rewritten, revisions may be."""
    return part | ({"contacts": sorted(part["contacts"])} if "contacts" in part else {})


def _require_opened(submission: Submission, patch: SubmissionPatch, at: Entry) -> None:
    """Refuse a change of what is not open, where only some indicators were opened again.

    Raises: ActionNotAllowed (409) with every entry that is closed.
    """
    if at.indicators is None:
        return
    given = [("answers", code) for code in patch.answers or {}]
    given += [("general_information", "") for _ in patch.general_information or {}]
    given += [("contacts", "") for _ in patch.contacts or {}]
    vi, en = DENIAL_TEXT[Denial.NOT_OPENED]
    faults = [
        Fault(contents.pointer(part, code), "not_opened", vi, en)
        for part, code in dict.fromkeys(given)
        if not at.opens(code or None)
    ]
    if faults:
        raise refused(Denial.NOT_OPENED, submission, faults)


async def _evidence_faults(
    session: AsyncSession, submission: Submission, patch: SubmissionPatch, max_bytes: int
) -> list[Fault]:
    """Return a fault for each named document that is not one of this unit in this period, and for too many bytes."""
    answers = patch.answers or {}
    named = {code: answer.evidence for code, answer in answers.items() if answer and answer.evidence}
    among = {one for given in named.values() for one in given}
    sizes = await evidence.sizes_of(session, submission.period_id, submission.unit_id, among)
    return [
        fault
        for code, given in named.items()
        for fault in citation_faults(sizes, given, f"{contents.pointer('answers', code)}/evidence", max_bytes)
    ]


async def self_scores(session: AsyncSession, submission: Submission, content: dict[str, Any]) -> Scores:
    """Return the unit's own points so far; what depends on other units stays open, so nothing of theirs leaks."""
    index_set, policy = await queries.measures_of(session, submission)
    answers = content["answers"]
    mine = UnitInput(
        key=str(submission.unit_id),
        is_ranked=submission.is_ranked,
        answers=answers,
        without_evidence=contents.unproved(index_set, answers),
    )
    return score(index_set, policy, [mine], peers_known=False)


async def readiness_of(
    session: AsyncSession, submission: Submission, content: dict[str, Any]
) -> readiness.Readiness:
    """Return what keeps the dossier from being handed in, and what must be explained first."""
    file = catalogue.set_file(await catalogue.index_set_by_id(session, submission.index_set_id))
    scores = await self_scores(session, submission, content)
    warnings = await readiness.warnings_of(session, submission, content, scores)
    return readiness.Readiness(
        errors=contents.missing(content, file, scores),
        warnings=warnings,
        explained=readiness.explained_by_unit(content),
    )


async def approve(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Approve the present content for sending (R-048, "Lãnh đạo cơ quan duyệt"); a later edit makes it stale.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.APPROVE, now)
    before = {"approved_hash": submission.approved_hash}
    submission.approved_hash = submission.content_hash
    submission.approved_revision = submission.revision_number
    submission.approved_by, submission.approved_at = by.id, now
    if submission.state not in WITH_UNIT:  # what the leader stands behind meanwhile counts as handed in
        submission.submitted_revision = submission.revision_number
    submission.changed_at = now
    submission.touch()
    known = {"approved_hash": submission.approved_hash, "revision": submission.revision_number}
    await record(session, by, "submission.approve", submission, now, before=before, after=known, tell=True)


def require_approval(submission: Submission) -> None:
    """Refuse what the unit's leader has not approved as it stands.

    Raises: ApprovalMissing (409).
    """
    if submission.approved_hash != submission.content_hash:
        raise ApprovalMissing(
            "Lãnh đạo cơ quan duyệt nội dung hiện tại trước đã.",
            "The leader approves the present content first.",
        )


async def submit(
    session: AsyncSession, submission: Submission, note: str | None, *, by: Principal, now: datetime
) -> None:
    """Hand the dossier to its reviewer; from then on it is read-only.

    Raises: ActionNotAllowed, SubmissionIncomplete (with every missing item), NoteMissing (with every warning that
    nobody explained), ApprovalMissing (all 409).
    """
    by = await require_allowed(session, by, submission, Action.SUBMIT, now)
    content = await queries.content_of(session, submission)
    found = await readiness_of(session, submission, content)
    if found.errors:
        raise SubmissionIncomplete(faults=found.errors)
    await explain_warnings(session, submission, Stage.SUBMIT, found.unexplained, note, by=by, now=now)
    require_approval(submission)
    before = move(submission, Action.SUBMIT, now)
    submission.submitted_at, submission.submitted_revision = now, submission.revision_number
    known = {"state": submission.state.value, "content_hash": submission.content_hash}
    await record(session, by, "submission.submit", submission, now, before=before, after=known, tell=True)


async def explain_warnings(
    session: AsyncSession,
    submission: Submission,
    stage: Stage,
    warnings: Sequence[Fault],
    note: str | None,
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Keep why a dossier goes on in spite of warnings.

    Raises: NoteMissing (409) with the warnings, where nothing is said to them.
    """
    if not warnings:
        return
    if not note:
        raise NoteMissing(
            "Giải trình trong trường note của yêu cầu này.",
            "Explain them in the note of this request.",
            faults=warnings,
        )
    session.add(
        ReadinessNote(
            submission_id=submission.id,
            stage=stage,
            revision_number=submission.revision_number,
            warnings=[{"pointer": one.pointer, "code": one.code, "message": one.vi} for one in warnings],
            note=note,
            made_at=now,
            made_by=by.id,
            made_by_name=by.name,
        )
    )


async def recall(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Take the dossier back while nobody has claimed it and there is time to hand it in again.

    Raises: ActionNotAllowed (409).
    """
    by = await require_allowed(session, by, submission, Action.RECALL, now)
    before = move(submission, Action.RECALL, now)
    known = {"state": submission.state.value}
    await record(session, by, "submission.recall", submission, now, before=before, after=known, tell=True)


async def reopen_entry(
    session: AsyncSession, submission: Submission, body: ReopeningIn, *, by: Principal, now: datetime
) -> Reopening:
    """Give the unit, or some of its indicators, days to enter figures again; the door closes by itself.

    The days are calendar days, today not counted; a last day off moves where the policy says so (ruling 15).

    Raises: ActionNotAllowed (409; the whole unit only while it is its turn), InvalidRequest (422).
    """
    by = await require_allowed(session, by, submission, Action.REOPEN_ENTRY, now)
    if body.indicators is None and submission.state not in WITH_UNIT:
        raise refused(Denial.WRONG_STATE, submission)
    await _require_known(session, submission, body.indicators or [])
    until_at = await _days_on(session, submission, body.days, now)
    before = {"entry_due_at": submission.entry_due_at.isoformat(), "reopened": submission.reopened}
    if body.indicators is None:
        submission.entry_due_at = max(submission.entry_due_at, until_at)
        submission.reopened = submission.reopened or {}
    else:
        # It gives time, it never takes any: of two reopenings of an indicator the longer one holds. Instants in UTC
        # are ordered as their text is.
        held, until = submission.reopened or {}, until_at.isoformat()
        submission.reopened = held | {code: max(until, held.get(code, "")) for code in body.indicators}
    submission.changed_at = now
    submission.touch()
    reopening = Reopening(
        submission_id=submission.id,
        indicators=body.indicators,
        reason=body.reason,
        until_at=until_at,
        granted_at=now,
        granted_by=by.id,
        granted_by_name=by.name,
    )
    session.add(reopening)
    known = {"indicators": body.indicators, "until": until_at.isoformat()}
    act = "submission.reopen_entry"
    await record(session, by, act, submission, now, before=before, after=known, reason=body.reason, tell=True)
    return reopening


async def _require_known(session: AsyncSession, submission: Submission, codes: Sequence[str]) -> None:
    index_set = catalogue.scoring_set(await catalogue.index_set_by_id(session, submission.index_set_id))
    faults = [
        Fault(f"/indicators/{i}", "unknown_indicator", "không có chỉ số này", "there is no such indicator")
        for i, code in enumerate(codes)
        if code not in index_set.by_code
    ]
    if faults:
        raise InvalidRequest(faults=faults)


async def _days_on(session: AsyncSession, submission: Submission, days: int, now: datetime) -> datetime:
    period = await session.get_one(Period, submission.period_id)
    window = catalogue.policy_file(await catalogue.policy_by_id(session, period.policy_id)).submission
    rolls = window is not None and window.roll_to_working_day
    today = now.astimezone(VIETNAM).date()
    return end_of(submission_last_day(today, days, roll=rolls, calendar=await calendar(session)))


def move(submission: Submission, action: Action, now: datetime) -> dict[str, Any]:
    """Bring the dossier to the state an allowed action leads to, and return what was before, for the audit."""
    before = {
        "state": submission.state.value,
        "claimed_by": submission.claimed_by and str(submission.claimed_by),
    }
    submission.state = after(action, submission.state)
    submission.changed_at = now
    submission.touch()
    return before
