"""Accounts as a spreadsheet: the form, what people do to it, and what comes back."""

import io
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from xlsxwriter import Workbook  # type: ignore[import-untyped]

from app.accounts.bulk_sheets import HEADINGS, KEEP, ROLE_NAMES, SHEET
from app.accounts.permissions import Role
from app.core.audit import AuditEvent
from app.core.sheets import XLSX
from tests.accounts.people import USERS, hire, ids_of, names_seen, province, units_of
from tests.client import CheckedClient
from tests.conftest import LogIn

__all__ = ["province"]

URL, DISTRICT = f"{USERS}/bulk.xlsx", "huyen-964.admin"
TOP = list(HEADINGS.values())
ROW = ["Tạo mới", "can-bo.moi", "Cán bộ mới", "", "31999 – Phường 9", "Cán bộ báo cáo", "", ""]
Change = Callable[[Any, Any], None]


def book(rows: list[list[Any]], top: list[str] = TOP, name: str = SHEET, then: Change | None = None) -> bytes:
    """Return a sheet with these rows, numbers as numbers; `then` does something more to the page."""
    held = io.BytesIO()
    with Workbook(held, {"in_memory": True, "default_date_format": "dd/mm/yyyy"}) as made:
        page = made.add_worksheet(name)
        for number, row in enumerate([top, *rows]):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    page.write_datetime(number, column, value)
                elif value != "":
                    page.write(number, column, value)
        if then:
            then(made, page)
    return held.getvalue()


def with_(**changes: Any) -> list[Any]:
    """Return the row with other cells, by field."""
    return [changes.get(field, value) for field, value in zip(HEADINGS, ROW, strict=True)]


async def send(caller: CheckedClient, content: bytes, **query: Any) -> Any:
    """Send a filled form."""
    return await caller.post(URL, content=content, params=query, headers={"Content-Type": XLSX})


def sheets_of(content: bytes) -> dict[str, list[list[Any]]]:
    """Return the cells of every sheet."""
    found = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: found.get_sheet_by_name(name).to_python() for name in found.sheet_names}


