"""Who may sit in a council for what, and what its members may do with it. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from app.core.problems import Fault
from app.councils.models import Seat, SeatRole

Words = tuple[str, str]  # Vietnamese, English
PRESIDING = frozenset({SeatRole.CHAIR, SeatRole.SECRETARY})


class CouncilAction(StrEnum):
    """What can be done with a council."""

    CHANGE_SEATS = "change_seats"
    RECORD_MINUTES = "record_minutes"


class Denial(StrEnum):
    """Why an action is not the caller's."""

    NOT_YOUR_ROLE = "not_your_role"
    NOT_PRESIDING = "not_presiding"


DENIAL_TEXT: dict[Denial, Words] = {
    Denial.NOT_YOUR_ROLE: (
        "Vai trò của bạn không lập hội đồng của đơn vị này",
        "Not your role for the unit that reviews",
    ),
    Denial.NOT_PRESIDING: (
        "Chỉ chủ tịch hoặc thư ký hội đồng ghi biên bản",
        "Only the chair or the secretary of the council records minutes",
    ),
}


def denial(action: CouncilAction, *, manages: bool, role: SeatRole | None) -> Denial | None:
    """Return why an action is not the caller's, or None if it is.

    `manages`: he holds the right to manage councils for exactly the reviewing unit; `role` is his in the council.
    """
    match action:
        case CouncilAction.CHANGE_SEATS:
            return None if manages else Denial.NOT_YOUR_ROLE
        case CouncilAction.RECORD_MINUTES:
            return None if role in PRESIDING else Denial.NOT_PRESIDING


def seat_faults(
    seats: Sequence[Seat], groups: Sequence[str], own_units: Mapping[UUID, frozenset[UUID]]
) -> list[Fault]:
    """Return everything wrong with the seats of a council.

    `groups` are those of the set; `own_units` holds everybody who may review for the unit, with the units of the
    reviewed kind that he may not review himself.
    """
    return [*_faults_of_people(seats, own_units), *_faults_of_groups(seats, groups, own_units)]


def _faults_of_people(seats: Sequence[Seat], own_units: Mapping[UUID, frozenset[UUID]]) -> Iterator[Fault]:
    seen: Counter[UUID | SeatRole] = Counter()
    for i, seat in enumerate(seats):
        pointer = f"/seats/{i}"
        seen.update((seat.user_id, seat.role))
        if seat.user_id not in own_units:
            vi = "không phải người đang thẩm định cho đơn vị này"
            yield Fault(f"{pointer}/user_id", "not_a_reviewer", vi, "is no reviewer of this unit")
        if seen[seat.user_id] > 1:
            vi = "mỗi người chỉ ngồi một chỗ"
            yield Fault(f"{pointer}/user_id", "named_twice", vi, "everybody has one seat only")
        if seat.role is not SeatRole.MEMBER and seen[seat.role] > 1:
            vi, en = "hội đồng chỉ có một chủ tịch và một thư ký", "there is one chair and one secretary"
            yield Fault(f"{pointer}/role", "role_taken", vi, en)
    if not seen[SeatRole.CHAIR]:
        yield Fault("/seats", "chair_missing", "hội đồng chưa có chủ tịch", "nobody is the chair")


def _faults_of_groups(
    seats: Sequence[Seat], groups: Sequence[str], own_units: Mapping[UUID, frozenset[UUID]]
) -> Iterator[Fault]:
    for i, seat in enumerate(seats):
        for j, group in enumerate(seat.groups):
            if group not in groups:
                vi, en = "bộ chỉ số không có nhóm này", "the set has no such group"
                yield Fault(f"/seats/{i}/groups/{j}", "unknown_group", vi, en)
    for group in groups:
        members = [seat.user_id for seat in seats if group in seat.groups]
        if not members:
            vi, en = f"chưa ai phụ trách nhóm {group}", f"nobody checks group {group}"
            yield Fault("/seats", "group_without_member", vi, en)
        elif frozenset.intersection(*(own_units.get(one, frozenset()) for one in members)):
            # Nobody reviews his own unit: the dossier of that unit could never pass.
            vi = f"nhóm {group} chỉ có người của một đơn vị được thẩm định; thêm người của đơn vị khác"
            en = f"everybody who checks group {group} belongs to one reviewed unit: add somebody from elsewhere"
            yield Fault("/seats", "own_unit_only", vi, en)
