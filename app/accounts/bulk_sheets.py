"""Accounts as a spreadsheet: the form to fill in, what comes back of it, and lists to keep.

A cell names a unit by its code ("31999 – Phường 9" counts as 31999), roles by their names, several with semicolons
between them; a role for another unit than the home unit has its code behind an @.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from pydantic import ValidationError

from app.accounts.bulk_queries import Place
from app.accounts.bulk_schemas import MAX_ROWS, BulkAction, BulkOut, BulkRow
from app.accounts.permissions import Role
from app.accounts.remits import Remit
from app.accounts.schemas import GrantOut, UserOut
from app.core.problems import Fault, InvalidRequest
from app.core.sheet_reading import Sheet
from app.core.sheets import Written, csv_stream, xlsx
from app.core.vietnamese import searchable

SHEET, UNITS, ROLES, EXAMPLE = "Tài khoản", "Đơn vị", "Vai trò", "Ví dụ"
NO_ROLE = "-"

ACTIONS = {
    BulkAction.CREATE: "Tạo mới",
    BulkAction.CHANGE: "Thay đổi",
    BulkAction.SWITCH_OFF: "Ngừng dùng",
}
KEEP = "Giữ nguyên"
HEADINGS = {
    "action": "Thao tác",
    "username": "Tên đăng nhập",
    "full_name": "Họ và tên",
    "email": "Thư điện tử",
    "unit": "Đơn vị",
    "roles": "Vai trò",
    "reason": "Lý do",
    "state": "Trạng thái",  # for people; not read
}
ROLE_NAMES = {
    Role.PROVINCE_ADMIN: "Quản trị tỉnh",
    Role.PROVINCE_REVIEWER: "Thẩm định tỉnh",
    Role.PROVINCE_LEADER: "Lãnh đạo tỉnh",
    Role.DISTRICT_ADMIN: "Quản trị huyện",
    Role.DISTRICT_REVIEWER: "Thẩm định huyện",
    Role.DISTRICT_LEADER: "Lãnh đạo huyện",
    Role.UNIT_REPORTER: "Cán bộ báo cáo",
    Role.UNIT_LEADER: "Lãnh đạo đơn vị",
    Role.VERIFYING_AGENCY: "Đơn vị xác minh",
    Role.AUDITOR: "Thanh tra",
    Role.DASHBOARD_READER: "Xem bảng tổng hợp",
}
_ACTION_OF = {searchable(name): action for action, name in ACTIONS.items()} | {a.value: a for a in BulkAction}
_ROLE_OF = {searchable(name): role for role, name in ROLE_NAMES.items()} | {r.value: r for r in ROLE_NAMES}
_FIELD_OF = {searchable(heading): field for field, heading in HEADINGS.items()}
_NEEDED = ("action", "username")

# What a cell has to look like, where it does not.
_SHAPES = {
    "action": (f"phải là: {', '.join([*ACTIONS.values(), KEEP])}", "must be one of the actions offered"),
    "username": (
        "phải có 3 đến 64 ký tự: chữ thường không dấu, chữ số, dấu chấm, gạch dưới, gạch ngang",
        "must have 3 to 64 characters: small letters without accents, digits, dots, underscores, hyphens",
    ),
    "full_name": ("tối đa 200 ký tự", "at most 200 characters"),
    "email": ("phải là địa chỉ thư điện tử", "must be an e-mail address"),
    "unit": ("phải là mã đơn vị", "must be the code of a unit"),
    "roles": (
        "phải là tên vai trò, cách nhau bằng dấu chấm phẩy",
        "must be names of roles with semicolons between",
    ),
    "reason": ("tối đa 500 ký tự", "at most 500 characters"),
}


# --- reading ------------------------------------------------------------------------------------------------


class Form:
    """A filled form: its rows, and where they stand in the sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._faults: list[Fault] = []
        self._columns = self._headings()
        self._numbers: list[int] = []
        self.rows = self._rows()
        if self._faults:
            raise InvalidRequest(faults=self._faults[:1_000])

    def where(self, index: int, field: str) -> tuple[str, str, str]:
        """Return where a field of a row stands: the sheet's own row number and heading."""
        return _where(self._numbers[index], HEADINGS[field.partition("/")[0]])

    def _say(self, number: int, heading: str, code: str, vi: str, en: str) -> None:
        pointer, before_vi, before_en = _where(number, heading)
        self._faults.append(Fault(pointer, code, before_vi + vi, before_en + en))

    def _headings(self) -> dict[str, int]:
        """Return the column of each field; what stands in the first row is compared without accents."""
        found: dict[str, int] = {}
        for column, said in self._sheet.rows.get(1, {}).items():
            field = _FIELD_OF.get(searchable(str(said)))
            if field is None:
                self._say(
                    1,
                    str(said)[:50],
                    "unknown_heading",
                    "tiêu đề không có trong mẫu",
                    "not a heading of the form",
                )
            elif field in found:
                self._say(
                    1, HEADINGS[field], "duplicate", "tiêu đề có hai lần", "the heading stands there twice"
                )
            else:
                found[field] = column
        for field in _NEEDED:
            if field not in found:
                self._say(1, HEADINGS[field], "missing", "thiếu tiêu đề này", "the heading is missing")
        for merged in self._sheet.merged:
            self._say(1, merged, "merged_cells", "không được gộp ô", "cells must not be merged")
        if self._faults:
            raise InvalidRequest(faults=self._faults[:1_000])
        return found

    def _rows(self) -> list[BulkRow]:
        found = []
        for number, cells in sorted(self._sheet.rows.items()):
            named = {field: cells[column] for field, column in self._columns.items() if column in cells}
            if number == 1 or searchable(str(named.get("action", ""))) == searchable(KEEP):
                continue
            row = self._row(number, cells, named)
            if row is not None:
                found.append(row)
                self._numbers.append(number)
        if not found and not self._faults:
            self._say(
                2,
                HEADINGS["action"],
                "missing",
                "không có dòng nào để thực hiện",
                "there is no row to carry out",
            )
        if len(found) > MAX_ROWS:
            vi, en = f"tối đa {MAX_ROWS} dòng", f"at most {MAX_ROWS} rows"
            self._say(self._numbers[MAX_ROWS], HEADINGS["action"], "too_long", vi, en)
        return found

    def _row(self, number: int, cells: dict[int, object], named: dict[str, object]) -> BulkRow | None:
        before = len(self._faults)
        if number in self._sheet.hidden_rows:
            self._say(
                number,
                HEADINGS["username"],
                "hidden_row",
                "dòng bị ẩn; hãy hiện hoặc xóa",
                "the row is hidden",
            )
        if set(cells) - set(self._columns.values()):
            self._say(
                number, "?", "unknown_heading", "có ô không nằm dưới tiêu đề nào", "a cell without a heading"
            )
        for field, column in self._columns.items():
            if (number, column) in self._sheet.formulas:
                self._say(
                    number, HEADINGS[field], "formula", "không được là công thức", "must not be a formula"
                )
            elif isinstance(named.get(field), bool | date | datetime | time | timedelta):
                self._say(number, HEADINGS[field], "not_text", "phải là chữ", "must be text")
        if len(self._faults) > before:
            return None
        return self._validated(number, {field: str(value) for field, value in named.items()})

    def _validated(self, number: int, said: dict[str, str]) -> BulkRow | None:
        said.pop("state", None)
        given: dict[str, object] = dict(said)
        if "action" in said:
            given["action"] = _ACTION_OF.get(searchable(said["action"]), said["action"])
        if "unit" in said:
            given["unit"] = said["unit"].split(" – ")[0].strip()
        if "roles" in said:
            given["roles"] = _roles(said["roles"])
        try:
            return BulkRow.model_validate(given)
        except ValidationError as error:
            for field in dict.fromkeys(str(one["loc"][0]) for one in error.errors()):
                is_missing = field not in said
                vi, en = ("thiếu giá trị", "a value is missing") if is_missing else _SHAPES[field]
                self._say(number, HEADINGS[field], "missing" if is_missing else "malformed", vi, en)
            return None


