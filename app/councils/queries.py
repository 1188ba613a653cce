"""Reading councils: their members see them, and those who oversee the unit that reviews."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import ROLE_PERMISSIONS, ROLE_REACH, Permission, Principal, Reach
from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow
from app.core.http import AllowedAction
from app.core.problems import Lang, NotFound
from app.councils.models import Council, Minutes, Seat, SeatRole
from app.councils.page import minutes_page
from app.councils.rules import DENIAL_TEXT, CouncilAction, denial
from app.councils.schemas import CouncilOut, MinutesOut, SeatOut
from app.periods.models import Period
from app.periods.queries import sets_of
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import refs_on, valid_on


class CouncilNotFound(NotFound):
    """No such council, or none that the caller may see."""

    code = "council_not_found"
    title_vi, title_en = "Không tìm thấy hội đồng", "Council not found"


class MinutesNotFound(NotFound):
    code = "minutes_not_found"
    title_vi, title_en = "Không tìm thấy biên bản", "Minutes not found"


async def groups_of(
    session: AsyncSession, user_id: UUID, period_id: UUID, reviewer_unit_id: UUID, unit_kind: UnitKind
) -> frozenset[str] | None:
    """Return the groups of indicators that a council gave a person; None where the unit reviews without a council."""
    query = (
        select(Seat.user_id, Seat.groups)
        .join(Council, Council.id == Seat.council_id)
        .where(
            Council.period_id == period_id,
            Council.reviewer_unit_id == reviewer_unit_id,
            Council.unit_kind == unit_kind,
        )
    )
    seats = {member: groups for member, groups in (await session.execute(query)).all()}
    return frozenset(seats.get(user_id, ())) if seats else None


async def council_of(
    session: AsyncSession, period_id: UUID, reviewer_unit_id: UUID, unit_kind: UnitKind
) -> Council | None:
    """Return the council in which a unit reviews a kind of unit in a period; None where it reviews without one."""
    query = select(Council).filter_by(
        period_id=period_id, reviewer_unit_id=reviewer_unit_id, unit_kind=unit_kind
    )
    return await session.scalar(query)


# --- who sees which -----------------------------------------------------------------------------------------


def _visible_to(caller: Principal) -> ColumnElement[bool]:
    """Return the condition that the caller is a member, or reads what the reviewing unit or one above it oversees.

    The units above are those of the tree at the period's end, however many levels there are (ruling 18).
    """
    reviewing = select(Council.id, Council.reviewer_unit_id.label("unit_id"), Period.ends_on)
    path = reviewing.join(Period, Period.id == Council.period_id).cte("path", recursive=True)
    above = select(path.c.id, UnitVersion.parent_id, path.c.ends_on)
    above = above.join(path, UnitVersion.unit_id == path.c.unit_id).where(valid_on(path.c.ends_on))
    path = path.union(above)
    overseen = select(path.c.id).where(path.c.unit_id.in_(caller.units_reaching(Reach.SUBTREE)))
    seated = select(Seat.council_id).where(Seat.user_id == caller.id)
    # A seat counts as long as its holder reviews for the unit.
    reviews = Council.reviewer_unit_id.in_(caller.units_with(Permission.REVIEW_ACT))
    return or_(and_(Council.id.in_(seated), reviews), Council.id.in_(overseen))


async def council_for(
    session: AsyncSession, caller: Principal, council_id: UUID, *, lock: bool = False
) -> Council:
    """Return a council the caller may see, locked against other writers if asked.

    Raises: CouncilNotFound.
    """
    query = select(Council).where(Council.id == council_id, _visible_to(caller))
    council = await session.scalar(query.with_for_update() if lock else query)
    if council is None:
        raise CouncilNotFound()
    return council


async def council_to_manage(session: AsyncSession, caller: Principal, council_id: UUID) -> Council:
    """Return a council whose seats the caller may change, locked against other writers.

    Raises: CouncilNotFound.
    """
    council = await council_for(session, caller, council_id, lock=True)
    if not caller.may(Permission.COUNCIL_MANAGE, council.reviewer_unit_id):
        raise CouncilNotFound()
    return council


async def councils_for(
    session: AsyncSession, caller: Principal, period_id: UUID | None, lang: Lang
) -> list[CouncilOut]:
    """Return the councils the caller may see in the order they were set up."""
    query = select(Council).where(_visible_to(caller)).order_by(Council.id)
    if period_id is not None:
        query = query.where(Council.period_id == period_id)
    councils = (await session.scalars(query)).all()
    seats = await seats_of(session, [council.id for council in councils])
    return [_council_out(council, seats[council.id], caller, lang) for council in councils]


# --- seats --------------------------------------------------------------------------------------------------


async def seats_of(session: AsyncSession, council_ids: Sequence[UUID]) -> dict[UUID, list[SeatOut]]:
    """Return the seats of some councils: the chair, the secretary, the members by name."""
    query = (
        select(Seat, User.full_name)
        .join(User, User.id == Seat.user_id)
        .where(Seat.council_id.in_(council_ids))
    )
    found: dict[UUID, list[SeatOut]] = {council_id: [] for council_id in council_ids}
    for seat, name in (await session.execute(query.order_by(User.full_name, User.id))).all():
        out = SeatOut(user_id=seat.user_id, full_name=name, role=seat.role, groups=seat.groups)
        found[seat.council_id].append(out)
    order = list(SeatRole)
    return {key: sorted(seats, key=lambda seat: order.index(seat.role)) for key, seats in found.items()}


async def role_in(session: AsyncSession, council: Council, user_id: UUID) -> SeatRole | None:
    """Return what a person is in a council."""
    return await session.scalar(select(Seat.role).filter_by(council_id=council.id, user_id=user_id))


def _council_out(council: Council, seats: list[SeatOut], caller: Principal, lang: Lang) -> CouncilOut:
    """Return a council as the API shows it."""
    manages = caller.may(Permission.COUNCIL_MANAGE, council.reviewer_unit_id)
    role = next((seat.role for seat in seats if seat.user_id == caller.id), None)
    actions = []
    for action in CouncilAction:
        why = denial(action, manages=manages, role=role)
        actions.append(AllowedAction.of(action, why, DENIAL_TEXT[why] if why else ("", ""), lang))
    shown = {
        name: getattr(council, name)
        for name in CouncilOut.model_fields
        if name not in ("seats", "allowed_actions")
    }
    return CouncilOut(**shown, seats=seats, allowed_actions=actions)


async def whole_council(session: AsyncSession, caller: Principal, council: Council, lang: Lang) -> CouncilOut:
    """Return a council with its seats as the API shows it."""
    seats = await seats_of(session, [council.id])
    return _council_out(council, seats[council.id], caller, lang)


async def index_set_of(session: AsyncSession, period_id: UUID, unit_kind: UnitKind) -> IndexSetRow | None:
    """Return the set that measures a kind of unit in a period; None where the period does not measure it."""
    sets = await sets_of(session, period_id)
    return next((held for used, held in sets if used.unit_kind == unit_kind), None)


def groups_in(index_set: IndexSetRow) -> list[str]:
    """Return the groups of a set in the document's order."""
    return [group.code for group in catalogue.set_file(index_set).groups]