async def test_the_form_offers_what_is_ones_own_to_give(as_user: LogIn, app: FastAPI) -> None:
    answer = await (await as_user(DISTRICT)).get(f"{USERS}/template.xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    sheets = sheets_of(answer.content)
    assert sheets[SHEET] == [TOP]
    assert sheets["Ví dụ"][0] == TOP
    assert [row[0] for row in sheets["Vai trò"][1:] if row[0]] == ["Cán bộ báo cáo", "Lãnh đạo đơn vị"]
    keys = [row[0] for row in sheets["Đơn vị"][1:]]
    assert "xa-31999" in keys
    assert not {"huyen-964", "huyen-966", "tinh-ca-mau"} & set(keys)
    whole = sheets_of((await (await as_user("admin")).get(f"{USERS}/template.xlsx")).content)
    assert len([row for row in whole["Vai trò"][1:] if row[0]]) == len(ROLE_NAMES) == len(Role) - 1


async def test_the_example_of_the_form_is_good(as_user: LogIn) -> None:
    caller = await as_user(DISTRICT)
    form = (await caller.get(f"{USERS}/template.xlsx")).content
    assert (await send(caller, form)).json()["errors"][0]["code"] == "missing"  # nothing is filled in
    tried = await send(caller, book(sheets_of(form)["Ví dụ"][1:]), dry_run=True)
    assert (tried.status_code, tried.json()["created"]) == (200, 1), tried.text


async def test_a_filled_form_is_carried_out(app: FastAPI, as_user: LogIn) -> None:
    caller, units = await as_user(DISTRICT), await units_of(app)
    rows = [
        with_(
            unit=31999,
            full_name=unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
            roles="unit_leader; Cán bộ báo cáo@xa-32005",
        ),
        with_(action="ngung dung", username="xa-31999.leader"),
        with_(action=KEEP, username="xa-31999.reporter"),
        with_(action="change", username="xa-32005.leader", full_name="", unit="", roles="-"),
    ]
    done = await send(
        caller,
        book([*rows, [""] * 8, ["  "] * 8], [unicodedata.normalize("NFD", one).upper() for one in TOP]),
    )
    assert done.status_code == 200, done.text
    assert [done.json()[name] for name in ("created", "changed", "switched_off")] == [1, 1, 1]
    ids = await ids_of(app)
    made = (await caller.get(f"{USERS}/{ids['can-bo.moi']}")).json()
    assert made["full_name"] == unicodedata.normalize("NFC", "Nguyễn Thị Ánh")
    held = {(one["role"], one["unit_id"]) for one in made["grants"]}
    assert held == {("unit_leader", units["xa-31999"]), ("unit_reporter", units["xa-32005"])}
    assert (await caller.get(f"{USERS}/{ids['xa-32005.leader']}")).json()["grants"] == []


def hide(_: Any, page: Any) -> None:
    page.set_row(1, None, None, {"hidden": True})


def merge(_: Any, page: Any) -> None:
    page.merge_range(1, 2, 1, 3, "Cán bộ")


def formula(_: Any, page: Any) -> None:
    page.write_formula(1, 2, '=HYPERLINK("http://x")', None, "Cán bộ mới")


# What people send, and what they are told: code, row and heading.
FAULTS: list[tuple[bytes, str, str]] = [
    (book([ROW, with_(username="Có Dấu")]), "malformed", "/rows/3/Tên đăng nhập"),
    (book([ROW, ["", ""], ROW]), "duplicate", "/rows/4/Tên đăng nhập"),
    (book([with_(action="")]), "missing", "/rows/2/Thao tác"),
    (book([with_(action="Xóa")]), "malformed", "/rows/2/Thao tác"),
    (book([with_(full_name="")]), "missing", "/rows/2/Họ và tên"),
    (book([with_(full_name=date(2023, 12, 15))]), "not_text", "/rows/2/Họ và tên"),
    (book([with_(full_name=True)]), "not_text", "/rows/2/Họ và tên"),
    (book([with_(unit=31999.5)]), "unknown_unit", "/rows/2/Đơn vị"),
    (book([with_(unit="966")]), "unknown_unit", "/rows/2/Đơn vị"),
    (book([with_(roles="Quản trị tỉnh")]), "role_not_grantable", "/rows/2/Vai trò"),
    (book([with_(roles="Chủ tịch")]), "malformed", "/rows/2/Vai trò"),
    (book([with_(roles="Cán bộ báo cáo@xa-khac")]), "unknown_unit", "/rows/2/Vai trò"),
    (book([with_(email="khong")]), "malformed", "/rows/2/Thư điện tử"),
    (book([ROW], then=hide), "hidden_row", "/rows/2/Tên đăng nhập"),
    (book([ROW], then=merge), "merged_cells", "/rows/1/C2:D2"),
    (book([ROW], then=formula), "formula", "/rows/2/Họ và tên"),
    (book([[*ROW, "thừa"]]), "unknown_heading", "/rows/2/?"),
    (book([ROW], [*TOP[:-1], TOP[1]]), "duplicate", "/rows/1/Tên đăng nhập"),
    (book([ROW], [*TOP[:-1], "Điện thoại"]), "unknown_heading", "/rows/1/Điện thoại"),
    (book([ROW], ["Hành động", *TOP[1:]]), "missing", "/rows/1/Thao tác"),
    (book([with_(action=KEEP)]), "missing", "/rows/2/Thao tác"),
    (
        book([with_(username=f"so.{n}", action="Thay đổi") for n in range(1_001)]),
        "too_long",
        "/rows/1002/Thao tác",
    ),
]


@pytest.mark.parametrize(("content", "code", "pointer"), FAULTS, ids=[f"{f[1]}-{f[2][6:]}" for f in FAULTS])
async def test_a_fault_names_the_row_and_heading_of_the_sheet(
    app: FastAPI, as_user: LogIn, content: bytes, code: str, pointer: str
) -> None:
    caller = await as_user(DISTRICT)
    before = await ids_of(app)
    answer = await send(caller, content)
    assert answer.status_code == 422, answer.text
    told = {(one["code"], one["pointer"]): one["message"] for one in answer.json()["errors"]}
    assert (code, pointer) in told, answer.text
    assert f"dòng {pointer.split('/')[2]}, " in told[code, pointer]
    assert await ids_of(app) == before


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "sheet_unreadable"),
        (b"username,action", 422, "sheet_unreadable"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), 422, "sheet_unreadable"),
        (book([ROW], name="Sheet1"), 422, "sheet_unreadable"),
        (bytes(1024**2 + 1), 413, "body_too_large"),
        (bytes(3 * 1024**2), 413, "body_too_large"),
    ],
)
async def test_what_is_no_form_is_refused(as_user: LogIn, content: bytes, status: int, code: str) -> None:
    answer = await send(await as_user(DISTRICT), content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_export_holds_what_its_reader_sees_runs_nothing_and_is_recorded(
    app: FastAPI, as_user: LogIn, session: AsyncSession, province: None
) -> None:
    await hire(app, "cong.thuc", "xa-31999", (Role.UNIT_REPORTER, "xa-32005"), full_name="=1+1")
    for who in ("auditor", "admin.khac", DISTRICT):
        caller = await as_user(who)
        answer = await caller.get(f"{USERS}/export.xlsx")
        rows = sheets_of(answer.content)[SHEET]
        assert sorted(row[1] for row in rows[1:]) == sorted(await names_seen(caller))
        latest = select(AuditEvent).where(AuditEvent.action == "user.export").order_by(AuditEvent.id.desc())
        event = (await session.scalars(latest.limit(1))).one()
        assert (event.actor_name, event.after) == (who, {"filters": {"accounts": str(len(rows) - 1)}})
    assert b"<f>" not in answer.content
    mine = next(row for row in rows if row[1] == "cong.thuc")
    assert mine[2:6] == ["=1+1", "", "xa-31999 – Phường 9", "Cán bộ báo cáo@xa-32005"]
    one = await (await as_user("admin")).get(f"{USERS}/export.xlsx", params={"search": "cong.thuc"})
    assert len(sheets_of(one.content)[SHEET]) == 2


async def test_an_export_sent_back_changes_nothing_and_can_be_filled_in(as_user: LogIn) -> None:
    caller = await as_user(DISTRICT)
    content = (await caller.get(f"{USERS}/export.xlsx")).content
    assert (await send(caller, content)).json()["errors"][0]["code"] == "missing"
    rows = sheets_of(content)[SHEET][1:]
    changed = [["Thay đổi", *row[1:]] if row[1] == "xa-31999.leader" else row for row in rows]
    assert (await send(caller, book(changed))).json()["changed"] == 1
