"""The second factor: enrolling, showing it, losing the device, taking it off; and who may not act without one."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.first import DEMO_PASSWORD
from app.accounts.models import RecoveryCode, User
from app.accounts.permissions import Role
from app.accounts.proving import MAX_FAILURES
from app.accounts.second_factor import strong_roles
from app.core.audit import AuditEvent
from app.core.config import SettingMissing, Settings
from app.main import create_app
from tests.accounts.entering import FACTOR, ME, bearer, begun, code_at, enrolled, log_in
from tests.accounts.lending import LEADER, deputy, lend
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.scene import UNIT, Scene, connection, open_database, scene

__all__ = ["connection", "deputy", "open_database", "scene"]

USERS = "/api/v1/users"


# --- enrolling ----------------------------------------------------------------------------------------------


async def test_a_second_factor_is_begun_with_the_password_and_counts_once_it_is_confirmed(
    client: CheckedClient, clock: Clock
) -> None:
    headers = bearer(await log_in(client))
    answer = await client.post(FACTOR, json={"current_password": DEMO_PASSWORD}, headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    secret = answer.json()["secret"]
    assert answer.json()["uri"] == f"otpauth://totp/DTI:auditor?secret={secret}&issuer=DTI"
    assert answer.json()["qr_svg"].startswith("<svg")
    assert (await log_in(client)).status_code == 200  # not confirmed: not asked for
    confirmed = await client.post(
        f"{FACTOR}/confirm", json={"code": code_at(secret, clock.now)}, headers=headers
    )
    assert (confirmed.status_code, confirmed.headers["cache-control"]) == (200, "no-store")
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    state = (await client.get(FACTOR, headers=headers)).json()
    assert (state["recovery_codes_left"], state["is_missing"]) == (10, False)
    assert datetime.fromisoformat(state["confirmed_at"]) == clock.now


async def test_enrolling_ends_the_log_ins_that_showed_none(client: CheckedClient, clock: Clock) -> None:
    other = bearer(await log_in(client))
    _, _, mine = await enrolled(client, clock.now)
    assert [(await client.get(ME, headers=one)).status_code for one in (other, mine)] == [401, 200]


async def test_enrolling_is_refused_without_the_password_twice_and_out_of_turn(
    client: CheckedClient, clock: Clock
) -> None:
    headers = bearer(await log_in(client))
    wrong = await client.post(FACTOR, json={"current_password": "sai"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_grant")
    early = await client.post(f"{FACTOR}/confirm", json={"code": "123456"}, headers=headers)
    assert (early.status_code, early.json()["code"]) == (409, "second_factor_not_begun")
    secret = await begun(client, headers)
    for code in ("000000", "", "x" * 64, "１２３４５６", code_at(secret, clock.now, 5)):
        mistyped = await client.post(f"{FACTOR}/confirm", json={"code": code}, headers=headers)
        assert (mistyped.status_code, mistyped.json()["errors"][0]["pointer"]) == (422, "/code"), code
    good = {"code": code_at(secret, clock.now)}
    assert (await client.post(f"{FACTOR}/confirm", json=good, headers=headers)).status_code == 200
    again = await client.post(FACTOR, json={"current_password": DEMO_PASSWORD}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "second_factor_present")
    assert (await client.post(f"{FACTOR}/confirm", json=good, headers=headers)).status_code == 409


async def test_guessing_the_password_while_enrolling_locks_too(client: CheckedClient) -> None:
    headers = bearer(await log_in(client))
    for _ in range(MAX_FAILURES):
        await client.post(FACTOR, json={"current_password": "sai"}, headers=headers)
    assert (await log_in(client)).status_code == 400


# --- showing it ---------------------------------------------------------------------------------------------


async def test_the_code_is_asked_for_only_of_who_knows_the_password(
    client: CheckedClient, clock: Clock
) -> None:
    secret, _, _ = await enrolled(client, clock.now)
    clock.advance(minutes=5)
    asked = await log_in(client)
    assert (asked.status_code, asked.json()["code"]) == (400, "second_factor_required")
    for otp in ("", code_at(secret, clock.now)):
        wrong = await log_in(client, password="sai", otp=otp)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_grant")
    entered = await log_in(client, otp=code_at(secret, clock.now))
    assert (entered.status_code, entered.json()["second_factor"]) == (200, "on")


@pytest.mark.parametrize(("steps", "status"), [(-2, 400), (-1, 200), (0, 200), (1, 200), (2, 400)])
async def test_a_clock_may_be_one_step_wrong(
    client: CheckedClient, clock: Clock, steps: int, status: int
) -> None:
    secret, _, _ = await enrolled(client, clock.now)
    clock.advance(minutes=5)
    assert (await log_in(client, otp=code_at(secret, clock.now, steps))).status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
async def test_a_code_is_good_until_the_end_of_the_step_after_its_own(
    client: CheckedClient, clock: Clock, seconds: int, status: int
) -> None:
    secret, _, _ = await enrolled(client, clock.now)
    clock.advance(minutes=5)  # on a whole step
    code = code_at(secret, clock.now)
    clock.advance(seconds=seconds)
    assert (await log_in(client, otp=code)).status_code == status


async def test_no_code_is_good_twice_nor_one_before_it(client: CheckedClient, clock: Clock) -> None:
    secret, _, _ = await enrolled(client, clock.now)
    # the code it was confirmed with is used up, too
    assert (await log_in(client, otp=code_at(secret, clock.now))).status_code == 400
    clock.advance(minutes=5)
    told = [
        (await log_in(client, otp=code_at(secret, clock.now, steps))).status_code for steps in (0, 0, -1, 1)
    ]
    assert told == [200, 400, 400, 200]


async def test_of_the_same_code_sent_many_times_at_once_one_is_let_in(own_app: FastAPI, clock: Clock) -> None:
    async with CheckedClient(own_app) as client:
        secret, _, _ = await enrolled(client, clock.now)
        clock.advance(minutes=5)
        code = code_at(secret, clock.now)
        answers = await asyncio.gather(*(log_in(client, otp=code) for _ in range(6)))
        assert sorted(one.status_code for one in answers) == [200, 400, 400, 400, 400, 400]


@pytest.mark.parametrize("code", ["x" * 64, "ố", "１２３４５６", "12 34 56", "-", "' OR 1=1", "123456\r\nx"])
async def test_no_invented_code_is_good(client: CheckedClient, clock: Clock, code: str) -> None:
    await enrolled(client, clock.now)
    assert (await log_in(client, otp=code)).status_code == 400


@pytest.mark.parametrize("code", ["x" * 65, "12\0"])
async def test_a_malformed_code_is_refused(client: CheckedClient, clock: Clock, code: str) -> None:
    await enrolled(client, clock.now)
    assert (await log_in(client, otp=code)).status_code in (400, 422)


async def test_wrong_codes_lock_the_account_as_wrong_passwords_do(
    client: CheckedClient, clock: Clock
) -> None:
    secret, codes, _ = await enrolled(client, clock.now)
    clock.advance(minutes=5)
    for _ in range(MAX_FAILURES):
        await log_in(client)  # to be asked for the code neither counts nor forgets
        assert (await log_in(client, otp="000000")).status_code == 400
    locked = [await log_in(client, otp=code_at(secret, clock.now)), await log_in(client, otp=codes[0])]
    assert {(one.status_code, one.json()["code"]) for one in locked} == {(400, "invalid_grant")}
    assert (await log_in(client)).json()["code"] == "invalid_grant"  # nor is he told of a code then
    clock.advance(minutes=15)
    assert (await log_in(client, otp=code_at(secret, clock.now))).status_code == 200


# --- losing the device --------------------------------------------------------------------------------------


async def test_a_recovery_code_is_good_once_however_it_is_typed(client: CheckedClient, clock: Clock) -> None:
    _, codes, headers = await enrolled(client, clock.now)
    told = [
        (await log_in(client, otp=otp)).status_code
        for otp in (codes[0], codes[0], codes[1].upper().replace("-", " "), codes[1])
    ]
    assert told == [200, 400, 200, 400]
    assert (await client.get(FACTOR, headers=headers)).json()["recovery_codes_left"] == 8


async def test_one_takes_it_off_with_password_and_code(client: CheckedClient, clock: Clock) -> None:
    secret, codes, headers = await enrolled(client, clock.now)
    clock.advance(minutes=1)
    other = bearer(await log_in(client, otp=code_at(secret, clock.now)))
    for password, code in (("sai", codes[0]), (DEMO_PASSWORD, "000000"), (DEMO_PASSWORD, "")):
        body = {"current_password": password, "code": code}
        refused = await client.post(f"{FACTOR}/end", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_grant")
    body = {"current_password": DEMO_PASSWORD, "code": codes[0]}
    assert (await client.post(f"{FACTOR}/end", json=body, headers=headers)).status_code == 204
    assert (await client.get(ME, headers=other)).status_code == 401
    assert (await client.post(f"{FACTOR}/end", json=body, headers=headers)).status_code == 409
    assert (await log_in(client)).json()["second_factor"] == "off"


async def test_an_administrator_takes_a_lost_device_off(
    client: CheckedClient, clock: Clock, as_user: LogIn, session: AsyncSession
) -> None:
    _, codes, headers = await enrolled(client, clock.now)
    admin = await as_user("admin")
    url = f"{USERS}/{(await client.get(ME, headers=headers)).json()['id']}"
    match = {"If-Match": (await admin.get(url)).headers["etag"]}
    body, removal = {"reason": "Mất điện thoại"}, f"{url}/remove-second-factor"
    assert (await admin.post(removal, json=body, headers={"If-Match": '"99"'})).status_code == 412
    assert (await admin.post(removal, json={"reason": " "}, headers=match)).status_code == 422
    removed = await admin.post(removal, json=body, headers=match)
    assert removed.status_code == 204, removed.text
    assert (await client.get(ME, headers=headers)).status_code == 401
    assert (await log_in(client, otp=codes[0])).json()["second_factor"] == "off"
    match = {"If-Match": removed.headers["etag"]}
    assert (await admin.post(removal, json=body, headers=match)).json()["code"] == "nothing_changed"
    event = await session.scalar(select(AuditEvent).where(AuditEvent.action == "user.remove_second_factor"))
    assert event is not None
    assert (event.actor_name, event.reason) == ("admin", "Mất điện thoại")


async def test_nobody_takes_his_own_off_by_being_an_administrator(
    client: CheckedClient, clock: Clock
) -> None:
    _, _, headers = await enrolled(client, clock.now, "admin")
    url = f"{USERS}/{(await client.get(ME, headers=headers)).json()['id']}"
    headers |= {"If-Match": (await client.get(url, headers=headers)).headers["etag"]}
    refused = await client.post(
        f"{url}/remove-second-factor", json={"reason": "Mất điện thoại"}, headers=headers
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "own_second_factor")


# --- who may not act without one ----------------------------------------------------------------------------


@pytest.fixture
def strict(connection: Any, settings: Settings, clock: Clock, app: FastAPI) -> FastAPI:
    """Give the application as it is outside the embedded default."""
    real = settings.model_copy(update={"secret_key": SecretStr("k" * 32)})
    real._is_demo = False
    return create_app(real, app.state.database, clock)


@pytest.mark.parametrize(
    ("who", "missing"),
    [
        ("admin", True),
        ("leader", True),
        ("huyen-964.admin", True),
        ("huyen-964.chairman", True),
        ("xa-31999.leader", True),
        ("reviewer", False),
        ("auditor", False),
        ("xa-31999.reporter", False),
    ],
)
async def test_leaders_and_administrators_act_only_with_a_second_factor(
    strict: FastAPI, clock: Clock, who: str, missing: bool
) -> None:
    async with CheckedClient(strict) as client:
        entered = await log_in(client, who)
        assert entered.json()["second_factor"] == ("missing" if missing else "off")
        again = await client.post(
            "/api/v1/auth/token",
            data={"grant_type": "refresh_token", "refresh_token": entered.json()["refresh_token"]},
        )
        assert again.json()["second_factor"] == entered.json()["second_factor"]
        answers = [
            await client.get(url, headers=bearer(entered))
            for url in ("/api/v1/units", "/api/v1/delegations", "/api/v1/periods")
        ]
        wanted = (403, "second_factor_missing") if missing else (200, None)
        assert {(one.status_code, code_of(one)) for one in answers} == {wanted}
        assert (await client.get(ME, headers=bearer(entered))).status_code == 200
        assert (await client.get(FACTOR, headers=bearer(entered))).json()["is_missing"] is missing


def code_of(answer: httpx.Response) -> str | None:
    """Return the code of a refusal."""
    body = answer.json()
    return body.get("code") if isinstance(body, dict) else None


async def test_enrolling_lets_a_leader_act_at_once_and_again_after_the_next_log_in(
    strict: FastAPI, clock: Clock
) -> None:
    async with CheckedClient(strict) as client:
        secret, codes, headers = await enrolled(client, clock.now, "leader")
        assert (await client.get("/api/v1/units", headers=headers)).status_code == 200
        clock.advance(minutes=1)
        entered = await log_in(client, "leader", otp=code_at(secret, clock.now))
        assert (await client.get("/api/v1/units", headers=bearer(entered))).status_code == 200
        body = {"current_password": DEMO_PASSWORD, "code": codes[0]}
        await client.post(f"{FACTOR}/end", json=body, headers=bearer(entered))
        without = await client.get("/api/v1/units", headers=bearer(entered))
        assert (without.status_code, code_of(without)) == (403, "second_factor_missing")


async def test_whoever_acts_in_a_leaders_place_needs_one_too(scene: Scene, deputy: str, app: FastAPI) -> None:
    client = await scene.as_(deputy)
    app.state.strong_roles = frozenset({Role.UNIT_LEADER})
    assert (await client.get("/api/v1/units")).status_code == 403  # no role at all yet
    app.state.strong_roles = frozenset()
    await lend(scene, LEADER, deputy)
    assert (await client.get("/api/v1/units")).status_code == 200
    app.state.strong_roles = frozenset({Role.UNIT_LEADER})
    refused = await client.get("/api/v1/units")
    assert (refused.status_code, code_of(refused)) == (403, "second_factor_missing")
    assert UNIT in LEADER


def test_the_embedded_default_asks_nobody_for_one(settings: Settings) -> None:
    assert strong_roles(settings) == frozenset()


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("none", set()),
        ("auditor", {Role.AUDITOR}),
        (" auditor, unit_leader,", {Role.AUDITOR, Role.UNIT_LEADER}),
    ],
)
def test_the_roles_are_a_setting(given: str, roles: set[Role]) -> None:
    assert strong_roles(Settings(second_factor_roles=given)) == roles


def test_a_role_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(SettingMissing, match="SECOND_FACTOR_ROLES names no role of ours: king"):
        strong_roles(Settings(second_factor_roles="auditor,king"))


# --- secrets ------------------------------------------------------------------------------------------------


async def test_secrets_and_codes_lie_nowhere_in_the_clear(
    client: CheckedClient, clock: Clock, session: AsyncSession
) -> None:
    with structlog.testing.capture_logs() as logged:
        secret, codes, headers = await enrolled(client, clock.now)
        await log_in(client, otp=codes[0])
        await log_in(client, otp="987654")
        await log_in(client, password="một mật khẩu sai hẳn")
    kept = await session.scalar(select(User.totp_secret).where(User.username == "auditor"))
    assert kept is not None
    assert secret.encode() not in kept
    hashes = (await session.scalars(select(RecoveryCode.code_hash))).all()
    audit = (await session.execute(select(AuditEvent.before, AuditEvent.after, AuditEvent.reason))).all()
    everything = f"{logged}{hashes}{audit}"
    token = headers["Authorization"].removeprefix("Bearer ")
    for hidden in (secret, *codes, "987654", DEMO_PASSWORD, "một mật khẩu sai hẳn", token):
        assert hidden not in everything


async def test_a_changed_key_of_the_service_reads_what_the_former_one_sealed(
    client: CheckedClient, clock: Clock, settings: Settings, app: FastAPI, session: AsyncSession
) -> None:
    secret, codes, _ = await enrolled(client, clock.now)
    former = settings.secret_key.get_secret_value()
    for previous, status in ((f"{'x' * 32}, {former}", 200), ("", 200), ("", 200)):
        clock.advance(minutes=1)
        changed = settings.model_copy(
            update={"secret_key": SecretStr("n" * 40), "previous_secret_keys": SecretStr(previous)}
        )
        async with CheckedClient(create_app(changed, app.state.database, clock)) as later:
            # the first time sealed it anew, so that the former key can go
            assert (await log_in(later, otp=code_at(secret, clock.now))).status_code == status
    lost = settings.model_copy(update={"secret_key": SecretStr("z" * 40)})
    clock.advance(minutes=1)
    async with CheckedClient(create_app(lost, app.state.database, clock)) as later:
        assert (await log_in(later, otp=code_at(secret, clock.now))).status_code == 400
        assert (await log_in(later, otp=codes[0])).status_code == 200
