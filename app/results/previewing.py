"""What finalization would do now: who is in, who is missing, who comes out where, and what to look at first."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.problems import Lang
from app.core.vietnamese import sort_key
from app.periods.models import Period
from app.results import queries
from app.results.looking import allowed
from app.results.models import Appeal, AppealState
from app.results.preview_schemas import (
    HandOverNote,
    MissingOut,
    NearTie,
    OpenAppeal,
    OpenReopening,
    PeersOut,
    PreviewLine,
    PreviewOut,
)
from app.results.rules import Action, Standing, denial, is_changed
from app.results.snapshot import Line, Seen, Snapshot, lines_of, not_collecting
from app.reviews.models import HandOver
from app.scoring.exact import exact, fraction, shown
from app.submissions.models import RankingScope, ReviewState, Submission
from app.submissions.queries import entry_of
from app.submissions.rules import WITH_UNIT
from app.units.queries import refs_on
from app.units.schemas import UnitRef

NEAR = Fraction(1, 100)  # points of percent
NEAR_TIES_SHOWN = 200


async def preview(
    session: AsyncSession, caller: Principal, scope: RankingScope, now: datetime, lang: Lang
) -> PreviewOut:
    """Return what finalization would do now; nothing is scored while a dossier is missing."""
    index_set, policy = await queries.measures_of(session, scope)
    defaults = await queries.defaults_unreviewed(session, scope, policy, now)
    basis = queries.basis_of(scope.id, index_set, policy, defaults_unreviewed=defaults)
    with not_collecting():
        taking, snapshot = await queries.taken(session, basis)
        lines, ties = await asyncio.to_thread(_made, snapshot) if snapshot else ([], [])
    newest = await queries.newest_of(session, scope.id)
    units = [PreviewLine.model_validate(one, from_attributes=True) for one in taking.seen]
    for unit, line in zip(units, lines, strict=False):
        unit.total, unit.maximum, unit.dti, unit.rank = line.total, line.maximum, line.dti, line.rank
        unit.dti_shown = line.dti and shown(fraction(line.dti), basis.policy.digits)
    would_change = snapshot is not None and (newest is None or is_changed(newest, snapshot.sha256))
    holds_role = caller.may(Permission.RESULT_FINALIZE, scope.finalized_by_id)
    standing = Standing(now=now, is_reviewed=snapshot is not None, is_changed=would_change)
    return PreviewOut(
        scope_id=scope.id,
        scope_name=scope.name,
        is_ready=snapshot is not None,
        would_change=would_change,
        next_number=newest.number + 1 if newest else 1,
        waiting=[one.unit_id for one in taking.waiting],
        missing=await _missing(session, scope, taking.waiting),
        defaulted=[one.unit_id for one in taking.defaulted],
        units=units,
        peers=_peers(snapshot) if snapshot else [],
        near_ties=ties[:NEAR_TIES_SHOWN],
        near_ties_total=len(ties),
        open_appeals=await _open_appeals(session, scope),
        hand_overs=await _hand_overs(session, scope),
        open_reopenings=await _open_reopenings(session, scope, now),
        allowed_actions=[allowed(Action.FINALIZE, denial(Action.FINALIZE, holds_role, standing), lang)],
    )


def _made(snapshot: Snapshot) -> tuple[list[Line], list[NearTie]]:
    lines = lines_of(snapshot)
    return lines, list(near_ties(lines))


def near_ties(lines: Iterable[Line]) -> Iterator[NearTie]:
    """Give the neighbours in a ranking whose DTI differ by less than 0.01 points of percent, compared exactly."""
    ranked = [(line.rank, sort_key(line.unit_name), line) for line in lines if line.rank is not None]
    ranked.sort(key=lambda one: one[:2])
    percents = [fraction(line.dti or "0") for _, _, line in ranked]
    for i, ((rank, _, line), (next_rank, _, after)) in enumerate(pairwise(ranked)):
        difference = percents[i] - percents[i + 1]
        if difference < NEAR:
            yield NearTie(
                unit_id=line.unit_id,
                unit_name=line.unit_name,
                rank=rank,
                next_unit_id=after.unit_id,
                next_unit_name=after.unit_name,
                next_rank=next_rank,
                difference=exact(difference),
                is_tie=not difference,
            )


def _peers(snapshot: Snapshot) -> list[PeersOut]:
    return [PeersOut(indicator=code, **facts) for code, facts in snapshot.peers.items()]


async def _refs(session: AsyncSession, scope: RankingScope, ids: set[UUID]) -> dict[UUID, UnitRef]:
    period = await session.get_one(Period, scope.period_id)
    return await refs_on(session, list(ids), period.ends_on)


async def _missing(session: AsyncSession, scope: RankingScope, waiting: list[Seen]) -> list[MissingOut]:
    """Return who is waited for, with whose turn it is: the unit's, or that of the unit that reviews it."""
    if not waiting:
        return []
    query = select(Submission.unit_id, Submission.reviewer_unit_id).where(
        Submission.scope_id == scope.id, Submission.state != ReviewState.PASSED
    )
    reviewers = {unit_id: reviewer for unit_id, reviewer in (await session.execute(query)).all()}
    turns = {
        one.unit_id: one.unit_id if one.state in WITH_UNIT else reviewers.get(one.unit_id, one.unit_id)
        for one in waiting
    }
    refs = await _refs(session, scope, set(turns.values()))
    return [
        MissingOut(
            unit_id=one.unit_id, unit_name=one.unit_name, state=one.state, turn_of=refs[turns[one.unit_id]]
        )
        for one in waiting
    ]


