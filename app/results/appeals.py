"""Reading appeals (phúc tra): a unit sees its own, those above the units see all of a result."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal, Reach
from app.core.http import AllowedAction
from app.core.paging import Paging
from app.core.problems import Lang, NotFound
from app.results.appeal_schemas import AppealOut
from app.results.models import Appeal, AppealState, Result
from app.results.queries import result_for
from app.results.rules import (
    APPEAL_TRANSITIONS,
    DENIAL_TEXT,
    AppealAction,
    AppealStanding,
    By,
    appeal_denial,
)
from app.submissions.models import RankingScope, Submission


class AppealNotFound(NotFound):
    """No such appeal, or none that the caller may see."""

    code = "appeal_not_found"
    title_vi, title_en = "Không tìm thấy đề nghị phúc tra", "Appeal not found"


async def dossiers_to_appeal(
    session: AsyncSession, caller: Principal, result: Result
) -> Sequence[Submission]:
    """Return the dossiers of a result for whose units the caller may appeal."""
    units = caller.units_with(Permission.APPEAL_LODGE)
    if not units:
        return []
    query = select(Submission).where(Submission.scope_id == result.scope_id, Submission.unit_id.in_(units))
    return (await session.scalars(query.order_by(Submission.unit_id))).all()


async def result_to_appeal(session: AsyncSession, caller: Principal, result_id: UUID) -> Result:
    """Return a result the caller may see, its scope kept from being signed meanwhile; several units may appeal at once.

    Raises: ResultNotFound.
    """
    result = await result_for(session, caller, result_id)
    await session.get_one(RankingScope, result.scope_id, with_for_update={"read": True})
    await session.refresh(result)
    return result


async def is_open(session: AsyncSession, result: Result, submission: Submission, indicator: str) -> bool:
    """Answer whether a unit's appeal on an indicator of a result is still undecided."""
    query = select(Appeal.id).where(
        Appeal.result_id == result.id,
        Appeal.submission_id == submission.id,
        Appeal.indicator_code == indicator,
        Appeal.state == AppealState.LODGED,
    )
    return await session.scalar(query) is not None


def lodging(result: Result, now: datetime) -> AppealStanding:
    """Return how an appeal against a result would stand."""
    return AppealStanding(now=now, result_state=result.state, due_at=result.appeals_due_at)


_APPEALS = (
    select(Appeal, Result.number, Submission.unit_name, RankingScope.finalized_by_id)
    .join(Result, Result.id == Appeal.result_id)
    .join(Submission, Submission.id == Appeal.submission_id)
    .join(RankingScope, RankingScope.id == Appeal.scope_id)
)
_Query = Select[Appeal, int, str, UUID]


def _visible_to(caller: Principal) -> ColumnElement[bool]:
    overseen = Result.overseen_by.overlap(list(caller.units_reaching(Reach.SUBTREE)))
    return or_(Appeal.unit_id.in_(caller.units_reaching(Reach.OWN)), overseen)


async def appeal_for(
    session: AsyncSession, caller: Principal, appeal_id: UUID, *, lock: bool = False
) -> Appeal:
    """Return an appeal the caller may see, locked against other writers if asked.

    Raises: AppealNotFound.
    """
    query = select(Appeal).join(Result, Result.id == Appeal.result_id)
    query = query.where(Appeal.id == appeal_id, _visible_to(caller))
    appeal = await session.scalar(query.with_for_update(of=Appeal) if lock else query)
    if appeal is None:
        raise AppealNotFound()
    return appeal


async def appeals_of(
    session: AsyncSession, caller: Principal, result: Result, now: datetime, lang: Lang
) -> list[AppealOut]:
    """Return the appeals against a result that the caller may see, in the order they were lodged."""
    query = _APPEALS.where(Appeal.result_id == result.id, _visible_to(caller)).order_by(Appeal.id)
    return await _out(session, caller, query, now, lang)


async def appeals_page(
    session: AsyncSession,
    caller: Principal,
    paging: Paging,
    state: AppealState | None,
    period_id: UUID | None,
    now: datetime,
    lang: Lang,
) -> tuple[list[AppealOut], int]:
    """Return one page of the appeals that the caller decides or his unit lodged, the oldest first, and how many."""
    theirs = RankingScope.finalized_by_id.in_(caller.units_with(Permission.RESULT_FINALIZE))
    query = _APPEALS.where(or_(theirs, Appeal.unit_id.in_(caller.units_reaching(Reach.OWN))))
    if state is not None:
        query = query.where(Appeal.state == state)
    if period_id is not None:
        query = query.where(Result.period_id == period_id)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(Appeal.id).offset(paging.offset).limit(paging.page_size)
    return await _out(session, caller, ordered, now, lang), total


async def appeal_out(
    session: AsyncSession, caller: Principal, appeal: Appeal, now: datetime, lang: Lang
) -> AppealOut:
    """Return an appeal with what the caller may do with it now."""
    await session.flush()
    return (await _out(session, caller, _APPEALS.where(Appeal.id == appeal.id), now, lang))[0]


async def _out(
    session: AsyncSession, caller: Principal, query: _Query, now: datetime, lang: Lang
) -> list[AppealOut]:
    return [
        AppealOut(
            **{name: getattr(appeal, name) for name in AppealOut.of_row()},
            result_number=number,
            unit_name=unit_name,
            allowed_actions=_allowed(caller, appeal, finalizer, now, lang),
        )
        for appeal, number, unit_name, finalizer in (await session.execute(query)).all()
    ]


def _allowed(
    caller: Principal, appeal: Appeal, finalizer: UUID, now: datetime, lang: Lang
) -> list[AllowedAction]:
    standing = appeal_standing(caller, appeal, now)
    found = []
    for action in (AppealAction.DECIDE, AppealAction.WITHDRAW):
        why = appeal_denial(action, may(caller, action, appeal.unit_id, finalizer), standing)
        found.append(AllowedAction.of(action, why, DENIAL_TEXT[why] if why else ("", ""), lang))
    return found


def appeal_standing(caller: Principal, appeal: Appeal, now: datetime) -> AppealStanding:
    """Return how an appeal stands to the caller now."""
    # Whoever lodged it, by whatever right, does not decide it.
    is_own = appeal.unit_id in caller.own_units or appeal.lodged_by == caller.id
    return AppealStanding(now=now, state=appeal.state, is_own_unit=is_own)


def may(caller: Principal, action: AppealAction, unit_id: UUID, finalizer: UUID) -> bool:
    """Answer whether a role of the caller does this with an appeal of a unit."""
    transition = APPEAL_TRANSITIONS[action]
    return caller.may(transition.permission, unit_id if transition.by is By.UNIT else finalizer)
