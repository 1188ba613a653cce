"""The list of what a unit has reviewed, handed to the unit above it (004:65, R-101)."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.accounts.permissions import Permission, Principal, Reach
from app.core.audit import record
from app.core.http import Paging
from app.core.problems import Fault, InvalidRequest, NotFound, NothingChanged, Problem
from app.periods.queries import period_by_id
from app.reviews.adopted import adopted, dossier_of
from app.reviews.hand_over_schemas import HandOverIn, HandOverOut, HandOverSummary
from app.reviews.models import HandOver
from app.reviews.settled import START, columns_from, scored_input, settle
from app.scoring.engine import score_columns
from app.scoring.model import IndexSet, Policy
from app.submissions.models import ReviewState, Submission
from app.submissions.queries import measures_of
from app.units.models import UnitKind
from app.units.queries import UnitNotFound

FAULTS_SHOWN = 200
Listed = list[dict[str, Any]]


class HandOverNotFound(NotFound):
    """No such list, or none that the caller may see."""

    code = "hand_over_not_found"
    title_vi, title_en = "Không tìm thấy danh sách bàn giao", "Hand-over not found"


class HandOverIncomplete(Problem):
    """Some dossiers have not passed, and nothing is said of why; `errors` lists them."""

    status, code = 409, "hand_over_incomplete"
    title_vi, title_en = "Còn hồ sơ chưa thẩm định xong", "Some dossiers have not passed their review"


class NobodyAbove(Problem):
    status, code = 409, "nobody_above"
    title_vi, title_en = "Không có cấp trên để gửi danh sách", "There is no unit above to hand the list to"


async def hand_over(
    session: AsyncSession, period_id: UUID, body: HandOverIn, *, by: Principal, now: datetime
) -> HandOver:
    """Hand the list of all dossiers of a kind that a unit reviews to the unit above it.

    Raises: PeriodNotFound, UnitNotFound (404) where the caller does not review for the unit, NobodyAbove,
    HandOverIncomplete, NothingChanged (409), InvalidRequest (422) where the unit reviews none of the kind.
    """
    await period_by_id(session, period_id)
    if not by.may(Permission.REVIEW_ACT, body.reviewer_unit_id):
        raise UnitNotFound()
    dossiers = await _dossiers(session, period_id, body.reviewer_unit_id, body.unit_kind)
    to_unit_id = _unit_above(dossiers, body.reviewer_unit_id)
    if not body.note:
        _require_passed(dossiers)
    units = await _listed(session, dossiers)
    previous = await _newest(session, period_id, body.reviewer_unit_id, body.unit_kind)
    digest = _digest(units)
    if previous is not None and previous.sha256 == digest:
        raise NothingChanged(hand_over_id=str(previous.id), number=previous.number)
    handed = HandOver(
        period_id=period_id,
        reviewer_unit_id=body.reviewer_unit_id,
        to_unit_id=to_unit_id,
        unit_kind=body.unit_kind,
        number=previous.number + 1 if previous else 1,
        document_number=body.document_number,
        note=body.note,
        units=units,
        sha256=digest,
        handed_at=now,
        handed_by=by.id,
        handed_by_name=by.name,
    )
    session.add(handed)
    await session.flush()
    by = by.acting_as(body.reviewer_unit_id, Permission.REVIEW_ACT)
    known = {"number": handed.number, "document_number": handed.document_number, "sha256": digest}
    after = known | {"units": len(units), "to_unit": str(to_unit_id)}
    await record(session, by, "review.hand_over", handed, now, after=after, reason=body.note, tell=True)
    return handed


async def _dossiers(
    session: AsyncSession, period_id: UUID, reviewer_unit_id: UUID, kind: UnitKind
) -> Sequence[Submission]:
    """Return all dossiers of a kind that a unit reviews, with what their reviews ended with, in Vietnamese order."""
    query = select(Submission).filter_by(
        period_id=period_id, reviewer_unit_id=reviewer_unit_id, unit_kind=kind
    )
    ordered = query.order_by(Submission.sort_key, Submission.id).options(undefer(Submission.settled))
    return (await session.scalars(ordered)).all()


def _unit_above(dossiers: Sequence[Submission], reviewer_unit_id: UUID) -> UUID:
    """Return the unit above the one that reviews, as the tree is frozen into the dossiers.

    Raises: InvalidRequest (422) where there are none, NobodyAbove (409).
    """
    if not dossiers:
        vi, en = "đơn vị không thẩm định loại đơn vị này", "the unit reviews none of this kind"
        raise InvalidRequest(faults=[Fault("/unit_kind", "no_dossiers", vi, en)])
    path = dossiers[0].path
    above = path[path.index(reviewer_unit_id) + 1 :]
    if not above:
        raise NobodyAbove()
    return above[0]


def _require_passed(dossiers: Sequence[Submission]) -> None:
    """Refuse a list with dossiers that have not passed, of which nothing is said.

    Raises: HandOverIncomplete (409) with the waiting units, the first ones only if there are very many.
    """
    waiting = [one for one in dossiers if one.state is not ReviewState.PASSED]
    if not waiting:
        return
    faults = [
        Fault(
            f"/units/{one.unit_id}",
            one.state.value,
            f"{one.unit_name}: chưa thẩm định xong",
            f"{one.unit_name}: the review has not ended",
        )
        for one in waiting[:FAULTS_SHOWN]
    ]
    raise HandOverIncomplete(
        "Thẩm định xong, hoặc nêu lý do trong trường note.",
        "Finish the reviews, or say why in the note.",
        faults=faults,
        waiting=len(waiting),
    )


# --- the list -----------------------------------------------------------------------------------------------


async def _listed(session: AsyncSession, dossiers: Sequence[Submission]) -> Listed:
    """Return the list of some dossiers as it stands; points only of those that have passed."""
    passed = [one for one in dossiers if one.state is ReviewState.PASSED]
    totals = dict(zip([one.id for one in passed], await _totals(session, passed), strict=True))
    return [
        {
            "submission_id": str(one.id),
            "unit_id": str(one.unit_id),
            "unit_name": one.unit_name,
            "state": one.state.value,
            "revision": one.revision_number,
            "total_shown": totals.get(one.id),
        }
        for one in dossiers
    ]


async def _totals(session: AsyncSession, passed: Sequence[Submission]) -> list[str | None]:
    """Return the points the reviews ended with, as people see them; what depends on peers stays open, as there."""
    if not passed:
        return []
    index_set, policy = await measures_of(session, passed[0])
    texts = [await _settled(session, one, index_set, policy) for one in passed]
    # A thread does what takes long, so that the event loop goes on.
    return await asyncio.to_thread(_scored, index_set, policy, texts)


async def _settled(
    session: AsyncSession, submission: Submission, index_set: IndexSet, policy: Policy
) -> str | bytes:
    """Return what a review ended with; where that was written otherwise than today, it is made again."""
    if submission.settled is not None and submission.settled.startswith(START):
        return submission.settled
    return settle(index_set, adopted(index_set, policy, await dossier_of(session, submission.id)))


def _scored(index_set: IndexSet, policy: Policy, texts: Sequence[str | bytes]) -> list[str | None]:
    """Score what some reviews ended with, all at once. Pure."""
    read = [from_json(text) for text in texts]
    units = [scored_input(one, str(i), is_ranked=True, is_reviewed=True) for i, one in enumerate(read)]
    columns = columns_from(index_set, [one["values"] for one in read])
    scores = score_columns(index_set, policy, units, columns, peers_known=False)
    return [scores.shown_total(i) for i in range(len(units))]


def _digest(units: Listed) -> str:
    """Return the SHA-256 of a list's canonical JSON. Pure."""
    text = json.dumps(units, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


# --- reading ------------------------------------------------------------------------------------------------


async def _newest(
    session: AsyncSession, period_id: UUID, reviewer_unit_id: UUID, kind: UnitKind
) -> HandOver | None:
    query = select(HandOver).filter_by(period_id=period_id, reviewer_unit_id=reviewer_unit_id, unit_kind=kind)
    return await session.scalar(query.order_by(HandOver.number.desc()).limit(1))


def _visible_to(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that the caller reads along from the unit that reviews, or from above it.

    The units above are those that are frozen into the dossiers; a reviewed unit is not among them.
    """
    overseen = list(caller.units_reaching(Reach.SUBTREE))
    return exists().where(
        Submission.period_id == HandOver.period_id,
        Submission.reviewer_unit_id == HandOver.reviewer_unit_id,
        Submission.unit_kind == HandOver.unit_kind,
        Submission.path.overlap(overseen),
        Submission.unit_id.not_in(overseen),
    )


async def hand_overs_page(
    session: AsyncSession, caller: Principal, paging: Paging, period_id: UUID
) -> tuple[list[HandOverSummary], int]:
    """Return one page of the lists of a period that the caller oversees, the latest first, and how many there are.

    Raises: PeriodNotFound.
    """
    await period_by_id(session, period_id)
    query = select(HandOver).where(HandOver.period_id == period_id, _visible_to(caller))
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(HandOver.id.desc()).offset(paging.offset).limit(paging.page_size)
    return [HandOverSummary.of(row) for row in await session.scalars(ordered)], total


async def hand_over_for(
    session: AsyncSession, caller: Principal, period_id: UUID, hand_over_id: UUID
) -> HandOver:
    """Return a list that the caller oversees.

    Raises: HandOverNotFound.
    """
    query = select(HandOver).where(
        HandOver.id == hand_over_id, HandOver.period_id == period_id, _visible_to(caller)
    )
    handed = await session.scalar(query)
    if handed is None:
        raise HandOverNotFound()
    return handed


async def hand_over_out(session: AsyncSession, handed: HandOver) -> HandOverOut:
    """Return a list with whether it still says how things stand."""
    dossiers = await _dossiers(session, handed.period_id, handed.reviewer_unit_id, handed.unit_kind)
    is_current = _digest(await _listed(session, dossiers)) == handed.sha256
    return HandOverOut.whole(handed, is_current=is_current)
