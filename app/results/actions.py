"""Finalizing a ranking scope and publishing its result."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue.models import IndexSetRow, PolicyRow
from app.core import problems
from app.core.audit import record
from app.core.db import driver_of, new_id
from app.core.problems import Fault, InvalidRequest, Problem
from app.core.vietnamese import VIETNAM
from app.periods.models import Period
from app.results import publication, queries
from app.results.models import Result, ResultState
from app.results.schemas import PublishIn, SupersededBy
from app.results.snapshot import Line, Seen, Snapshot, not_collecting
from app.scoring.engine import ENGINE_VERSION
from app.submissions.models import RankingScope

FAULTS_SHOWN = 200
# Written as absent, so that the answer can be made before anything is read back.
_PUBLICATION = (
    "decision_number",
    "decision_date",
    "signer",
    "published_at",
    "published_by",
    "published_by_name",
    "announced_at",
    "announced_by",
    "announced_by_name",
    "appeals_due_at",
    "withdrawn_at",
    "withdrawn_by",
    "withdrawn_by_name",
    "withdrawn_reason",
    "superseded_by_id",
    "ranking",
    "ranking_gzip",
    "ranking_etag",
)
CHANNEL = "results"  # told of every publication, with the id of the result


class ScopeNotReviewed(Problem):
    status, code = 409, "scope_not_reviewed"
    title_vi, title_en = "Còn hồ sơ chưa thẩm định xong", "Some dossiers have not passed their review"


class NothingChanged(problems.NothingChanged):
    title_vi, title_en = (
        "Không có gì thay đổi so với lần chốt trước",
        "Nothing has changed since it was finalized",
    )


class ReasonMissing(Problem):
    status, code = 409, "reason_missing"
    title_vi, title_en = "Chốt lại phải nêu lý do", "Finalizing again needs a reason"


class NotPublishable(Problem):
    status, code = 409, "not_publishable"
    title_vi, title_en = (
        "Chỉ công bố được phiên bản tạm thời mới nhất",
        "Only the newest provisional version can be published",
    )


async def finalize(
    session: AsyncSession,
    scope: RankingScope,
    overseers: list[UUID],
    reason: str | None,
    *,
    by: Principal,
    now: datetime,
) -> Result:
    """Score all dossiers of a locked scope and store what it came to, all or nothing (000:86, 000:89, ruling 11).

    Raises: ScopeNotReviewed with every waiting unit, NothingChanged, ReasonMissing (all 409).
    """
    index_set, policy = await queries.measures_of(session, scope)
    defaults = await queries.defaults_unreviewed(session, scope, policy, now)
    basis = queries.basis_of(scope.id, index_set, policy, defaults_unreviewed=defaults)
    result_id = new_id()
    with not_collecting():
        taking, snapshot = await queries.taken(session, basis)
        if snapshot is None:
            raise not_reviewed(taking.waiting)
        await _store(session, result_id, snapshot)
    previous = await queries.newest_of(session, scope.id)
    if previous is not None and previous.sha256 == snapshot.sha256:
        raise NothingChanged(result_id=str(previous.id), number=previous.number)
    if previous is not None and not reason:
        raise ReasonMissing(
            "Nêu lý do vì kết quả đã được chốt trước đó.", "Say why: the scope has been finalized before."
        )
    number = previous.number + 1 if previous else 1
    period = await session.get_one(Period, scope.period_id)
    why = reason if previous else None
    result = _result(result_id, scope, period, overseers, index_set, policy, snapshot, number, why, by, now)
    session.add(result)
    scope.touch()
    await session.flush()
    if previous is not None and previous.state is ResultState.PROVISIONAL:
        previous.state, previous.superseded_by_id = ResultState.SUPERSEDED, result.id
        previous.touch()
        await session.flush()
    known = {"number": number, "units": result.units, "sha256": result.sha256}
    await record(session, by, "result.finalize", result, now, after=known, reason=result.reason, tell=True)
    return result


def not_reviewed(waiting: list[Seen]) -> ScopeNotReviewed:
    """Return the refusal that lists the waiting units, the first ones only if there are very many."""
    faults = [
        Fault(
            f"/units/{one.unit_id}",
            one.state.value,
            f"{one.unit_name}: chưa thẩm định xong",
            f"{one.unit_name}: the review has not ended",
        )
        for one in waiting[:FAULTS_SHOWN]
    ]
    return ScopeNotReviewed(faults=faults, waiting=len(waiting))


def _result(
    result_id: UUID,
    scope: RankingScope,
    period: Period,
    overseers: list[UUID],
    index_set: IndexSetRow,
    policy: PolicyRow,
    snapshot: Snapshot,
    number: int,
    reason: str | None,
    by: Principal,
    now: datetime,
) -> Result:
    return Result(
        id=result_id,
        scope_id=scope.id,
        period_id=scope.period_id,
        number=number,
        year=period.year,
        unit_kind=scope.unit_kind,
        scope_name=scope.name,
        overseen_by=overseers,
        index_set_id=index_set.id,
        index_set_sha256=index_set.sha256,
        policy_id=policy.id,
        policy_sha256=policy.sha256,
        engine_version=ENGINE_VERSION,
        peers=snapshot.peers,
        units=snapshot.units,
        sha256=snapshot.sha256,
        finalized_at=now,
        finalized_by=by.id,
        finalized_by_name=by.name,
        reason=reason,
        notes=[],
        state=ResultState.PROVISIONAL,
        **dict.fromkeys(_PUBLICATION),
    )


async def _store(session: AsyncSession, result_id: UUID, snapshot: Snapshot) -> None:
    """Store the lines while the next ones are made; whoever refuses the result afterwards rolls them back."""
    connection = await driver_of(session)
    await connection.copy_records_to_table(
        "result_line",
        records=_records(result_id, snapshot),
        columns=["result_id", *Line._fields],
    )


async def _records(result_id: UUID, snapshot: Snapshot) -> AsyncIterator[tuple[Any, ...]]:
    """Give the rows to copy, and the event loop its turn: a fast socket alone would never make the driver wait."""
    batches = snapshot.batches()
    while lines := await asyncio.to_thread(next, batches, None):
        for i, line in enumerate(lines):
            if i % 64 == 0:
                await asyncio.sleep(0)
            yield result_id, *line


# --- publication --------------------------------------------------------------------------------------------


async def publish(
    session: AsyncSession, result: Result, decision: PublishIn, *, by: Principal, now: datetime
) -> None:
    """Publish the newest provisional version; the version published so far is superseded by it.

    Raises: NotPublishable (409), InvalidRequest (422) for an impossible date.
    """
    await _require_sensible(session, result, decision, now)
    signer_unit = (await session.get_one(RankingScope, result.scope_id)).finalized_by_id
    by = by.acting_as(signer_unit, Permission.RESULT_PUBLISH)
    newest = await queries.newest_of(session, result.scope_id)
    if newest is not result or result.state is not ResultState.PROVISIONAL:
        raise NotPublishable(state=result.state.value)
    earlier = await queries.published_of(session, result.scope_id)
    result.state = ResultState.PUBLISHED
    result.decision_number, result.decision_date = decision.decision_number, decision.decision_date
    result.signer = decision.signer
    result.published_at, result.published_by, result.published_by_name = now, by.id, by.name
    await write_ranking(session, result, None)
    result.touch()
    if earlier is not None:
        earlier.state, earlier.superseded_by_id = ResultState.SUPERSEDED, result.id
        await write_ranking(session, earlier, SupersededBy.model_validate(result))
        earlier.touch()
        taken = {"superseded_by": str(result.id)}
        await record(session, by, "result.supersede", earlier, now, after=taken, reason=result.reason)
    said = {"number": result.number, **decision.model_dump(mode="json")}
    await record(session, by, "result.publish", result, now, after=said, reason=result.reason, tell=True)
    await session.flush()
    await session.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(result.id)})


async def _require_sensible(
    session: AsyncSession, result: Result, decision: PublishIn, now: datetime
) -> None:
    """Refuse a decision dated before the year it decides on, or in the future: a publication cannot be corrected.

    Raises: InvalidRequest (422).
    """
    period = await session.get_one(Period, result.period_id)
    today = now.astimezone(VIETNAM).date()
    if not period.starts_on <= decision.decision_date <= today:
        vi = f"phải từ {period.starts_on.isoformat()} đến hôm nay"
        en = f"must be from {period.starts_on.isoformat()} to today"
        raise InvalidRequest(faults=[Fault("/decision_date", "out_of_range", vi, en)])


async def write_ranking(session: AsyncSession, result: Result, superseded_by: SupersededBy | None) -> None:
    """Write the bytes that the public reads from now on."""
    lines = await queries.lines_of(session, result.id)
    measures = await queries.measures_shown(session, result)
    digits = (await queries.basis_of_result(session, result)).policy.digits
    ready = await asyncio.to_thread(publication.ready, result, lines, measures, digits, superseded_by)
    result.ranking, result.ranking_gzip, result.ranking_etag = ready.body, ready.gzipped, ready.etag
