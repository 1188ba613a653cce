"""Reading results: who may see which, and what they rest on."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.accounts.permissions import Permission, Principal, Reach
from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow, PolicyRow
from app.core.paging import Paging
from app.core.problems import NotFound
from app.periods.models import Period, PeriodSet
from app.periods.rules import is_late
from app.results.models import Result, ResultLine, ResultState
from app.results.schemas import MeasureOut, PublicYear, SupersededBy
from app.results.snapshot import Basis, Document, Snapshot, Taking, not_collecting
from app.reviews.adopted import dossiers_of
from app.submissions.models import RankingScope, Submission
from app.submissions.queries import ScopeNotFound
from app.units.models import UnitKind
from app.units.queries import refs_on
from app.units.schemas import UnitRef


class ResultNotFound(NotFound):
    """No such result, or none that the caller may see."""

    code = "result_not_found"
    title_vi, title_en = "Không tìm thấy kết quả", "Result not found"


# --- scopes -------------------------------------------------------------------------------------------------


async def scope_for(
    session: AsyncSession, caller: Principal, scope_id: UUID, *, to_finalize: bool = False
) -> tuple[RankingScope, list[UUID]]:
    """Return a ranking scope the caller oversees, with the unit that finalizes it and all above that unit.

    `to_finalize` asks for the right to finalize exactly this scope, and locks it against other writers.

    Raises: ScopeNotFound.
    """
    query = select(RankingScope).where(RankingScope.id == scope_id)
    scope = await session.scalar(query.with_for_update() if to_finalize else query)
    path = await session.scalar(select(Submission.path).where(Submission.scope_id == scope_id).limit(1))
    if scope is None or path is None:
        raise ScopeNotFound()
    overseers = path[path.index(scope.finalized_by_id) :]
    if to_finalize:
        is_theirs = caller.may(Permission.RESULT_FINALIZE, scope.finalized_by_id)
    else:
        is_theirs = not caller.units_reaching(Reach.SUBTREE).isdisjoint(overseers)
    if not is_theirs:
        raise ScopeNotFound()
    return scope, overseers


async def defaults_unreviewed(
    session: AsyncSession, scope: RankingScope, policy: PolicyRow, now: datetime
) -> bool:
    """Tell whether dossiers that nobody reviewed count by now, with 0 points (004:77, D-112)."""
    if scope.unit_kind.value not in (catalogue.policy_file(policy).unreviewed or {}):
        return False
    query = select(PeriodSet.review_due_at).filter_by(period_id=scope.period_id, unit_kind=scope.unit_kind)
    return is_late(now, (await session.scalars(query)).one())


async def measures_of(session: AsyncSession, scope: RankingScope) -> tuple[IndexSetRow, PolicyRow]:
    """Return the stored set and policy that a scope is measured by."""
    query = select(Submission.index_set_id).where(Submission.scope_id == scope.id).limit(1)
    index_set_id = (await session.scalars(query)).one()
    period = await session.get_one(Period, scope.period_id)
    return (
        await catalogue.index_set_by_id(session, index_set_id),
        await catalogue.policy_by_id(session, period.policy_id),
    )


def basis_of(
    scope_id: UUID, index_set: IndexSetRow, policy: PolicyRow, *, defaults_unreviewed: bool = False
) -> Basis:
    """Return a set and a policy as scoring takes them."""
    return Basis(
        scope_id,
        catalogue.scoring_set(index_set),
        index_set.sha256,
        catalogue.scoring_policy(policy),
        policy.sha256,
        defaults_unreviewed,
    )


async def taken(session: AsyncSession, basis: Basis) -> tuple[Taking, Snapshot | None]:
    """Read and score all dossiers of a scope as they are now; nothing is scored while one is waited for.

    Threads do what takes long, so that the event loop goes on, while the database makes the next batch.
    """
    taking = Taking(basis)
    with not_collecting():
        adding = asyncio.create_task(asyncio.sleep(0))
        async for dossiers in dossiers_of(session, basis.scope_id):
            await adding
            adding = asyncio.create_task(asyncio.to_thread(taking.add, dossiers))
        await adding
        return taking, None if taking.waiting else await asyncio.to_thread(taking.finish)


async def newest_of(session: AsyncSession, scope_id: UUID) -> Result | None:
    """Return the latest version of a scope's result."""
    query = select(Result).where(Result.scope_id == scope_id).order_by(Result.number.desc()).limit(1)
    return await session.scalar(query)


