"""The part of people's accounts: made by a sheet, first log-ins, a second factor, a lock, log-ins that end."""

import asyncio
import io
from dataclasses import dataclass, field
from datetime import timedelta

import pyotp
from python_calamine import CalamineWorkbook

from app.core.sheets import XLSX, Written, xlsx
from scripts.journey.books import Json
from scripts.journey.stories.cast import Cast, Headers, shown

_SHEET, _UNITS, _ROLES = "Tài khoản", "Đơn vị", "Vai trò"
_LEAKED = "counterstrike"  # among the common ones
_WRONG = "khong phai mat khau nay"
_FIRST_AGAIN = "mat khau cap lai tren giay"
_GUESSES = 10

_BY_SHEET, _OF_SHEET = "/users/bulk.xlsx", {"Content-Type": XLSX}

Row = tuple[str, str, str, str]  # user name, full name, key of the unit, role


async def in_bulk(cast: Cast) -> None:
    """Make a district's administrator and a commune's people with the filled form: tried dry, then in earnest."""
    play, admin = cast.play, cast.play.stage.people["admin"]
    form = _Form.of((await admin.call("GET", "/users/template.xlsx")).content)
    units = {cast.district, cast.unit.key}
    play.check("the form offers the units", True, units <= form.units.keys())
    rows = [
        (cast.manager, "Công chức quản trị tài khoản", cast.district, "district_admin"),
        (cast.reporter, "Công chức văn thư", cast.unit.key, "unit_reporter"),
        (cast.leader, "Chủ tịch UBND xã", cast.unit.key, "unit_leader"),
    ]
    await _tried(cast, form, rows)
    await _in_earnest(cast, await form.filled(rows), rows)


async def _tried(cast: Cast, form: "_Form", rows: list[Row]) -> None:
    play, admin = cast.play, cast.play.stage.people["admin"]
    before, params = await _accounts(cast), {"dry_run": True}
    taken = await form.filled([*rows, ("admin", "Người khác", cast.unit.key, "unit_reporter")])
    refused = await admin.send("POST", _BY_SHEET, content=taken, headers=_OF_SHEET, params=params)
    answer = play.refusal("admin", "tries a sheet with a user name that is taken", refused, "username_taken")
    play.check("where", ["/rows/5/Tên đăng nhập"], [one["pointer"] for one in answer["errors"]])
    sheet = await form.filled(rows)
    tried = (await admin.call("POST", _BY_SHEET, content=sheet, headers=_OF_SHEET, params=params)).json()
    play.tells("admin", "tries the sheet without the mistake", f"{tried['created']} accounts would be made")
    play.check("would be made, as a trial", [len(rows), True], [tried["created"], tried["dry_run"]])
    play.check("accounts after the trial", before, await _accounts(cast))


async def _in_earnest(cast: Cast, sheet: bytes, rows: list[Row]) -> None:
    play, admin = cast.play, cast.play.stage.people["admin"]
    before, params = await _accounts(cast), {"format": "xlsx"}
    headers = _OF_SHEET | {"Idempotency-Key": "people of the district"}
    made = await admin.call("POST", _BY_SHEET, content=sheet, headers=headers, params=params)
    cast.passwords = {row[0]: row[2] for row in _cells(made.content, _SHEET)[1:]}
    cast.secrets += cast.passwords.values()
    play.tells("admin", "sends it in earnest", f"{len(cast.passwords)} initial passwords")
    play.check("who gets a password", [row[0] for row in rows], list(cast.passwords))
    play.check("nobody keeps them", "no-store", made.headers["cache-control"])
    again = await admin.send("POST", _BY_SHEET, content=sheet, headers=headers, params=params)
    play.refusal("admin", "sends it once more, as after a lost answer", again, "idempotency_key_reused")
    play.check("accounts afterwards", before + len(rows), await _accounts(cast))


async def _accounts(cast: Cast) -> int:
    return int((await cast.play.stage.people["admin"].get("/users", page_size=1))["total"])


@dataclass
class _Form:
    """The form as the service gives it: headings, how its units and roles are written."""

    headings: list[str]
    units: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    action: str = ""

    @classmethod
    def of(cls, content: bytes) -> "_Form":
        """Read a form."""
        roles = _cells(content, _ROLES)[1:]
        return cls(
            headings=_cells(content, _SHEET)[0],
            units={row[0]: row[3] for row in _cells(content, _UNITS)[1:]},
            roles={row[1]: row[0] for row in roles},
            action=roles[0][2],
        )

    async def filled(self, rows: list[Row]) -> bytes:
        """Return the form filled in with accounts to make, as a spreadsheet program would save it."""
        cells = []
        for username, name, unit, role in rows:
            said = [self.action, username, name, "", self.units.get(unit, unit), self.roles[role]]
            cells.append(said + [""] * (len(self.headings) - len(said)))
        return await asyncio.to_thread(xlsx, [Written(_SHEET, self.headings, cells, {})])


