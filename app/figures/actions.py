"""Giving official figures: append-only, all rows of a push or none."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal, Role
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest
from app.figures import queries
from app.figures.content import Read, read_rows
from app.figures.models import OfficialFigure
from app.figures.schemas import FiguresIn, GivenOut, GivenRow, Outcome
from app.periods.models import Period
from app.periods.queries import require_open


async def give(
    session: AsyncSession, body: FiguresIn, *, by: Principal, now: datetime, request_sha256: str
) -> GivenOut:
    """Keep what an agency knows of the indicators that name it (ruling 20); the agency's latest row holds.

    A row equal to the present one is left out; a dry run writes nothing and says the same.

    Raises: InvalidRequest (422) with the faults of every row, PeriodNotOpen (409).
    """
    period = await _open_period(session, body.period_id)
    agencies = await queries.agencies_of(session, by)
    measured = await queries.measured_in(session, period, agencies)
    units = await queries.units_named(session, [row.unit for row in body.figures], period)
    rows, faults = read_rows(body.figures, units, measured)
    if faults:
        raise InvalidRequest(faults=faults)
    present = await queries.present_answers(session, period, rows)
    provenance = {"via": _via(by), "request_sha256": request_sha256}
    outcomes = []
    for index, row in enumerate(rows):
        before = present.get(row.about)
        figure = None if before == row.answer else _figure(period, row, provenance, by, now)
        if figure is not None and not body.dry_run:
            session.add(figure)
            after = {"unit_id": str(row.unit_id), "indicator": row.indicator, "answer": row.answer}
            kept = None if before is None else {"answer": before}
            await record(session, by, "figure.give", figure, now, before=kept, after=after)
        outcomes.append(_outcome(index, row, figure, is_dry=body.dry_run))
    created = sum(row.outcome is Outcome.CREATED for row in outcomes)
    return GivenOut(
        period_id=period.id,
        dry_run=body.dry_run,
        created=created,
        unchanged=len(outcomes) - created,
        rows=outcomes,
    )


async def _open_period(session: AsyncSession, period_id: UUID) -> Period:
    period = await session.get(Period, period_id)
    if period is None:
        vi, en = "không có kỳ đánh giá này", "there is no such period"
        raise InvalidRequest(faults=[Fault("/period_id", "unknown_period", vi, en)])
    require_open(period)
    return period


def _via(caller: Principal) -> str:
    return "service" if any(grant.role is Role.SERVICE for grant in caller.grants) else "user"


def _figure(
    period: Period, row: Read, provenance: dict[str, str], by: Principal, now: datetime
) -> OfficialFigure:
    return OfficialFigure(
        period_id=period.id,
        unit_id=row.unit_id,
        indicator_code=row.indicator,
        agency_unit_id=row.agency_unit_id,
        answer=row.answer,
        provenance=provenance,
        given_at=now,
        given_by=by.id,
        given_by_name=by.name,
    )


def _outcome(index: int, row: Read, figure: OfficialFigure | None, *, is_dry: bool) -> GivenRow:
    return GivenRow(
        index=index,
        unit_id=row.unit_id,
        indicator=row.indicator,
        outcome=Outcome.UNCHANGED if figure is None else Outcome.CREATED,
        id=None if figure is None or is_dry else figure.id,
    )