async def latest_appeals_due(session: AsyncSession, result: Result) -> datetime | None:
    """Return the end of the longest time for appeals that another version of the scope gave and that still holds."""
    query = select(func.max(Result.appeals_due_at)).where(
        Result.scope_id == result.scope_id,
        Result.id != result.id,
        Result.state.in_((ResultState.ANNOUNCED, ResultState.PUBLISHED)),
    )
    due_at: datetime | None = await session.scalar(query)
    return due_at


async def superseded_by(
    session: AsyncSession, result: Result, states: frozenset[ResultState]
) -> Sequence[Result]:
    """Return the earlier versions in these states, of which a result takes the place."""
    query = select(Result).where(
        Result.scope_id == result.scope_id, Result.number < result.number, Result.state.in_(states)
    )
    return (await session.scalars(query.order_by(Result.number))).all()


async def reported_to(session: AsyncSession, result: Result) -> list[UnitRef]:
    """Return the units above the one that finalizes, the nearest first (000:89, R-028)."""
    above = result.overseen_by[1:]
    if not above:
        return []
    period = await session.get_one(Period, result.period_id)
    refs = await refs_on(session, above, period.ends_on)
    return [refs[unit_id] for unit_id in above]


# --- results ------------------------------------------------------------------------------------------------


def _takes_part(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that the caller sees a whole dossier of the result's scope."""
    own, subtree = caller.units_reaching(Reach.OWN), caller.units_reaching(Reach.SUBTREE)
    theirs = or_(Submission.unit_id.in_(own), Submission.path.overlap(list(subtree)))
    return exists().where(Submission.scope_id == Result.scope_id, theirs)


def visible_to(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that the caller may know of a result.

    It was published, or announced to a unit of his, or he oversees its scope. Of a withdrawn one the lines are another
    question (`reads_lines`).
    """
    overseen = Result.overseen_by.overlap(list(caller.units_reaching(Reach.SUBTREE)))
    announced = and_(Result.announced_at.is_not(None), _takes_part(caller))
    return or_(Result.published_at.is_not(None), overseen, announced)


def readable_to(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that the caller may read what units came to in a result."""
    overseen = Result.overseen_by.overlap(list(caller.units_reaching(Reach.SUBTREE)))
    return and_(visible_to(caller), or_(Result.state != ResultState.WITHDRAWN, overseen))


IN_PUBLIC = and_(Result.published_at.is_not(None), Result.state != ResultState.WITHDRAWN)


def oversees(caller: Principal, result: Result) -> bool:
    """Answer whether the caller stands above the units of a result."""
    return not caller.units_reaching(Reach.SUBTREE).isdisjoint(result.overseen_by)


def reads_lines(caller: Principal, result: Result) -> bool:
    """Answer whether the caller, who may know of a result, may read what units came to in it."""
    return result.state is not ResultState.WITHDRAWN or oversees(caller, result)


async def results_page(
    session: AsyncSession, caller: Principal, paging: Paging, period_id: UUID | None
) -> tuple[Sequence[Result], int]:
    """Return one page of the results the caller may see, the latest year first, and how many there are."""
    query = select(Result).where(visible_to(caller))
    if period_id is not None:
        query = query.where(Result.period_id == period_id)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    order = (Result.year.desc(), Result.unit_kind, Result.scope_name, Result.number.desc(), Result.id)
    rows = await session.scalars(query.order_by(*order).offset(paging.offset).limit(paging.page_size))
    return rows.all(), total


async def result_for(session: AsyncSession, caller: Principal, result_id: UUID) -> Result:
    """Return a result the caller may see.

    Raises: ResultNotFound.
    """
    result = await session.scalar(select(Result).where(Result.id == result_id, visible_to(caller)))
    if result is None:
        raise ResultNotFound()
    return result


async def readable_for(session: AsyncSession, caller: Principal, result_id: UUID) -> Result:
    """Return a result whose lines the caller may read.

    Raises: ResultNotFound.
    """
    result = await session.scalar(select(Result).where(Result.id == result_id, readable_to(caller)))
    if result is None:
        raise ResultNotFound()
    return result


async def result_to_sign(
    session: AsyncSession, caller: Principal, result_id: UUID
) -> tuple[Result, RankingScope]:
    """Return a result whose scope the caller signs for, both locked against other writers.

    Raises: ResultNotFound.
    """
    scope_id = await session.scalar(select(Result.scope_id).where(Result.id == result_id))
    scope = await session.get(RankingScope, scope_id, with_for_update=True) if scope_id else None
    if scope is None or not caller.may(Permission.RESULT_PUBLISH, scope.finalized_by_id):
        raise ResultNotFound()
    return await session.get_one(Result, result_id, with_for_update=True), scope


async def final_of(session: AsyncSession, caller: Principal, submission: Submission) -> Result | None:
    """Return the result that holds for a dossier, as far as the caller may see one."""
    query = (
        select(Result)
        .where(
            Result.scope_id == submission.scope_id,
            Result.state.not_in((ResultState.SUPERSEDED, ResultState.WITHDRAWN)),
            visible_to(caller),
        )
        .order_by(Result.number.desc())
        .limit(1)
    )
    return await session.scalar(query)


async def lines_of(session: AsyncSession, result_id: UUID) -> Sequence[ResultLine]:
    """Return the lines of a result by unit id, without their documents."""
    query = select(ResultLine).where(ResultLine.result_id == result_id).order_by(ResultLine.unit_id)
    return (await session.scalars(query)).all()


async def documents_of(session: AsyncSession, result_id: UUID) -> tuple[Sequence[ResultLine], list[Document]]:
    """Return the lines of a result by unit id, and what each was scored from."""
    query = select(ResultLine).where(ResultLine.result_id == result_id).order_by(ResultLine.unit_id)
    lines = (await session.scalars(query.options(undefer(ResultLine.document)))).all()
    return lines, await asyncio.to_thread(lambda: [json.loads(line.document) for line in lines])


async def line_of(session: AsyncSession, result_id: UUID, unit_id: UUID) -> tuple[ResultLine, Document]:
    """Return one unit's line and its document.

    Raises: ResultNotFound if the unit is not in the result.
    """
    line = await session.get(ResultLine, (result_id, unit_id), options=[undefer(ResultLine.document)])
    if line is None:
        raise ResultNotFound()
    document: Document = json.loads(line.document)
    return line, document


async def basis_of_result(session: AsyncSession, result: Result) -> Basis:
    """Return what a result was measured by."""
    return basis_of(
        result.scope_id,
        await catalogue.index_set_by_id(session, result.index_set_id),
        await catalogue.policy_by_id(session, result.policy_id),
    )


async def superseder_of(session: AsyncSession, result: Result) -> SupersededBy | None:
    """Return the version that took a result's place."""
    if result.superseded_by_id is None:
        return None
    return SupersededBy.model_validate(await session.get_one(Result, result.superseded_by_id))


async def measures_shown(session: AsyncSession, result: Result) -> tuple[MeasureOut, MeasureOut]:
    """Return the set and the policy of a result as the public sees them."""
    index_set = await catalogue.index_set_by_id(session, result.index_set_id)
    policy = await catalogue.policy_by_id(session, result.policy_id)
    return (
        MeasureOut(key=index_set.key, version=index_set.set_version, sha256=index_set.sha256),
        MeasureOut(key=policy.key, version=policy.policy_version, sha256=policy.sha256),
    )


# --- in public ----------------------------------------------------------------------------------------------


async def published(session: AsyncSession, result_id: UUID, *columns: Any, withdrawn: bool = False) -> Result:
    """Return a result that was published, superseded or not, with some more of its columns.

    `withdrawn`: one that was withdrawn as well, for whoever shows no lines of it.

    Raises: ResultNotFound.
    """
    query = select(Result).where(Result.id == result_id)
    query = query.where(Result.published_at.is_not(None) if withdrawn else IN_PUBLIC)
    result = await session.scalar(query.options(*(undefer(column) for column in columns)))
    if result is None:
        raise ResultNotFound()
    return result


async def published_results(
    session: AsyncSession, year: int | None, kind: UnitKind | None, *, superseded: bool
) -> Sequence[Result]:
    """Return the results that hold, and on request those that no longer do, the latest year first."""
    query = select(Result).where(Result.published_at.is_not(None))
    if not superseded:
        query = query.where(Result.state == ResultState.PUBLISHED)
    if year is not None:
        query = query.where(Result.year == year)
    if kind is not None:
        query = query.where(Result.unit_kind == kind)
    order = (Result.year.desc(), Result.unit_kind, Result.scope_name, Result.number.desc(), Result.id)
    return (await session.scalars(query.order_by(*order).limit(1000))).all()


async def published_years(session: AsyncSession) -> list[PublicYear]:
    """Return the years with results that hold, the latest first."""
    query = (
        select(Result.year, func.count())
        .where(Result.state == ResultState.PUBLISHED)
        .group_by(Result.year)
        .order_by(Result.year.desc())
    )
    return [PublicYear(year=year, results=count) for year, count in (await session.execute(query)).all()]