def _cells(content: bytes, sheet: str) -> list[list[str]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return [[str(cell) for cell in row] for row in book.get_sheet_by_name(sheet).to_python()]


# --- first log-ins ------------------------------------------------------------------------------------------


async def first_log_ins(cast: Cast) -> None:
    """Let everybody log in with the initial password, which opens nothing but its own change."""
    play = cast.play
    for username, initial in list(cast.passwords.items()):
        answer = await cast.tries(username, initial)
        log_in = shown(answer)
        play.check(f"{username} must change it", True, answer.json()["must_change_password"])
        refused = await cast.by(log_in, "GET", "/units")
        play.refusal(username, "looks around before", refused, "password_change_required")
        if username == cast.leader:
            body = {"current_password": initial, "new_password": _LEAKED}
            refused = await cast.by(log_in, "POST", "/me/password", json=body)
            play.refusal(username, "chooses a leaked password", refused, "breached")
        await changes_password(cast, username, log_in, f"cau rieng cua toi {len(cast.secrets)}")
        play.check("then he is let in", 200, (await cast.by(log_in, "GET", "/units")).status_code)
    refused = await cast.tries(cast.leader, cast.secrets[2])
    play.refusal(cast.leader, "tries the initial password again", refused, "invalid_grant")


async def changes_password(cast: Cast, username: str, log_in: Headers, new: str) -> None:
    """Change a password, and let the account act in the story with it."""
    body = {"current_password": cast.passwords[username], "new_password": new}
    changed = await cast.by(log_in, "POST", "/me/password", json=body)
    cast.play.tells(username, "chooses a password of his own", f"{changed.status_code}")
    cast.passwords[username] = new
    cast.secrets.append(new)
    cast.play.stage.people.know(username, new)


# --- the second factor --------------------------------------------------------------------------------------


async def second_factor(cast: Cast) -> None:
    """Let the leader enrol an app, and log in with its codes; a code is good once, and so is one for recovery."""
    play, who = cast.play, cast.leader
    play.at("2023-12-15 09:30:00")
    log_in, elsewhere = await cast.enters(who), await cast.enters(who, agent="another computer")
    body = {"current_password": cast.passwords[who]}
    begun = (await cast.by(log_in, "POST", "/me/second-factor", json=body)).json()
    app = pyotp.TOTP(begun["secret"])
    cast.secrets.append(begun["secret"])
    refused = await cast.by(
        log_in, "POST", "/me/second-factor/confirm", json={"code": _wrong_code(cast, app)}
    )
    play.refusal(who, "confirms the app with a wrong code", refused, "wrong_code")
    code = app.at(play.stage.clock.now)
    confirmed = await cast.by(log_in, "POST", "/me/second-factor/confirm", json={"code": code})
    recovery = confirmed.json()["recovery_codes"]
    cast.secrets += recovery
    play.tells(who, "confirms the app with its code", f"{len(recovery)} recovery codes")
    play.check("recovery codes", 10, len(set(recovery)))
    play.check("the other log-in has ended", 401, (await cast.by(elsewhere, "GET", "/me")).status_code)
    password = cast.passwords[who]
    refused = await cast.tries(who, password)
    play.refusal(who, "logs in with the password alone", refused, "second_factor_required")
    refused = await cast.tries(who, password, code)
    play.refusal(who, "logs in with a code that was used", refused, "invalid_grant")
    play.at("2023-12-15 09:31:00")
    refused = await cast.tries(who, password, _wrong_code(cast, app))
    play.refusal(who, "logs in with a wrong code", refused, "invalid_grant")
    entered = await cast.tries(who, password, app.at(play.stage.clock.now))
    play.tells(who, "logs in with password and code", str(entered.status_code))
    play.check("the second factor", "on", entered.json()["second_factor"])
    log_in = shown(await cast.tries(who, password, recovery[0]))
    play.tells(who, "logs in with a recovery code")
    left = (await cast.by(log_in, "GET", "/me/second-factor")).json()["recovery_codes_left"]
    play.check("recovery codes left", 9, left)
    refused = await cast.tries(who, password, recovery[0])
    play.refusal(who, "uses the same recovery code again", refused, "invalid_grant")
    play.stage.people.know(who, password, lambda: app.at(play.stage.clock.now))


def _wrong_code(cast: Cast, app: pyotp.TOTP) -> str:
    """Return a code that no step around now has."""
    now = cast.play.stage.clock.now
    near = {app.at(now + timedelta(seconds=30 * step)) for step in range(-2, 3)}
    return next(f"{number:06}" for number in range(len(near) + 1) if f"{number:06}" not in near)


# --- locked, and opened -------------------------------------------------------------------------------------


async def locked(cast: Cast) -> None:
    """Guess ten times: the right password is refused as well, until the administrator gives another one."""
    play, who = cast.play, cast.reporter
    play.at("2023-12-15 10:00:00")
    there = await cast.enters(who)
    codes = [(await cast.tries(who, f"{_WRONG} {n}")).json()["code"] for n in range(_GUESSES)]
    play.tells("somebody", f"guesses the password of {who} {_GUESSES} times", "refused")
    play.check("every answer", {"invalid_grant"}, set(codes))
    refused = await cast.tries(who, cast.passwords[who])
    play.refusal(who, "logs in with the right password", refused, "invalid_grant")
    still = (await cast.by(there, "GET", "/me")).status_code
    play.check("who was logged in stays so", 200, still)
    play.at("2023-12-15 10:14:59")
    refused = await cast.tries(who, cast.passwords[who])
    play.refusal(who, "tries once more after 14:59 minutes", refused, "invalid_grant")
    admin, path = play.stage.people["admin"], f"/users/{(await cast.account(who))['id']}"
    body = {"password": _FIRST_AGAIN, "reason": "Cấp lại mật khẩu."}
    await admin.call("PATCH", path, if_match=await admin.etag(path), json=body)
    play.tells("admin", "gives him another initial password")
    cast.passwords[who] = _FIRST_AGAIN
    cast.secrets.append(_FIRST_AGAIN)
    play.check("his log-in has ended", 401, (await cast.by(there, "GET", "/me")).status_code)
    answer = await cast.tries(who, _FIRST_AGAIN)
    play.check("he gets in, and must change it", True, answer.json().get("must_change_password"))
    await changes_password(cast, who, shown(answer), "lai mot cau rieng cua toi")


async def log_ins(cast: Cast) -> None:
    """List where somebody is logged in, and end it: one log-in himself, all of them the administrator."""
    play, who = cast.play, cast.reporter
    play.at("2023-12-15 11:00:00")
    here, phone = await cast.enters(who, agent="office"), await cast.enters(who, agent="phone")
    listed = (await cast.by(here, "GET", "/me/log-ins")).json()["items"]
    of_today = [[one["user_agent"], one["is_current"]] for one in listed[:2]]
    play.check("where he is logged in", [["phone", False], ["office", True]], of_today)
    ended = await cast.by(here, "DELETE", f"/me/log-ins/{listed[0]['id']}")
    play.tells(who, "ends the log-in of the phone", str(ended.status_code))
    answers = [(await cast.by(one, "GET", "/me")).status_code for one in (phone, here)]
    play.check("the phone is out, the office is not", [401, 200], answers)
    account = (await cast.account(who))["id"]
    body = {"reason": "Máy tính bị mất."}
    await play.stage.people["admin"].call("POST", f"/users/{account}/end-log-ins", json=body)
    play.tells("admin", f"ends every log-in of {who}")
    play.check("the office is out as well", 401, (await cast.by(here, "GET", "/me")).status_code)


# --- whose accounts are whose -------------------------------------------------------------------------------


async def remits(cast: Cast) -> None:
    """The district's administrator looks after its communes: other districts and the province are not there for him."""
    play, people = cast.play, cast.play.stage.people
    manager = people[cast.manager]
    seen = {one["username"] for one in await manager.pages("/users")}
    communes = {one.key for one in play.world.everybody if one.parent_key == cast.district}
    play.check("whose accounts he sees", communes, {name.rpartition(".")[0] for name in seen})
    strangers = {
        "another district's reporter": f"{cast.away}.reporter",
        "another district's administrator": f"{cast.away}.admin",
        "the province's reviewer": "reviewer",
        "the province's administrator": "admin",
    }
    body = {"password": "mat khau cua ke la mat", "reason": "Thử."}
    for whom, username in strangers.items():
        path = f"/users/{(await cast.account(username))['id']}"
        answers = [
            await manager.send("GET", path),
            await manager.send("PATCH", path, if_match='"1"', json=body),
            await manager.send("POST", f"{path}/end-log-ins", json={"reason": "Thử."}),
        ]
        play.tells(cast.manager, f"reaches for {whom}", "nothing there")
        said = [(one.status_code, one.json()["code"]) for one in answers]
        play.check("every answer", [(404, "user_not_found")] * 3, said)
    for role, unit, why in (
        ("district_leader", cast.unit.key, "role_not_grantable"),
        ("unit_leader", cast.away, "unknown_unit"),
    ):
        refused = await manager.send("POST", "/users/bulk", json=_one(unit, role))
        play.refusal(cast.manager, f"makes a {role} in {unit}", refused, why)
    made = (await manager.call("POST", "/users/bulk", json=_one(cast.unit.key, "unit_reporter"))).json()
    cast.secrets.append(made["rows"][0]["initial_password"])
    play.tells(cast.manager, "makes a reporter of his commune")
    play.check("made", 1, made["created"])


def _one(unit: str, role: str) -> Json:
    row = {"action": "create", "username": f"{unit}.moi", "full_name": "Công chức mới", "unit": unit}
    return {"rows": [row | {"roles": [{"role": role}]}]}
