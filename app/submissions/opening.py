"""Opening a year: the dossier of every unit, and who is ranked against whom."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.catalogue.schemas import PolicyFile
from app.core.audit import Actor, record
from app.core.db import new_id
from app.core.problems import Problem
from app.core.vietnamese import searchable, sort_key
from app.periods.actions import set_deadlines
from app.periods.models import Period, PeriodState
from app.periods.queries import PeriodAlreadyOpen, sets_of
from app.periods.rules import is_late
from app.submissions import content as contents
from app.submissions.models import RankingScope, ReviewState, Revision, Submission
from app.submissions.schemas import OpenedOut
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import path_to, tree_on

Tree = dict[UUID, tuple[Unit, UnitVersion]]


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
    known = {"submissions": count, "scopes": len(scopes)}
    await record(session, by, "period.open", period, now, after=known, tell=True)
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
        open_items=0,
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
