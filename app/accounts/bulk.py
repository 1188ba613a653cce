"""Many accounts at once: every fault of every row is told, and either all rows are carried out or none."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import actions, administering
from app.accounts.bulk_queries import Known, Place, known_accounts, places_of
from app.accounts.bulk_schemas import MAX_NEW, BulkAction, BulkLine, BulkOut, BulkRow
from app.accounts.models import User
from app.accounts.passwords import hash_password
from app.accounts.permissions import PROVINCE_ROLES, Principal
from app.accounts.remits import Remit, remit_of
from app.accounts.schemas import GrantIn, UserIn, UserPatch
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest
from app.units.models import UnitKind

BULK_LOCK = 298  # any number of our own

# Without letters and digits that look alike: somebody reads it off a sheet of paper. 16 of 31 signs: 79 bits.
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"

# Where a field of a row stands, in what was sent: a JSON pointer, and words before the message (Vietnamese, English).
Where = Callable[[int, str], tuple[str, str, str]]

_TAKEN = ("username_taken", "tên đăng nhập đã có người dùng", "the user name is taken")
_TWICE = ("duplicate", "tên đăng nhập có ở nhiều dòng", "the user name stands in several rows")
_MISSING = ("missing", "thiếu trường bắt buộc", "field required")
_UNKNOWN = ("unknown_user", "không có tài khoản này", "there is no such account")
_BEYOND = (
    "account_beyond_remit",
    "tài khoản giữ vai trò mà bạn không được cấp",
    "the account holds a role that you may not give",
)
_ERASED = (
    "account_erased",
    "dữ liệu của người này đã được xóa",
    "the data of this person have been erased",
)
_OWN = ("own_account", "không tự đổi tài khoản của mình theo lô", "nobody changes his own account in a batch")
_NOTHING = ("nothing_to_change", "không có gì để thay đổi", "there is nothing to change")
_PROVINCE_ONLY = (
    "role_not_for_unit",
    "vai trò này chỉ cấp cho tỉnh",
    "this role is held for a province only",
)
_TOO_MANY = (
    "too_many_new",
    f"mỗi lần tạo tối đa {MAX_NEW} tài khoản mới",
    f"at most {MAX_NEW} new accounts at a time",
)

Said = tuple[str, str, str]  # code, Vietnamese, English
RowFault = tuple[str, Said]  # the field, and what is wrong


@dataclass(frozen=True, slots=True)
class Line:
    """A row with what it means: the account it is about (None: a new one), its home unit, its roles."""

    row: BulkRow
    user: User | None
    unit_id: UUID | None
    grants: list[GrantIn] | None


def in_body(index: int, field: str) -> tuple[str, str, str]:
    """Return where a field stands in a JSON body."""
    return f"/rows/{index}/{field}", "", ""


def new_password() -> str:
    """Return a random password that can be read off paper and typed: four groups of four."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))


async def hashed_passwords(lines: Sequence[Line]) -> dict[str, tuple[str, str]]:
    """Return a new password with its hash for each new account, by user name.

    One after the other, so that log-ins come in between; takes seconds, so no transaction is to be open meanwhile.
    """
    found = {}
    for line in lines:
        if line.row.action is BulkAction.CREATE:
            password = new_password()
            found[line.row.username] = (password, await hash_password(password))
    return found


async def planned(
    session: AsyncSession,
    rows: Sequence[BulkRow],
    where: Where,
    *,
    remit: Remit,
    by: Principal,
    lock: bool = False,
) -> list[Line]:
    """Return what the rows mean within what an administrator looks after, their accounts locked if asked.

    Raises: InvalidRequest (422) with every fault.
    """
    places = await places_of(session, remit)
    known = await known_accounts(session, [row.username for row in rows], remit, lock=lock)
    often = Counter(row.username for row in rows)
    new = 0
    lines, faults = [], []
    for index, row in enumerate(rows):
        found = [("username", _TWICE)] if often[row.username] > 1 else []
        new += row.action is BulkAction.CREATE
        if row.action is BulkAction.CREATE and new > MAX_NEW:
            found.append(("action", _TOO_MANY))
        found += _faults_of_account(row, known.get(row.username), by)
        line, of_units = _line(row, known.get(row.username), places, remit)
        lines.append(line)
        faults += [_fault(where, index, one) for one in found + of_units]
    if faults:
        raise InvalidRequest(faults=faults)
    return lines


def _fault(where: Where, index: int, fault: RowFault) -> Fault:
    field, (code, vi, en) = fault
    pointer, before_vi, before_en = where(index, field)
    return Fault(pointer, code, before_vi + vi, before_en + en)