async def reviewers_among(
    session: AsyncSession, user_ids: Iterable[UUID], reviewer_unit_id: UUID, unit_kind: UnitKind
) -> dict[UUID, frozenset[UUID]]:
    """Return those who hold a role of their own of reviewing for the unit, with their own units of a kind."""
    reviewing = [role for role, held in ROLE_PERMISSIONS.items() if Permission.REVIEW_ACT in held]
    own = [role for role, reach in ROLE_REACH.items() if reach is Reach.OWN]
    held = select(RoleGrant.user_id, RoleGrant.unit_id).where(RoleGrant.ended_at.is_(None))
    reviewers = held.where(RoleGrant.role.in_(reviewing), RoleGrant.unit_id == reviewer_unit_id)
    people = select(User.id, User.unit_id).where(
        User.id.in_(set(user_ids)),
        User.is_active,
        User.id.in_(reviewers.with_only_columns(RoleGrant.user_id)),
    )
    found = {user_id: {home} for user_id, home in (await session.execute(people)).all()}
    grants = held.where(RoleGrant.role.in_(own), RoleGrant.user_id.in_(found))
    for user_id, unit_id in (await session.execute(grants)).all():
        found[user_id].add(unit_id)
    units = {unit_id for theirs in found.values() for unit_id in theirs}
    of_kind = set(await session.scalars(select(Unit.id).where(Unit.id.in_(units), Unit.kind == unit_kind)))
    return {user_id: frozenset(theirs & of_kind) for user_id, theirs in found.items()}


# --- minutes ------------------------------------------------------------------------------------------------


async def units_reviewed_by(
    session: AsyncSession, council: Council, among: Iterable[UUID]
) -> dict[UUID, str]:
    """Return those of some units that the council reviews, with their names at the period's end."""
    period = await session.get_one(Period, council.period_id)
    query = (
        select(Unit.id, UnitVersion.name)
        .join(UnitVersion, UnitVersion.unit_id == Unit.id)
        .where(
            valid_on(period.ends_on),
            Unit.id.in_(set(among)),
            Unit.kind == council.unit_kind,
            UnitVersion.parent_id == council.reviewer_unit_id,
        )
    )
    return {unit_id: name for unit_id, name in (await session.execute(query)).all()}


async def minutes_of(session: AsyncSession, council: Council) -> list[MinutesOut]:
    """Return all minutes of a council, the first meeting's first."""
    query = select(Minutes).where(Minutes.council_id == council.id).order_by(Minutes.number)
    rows = (await session.scalars(query)).all()
    corrected = {row.corrects: row.number for row in rows if row.corrects is not None}
    return [_minutes_out(row, corrected.get(row.number)) for row in rows]


async def minutes_number(session: AsyncSession, council: Council, number: int) -> MinutesOut:
    """Return one of the minutes of a council.

    Raises: MinutesNotFound.
    """
    found = next((one for one in await minutes_of(session, council) if one.number == number), None)
    if found is None:
        raise MinutesNotFound()
    return found


async def page_of(session: AsyncSession, council: Council, number: int) -> str:
    """Return one of the minutes of a council as a page to print.

    Raises: MinutesNotFound.
    """
    minutes = await minutes_number(session, council, number)
    period = await session.get_one(Period, council.period_id)
    unit_id = council.reviewer_unit_id
    unit = (await refs_on(session, [unit_id], period.ends_on))[unit_id]
    return minutes_page(council.name, council.decision, unit.name, period.name, minutes)


def _minutes_out(row: Minutes, corrected_by: int | None) -> MinutesOut:
    shown = {name: getattr(row, name) for name in MinutesOut.model_fields if name != "corrected_by"}
    return MinutesOut(**shown, corrected_by=corrected_by)
