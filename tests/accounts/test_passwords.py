"""What makes a good password, how old an initial one may grow, and how long guesses lock an account."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import breached, passwords
from app.accounts.first import DEMO_PASSWORD, first_accounts
from app.accounts.models import FormerPassword, LoginSession, RefreshToken, RoleGrant, User
from app.accounts.passwords import hash_password, is_password, password_faults
from app.accounts.proving import MAX_FAILURES, lock_for
from app.core.config import SettingMissing, Settings
from app.main import create_app
from tests.accounts.entering import NEW, PASSWORD, bearer, log_in
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn

USERS = "/api/v1/users"


@pytest.fixture(autouse=True)
def short_list() -> Iterator[None]:
    """Leave no list of a test to the next one."""
    yield
    breached.use(None)


async def codes(password: str, username: str = "can-bo.moi", **more: Any) -> list[str]:
    """Return what is wrong with a password."""
    return [fault.code for fault in await password_faults(password, username, "/password", **more)]


# --- a good one ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("x7-đồng-bằng", []),
        ("ngày mai trời lại sáng", []),
        (DEMO_PASSWORD, []),
        ("🦀" * 3 + "cua cà mau", []),
        ("x" * 11, ["length"]),
        ("mật khẩu " * 15, ["length"]),
        ("aaaaaaaaaaaa", ["too_simple"]),
        ("123456789012345", ["too_simple"]),
        ("9876543210987", ["too_simple"]),
        ("abcdefghijklm", ["too_simple"]),
        ("zyxwvutsrqpo", ["too_simple"]),
        ("abc1abc1abc1ab", ["too_simple"]),
        ("            ", ["too_simple"]),
        ("qwerty123456", ["breached"]),
        ("QWERTY123456", ["breached"]),
        ("Password1234", ["breached"]),
        ("xin-chào-CAN-BO.moi", ["has_username"]),
    ],
)
async def test_a_password_is_told_what_is_wrong_with_it(password: str, found: list[str]) -> None:
    assert await codes(password) == found


@pytest.mark.parametrize(("length", "found"), [(11, ["length"]), (12, []), (128, []), (129, ["length"])])
async def test_a_password_has_12_to_128_characters(length: int, found: list[str]) -> None:
    assert await codes("".join(chr(0x1EA0 + i * 7 % 90) for i in range(length))) == found


async def test_what_is_wrong_says_what_to_do_in_both_languages() -> None:
    for bad in ("ngắn", "aaaaaaaaaaaa", "qwerty123456", "can-bo.moi can-bo.moi 1"):
        for fault in await password_faults(bad, "can-bo.moi", "/password"):
            assert len(fault.vi) > 15 and len(fault.en) > 15


async def test_a_password_is_the_same_from_every_keyboard() -> None:
    """Composed and decomposed letters look alike; which ones are sent depends on the device."""
    composed, decomposed = "m\u1ead\u0074 kh\u1ea9u c\u1ee7a t\u00f4i", "ma\u0323\u0302t khẩu của tôi"
    assert composed != decomposed
    assert await is_password(decomposed, await hash_password(composed))


@pytest.mark.parametrize("kept", ["-", "", "$argon2id$broken", "x" * 100])
async def test_an_account_without_a_password_is_opened_by_none(kept: str) -> None:
    assert not await is_password(kept, kept)


# --- the list of leaked ones --------------------------------------------------------------------------------


def sha1(password: str) -> str:
    """Return a password as the list has it."""
    return hashlib.sha1(password.encode()).hexdigest().upper()


LEAKED = [f"mật khẩu đã lộ số {number}" for number in range(200)]


@pytest.mark.parametrize("line", ["{}\r\n", "{}:37\r\n", "{}\n", "{}:1234567\n"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
async def test_every_password_of_the_list_is_found_and_no_other(tmp_path: Path, line: str, case: Any) -> None:
    file = tmp_path / "leaked.txt"
    file.write_bytes("".join(line.format(case(one)) for one in sorted(map(sha1, LEAKED))).encode())
    breached.use(file)
    assert all([await breached.is_breached(one) for one in LEAKED])
    assert not any([await breached.is_breached(f"{one}!") for one in LEAKED])


@given(
    known=st.sets(st.integers(0, 60), max_size=12),
    asked=st.integers(0, 60),
    ends=st.sampled_from(["", "\n", "\n\n"]),
)
def test_the_search_by_halves_finds_what_reading_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, known: set[int], asked: int, ends: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "halves.txt"
    hashes = sorted(sha1(str(one)) + ":9" * (one % 2) for one in known)
    file.write_text("\n".join(hashes) + ends)
    assert breached._is_in(file, sha1(str(asked)).encode()) == (asked in known)


async def test_an_empty_list_knows_no_password(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    breached.use(tmp_path / "empty")
    assert not await breached.is_breached("qwerty123456")


@pytest.mark.parametrize(
    "content",
    [
        b"qwerty123456\n",
        b"\x00" * 500,
        f"{sha1('b')}x\n".encode(),
        "\n".join(sorted(map(sha1, LEAKED))[::-1]).encode(),
    ],
)
def test_a_file_that_is_no_such_list_stops_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(SettingMissing, match="BREACHED_PASSWORDS"):
        breached.use(tmp_path / "list")


def test_a_missing_list_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingMissing, match="BREACHED_PASSWORDS cannot be read"):
        create_app(settings.model_copy(update={"breached_passwords": tmp_path / "nowhere"}))
    with pytest.raises(SettingMissing, match="BREACHED_PASSWORDS cannot be read"):
        breached.use(tmp_path)


async def test_the_setting_holds_for_a_change_of_password(
    app: FastAPI, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text(sha1(NEW) + ":2\n")
    changed = settings.model_copy(update={"breached_passwords": tmp_path / "list"})
    async with CheckedClient(create_app(changed, app.state.database, clock)) as client:
        body = {"current_password": DEMO_PASSWORD, "new_password": NEW}
        refused = await client.post(PASSWORD, json=body, headers=bearer(await log_in(client)))
        assert [one["code"] for one in refused.json()["errors"]] == ["breached"]


# --- everywhere a password is set ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("aaaaaaaaaaaa", "too_simple"),
        ("qwerty123456", "breached"),
        ("ngày-auditor-mới", "has_username"),
        (DEMO_PASSWORD, "unchanged"),
    ],
)
async def test_ones_own_new_password_has_to_be_a_good_one(client: CheckedClient, new: str, code: str) -> None:
    headers = bearer(await log_in(client))
    body = {"current_password": DEMO_PASSWORD, "new_password": new}
    refused = await client.post(PASSWORD, json=body, headers=headers)
    assert refused.status_code == 422
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [("/new_password", code)]
    assert new not in refused.text


async def test_an_initial_password_has_to_be_a_good_one(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    user = (await session.scalars(select(User).where(User.username == "auditor"))).one()
    body = {"username": "can-bo.moi", "full_name": "Cán bộ mới", "unit_id": str(user.unit_id), "grants": []}
    made = await admin.post(USERS, json=body | {"password": "xin chào can-bo.moi"})
    changed = await admin.patch(
        f"{USERS}/{user.id}", json={"password": DEMO_PASSWORD}, headers={"If-Match": '"1"'}
    )
    found = [(one.status_code, one.json()["errors"][0]["code"]) for one in (made, changed)]
    assert found == [(422, "has_username"), (422, "used_before")]


async def test_the_last_five_passwords_do_not_come_again(
    client: CheckedClient, session: AsyncSession
) -> None:
    headers = bearer(await log_in(client))

    async def change(current: str, new: str) -> list[str]:
        body = {"current_password": current, "new_password": new}
        answer = await client.post(PASSWORD, json=body, headers=headers)
        return [] if answer.status_code == 204 else [one["code"] for one in answer.json()["errors"]]

    used = [DEMO_PASSWORD, *(f"{NEW}-{number}" for number in range(5))]
    for current, new in pairwise(used):
        assert await change(current, new) == []
    assert await change(used[-1], used[1]) == ["used_before"]
    assert await change(used[-1], used[-2]) == ["used_before"]
    assert (
        await session.scalar(select(func.count()).select_from(FormerPassword)) == 4
    )  # older ones are not kept
    assert await change(used[-1], used[0]) == []


async def test_the_first_administrators_password_has_to_be_a_good_one(session: AsyncSession) -> None:
    for table in (RefreshToken, LoginSession, RoleGrant, User):
        await session.execute(delete(table))
    for bad, why in (("ngan", "12 to 128"), ("administrator", "leaked"), ("chào bạn admin nhé", "user name")):
        with pytest.raises(SettingMissing, match=why) as refused:
            await first_accounts(session, Settings(initial_admin_password=SecretStr(bad)), START)
        assert bad not in str(refused.value)
    await first_accounts(session, Settings(initial_admin_password=SecretStr(NEW)), START)
    assert (await session.scalars(select(User.must_change_password))).one() is True


# --- an initial one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 400), (1, 400)])
async def test_an_initial_password_lasts_14_days(
    client: CheckedClient, as_user: LogIn, clock: Clock, session: AsyncSession, seconds: int, status: int
) -> None:
    admin = await as_user("admin")
    user_id = await session.scalar(select(User.id).where(User.username == "auditor"))
    url, changed = f"{USERS}/{user_id}", {"password": NEW}
    headers = {"If-Match": (await admin.get(url)).headers["etag"]}
    assert (await admin.patch(url, json=changed, headers=headers)).status_code == 200
    clock.now = START + timedelta(days=14, seconds=seconds)
    answer = await log_in(client, password=NEW)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["code"] == "invalid_grant"
        headers = {"If-Match": (await admin.get(url)).headers["etag"]}
        await admin.patch(url, json={"password": f"{NEW}-2"}, headers=headers)
        assert (await log_in(client, password=f"{NEW}-2")).status_code == 200


async def test_a_password_of_ones_own_lasts(client: CheckedClient, clock: Clock) -> None:
    clock.advance(days=1000)
    assert (await log_in(client)).status_code == 200


async def test_the_first_administrator_who_comes_late_is_let_in_after_a_restart(
    session: AsyncSession,
) -> None:
    """Nobody else could give him another one."""
    for table in (RefreshToken, LoginSession, RoleGrant, User):
        await session.execute(delete(table))
    settings = Settings(initial_admin_password=SecretStr(NEW))
    await first_accounts(session, settings, START)
    for days, entered in ((13, None), (14, True)):
        await first_accounts(session, settings, START + timedelta(days=days))
        await session.flush()
        renewed = await session.scalar(select(User.password_set_at).where(User.username == "admin"))
        assert renewed == (START + timedelta(days=14) if entered else START)
    session.add(
        LoginSession(
            user_id=(await session.scalars(select(User.id))).one(), created_at=START, expires_at=START
        )
    )
    await session.flush()
    await first_accounts(session, settings, START + timedelta(days=99))
    assert await session.scalar(select(User.password_set_at)) == START + timedelta(days=14)


# --- locks --------------------------------------------------------------------------------------------------


def test_each_lock_is_twice_as_long_as_the_one_before_up_to_a_day() -> None:
    minutes = [lock_for(level).total_seconds() / 60 for level in range(9)]
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert lock_for(10**9) == timedelta(days=1)


async def guessed(client: CheckedClient, times: int = MAX_FAILURES) -> None:
    """Guess wrong so often."""
    for _ in range(times):
        assert (await log_in(client, password="sai")).status_code == 400


async def test_whoever_guesses_again_after_a_lock_is_locked_out_for_twice_as_long(
    client: CheckedClient, clock: Clock
) -> None:
    await guessed(client)
    clock.advance(minutes=15)
    await guessed(client)
    for seconds, status in ((-1, 400), (0, 200)):
        clock.now = START + timedelta(minutes=15 + 30, seconds=seconds)
        assert (await log_in(client)).status_code == status
    await guessed(client)  # the success began a new count
    clock.advance(minutes=15)
    assert (await log_in(client)).status_code == 200


async def test_a_new_password_by_the_administrator_opens_the_account_and_forgets_the_locks(
    client: CheckedClient, as_user: LogIn, session: AsyncSession
) -> None:
    await guessed(client)
    admin = await as_user("admin")
    url = f"{USERS}/{await session.scalar(select(User.id).where(User.username == 'auditor'))}"
    headers = {"If-Match": (await admin.get(url)).headers["etag"]}
    await admin.patch(url, json={"password": NEW}, headers=headers)
    assert (await log_in(client, password=NEW)).status_code == 200
    assert await session.scalar(select(User.lock_level).where(User.username == "auditor")) == 0


async def test_a_thousand_guesses_at_once_are_counted_or_turned_away_and_let_nobody_in(
    own_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 20)
    async with CheckedClient(own_app) as client:
        answers = await asyncio.gather(*(log_in(client, password="sai") for _ in range(1000)))
        told = {(one.status_code, one.json()["code"]) for one in answers}
        assert told == {(400, "invalid_grant"), (503, "unavailable")}
        assert all("retry-after" in one.headers for one in answers if one.status_code == 503)
        assert (await log_in(client)).status_code == 400
        async with own_app.state.database.session() as session, session.begin():
            level = await session.scalar(select(User.lock_level).where(User.username == "auditor"))
            assert level == 1
            await session.execute(update(User).values(locked_until=None))
        assert (await log_in(client)).status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("auditor", "\ud7ff\uffff" * 30),
        ("ＡＵＤＩＴＯＲ", DEMO_PASSWORD),
        ("audıtor", DEMO_PASSWORD),
        (" auditor", DEMO_PASSWORD),
        ("auditor'--", DEMO_PASSWORD),
        ("İ" * 128, "x"),
        ("auditor", DEMO_PASSWORD + " "),
        ("auditor", DEMO_PASSWORD.upper()),
        ("auditor", "đ" * 256),
    ],
)
async def test_what_is_not_the_name_or_the_password_lets_nobody_in(
    client: CheckedClient, name: str, password: str
) -> None:
    answer = await log_in(client, name, password)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_grant")
