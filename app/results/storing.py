"""Storing what a finalization came to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue.models import IndexSetRow, PolicyRow
from app.core.db import driver_of
from app.periods.models import Period
from app.results.models import Result, ResultState
from app.results.snapshot import Line, Snapshot
from app.scoring.engine import ENGINE_VERSION
from app.submissions.models import RankingScope

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


def new_result(
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
    """Return a new version of a scope's result, as it is before anybody signs it."""
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


async def store_lines(session: AsyncSession, result_id: UUID, snapshot: Snapshot) -> None:
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