def _faults_of_account(row: BulkRow, known: Known | None, by: Principal) -> list[RowFault]:
    if row.action is BulkAction.CREATE:
        missing = [(name, _MISSING) for name in ("full_name", "unit") if getattr(row, name) is None]
        return missing + ([("username", _TAKEN)] if known else [])
    if known is None or not known.is_visible:
        return [("username", _UNKNOWN)]
    if known.user.id == by.id:
        return [("username", _OWN)]
    if known.user.erased_at is not None:
        return [("username", _ERASED)]
    if not known.is_managed:
        return [("username", _BEYOND)]
    given = (row.full_name, row.email, row.unit, row.roles)
    if row.action is BulkAction.CHANGE and all(one is None for one in given):
        return [("action", _NOTHING)]
    return []


def _line(
    row: BulkRow, known: Known | None, places: dict[str, Place], remit: Remit
) -> tuple[Line, list[RowFault]]:
    """Return a row with its units found, and what is wrong with units and roles."""
    user = known.user if known else None
    if row.action is BulkAction.SWITCH_OFF:
        return Line(row, user, None, None), []
    faults: list[RowFault] = []
    home = places.get(row.unit) if row.unit else None
    if row.unit and home is None:
        faults.append(("unit", administering.UNKNOWN_UNIT))
    if home is None and user is not None:
        home = next((place for place in places.values() if place.id == user.unit_id), None)
    grants = []
    for i, one in enumerate(row.roles or ()):
        place = places.get(one.unit) if one.unit else home
        if place is None:
            if one.unit or not faults:
                faults.append((f"roles/{i}/unit", administering.UNKNOWN_UNIT))
        elif not remit.may_give(one.role, place.id):
            faults.append((f"roles/{i}/role", administering.NOT_GRANTABLE))
        elif one.role in PROVINCE_ROLES and place.kind is not UnitKind.PROVINCE:
            faults.append((f"roles/{i}/role", _PROVINCE_ONLY))
        else:
            grants.append(GrantIn(role=one.role, unit_id=place.id))
    unit_id = places[row.unit].id if row.unit in places else None
    return Line(row, user, unit_id, None if row.roles is None else grants), faults


async def carry_out(
    session: AsyncSession,
    rows: Sequence[BulkRow],
    where: Where,
    passwords: dict[str, tuple[str, str]],
    *,
    by: Principal,
    now: datetime,
) -> BulkOut:
    """Make, change and switch off accounts; `passwords` are the new accounts', with their hashes.

    What was true when the passwords were made is looked at again: seconds have passed.

    Raises: InvalidRequest (422) with every fault, LastAdministrator (409).
    """
    # One batch after the other: two with the same user names must not both find them free.
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": BULK_LOCK})
    remit = await remit_of(session, by, now)
    lines = await planned(session, rows, where, remit=remit, by=by, lock=True)
    done = [await _carried_out(session, line, passwords, by=by, now=now) for line in lines]
    out = _told(done, dry_run=False)
    account = await session.get_one(User, by.id)
    await record(session, by, "user.bulk", account, now, after=out.model_dump(exclude={"rows", "dry_run"}))
    return out


async def _carried_out(
    session: AsyncSession, line: Line, passwords: dict[str, tuple[str, str]], *, by: Principal, now: datetime
) -> BulkLine:
    row, user = line.row, line.user
    if user is None:
        password, password_hash = passwords[row.username]
        assert row.full_name and line.unit_id, "planned() asks for both"
        body = UserIn(
            username=row.username,
            full_name=row.full_name,
            email=row.email,
            unit_id=line.unit_id,
            password=password,
            grants=line.grants or [],
        )
        user = await actions.create_user(session, body, by=by, now=now, password_hash=password_hash)
        return _line_out(line, user, password)
    patch = UserPatch(is_active=False, reason=row.reason)
    if row.action is BulkAction.CHANGE:
        named = {"full_name": row.full_name, "email": row.email, "reason": row.reason}
        patch = UserPatch(**named, unit_id=line.unit_id, grants=line.grants)
    await administering.apply(session, user, patch, by=by, now=now)
    return _line_out(line, user)


def _line_out(line: Line, user: User | None, password: str | None = None) -> BulkLine:
    return BulkLine(
        action=line.row.action,
        username=line.row.username,
        full_name=user.full_name if user else line.row.full_name or "",
        user_id=user.id if user else None,
        initial_password=password,
    )


def foreseen(lines: Sequence[Line]) -> BulkOut:
    """Return what would become of the rows."""
    return _told([_line_out(line, line.user) for line in lines], dry_run=True)


def _told(rows: list[BulkLine], *, dry_run: bool) -> BulkOut:
    count = Counter(row.action for row in rows)
    return BulkOut(
        dry_run=dry_run,
        created=count[BulkAction.CREATE],
        changed=count[BulkAction.CHANGE],
        switched_off=count[BulkAction.SWITCH_OFF],
        rows=rows,
    )