def _where(number: int, heading: str) -> tuple[str, str, str]:
    pointer = heading.replace("~", "~0").replace("/", "~1")
    return f"/rows/{number}/{pointer}", f'dòng {number}, "{heading}": ', f'row {number}, "{heading}": '


def _roles(said: str) -> list[dict[str, str]]:
    if said == NO_ROLE:
        return []
    found = []
    for one in filter(None, (part.strip() for part in said.split(";"))):
        name, _, unit = one.partition("@")
        role = _ROLE_OF.get(searchable(name), name.strip())
        found.append({"role": str(role)} | ({"unit": unit.strip()} if unit else {}))
    return found


# --- writing ------------------------------------------------------------------------------------------------


def template(remit: Remit, places: Sequence[Place]) -> bytes:
    """Return the empty form, with the units and roles that somebody may fill in; to be run in a thread."""
    roles = [role for role in ROLE_NAMES if any(role in given for given in remit.gives.values())]
    units = [[place.key, place.gso or "", place.name, f"{place.key} – {place.name}"] for place in places]
    first = places[0].key if places else ""
    example = [
        "Tạo mới",
        "xa-31999.van-thu",
        "Công chức văn thư",
        "van-thu@example.vn",
        first,
        "Cán bộ báo cáo",
        "",
        "",
    ]
    choices = {
        0: f"='{ROLES}'!$C$2:$C${len(ACTIONS) + 2}",
        4: f"='{UNITS}'!$D$2:$D${len(units) + 1}",
        5: f"='{ROLES}'!$A$2:$A${len(roles) + 1}",
    }
    actions = [*ACTIONS.values(), KEEP]
    listed = max(len(roles), len(actions))
    names = [ROLE_NAMES[role] for role in roles] + [""] * (listed - len(roles))
    codes = [role.value for role in roles] + [""] * (listed - len(roles))
    actions += [""] * (listed - len(actions))
    return xlsx(
        [
            Written(SHEET, list(HEADINGS.values()), [], choices),
            Written(EXAMPLE, list(HEADINGS.values()), [example], {}),
            Written(UNITS, ["Khóa", "Mã GSO", "Tên", "Chọn"], units, {}),
            Written(ROLES, ["Vai trò", "Mã", "Thao tác"], list(zip(names, codes, actions, strict=True)), {}),
        ]
    )


