"""Comparing a version of a result with an earlier one: which, and what is read of both."""

import asyncio
import json

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.results import queries
from app.results.change_schemas import (
    PublicChangesOut,
    PublicUnitChange,
    ResultChangesOut,
    UnitChange,
    VersionRef,
)
from app.results.changes import Method, changes
from app.results.models import Result, ResultLine
from app.results.queries import ResultNotFound


async def result_changes(
    session: AsyncSession, result: Result, number: int | None, readable: ColumnElement[bool]
) -> ResultChangesOut:
    """Return what a version changed against another one that the caller may read, by default the one before it.

    Raises: ResultNotFound if there is no such version.
    """
    earlier = await _earlier(session, result, number, readable)
    units = await _moved(session, earlier, result) if earlier else []
    return ResultChangesOut(
        version=VersionRef.model_validate(result),
        against=VersionRef.model_validate(earlier) if earlier else None,
        reason=result.reason,
        unchanged=result.units - len(units),
        units=units,
    )


def in_public(found: ResultChangesOut) -> PublicChangesOut:
    """Return what everybody may know of it: no decision, no reason of one."""
    bare = found.model_dump(exclude={"units"})
    units = [
        PublicUnitChange.model_validate(one.model_dump(exclude={"indicators": {"__all__": {"decisions"}}}))
        for one in found.units
    ]
    return PublicChangesOut(**bare, units=units)


async def _earlier(
    session: AsyncSession, result: Result, number: int | None, readable: ColumnElement[bool]
) -> Result | None:
    """Return the version with a number; without one the latest earlier one that units were told of, or any other.

    Raises: ResultNotFound.
    """
    query = select(Result).where(Result.scope_id == result.scope_id, readable)
    if number is None:
        was_told = or_(Result.announced_at.is_not(None), Result.published_at.is_not(None))
        before = query.where(Result.number < result.number)
        return await session.scalar(before.order_by(was_told.desc(), Result.number.desc()).limit(1))
    earlier = await session.scalar(query.where(Result.number == number))
    if earlier is None:
        raise ResultNotFound()
    return earlier


async def _moved(session: AsyncSession, earlier: Result, result: Result) -> list[UnitChange]:
    """Compare the documents that differ: the others have the same fingerprint."""
    before, after = aliased(ResultLine), aliased(ResultLine)
    query = (
        select(before.document, after.document)
        .join(after, after.unit_id == before.unit_id)
        .where(before.result_id == earlier.id, after.result_id == result.id, before.sha256 != after.sha256)
    )
    rows = (await session.execute(query)).all()
    basis = await queries.basis_of_result(session, result)
    method = Method(basis.index_set, basis.policy.digits, earlier.peers, result.peers)
    read = ((json.loads(one), json.loads(other)) for one, other in rows)
    return await asyncio.to_thread(changes, method, read)
