"""Log-in by the province's provider, whole, and whose account it is."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.first import DEMO_PASSWORD
from app.accounts.models import LogInMethod, LoginSession, SsoAttempt, User, UserIdentity
from app.core.audit import AuditEvent
from app.core.config import SettingMissing, Settings
from app.core.embedded import EmbeddedPostgres
from app.main import create_app
from tests.accounts.conftest import begin, come_back, finish, log_in
from tests.accounts.provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URL, Provider, settings_with
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn, OneConnection

ME, OWN = "/api/v1/me", "/api/v1/me/identity"
REFUSED = (400, "sso_refused")


@pytest.fixture
def settings(server: EmbeddedPostgres, tmp_path: Path, provider: Provider) -> Settings:
    """Give settings that name the provider."""
    return settings_with(provider, server.url, tmp_path)


async def user_id_of(session: AsyncSession, username: str) -> UUID:
    """Return the id of an account."""
    return (await session.scalars(select(User.id).where(User.username == username))).one()


@pytest.fixture
async def auditor(session: AsyncSession, provider: Provider) -> UUID:
    """Link the auditor's account to `can-bo-1` and return its id."""
    user_id = await user_id_of(session, "auditor")
    session.add(UserIdentity(user_id=user_id, issuer=provider.url, subject="can-bo-1", linked_at=START))
    await session.flush()
    return user_id


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of the problem."""
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


def bearer(answer: httpx.Response) -> dict[str, str]:
    """Return the header for the access token of an answer."""
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def newest_log_in(session: AsyncSession, user_id: UUID) -> LoginSession:
    """Return the last log-in of an account."""
    query = select(LoginSession).where(LoginSession.user_id == user_id).order_by(LoginSession.id.desc())
    return (await session.scalars(query.execution_options(populate_existing=True))).first()  # type: ignore[return-value]


# --- a log-in -----------------------------------------------------------------------------------------------


async def test_who_comes_back_from_the_provider_is_logged_in(
    client: CheckedClient, session: AsyncSession, auditor: UUID, clock: Clock
) -> None:
    answer = await log_in(client)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (await client.get(ME, headers=bearer(answer))).json()["name"] == "auditor"
    login = await newest_log_in(session, auditor)
    assert (login.method, login.is_strong, login.created_at) == (LogInMethod.SSO, False, clock.now)
    form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    again = await client.post("/api/v1/auth/token", data=form)
    assert (await client.get(ME, headers=bearer(again))).status_code == 200


async def test_what_is_asked_of_the_provider_is_little_and_bound_to_this_attempt(
    client: CheckedClient, session: AsyncSession, provider: Provider
) -> None:
    answer = await client.post("/api/v1/auth/sso/begin")
    assert answer.headers["cache-control"] == "no-store"
    begun = answer.json()
    url = urlsplit(begun["authorization_url"])
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/authorize"
    assert (asked["scope"], asked["response_type"]) == ("openid", "code")
    assert asked["code_challenge_method"] == "S256"
    assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT_ID, REDIRECT_URL)
    assert CLIENT_SECRET not in answer.text and begun["page_secret"] not in begun["authorization_url"]
    kept = (await session.scalars(select(SsoAttempt))).one()
    said = [str(value) for value in vars(kept).values()]
    assert begun["state"] not in said and begun["page_secret"] not in said
    assert begun["expires_at"] == "2023-12-15T02:10:00Z"


@pytest.mark.parametrize(("seconds", "good"), [(599, True), (600, False), (601, False)])
async def test_an_attempt_is_good_for_ten_minutes(
    client: CheckedClient, auditor: UUID, clock: Clock, seconds: int, good: bool
) -> None:
    begun = await begin(client)
    clock.now = START + timedelta(seconds=seconds)
    assert outcome(await finish(client, await come_back(begun))) == ((200, "") if good else REFUSED)


async def test_an_attempt_is_good_once_even_if_it_failed(client: CheckedClient, auditor: UUID) -> None:
    body = await come_back(await begin(client))
    assert outcome(await finish(client, body)) == (200, "")
    assert outcome(await finish(client, body)) == REFUSED
    begun = await begin(client)
    assert outcome(await finish(client, await come_back(begun) | {"code": "wrong"})) == REFUSED
    assert outcome(await finish(client, await come_back(begun))) == REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"code": "wrong"},
        {"code": "ố \r\nX: y &client_id=other"},
        {"state": "0" * 64},
        {"state": "x"},
        {"page_secret": "of another page"},
        {"iss": "https://evil.example"},
    ],
    ids=str,
)
async def test_whoever_brings_something_else_is_refused(
    client: CheckedClient, auditor: UUID, change: dict[str, str]
) -> None:
    assert outcome(await finish(client, await come_back(await begin(client)) | change)) == REFUSED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": ""},
        {"code": "x" * 3000},
        {"code": 1},
        {"state": None},
        {"page_secret": ["x"]},
        {"more": 1},
    ],
    ids=range(7),
)
async def test_a_body_of_another_shape_is_not_read(client: CheckedClient, body: dict[str, Any]) -> None:
    full = {"code": "x", "state": "x", "page_secret": "x"} | body if body else body
    assert outcome(await finish(client, full)) == (422, "invalid_request")


async def test_a_code_of_another_attempt_opens_nothing(client: CheckedClient, auditor: UUID) -> None:
    mine, theirs = await begin(client), await begin(client)
    body = await come_back(mine) | {"code": (await come_back(theirs))["code"]}
    assert outcome(await finish(client, body)) == REFUSED


async def test_a_provider_that_names_itself_is_believed_only_if_it_does(
    client: CheckedClient, auditor: UUID, provider: Provider
) -> None:
    provider.discovery = {"authorization_response_iss_parameter_supported": True}
    assert outcome(await log_in(client)) == REFUSED
    body = await come_back(await begin(client))
    assert outcome(await finish(client, body | {"iss": provider.url})) == (200, "")


@pytest.mark.parametrize(
    ("claims", "is_strong"), [({}, False), ({"amr": ["pwd", "mfa"]}, True), ({"acr": "mfa"}, True)], ids=str
)
async def test_a_second_factor_at_the_provider_counts(
    client: CheckedClient,
    session: AsyncSession,
    auditor: UUID,
    provider: Provider,
    claims: dict[str, Any],
    is_strong: bool,
) -> None:
    provider.claims = claims
    assert (await log_in(client)).status_code == 200
    assert (await newest_log_in(session, auditor)).is_strong == is_strong


async def test_a_province_may_say_that_its_provider_always_asks_for_two(
    app: FastAPI, settings: Settings, clock: Clock, session: AsyncSession, auditor: UUID
) -> None:
    strong = settings.model_copy(update={"oidc_is_strong": True})
    async with CheckedClient(create_app(strong, app.state.database, clock)) as caller:
        assert (await log_in(caller)).status_code == 200
    assert (await newest_log_in(session, auditor)).is_strong


# --- whose account ------------------------------------------------------------------------------------------


async def test_nobody_gets_an_account_by_a_name_or_an_address(
    client: CheckedClient, session: AsyncSession, provider: Provider
) -> None:
    await session.execute(update(User).where(User.username == "admin").values(email="admin@example.vn"))
    provider.subject = "admin"
    provider.claims = {"email": "admin@example.vn", "email_verified": True, "preferred_username": "admin"}
    before = len((await session.scalars(select(User.id))).all())
    assert outcome(await log_in(client)) == (403, "sso_no_account")
    assert len((await session.scalars(select(User.id))).all()) == before


@pytest.mark.parametrize(
    ("values", "good"),
    [
        ({"is_active": False}, False),
        ({"locked_until": START + timedelta(seconds=1)}, False),
        ({"locked_until": START}, True),
        ({"must_change_password": True}, True),
    ],
    ids=str,
)
async def test_an_account_that_is_off_or_locked_stays_shut(
    client: CheckedClient, session: AsyncSession, auditor: UUID, values: dict[str, Any], good: bool
) -> None:
    await session.execute(update(User).where(User.id == auditor).values(**values))
    assert outcome(await log_in(client)) == ((200, "") if good else (403, "sso_no_account"))


async def test_the_initial_password_matters_to_those_who_use_it(
    client: CheckedClient, session: AsyncSession, auditor: UUID
) -> None:
    await session.execute(update(User).where(User.id == auditor).values(must_change_password=True))
    by_sso = await log_in(client)
    assert by_sso.json()["must_change_password"] is False
    assert (await client.get("/api/v1/audit", headers=bearer(by_sso))).status_code == 200
    form = {"grant_type": "password", "username": "auditor", "password": DEMO_PASSWORD}
    by_password = await client.post("/api/v1/auth/token", data=form)
    assert by_password.json()["must_change_password"] is True
    refused = await client.get("/api/v1/audit", headers=bearer(by_password))
    assert outcome(refused) == (403, "password_change_required")


async def test_an_identity_of_another_provider_is_another(
    client: CheckedClient, session: AsyncSession
) -> None:
    user_id = await user_id_of(session, "admin")
    session.add(
        UserIdentity(user_id=user_id, issuer="https://other.example", subject="can-bo-1", linked_at=START)
    )
    await session.flush()
    assert outcome(await log_in(client)) == (403, "sso_no_account")


# --- linking by an administrator ----------------------------------------------------------------------------


def identity_of(user_id: UUID) -> str:
    """Return where the identity of an account lies."""
    return f"/api/v1/users/{user_id}/identity"


async def test_an_administrator_links_and_takes_away_and_it_is_recorded(
    as_user: LogIn, client: CheckedClient, session: AsyncSession, provider: Provider
) -> None:
    admin, url = await as_user("admin"), identity_of(await user_id_of(session, "auditor"))
    assert outcome(await admin.get(url)) == (404, "identity_not_found")
    linked = await admin.put(url, json={"subject": "can-bo-1", "reason": "Danh sách"})
    assert linked.json() == {
        "issuer": provider.url,
        "subject": "can-bo-1",
        "linked_at": "2023-12-15T02:00:00Z",
    }
    assert (await admin.get(url)).json() == linked.json()
    assert (await admin.put(url, json={"subject": "can-bo-1"})).json() == linked.json()
    by_sso = bearer(await log_in(client))
    assert (await client.get(ME, headers=by_sso)).status_code == 200
    assert (await admin.delete(url)).status_code == 204
    assert (await client.get(ME, headers=by_sso)).status_code == 401
    assert outcome(await admin.delete(url)) == (404, "identity_not_found")
    assert outcome(await log_in(client)) == (403, "sso_no_account")
    of_users = select(AuditEvent).where(AuditEvent.object_type == "app_user").order_by(AuditEvent.id)
    trail = (await session.scalars(of_users)).all()
    did = ["user.link_identity", "user.read_identity", "user.unlink_identity"]
    assert [one.action for one in trail] == did
    assert (trail[0].actor_name, trail[0].reason) == ("admin", "Danh sách")
    assert trail[0].after == trail[2].before
    assert "can-bo-1" not in str([one.after for one in trail])


async def test_another_identity_ends_the_log_ins_by_the_one_before_and_no_others(
    as_user: LogIn, client: CheckedClient, auditor: UUID
) -> None:
    admin, by_password = await as_user("admin"), await as_user("auditor")
    by_sso = bearer(await log_in(client))
    assert (await admin.put(identity_of(auditor), json={"subject": "can-bo-2"})).status_code == 200
    assert (await client.get(ME, headers=by_sso)).status_code == 401
    assert (await by_password.get(ME)).status_code == 200
    assert outcome(await log_in(client)) == (403, "sso_no_account")


async def test_an_identity_belongs_to_one_account(
    as_user: LogIn, session: AsyncSession, auditor: UUID
) -> None:
    admin, other = await as_user("admin"), await user_id_of(session, "leader")
    answer = await admin.put(identity_of(other), json={"subject": "can-bo-1"})
    assert outcome(answer) == (409, "identity_taken")


async def test_only_the_province_says_who_is_who(as_user: LogIn, auditor: UUID) -> None:
    """Whoever could link an account to himself could be anybody."""
    for username in ("huyen-964.admin", "auditor", "leader"):
        caller = await as_user(username)
        assert outcome(await caller.put(identity_of(auditor), json={"subject": "x"})) == (
            403,
            "not_permitted",
        )
        assert outcome(await caller.get(identity_of(auditor))) == (403, "not_permitted")
        assert outcome(await caller.delete(identity_of(auditor))) == (403, "not_permitted")
    admin = await as_user("admin")
    assert outcome(await admin.get(identity_of(uuid4()))) == (404, "user_not_found")
    assert outcome(await admin.put(identity_of(uuid4()), json={"subject": "x"})) == (404, "user_not_found")


@pytest.mark.parametrize("subject", ["", " ", "x" * 256, "ố", "a\nb", "a\u202eb", 1, None], ids=repr)
async def test_a_subject_is_letters_that_everybody_sees(as_user: LogIn, auditor: UUID, subject: Any) -> None:
    answer = await (await as_user("admin")).put(identity_of(auditor), json={"subject": subject})
    assert outcome(answer) == (422, "invalid_request")


# --- linking one's own account ------------------------------------------------------------------------------


async def test_a_person_links_his_own_account_and_takes_the_link_away(
    as_user: LogIn, client: CheckedClient
) -> None:
    caller = await as_user("leader")
    assert outcome(await caller.get(OWN)) == (404, "identity_not_found")
    body = await come_back(await begin(caller, OWN))
    linked = await caller.post(f"{OWN}/finish", json=body)
    assert (linked.status_code, linked.json()["subject"]) == (200, "can-bo-1")
    assert (await caller.get(OWN)).json() == linked.json()
    by_sso = bearer(await log_in(client))
    assert (await client.get(ME, headers=by_sso)).json()["name"] == "leader"
    assert (await caller.delete(OWN)).status_code == 204
    assert (await client.get(ME, headers=by_sso)).status_code == 401
    assert outcome(await caller.delete(OWN)) == (404, "identity_not_found")


async def test_an_attempt_to_link_is_finished_by_who_began_it_and_by_nobody_else(
    as_user: LogIn, client: CheckedClient, auditor: UUID
) -> None:
    caller, other = await as_user("leader"), await as_user("reviewer")
    body = await come_back(await begin(caller, OWN))
    assert outcome(await other.post(f"{OWN}/finish", json=body)) == REFUSED
    assert outcome(await finish(client, body)) == REFUSED
    of_a_log_in = await come_back(await begin(client))
    assert outcome(await caller.post(f"{OWN}/finish", json=of_a_log_in)) == REFUSED
    assert outcome(await caller.post(f"{OWN}/finish", json=body)) == (409, "identity_taken")


async def test_who_came_by_the_provider_links_nothing(client: CheckedClient, auditor: UUID) -> None:
    client.headers.update(bearer(await log_in(client)))
    assert outcome(await client.post(f"{OWN}/begin")) == (403, "password_log_in_required")


# --- settings -----------------------------------------------------------------------------------------------


async def test_without_a_provider_there_is_no_single_sign_on(
    app: FastAPI, settings: Settings, clock: Clock
) -> None:
    plain = create_app(settings.model_copy(update={"oidc_issuer": ""}), app.state.database, clock)
    async with CheckedClient(plain) as caller:
        assert outcome(await caller.post("/api/v1/auth/sso/begin")) == (404, "sso_not_configured")
        body = {"code": "x", "state": "x", "page_secret": "x"}
        assert outcome(await finish(caller, body)) == (404, "sso_not_configured")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"oidc_client_id": ""}, "OIDC_CLIENT_ID"),
        ({"oidc_redirect_url": ""}, "OIDC_REDIRECT_URL"),
        ({"oidc_issuer": "http://sso.example.vn"}, "OIDC_ISSUER must be https"),
        ({"oidc_issuer": "sso.example.vn"}, "OIDC_ISSUER must be https"),
        ({"oidc_issuer": "https://user:word@sso.example.vn"}, "OIDC_ISSUER must be https"),
        ({"oidc_issuer": "https://sso.example.vn/?x=1"}, "no query"),
    ],
    ids=str,
)
def test_half_a_configuration_stops_the_start(settings: Settings, change: dict[str, str], why: str) -> None:
    with pytest.raises(SettingMissing, match=why) as refused:
        create_app(settings.model_copy(update=change), OneConnection.__new__(OneConnection))  # type: ignore[arg-type]
    assert "word" not in str(refused.value)


# --- a provider that is not ours ----------------------------------------------------------------------------


@pytest.fixture
def foreign_provider() -> Iterator[str]:
    """Run a provider that somebody else has written, in a process of its own, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport, timeout=30) as caller:
            assert caller.get(f"{url}/.well-known/openid-configuration").status_code == 200
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def test_a_person_logs_in_by_a_provider_that_somebody_else_wrote(
    app: FastAPI, settings: Settings, clock: Clock, session: AsyncSession, foreign_provider: str
) -> None:
    clock.now = datetime.now(UTC)  # it has a clock of its own
    user_id = await user_id_of(session, "auditor")
    session.add(UserIdentity(user_id=user_id, issuer=foreign_provider, subject="can-bo", linked_at=START))
    await session.flush()
    foreign = settings.model_copy(update={"oidc_issuer": foreign_provider, "oidc_client_id": "dti"})
    async with CheckedClient(create_app(foreign, app.state.database, clock)) as caller:
        for subject, expected in (("can-bo", (200, "")), ("other", (403, "sso_no_account"))):
            begun = await begin(caller)
            async with httpx.AsyncClient() as browser:
                back = await browser.post(begun["authorization_url"], data={"sub": subject})
            said = parse_qs(urlsplit(back.headers["location"]).query)
            assert said["state"] == [begun["state"]]
            body = {"code": said["code"][0], "state": begun["state"], "page_secret": begun["page_secret"]}
            assert outcome(await finish(caller, body)) == expected
            assert outcome(await finish(caller, body)) == REFUSED
