"""Opening a year, declaring, approving and submitting."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.catalogue.schemas import PolicyFile
from app.core.audit import Actor, record
from app.core.db import driver_of, insert_sql, new_id, to_json
from app.core.problems import Fault, InvalidRequest, Problem
from app.core.vietnamese import searchable, sort_key
from app.evidence import queries as evidence
from app.periods.actions import PeriodAlreadyOpen, set_deadlines
from app.periods.models import Period, PeriodState
from app.periods.queries import sets_of
from app.periods.rules import is_late
from app.scoring.engine import Scores, UnitInput, score
from app.submissions import content as contents
from app.submissions import queries
from app.submissions.models import RankingScope, ReviewState, Revision, Submission
from app.submissions.rules import DENIAL_TEXT, Action, after
from app.submissions.schemas import OpenedOut, SubmissionPatch
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import path_to, tree_on

Tree = dict[UUID, tuple[Unit, UnitVersion]]


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


class DeadlinePassed(Problem):
    """The guidance date leaves the units no time: nobody could enter anything."""

    status, code = 409, "deadline_passed"
    title_vi, title_en = "Hạn nộp đã qua", "The deadline to submit has passed"


class UnitWithoutParent(Problem):
    """Nobody could review the unit: the tree must be mended first."""

    status, code = 409, "unit_without_parent"
    title_vi, title_en = "Đơn vị không có cấp trên trong kỳ", "A unit has nobody above it in this period"


class NoUnits(Problem):
    status, code = 409, "no_units"
    title_vi, title_en = "Không có đơn vị nào để đánh giá", "There are no units to assess"


def require_allowed(caller: Principal, submission: Submission, action: Action, now: datetime) -> Principal:
    """Refuse an action that the dossier does not allow the caller now; return him acting for the unit he does it for.

    Raises: ActionNotAllowed with `reason_code`.
    """
    why = queries.denial_of(caller, submission, action, now)
    if why is not None:
        vi, en = DENIAL_TEXT[why]
        raise ActionNotAllowed(vi, en, reason_code=why.value, state=submission.state.value)
    return caller.acting_as(queries.unit_of(submission, action))


# --- opening ------------------------------------------------------------------------------------------------


async def open_period(session: AsyncSession, period: Period, *, by: Actor, now: datetime) -> OpenedOut:
    """Open a year: create the dossier of every unit its sets measure, as the tree stands at the year's end.

    Raises: PeriodAlreadyOpen, DeadlinePassed, NoUnits, UnitWithoutParent (all 409).
    """
    if period.state is not PeriodState.DRAFT:
        raise PeriodAlreadyOpen()
    row = await catalogue.policy_by_id(session, period.policy_id)
    policy = catalogue.policy_file(row)
    used_sets = await sets_of(session, period.id)
    # The calendar may have been corrected since the year was prepared.
    await set_deadlines(session, period, row, {used.unit_kind: used.index_set_id for used, _ in used_sets})
    if is_late(now, period.submission_due_at):
        raise DeadlinePassed("Sửa ngày gửi văn bản hướng dẫn rồi mở.", "Move the guidance date, then open.")
    tree = await tree_on(session, period.ends_on)
    scopes: dict[tuple[UnitKind, UUID | None], RankingScope] = {}
    dossiers = [
        _dossier(
            period,
            used.index_set_id,
            unit,
            name,
            path,
            _scope_of(period, unit, path, tree, policy, scopes),
            now,
        )
        for used, _ in used_sets
        for unit, name, path in _assessed(tree, used.unit_kind)
    ]
    if not dossiers:
        raise NoUnits()
    # Flushed in the order of the foreign keys: without relationships the order is ours to keep.
    for rows in (scopes.values(), dossiers, [_revision(one, contents.EMPTY, by, now) for one in dossiers]):
        session.add_all(rows)
        await session.flush()
    count = len(dossiers)
    period.state, period.opened_at = PeriodState.OPEN, now
    period.touch()
    await record(session, by, "period.open", period, now, after={"submissions": count, "scopes": len(scopes)})
    await session.flush()
    return OpenedOut(period_id=period.id, submissions=count, scopes=len(scopes))


def _assessed(tree: Tree, kind: UnitKind) -> Iterator[tuple[Unit, str, list[UUID]]]:
    """Give the units of a kind with their names and all above them.

    Raises: UnitWithoutParent (409) for one that nobody could review.
    """
    for unit, version in tree.values():
        if unit.kind == kind:
            path = path_to(tree, unit.id)
            if len(path) < 2:
                vi, en = (
                    f"{version.name} không có đơn vị cấp trên.",
                    f"There is no unit above {version.name}.",
                )
                raise UnitWithoutParent(vi, en)
            yield unit, version.name, path


def _scope_of(
    period: Period,
    unit: Unit,
    path: list[UUID],
    tree: Tree,
    policy: PolicyFile,
    scopes: dict[tuple[UnitKind, UUID | None], RankingScope],
) -> RankingScope:
    """Return the ranking scope of a unit, made when first needed (ruling 19: by policy, all or under one parent)."""
    by_parent = policy.ranking_scopes[unit.kind.value] == "parent"
    parent_id = path[1] if by_parent else None
    key = (unit.kind, parent_id)
    if key not in scopes:
        # One ranking of all units of a kind is finalized at the top of the tree, wherever the units hang.
        finalizer = parent_id or path[-1]
        name = tree[finalizer][1].name
        scopes[key] = RankingScope(
            period_id=period.id,
            unit_kind=unit.kind,
            parent_id=parent_id,
            finalized_by_id=finalizer,
            name=name,
        )
    return scopes[key]


def _dossier(
    period: Period,
    index_set_id: UUID,
    unit: Unit,
    name: str,
    path: list[UUID],
    scope: RankingScope,
    now: datetime,
) -> Submission:
    return Submission(
        period_id=period.id,
        unit_id=unit.id,
        unit_name=name,
        search_text=searchable(name),
        sort_key=sort_key(name),
        unit_kind=unit.kind,
        is_ranked=unit.is_ranked,
        path=path,
        reviewer_unit_id=path[1],
        scope_id=scope.id,
        index_set_id=index_set_id,
        state=ReviewState.DRAFT,
        revision_id=new_id(),
        revision_number=1,
        content_hash=contents.content_hash(contents.EMPTY),
        entry_due_at=period.submission_due_at,
        changed_at=now,
    )


def _revision(submission: Submission, content: dict[str, Any], by: Actor, now: datetime) -> Revision:
    return Revision(
        id=submission.revision_id,
        submission_id=submission.id,
        number=submission.revision_number,
        content=content,
        content_hash=submission.content_hash,
        created_at=now,
        created_by=by.id,
        created_by_name=by.name,
    )


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


async def _keep(
    session: AsyncSession, submission: Submission, content: dict[str, Any], by: Actor, now: datetime
) -> None:
    """Write the new state of the content that the dossier now points to."""
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
    by: Principal,
    now: datetime,
) -> dict[str, Any]:
    """Merge a change into the present content as a new revision and return it; no change writes nothing.

    Raises: ActionNotAllowed (409), InvalidRequest (422) with every fault.
    """
    by = require_allowed(by, submission, Action.EDIT, now)
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    file, index_set = catalogue.set_file(row), catalogue.scoring_set(row)
    raw = contents.raw_answers(patch)
    faults = contents.faults(patch, raw, file, index_set) + await _evidence_faults(session, submission, patch)
    if faults:
        raise InvalidRequest(faults=faults)
    new, before, changes = contents.changed(present, patch, raw, index_set)
    if not changes:
        return present
    submission.revision_id, submission.revision_number = new_id(), submission.revision_number + 1
    submission.content_hash = contents.content_hash(new)
    submission.changed_at = now
    submission.touch()
    await _keep(session, submission, new, by, now)
    await record(session, by, "submission.save", submission, now, before=before, after=changes)
    return new


async def _evidence_faults(
    session: AsyncSession, submission: Submission, patch: SubmissionPatch
) -> list[Fault]:
    """Return a fault for each named document that is not one of this unit in this period."""
    named = {
        document_id: f"/answers/{code}/evidence/{i}"
        for code, answer in (patch.answers or {}).items()
        for i, document_id in enumerate((answer.evidence if answer else None) or [])
    }
    if not named:
        return []
    known = await evidence.document_ids_of(session, submission.period_id, submission.unit_id, list(named))
    return [
        Fault(pointer, "unknown_document", "không có tài liệu này của đơn vị", "no such document of the unit")
        for document_id, pointer in named.items()
        if document_id not in known
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


async def what_is_missing(
    session: AsyncSession, submission: Submission, content: dict[str, Any]
) -> list[Fault]:
    """Return what keeps the dossier from being submitted."""
    file = catalogue.set_file(await catalogue.index_set_by_id(session, submission.index_set_id))
    return contents.missing(content, file, await self_scores(session, submission, content))


async def approve(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Approve the present content for sending (R-048, "Lãnh đạo cơ quan duyệt"); a later edit makes it stale.

    Raises: ActionNotAllowed (409).
    """
    by = require_allowed(by, submission, Action.APPROVE, now)
    before = {"approved_hash": submission.approved_hash}
    submission.approved_hash = submission.content_hash
    submission.approved_by, submission.approved_at = by.id, now
    submission.changed_at = now
    submission.touch()
    after_ = {"approved_hash": submission.approved_hash, "revision": submission.revision_number}
    await record(session, by, "submission.approve", submission, now, before=before, after=after_)


async def submit(session: AsyncSession, submission: Submission, *, by: Principal, now: datetime) -> None:
    """Hand the dossier to its reviewer; from then on it is read-only.

    Raises: ActionNotAllowed, SubmissionIncomplete (with every missing item), ApprovalMissing (all 409).
    """
    by = require_allowed(by, submission, Action.SUBMIT, now)
    content = await queries.content_of(session, submission)
    if faults := await what_is_missing(session, submission, content):
        raise SubmissionIncomplete(faults=faults)
    if submission.approved_hash != submission.content_hash:
        raise ApprovalMissing(
            "Lãnh đạo cơ quan duyệt nội dung hiện tại rồi mới gửi.",
            "The leader approves the present content first.",
        )
    before = move(submission, Action.SUBMIT, now)
    submission.submitted_at = now
    known = {"state": submission.state.value, "content_hash": submission.content_hash}
    await record(session, by, "submission.submit", submission, now, before=before, after=known)


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