def export(users: Sequence[UserOut], units: dict[UUID, tuple[str, str]]) -> bytes:
    """Return accounts as a form that changes nothing as it is; `units` are keys and names. To be run in a thread."""
    rows = [
        [
            KEEP,
            user.username,
            user.full_name,
            user.email or "",
            " – ".join(filter(None, units[user.unit_id])),
            "; ".join(_role(grant, user, units) for grant in user.grants) or NO_ROLE,
            "",
            "Đang dùng" if user.is_active else "Ngừng dùng",
        ]
        for user in users
    ]
    return xlsx([Written(SHEET, list(HEADINGS.values()), rows, {})])


def _role(grant: GrantOut, user: UserOut, units: dict[UUID, tuple[str, str]]) -> str:
    name = ROLE_NAMES[grant.role]
    return name if grant.unit_id == user.unit_id else f"{name}@{units[grant.unit_id][0]}"


_PASSWORD_HEADINGS = [HEADINGS["username"], HEADINGS["full_name"], "Mật khẩu ban đầu"]


def _passwords(out: BulkOut) -> list[list[str]]:
    return [[row.username, row.full_name, row.initial_password] for row in out.rows if row.initial_password]


def passwords_xlsx(out: BulkOut) -> bytes:
    """Return the new accounts with their initial passwords as a sheet; to be run in a thread."""
    return xlsx([Written(SHEET, _PASSWORD_HEADINGS, _passwords(out), {})])


def passwords_csv(out: BulkOut) -> bytes:
    """Return the new accounts with their initial passwords as CSV."""
    return b"".join(csv_stream(_PASSWORD_HEADINGS, _passwords(out)))