async def _open_appeals(session: AsyncSession, scope: RankingScope) -> list[OpenAppeal]:
    query = (
        select(Appeal.id, Appeal.unit_id, Submission.unit_name, Appeal.indicator_code, Appeal.lodged_at)
        .join(Submission, Submission.id == Appeal.submission_id)
        .where(Appeal.scope_id == scope.id, Appeal.state == AppealState.LODGED)
        .order_by(Appeal.id)
    )
    return [OpenAppeal.model_validate(row) for row in (await session.execute(query)).all()]


async def _hand_overs(session: AsyncSession, scope: RankingScope) -> list[HandOverNote]:
    """Return the units that review for another one's finalization, with the list each handed over last (R-101)."""
    others = select(Submission.reviewer_unit_id).where(
        Submission.scope_id == scope.id, Submission.reviewer_unit_id != scope.finalized_by_id
    )
    reviewers = set(await session.scalars(others.distinct()))
    if not reviewers:
        return []
    latest = (
        select(HandOver)
        .where(
            HandOver.period_id == scope.period_id,
            HandOver.unit_kind == scope.unit_kind,
            HandOver.reviewer_unit_id.in_(reviewers),
        )
        .order_by(HandOver.reviewer_unit_id, HandOver.number.desc())
    )
    rows = await session.scalars(latest.ext(distinct_on(HandOver.reviewer_unit_id)))
    handed = {row.reviewer_unit_id: row for row in rows}
    refs = await _refs(session, scope, reviewers)
    notes = [
        HandOverNote(
            unit=ref,
            number=handed[unit_id].number if unit_id in handed else None,
            handed_at=handed[unit_id].handed_at if unit_id in handed else None,
        )
        for unit_id, ref in refs.items()
    ]
    return sorted(notes, key=lambda note: (note.number is not None, sort_key(note.unit.name)))


async def _open_reopenings(session: AsyncSession, scope: RankingScope, now: datetime) -> list[OpenReopening]:
    query = select(Submission).where(
        Submission.scope_id == scope.id,
        Submission.state != ReviewState.PASSED,
        Submission.reopened.is_not(None),
    )
    rows = await session.scalars(query.order_by(Submission.sort_key, Submission.id))
    found = [(row, entry_of(row, now)) for row in rows]
    return [
        OpenReopening(
            unit_id=row.unit_id,
            unit_name=row.unit_name,
            indicators=None if at.indicators is None else sorted(at.indicators),
            until=at.until,
        )
        for row, at in found
        if at.is_open
    ]
