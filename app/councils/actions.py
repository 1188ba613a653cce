"""Setting up a council, changing its seats, and recording what its meetings concluded."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest, Problem
from app.core.vietnamese import VIETNAM
from app.councils import queries
from app.councils.models import Council, Minutes, Seat
from app.councils.rules import DENIAL_TEXT, CouncilAction, Denial, denial, seat_faults
from app.councils.schemas import AttendantOut, CouncilIn, MinutesIn, MinutesOut, SeatIn, SeatOut, SeatsIn
from app.periods.queries import period_by_id
from app.units.models import UnitKind
from app.units.queries import UnitNotFound

People = dict[UUID, dict[str, Any]]  # who can be named in minutes, as the minutes keep them


class CouncilExists(Problem):
    status, code = 409, "council_exists"
    title_vi, title_en = (
        "Đơn vị đã có hội đồng thẩm định loại đơn vị này trong kỳ",
        "The unit has a council for this kind of unit in the period",
    )


class NotPresiding(Problem):
    """The caller sees the council, but others record its minutes."""

    status, code = 409, "not_presiding"
    title_vi, title_en = DENIAL_TEXT[Denial.NOT_PRESIDING]


# --- seats --------------------------------------------------------------------------------------------------


async def set_up(session: AsyncSession, body: CouncilIn, *, by: Principal, now: datetime) -> Council:
    """Set up the council in which a unit reviews the dossiers of one kind of unit.

    Raises: PeriodNotFound, UnitNotFound (404) where the caller does not manage the unit's councils, CouncilExists
    (409), InvalidRequest (422) with every fault.
    """
    await period_by_id(session, body.period_id)
    if not by.may(Permission.COUNCIL_MANAGE, body.reviewer_unit_id):
        raise UnitNotFound()
    by = by.acting_as(body.reviewer_unit_id, Permission.COUNCIL_MANAGE)
    index_set = await _index_set(session, body.period_id, body.unit_kind)
    present = await queries.council_of(session, body.period_id, body.reviewer_unit_id, body.unit_kind)
    if present is not None:
        raise CouncilExists(council_id=str(present.id))
    council = Council(
        period_id=body.period_id,
        reviewer_unit_id=body.reviewer_unit_id,
        unit_kind=body.unit_kind,
        name=body.name,
        decision=body.decision,
        created_at=now,
        changed_at=now,
    )
    seats = await _seats(session, council, body.seats, index_set)
    # Flushed in the order of the foreign keys: without relationships the order is ours to keep.
    for rows in ([council], seats):
        session.add_all(rows)
        await session.flush()
    known = {"name": body.name, "decision": body.decision, "unit_kind": body.unit_kind.value}
    after = known | {"seats": _plain(seats)}
    await record(session, by, "council.create", council, now, after=after, tell=True)
    return council


async def change_seats(
    session: AsyncSession, council: Council, body: SeatsIn, *, by: Principal, now: datetime
) -> None:
    """Give a council other seats, also while it reviews: somebody may fall ill. What was checked stays checked.

    Raises: InvalidRequest (422) with every fault.
    """
    by = by.acting_as(council.reviewer_unit_id, Permission.COUNCIL_MANAGE)
    index_set = await _index_set(session, council.period_id, council.unit_kind)
    seats = await _seats(session, council, body.seats, index_set)
    before = {"seats": _plain((await queries.seats_of(session, [council.id]))[council.id])}
    after = {"seats": _plain(seats)}
    if before == after:
        return
    await session.execute(delete(Seat).where(Seat.council_id == council.id))
    session.add_all(seats)
    council.changed_at = now
    council.touch()
    await session.flush()
    await record(
        session,
        by,
        "council.change",
        council,
        now,
        before=before,
        after=after,
        reason=body.reason,
        tell=True,
    )


async def _index_set(session: AsyncSession, period_id: UUID, kind: UnitKind) -> IndexSetRow:
    index_set = await queries.index_set_of(session, period_id, kind)
    if index_set is None:
        vi, en = "kỳ này không đánh giá loại đơn vị đó", "the period does not measure this kind of unit"
        raise InvalidRequest(faults=[Fault("/unit_kind", "not_measured", vi, en)])
    return index_set


async def _seats(
    session: AsyncSession, council: Council, given: Sequence[SeatIn], index_set: IndexSetRow
) -> list[Seat]:
    """Return the seats that were asked for, their groups in the document's order.

    Raises: InvalidRequest (422) with every fault.
    """
    seats = [Seat(council_id=council.id, user_id=s.user_id, role=s.role, groups=s.groups) for s in given]
    groups = queries.groups_in(index_set)
    people = [seat.user_id for seat in seats]
    reviewers = await queries.reviewers_among(session, people, council.reviewer_unit_id, council.unit_kind)
    if faults := seat_faults(seats, groups, reviewers):
        raise InvalidRequest(faults=faults)
    for seat in seats:
        seat.groups = [group for group in groups if group in seat.groups]
    return seats


def _plain(seats: Sequence[Seat | SeatOut]) -> list[dict[str, Any]]:
    """Return seats as the audit trail keeps them, in an order of their own."""
    return [
        {"user_id": str(seat.user_id), "role": seat.role.value, "groups": seat.groups}
        for seat in sorted(seats, key=lambda seat: seat.user_id)
    ]


# --- minutes ------------------------------------------------------------------------------------------------


async def record_minutes(
    session: AsyncSession, council: Council, body: MinutesIn, *, by: Principal, now: datetime
) -> MinutesOut:
    """Keep the minutes of a meeting of a locked council; they never change.

    Raises: NotPresiding (409), InvalidRequest (422) with every fault.
    """
    reviews = by.may(Permission.REVIEW_ACT, council.reviewer_unit_id)
    role = await queries.role_in(session, council, by.id) if reviews else None
    if denial(CouncilAction.RECORD_MINUTES, manages=False, role=role) is not None:
        raise NotPresiding()
    earlier = await queries.minutes_of(session, council)
    corrected = next((one for one in earlier if one.number == body.corrects), None)
    people = await _people(session, council, corrected)
    units = await _units(session, council, body)
    faults = [
        *_faults_of_attendance(body, people, now),
        *await _faults_of_conclusions(session, council, body, units),
        *_faults_of_correction(body, corrected),
    ]
    if faults:
        raise InvalidRequest(faults=faults)
    minutes = Minutes(
        council_id=council.id,
        number=len(earlier) + 1,
        held_on=body.held_on,
        place=body.place,
        chair_id=body.chair_id,
        secretary_id=body.secretary_id,
        present=[people[one] for one in body.present],
        absent=[people[one.user_id] | {"reason": one.reason} for one in body.absent],
        conclusions=[
            one.model_dump(mode="json", by_alias=True)
            | {"unit_name": units[one.unit_id] if one.unit_id else None}
            for one in body.conclusions
        ],
        corrects=body.corrects,
        recorded_at=now,
        recorded_by=by.id,
        recorded_by_name=by.name,
    )
    session.add(minutes)
    await session.flush()
    by = by.acting_as(council.reviewer_unit_id, Permission.REVIEW_ACT)
    after = {"number": minutes.number, "held_on": body.held_on.isoformat(), "corrects": body.corrects}
    await record(session, by, "council.minutes", minutes, now, after=after, tell=True)
    return await queries.minutes_number(session, council, minutes.number)


async def _people(session: AsyncSession, council: Council, corrected: MinutesOut | None) -> People:
    """Return who can be named: the members, and whoever was named in the minutes that are corrected."""
    seats = (await queries.seats_of(session, [council.id]))[council.id]
    named: list[SeatOut | AttendantOut] = [*seats]
    if corrected is not None:
        named += [*corrected.present, *corrected.absent]
    return {
        one.user_id: {"user_id": str(one.user_id), "full_name": one.full_name, "role": one.role.value}
        for one in named
    }


async def _units(session: AsyncSession, council: Council, body: MinutesIn) -> Mapping[UUID, str]:
    named = [one.unit_id for one in body.conclusions if one.unit_id is not None]
    return await queries.units_reviewed_by(session, council, named)


def _faults_of_attendance(body: MinutesIn, people: People, now: datetime) -> Iterator[Fault]:
    named = [(f"/present/{i}", one) for i, one in enumerate(body.present)]
    named += [(f"/absent/{i}/user_id", one.user_id) for i, one in enumerate(body.absent)]
    seen: set[UUID] = set()
    for pointer, one in named:
        if one not in people:
            yield Fault(pointer, "not_a_member", "không phải thành viên hội đồng", "is no member")
        if one in seen:
            yield Fault(pointer, "named_twice", "người này được nêu hai lần", "is named twice")
        seen.add(one)
    for name, one in (("chair_id", body.chair_id), ("secretary_id", body.secretary_id)):
        if one not in body.present:
            yield Fault(f"/{name}", "not_present", "không có mặt tại cuộc họp", "was not present")
    if body.chair_id == body.secretary_id:
        vi, en = "người chủ trì không tự ghi biên bản", "whoever presides does not keep the minutes"
        yield Fault("/secretary_id", "presides", vi, en)
    if body.held_on > now.astimezone(VIETNAM).date():
        yield Fault("/held_on", "in_the_future", "cuộc họp chưa diễn ra", "the meeting is still to come")


async def _faults_of_conclusions(
    session: AsyncSession, council: Council, body: MinutesIn, units: Mapping[UUID, str]
) -> list[Fault]:
    index_set = catalogue.scoring_set(await _index_set(session, council.period_id, council.unit_kind))
    faults = []
    for i, one in enumerate(body.conclusions):
        pointer = f"/conclusions/{i}"
        if one.unit_id is not None and one.unit_id not in units:
            vi, en = "hội đồng không thẩm định đơn vị này", "the council does not review this unit"
            faults.append(Fault(f"{pointer}/unit_id", "unknown_unit", vi, en))
        if one.indicator is not None and one.indicator not in index_set.by_code:
            vi, en = "không có chỉ số này", "there is no such indicator"
            faults.append(Fault(f"{pointer}/indicator", "unknown_indicator", vi, en))
        if one.votes_for + one.against + one.abstained > len(body.present):
            vi, en = "nhiều phiếu hơn số người có mặt", "more votes than people present"
            faults.append(Fault(pointer, "too_many_votes", vi, en))
    return faults


def _faults_of_correction(body: MinutesIn, corrected: MinutesOut | None) -> Iterator[Fault]:
    if body.corrects is not None and corrected is None:
        yield Fault("/corrects", "unknown_minutes", "không có biên bản số này", "there are no such minutes")
    elif corrected is not None and corrected.corrected_by is not None:
        vi = f"biên bản này đã được sửa bằng biên bản số {corrected.corrected_by}"
        en = f"these minutes were corrected by number {corrected.corrected_by}"
        yield Fault("/corrects", "corrected_already", vi, en)
