"""Preparing an assessment year and correcting the calendar."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow, PolicyRow
from app.catalogue.schemas import PolicyFile
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest, Problem
from app.periods import queries
from app.periods.models import CalendarDay, Period, PeriodSet, PeriodState
from app.periods.rules import end_of, last_day_before, period_bounds, review_last_day, submission_last_day
from app.periods.schemas import CalendarDayIn, PeriodIn, PeriodPatch
from app.units.models import UnitKind


class PeriodExists(Problem):
    status, code = 409, "period_exists"
    title_vi, title_en = "Năm này đã có kỳ đánh giá", "There is already a period of this year"


async def prepare(session: AsyncSession, body: PeriodIn, *, by: Actor, now: datetime) -> Period:
    """Create a draft period with its deadlines.

    Raises: PeriodExists (409), InvalidRequest (422) for an unknown set or policy, or guidance before the year.
    """
    if await session.scalar(select(Period.id).where(Period.year == body.year)):
        raise PeriodExists()
    policy, sets = await _chosen(session, body)
    starts_on, ends_on = period_bounds(body.year)
    _require_guidance_within(body.guidance_on, starts_on)
    _require_term(catalogue.policy_file(policy), body.year, body.guidance_on, body.submit_until)
    period = Period(
        year=body.year,
        name=f"Đánh giá chuyển đổi số năm {body.year}",
        starts_on=starts_on,
        ends_on=ends_on,
        guidance_on=body.guidance_on,
        policy_id=policy.id,
        state=PeriodState.DRAFT,
        submission_due_at=end_of(body.guidance_on),
        created_at=now,
        opened_at=None,
    )
    session.add(period)
    await session.flush()
    used = {kind: row.id for kind, row in sets.items()}
    await set_deadlines(session, period, policy, used, body.submit_until)
    after = body.model_dump(mode="json")
    await record(session, by, "period.prepare", period, now, after=after)
    return period


async def _chosen(session: AsyncSession, body: PeriodIn) -> tuple[PolicyRow, dict[UnitKind, IndexSetRow]]:
    faults = []
    policy = await catalogue.policy_by_key(session, body.policy)
    if policy is None:
        faults.append(
            Fault("/policy", "unknown_policy", "không có chính sách này", "there is no such policy")
        )
    sets: dict[UnitKind, IndexSetRow] = {}
    for kind, key in body.sets.items():
        row = await catalogue.index_set_by_key(session, key)
        if row is None or row.unit_kind != kind:
            vi, en = "không có bộ chỉ số này cho loại đơn vị đó", "there is no such set for this kind of unit"
            faults.append(Fault(f"/sets/{kind}", "unknown_index_set", vi, en))
        elif not catalogue.scoring_set(row).is_ranked:
            vi = "bộ chỉ số có chỉ số không nêu điểm tối đa: chỉ theo dõi, không xếp hạng được"
            en = "the set has rows without maximum points: it can be tracked, not ranked"
            faults.append(Fault(f"/sets/{kind}", "index_set_not_ranked", vi, en))
        elif policy is not None and not _speaks_of(catalogue.policy_file(policy), kind):
            vi, en = (
                "chính sách không quy định cho loại đơn vị này",
                "the policy says nothing of this kind of unit",
            )
            faults.append(Fault(f"/sets/{kind}", "not_in_policy", vi, en))
        else:
            sets[kind] = row
    if faults or policy is None:
        raise InvalidRequest(faults=faults)
    return policy, sets


def _speaks_of(policy: PolicyFile, kind: UnitKind) -> bool:
    """Tell whether a policy says how a kind of unit is ranked and until when it is reviewed."""
    has_term = policy.reviewed_until is not None or kind.value in (policy.review_working_days or {})
    return has_term and kind.value in policy.ranking_scopes


def _require_term(policy: PolicyFile, year: int, guidance_on: date, submit_until: date | None) -> None:
    """Refuse a day to submit where the policy sets the term, and want of one where it does not.

    It must lie after the guidance and before the day the review ends, where the policy names one.
    """
    pointer = "/submit_until"
    if policy.submission is not None and submit_until is not None:
        vi, en = "chính sách đã quy định thời hạn nộp", "the policy sets the term to submit"
        raise InvalidRequest(faults=[Fault(pointer, "term_set_by_policy", vi, en)])
    if policy.submission is None and (submit_until is None or submit_until <= guidance_on):
        vi = "chính sách không quy định thời hạn: nêu ngày nộp cuối cùng, sau ngày gửi văn bản"
        en = "the policy sets no term: give the last day to submit, after the guidance is sent"
        raise InvalidRequest(faults=[Fault(pointer, "term_missing", vi, en)])
    until = policy.reviewed_until
    if until is not None and submit_until is not None and submit_until >= until.of(year + 1):
        last = until.of(year + 1).isoformat()
        vi, en = f"phải trước khi hết hạn thẩm định {last}", f"must be before the review ends on {last}"
        raise InvalidRequest(faults=[Fault(pointer, "after_review", vi, en)])


def _require_guidance_within(guidance_on: date, starts_on: date) -> None:
    if guidance_on < starts_on:
        vi, en = f"không được trước {starts_on.isoformat()}", f"must not be before {starts_on.isoformat()}"
        raise InvalidRequest(faults=[Fault("/guidance_on", "before_period", vi, en)])


async def set_deadlines(
    session: AsyncSession,
    period: Period,
    policy_row: PolicyRow,
    set_ids: dict[UnitKind, UUID],
    submit_until: date | None = None,
) -> None:
    """Compute every deadline from the guidance date, the policy and the official calendar (rulings 15 to 17).

    `submit_until` is the day of the guidance letter, where the policy sets no term; None leaves the day as it is.
    """
    policy = catalogue.policy_file(policy_row)
    days = await queries.calendar(session)
    window = policy.submission
    if window is not None:
        last = submission_last_day(
            period.guidance_on, window.calendar_days, roll=window.roll_to_working_day, calendar=days
        )
    else:
        last = submit_until or last_day_before(period.submission_due_at)
    period.submission_due_at = end_of(last)
    await session.execute(delete(PeriodSet).where(PeriodSet.period_id == period.id))
    for kind, set_id in set_ids.items():
        until = policy.reviewed_until
        if until is not None:
            review_last = until.of(period.year + 1)
        else:
            review_last = review_last_day(last, (policy.review_working_days or {})[kind.value], days)
        session.add(
            PeriodSet(
                period_id=period.id, unit_kind=kind, index_set_id=set_id, review_due_at=end_of(review_last)
            )
        )


async def change(
    session: AsyncSession, period: Period, body: PeriodPatch, *, by: Actor, now: datetime
) -> None:
    """Move the guidance date of a period that is not open yet; its deadlines follow.

    Raises: PeriodAlreadyOpen (409), InvalidRequest (422).
    """
    if period.state is not PeriodState.DRAFT:
        raise queries.PeriodAlreadyOpen()
    _require_guidance_within(body.guidance_on, period.starts_on)
    policy = await catalogue.policy_by_id(session, period.policy_id)
    if body.submit_until is not None or catalogue.policy_file(policy).submission is None:
        until = body.submit_until or last_day_before(period.submission_due_at)
        _require_term(catalogue.policy_file(policy), period.year, body.guidance_on, until)
    before = {"guidance_on": period.guidance_on.isoformat()}
    period.guidance_on = body.guidance_on
    used = {item.unit_kind: item.index_set_id for item, _ in await queries.sets_of(session, period.id)}
    await set_deadlines(session, period, policy, used, body.submit_until)
    period.touch()
    await record(
        session,
        by,
        "period.change",
        period,
        now,
        before=before,
        after=body.model_dump(mode="json", exclude_none=True),
    )


async def correct_day(
    session: AsyncSession,
    row: CalendarDay | None,
    day: date,
    body: CalendarDayIn,
    *,
    by: Actor,
    now: datetime,
) -> CalendarDay:
    """Say whether a day is worked (`row`: its present correction). Deadlines of open periods stay as announced."""
    before = {"is_working": row.is_working, "source": row.source} if row else None
    if row is None:
        row = CalendarDay(day=day)
        session.add(row)
    else:
        row.touch()
    row.is_working, row.reason, row.source = body.is_working, body.reason, body.source
    row.changed_at, row.changed_by = now, by.name
    after = {"day": day.isoformat(), "is_working": row.is_working, "source": row.source}
    await record(session, by, "calendar.correct", row, now, before=before, after=after, reason=body.reason)
    return row
