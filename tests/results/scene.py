"""A year of Cà Mau with dossiers that have passed, written straight into the tables."""

from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.models import IndexSetRow
from app.catalogue.queries import scoring_set
from app.core.audit import SYSTEM
from app.core.db import new_id
from app.figures.models import OfficialFigure
from app.periods.actions import prepare
from app.periods.schemas import PeriodIn
from app.reviews import settled
from app.reviews.adopted import adopted, dossier_of
from app.reviews.models import Adjustment, AdjustmentKind
from app.scoring.model import IndexSet, Options
from app.submissions.content import content_hash
from app.submissions.models import RankingScope, ReviewState, Revision, Submission
from app.submissions.opening import open_period
from app.submissions.queries import measures_of
from app.units.models import Unit, UnitKind
from tests.client import CheckedClient
from tests.conftest import START

SETS = {
    UnitKind.DEPARTMENT: "camau-2023-so",
    UnitKind.DISTRICT: "camau-2023-huyen",
    UnitKind.COMMUNE: "camau-2023-xa",
}
DECISION = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-12-15", "signer": "Người Ký Mẫu"}
WITHDRAWN = "Ghi nhầm số liệu của hai đơn vị"
RESULTS, PUBLIC = "/api/v1/results", "/api/v1/public/results"


async def open_year(session: AsyncSession, **chosen: Any) -> UUID:
    """Open the year 2023, by another policy if one is chosen, and return its period."""
    body = PeriodIn(year=2023, guidance_on=START.date(), **({"sets": SETS} | chosen))
    period = await prepare(session, body, by=SYSTEM, now=START)
    await session.flush()
    await open_period(session, period, by=SYSTEM, now=START)
    return period.id


async def scope_of(session: AsyncSession, kind: UnitKind, parent: str | None = None) -> RankingScope:
    """Return the scope of a kind of unit, below a parent if it has one."""
    query = select(RankingScope).where(RankingScope.unit_kind == kind)
    if parent is not None:
        query = query.join(Unit, Unit.id == RankingScope.parent_id).where(Unit.key == parent)
    return (await session.scalars(query)).one()


async def dossiers(session: AsyncSession, scope: RankingScope) -> dict[str, Submission]:
    """Return the dossiers of a scope by the keys of their units."""
    query = select(Unit.key, Submission).join(Unit, Unit.id == Submission.unit_id)
    rows = (await session.execute(query.where(Submission.scope_id == scope.id).order_by(Unit.key))).all()
    return {key: submission for key, submission in rows}


async def index_set_of(session: AsyncSession, submission: Submission) -> IndexSet:
    """Return the set a dossier answers."""
    return scoring_set(await session.get_one(IndexSetRow, submission.index_set_id))


def answers(index_set: IndexSet, percent: int) -> dict[str, Any]:
    """Answer everything a unit declares: ratios of `percent`, the first or the last option around 50."""
    found: dict[str, Any] = {}
    for row in index_set.indicators:
        rule = row.rule
        if isinstance(rule, Options):
            found[row.code] = {"choice": rule.options[0 if percent > 50 else -1].key}
        else:
            found[row.code] = {"figures": {variable.key: percent for variable in rule.variables}}
            for key in getattr(rule, "denominator", ()):
                found[row.code]["figures"][key] = 100
    return found


async def declare(session: AsyncSession, submission: Submission, given: dict[str, Any]) -> None:
    """Give a dossier new answers and let it pass."""
    content = {"general_information": {}, "contacts": {}, "answers": given}
    submission.revision_id, submission.revision_number = new_id(), submission.revision_number + 1
    submission.content_hash = content_hash(content)
    submission.state, submission.passed_at = ReviewState.PASSED, START
    submission.touch()
    session.add(
        Revision(
            id=submission.revision_id,
            submission_id=submission.id,
            number=submission.revision_number,
            content=content,
            content_hash=submission.content_hash,
            created_at=START,
            created_by=SYSTEM.id,
            created_by_name=SYSTEM.name,
        )
    )
    await session.flush()


async def decide(
    session: AsyncSession, submission: Submission, code: str, kind: AdjustmentKind, value: dict[str, Any]
) -> None:
    """Write a decision of the reviewer."""
    session.add(
        Adjustment(
            submission_id=submission.id,
            indicator_code=code,
            kind=kind,
            value=value,
            declared=None,
            reason="theo kết quả kiểm tra",
            made_at=START,
            made_by=SYSTEM.id,
            made_by_name=SYSTEM.name,
        )
    )
    await session.flush()


async def settle(session: AsyncSession, submission: Submission) -> None:
    """Write down what a dossier's review ended with, as a pass does."""
    index_set, policy = await measures_of(session, submission)
    mine = adopted(index_set, policy, await dossier_of(session, submission.id))
    submission.settled = settled.settle(index_set, mine).decode()
    submission.touch()
    await session.flush()


async def give_figure(
    session: AsyncSession, submission: Submission, code: str, answer: dict[str, Any]
) -> None:
    """Write an agency's figures."""
    agency = (await session.scalars(select(Unit.id).where(Unit.key == "so-tttt"))).one()
    session.add(
        OfficialFigure(
            period_id=submission.period_id,
            unit_id=submission.unit_id,
            indicator_code=code,
            agency_unit_id=agency,
            answer=answer,
            provenance={},
            given_at=START,
            given_by=SYSTEM.id,
            given_by_name=SYSTEM.name,
        )
    )
    await session.flush()


async def passed_scope(
    session: AsyncSession,
    kind: UnitKind = UnitKind.COMMUNE,
    parent: str | None = "huyen-964",
    **chosen: Any,
) -> RankingScope:
    """Open the year and let every dossier of a scope pass, each a little better than the one before."""
    await open_year(session, **chosen)
    scope = await scope_of(session, kind, parent)
    for place, submission in enumerate((await dossiers(session, scope)).values()):
        index_set = await index_set_of(session, submission)
        await declare(session, submission, answers(index_set, 51 + place))
    return scope


async def preview(caller: CheckedClient, scope: RankingScope) -> httpx.Response:
    """Look at what finalization would do."""
    return await caller.get(f"/api/v1/scopes/{scope.id}/preview")


async def finalize(caller: CheckedClient, scope: RankingScope, reason: str | None = None) -> httpx.Response:
    """Finalize a scope on its present version."""
    seen = await preview(caller, scope)
    assert seen.status_code == 200, seen.text
    return await caller.post(
        f"/api/v1/scopes/{scope.id}/finalize",
        json={"reason": reason},
        headers={"If-Match": seen.headers["etag"]},
    )


async def sign(caller: CheckedClient, result_id: str, verb: str, body: Any) -> httpx.Response:
    """Announce, publish or withdraw a result on its present version."""
    seen = await caller.get(f"{RESULTS}/{result_id}")
    assert seen.status_code == 200, seen.text
    return await caller.post(
        f"{RESULTS}/{result_id}/{verb}", json=body, headers={"If-Match": seen.headers["etag"]}
    )


async def publish(caller: CheckedClient, result_id: str, **said: Any) -> httpx.Response:
    """Publish a result on its present version."""
    return await sign(caller, result_id, "publish", DECISION | said)


async def announce(caller: CheckedClient, result_id: str, until: str | None = None) -> httpx.Response:
    """Announce a result on its present version."""
    return await sign(caller, result_id, "announce", {"appeals_until": until})


async def withdraw(caller: CheckedClient, result_id: str) -> httpx.Response:
    """Withdraw a result on its present version."""
    return await sign(caller, result_id, "withdraw", {"reason": WITHDRAWN})


def own_session(app: FastAPI) -> AsyncSession:
    """Return a session of an application's database; use it with `async with …, session.begin()`."""
    session: AsyncSession = app.state.database.session()
    return session
