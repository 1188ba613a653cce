"""A provider that is down, slow, wrong or rotates its keys: a clear answer in seconds, and back by itself."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LogInMethod, LoginSession, User, UserIdentity
from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres
from app.main import create_app
from tests.accounts.conftest import begin, come_back, finish, log_in
from tests.accounts.provider import (
    CLIENT_ID,
    EcKey,
    Provider,
    Reply,
    RsaKey,
    as_json,
    later,
    settings_with,
)
from tests.client import CheckedClient
from tests.conftest import START, Clock, logged_in

DISCOVERY, JWKS, TOKEN = "/.well-known/openid-configuration", "/jwks", "/token"
REFUSED = (400, "sso_refused")
AWAY = (503, "sso_unavailable")


@pytest.fixture
def settings(server: EmbeddedPostgres, tmp_path: Path, provider: Provider) -> Settings:
    """Give settings that name the provider."""
    return settings_with(provider, server.url, tmp_path)


@pytest.fixture(autouse=True)
async def linked(session: AsyncSession, provider: Provider) -> None:
    """Link the auditor's account to `can-bo-1`."""
    await link(session, provider)


async def link(session: AsyncSession, provider: Provider) -> None:
    user_id = (await session.scalars(select(User.id).where(User.username == "auditor"))).one()
    session.add(UserIdentity(user_id=user_id, issuer=provider.url, subject="can-bo-1", linked_at=START))
    await session.flush()


def outcome(answer: Any) -> tuple[int, str]:
    """Return the status and the code of the problem."""
    if answer.status_code == 503:
        assert answer.headers["retry-after"] == "10"
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


LOGGED_IN = (200, "")
HUGE = b'{"issuer": "' + b"x" * 10_000_000 + b'"}'

RUBBISH: dict[str, Callable[[], Reply]] = {
    "an error": lambda: as_json({}, 500),
    "nothing there": lambda: as_json({}, 404),
    "somewhere else": lambda: (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "itself again": lambda: (307, {"Location": TOKEN}, b""),
    "a page": lambda: (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>"),
    "nothing": lambda: (200, {}, b""),
    "a list": lambda: as_json([]),
    "a number": lambda: as_json(1),
    "null": lambda: as_json(None),
    "an empty object": lambda: as_json({}),
    "10 MB": lambda: (200, {}, HUGE),
    "10 MB that claim to be 10 bytes": lambda: (200, {"Content-Length": "10"}, HUGE),
    "less than it claims": lambda: (200, {"Content-Length": "100"}, b"{}"),
    "packed bytes": lambda: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08"),
    "nesting without end": lambda: (200, {}, b"[" * 500_000),
    "bytes that are no text": lambda: (200, {}, b"\xff\xfe\x00"),
    "another type in every place": lambda: as_json(
        dict.fromkeys(("issuer", "token_endpoint", "jwks_uri", "keys", "id_token"), 1)
    ),
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=list(RUBBISH))
@pytest.mark.parametrize("path", [DISCOVERY, JWKS, TOKEN])
async def test_rubbish_is_told_as_such_and_forgotten_when_it_is_over(
    client: CheckedClient, provider: Provider, clock: Clock, path: str, rubbish: Callable[[], Reply]
) -> None:
    provider.replies[path] = rubbish
    if path == DISCOVERY:
        assert outcome(await client.post("/api/v1/auth/sso/begin")) == AWAY
    else:
        assert outcome(await log_in(client)) == AWAY
    provider.replies.clear()
    clock.advance(seconds=10)
    assert outcome(await log_in(client)) == LOGGED_IN


@pytest.mark.parametrize("path", [DISCOVERY, JWKS, TOKEN])
async def test_a_slow_provider_is_waited_for_some_seconds(
    app: FastAPI, client: CheckedClient, provider: Provider, path: str
) -> None:
    app.state.outgoing.seconds = 0.3
    provider.replies[path] = later(1.5, as_json({}))
    begun = time.monotonic()
    if path == DISCOVERY:
        assert outcome(await client.post("/api/v1/auth/sso/begin")) == AWAY
    else:
        assert outcome(await log_in(client)) == AWAY
    assert time.monotonic() - begun < 1.4


async def test_a_provider_that_is_not_there_is_told_as_such(
    app: FastAPI, settings: Settings, clock: Clock
) -> None:
    gone = settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:1"})
    async with CheckedClient(create_app(gone, app.state.database, clock)) as caller:
        assert outcome(await caller.post("/api/v1/auth/sso/begin")) == AWAY


async def test_a_host_that_nobody_allowed_is_not_called(
    app: FastAPI, settings: Settings, clock: Clock, provider: Provider
) -> None:
    inside = {"oidc_issuer": "https://localhost:1", "outgoing_hosts": ""}
    async with CheckedClient(
        create_app(settings.model_copy(update=inside), app.state.database, clock)
    ) as caller:
        assert outcome(await caller.post("/api/v1/auth/sso/begin")) == AWAY


WRONG_DISCOVERY: list[dict[str, Any]] = [
    {"issuer": "https://other.example"},
    {"issuer": None},
    {"authorization_endpoint": None},
    {"token_endpoint": None},
    {"jwks_uri": None},
    {"token_endpoint": "http://sso.example.vn/token"},
    {"token_endpoint": "file:///etc/passwd"},
    {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
    {"jwks_uri": "//evil"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "https://user:word@sso.example.vn/"},
    {"response_types_supported": ["token"]},
    {"code_challenge_methods_supported": ["plain"]},
    {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    {"id_token_signing_alg_values_supported": "RS256"},
]


@pytest.mark.parametrize("changes", WRONG_DISCOVERY, ids=str)
async def test_a_provider_that_says_of_itself_what_we_do_not_take_is_not_used(
    client: CheckedClient, provider: Provider, changes: dict[str, Any]
) -> None:
    provider.discovery = changes
    assert outcome(await client.post("/api/v1/auth/sso/begin")) == AWAY
    assert set(provider.asked) == {DISCOVERY}


async def test_metadata_of_a_cloud_behind_https_is_not_called_either(
    client: CheckedClient, provider: Provider
) -> None:
    provider.discovery = {"jwks_uri": "https://169.254.169.254/keys"}
    assert outcome(await log_in(client)) == AWAY


@pytest.mark.parametrize(
    ("methods", "proof"),
    [
        (None, "basic"),
        (["client_secret_basic", "client_secret_post"], "basic"),
        (["client_secret_post"], "post"),
    ],
    ids=str,
)
async def test_we_prove_who_we_are_as_the_provider_takes_it(
    client: CheckedClient, provider: Provider, methods: list[str] | None, proof: str
) -> None:
    provider.discovery, provider.proofs = {"token_endpoint_auth_methods_supported": methods}, {proof}
    assert outcome(await log_in(client)) == LOGGED_IN


async def test_without_a_secret_the_proof_key_alone_is_used(
    app: FastAPI, settings: Settings, clock: Clock, provider: Provider
) -> None:
    provider.proofs = {"none"}
    public = settings.model_copy(update={"oidc_client_secret": None})
    async with CheckedClient(create_app(public, app.state.database, clock)) as caller:
        assert outcome(await log_in(caller)) == LOGGED_IN


async def test_a_wrong_secret_is_between_the_provider_and_us(
    client: CheckedClient, provider: Provider
) -> None:
    provider.proofs = {"other"}
    assert outcome(await log_in(client)) == AWAY


# --- tokens -------------------------------------------------------------------------------------------------

WRONG_TOKENS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"aud": "other"},
    {"aud": [CLIENT_ID, "other"]},
    {"azp": "other"},
    {"nonce": "of another log-in"},
    {"nonce": None},
    {"sub": None},
    {"exp": None},
    {"exp": int(START.timestamp()) - 30},
    {"iat": int(START.timestamp()) + 31},
]


@pytest.mark.parametrize("claims", WRONG_TOKENS, ids=str)
async def test_a_token_for_something_else_opens_nothing(
    client: CheckedClient, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert outcome(await log_in(client)) == REFUSED


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256"}, {"kid": "other"}, {"jku": "https://evil.example"}],
    ids=str,
)
async def test_a_token_with_another_header_opens_nothing(
    client: CheckedClient, provider: Provider, header: dict[str, Any]
) -> None:
    provider.header = header
    assert outcome(await log_in(client)) == REFUSED


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "x" * 9000, "ố.ố.ố", "\ud800"], ids=["", "x", "abc", "long", "vi", "half"]
)
async def test_a_token_that_is_none_opens_nothing(
    client: CheckedClient, provider: Provider, token: str
) -> None:
    provider.replies[TOKEN] = lambda: as_json({"id_token": token})
    assert outcome(await log_in(client)) == REFUSED


async def test_a_provider_may_sign_with_elliptic_curves(client: CheckedClient, provider: Provider) -> None:
    provider.rotate(EcKey("curve"))
    assert outcome(await log_in(client)) == LOGGED_IN


# --- keys that change ---------------------------------------------------------------------------------------


async def test_a_new_key_is_found_and_the_old_one_is_none_any_more(
    client: CheckedClient, provider: Provider, clock: Clock
) -> None:
    old = provider.key
    assert outcome(await log_in(client)) == LOGGED_IN
    clock.advance(minutes=1)
    provider.rotate(EcKey("second"))
    assert outcome(await log_in(client)) == LOGGED_IN
    assert provider.asked[JWKS] == 2
    provider.key = old
    assert outcome(await log_in(client)) == REFUSED
    assert provider.asked == {DISCOVERY: 1, JWKS: 2, "/authorize": 3, TOKEN: 3}


async def test_a_key_under_an_old_name_counts_within_the_hour(
    client: CheckedClient, provider: Provider, clock: Clock
) -> None:
    assert outcome(await log_in(client)) == LOGGED_IN
    provider.rotate(RsaKey("first"))
    for seconds, expected in ((3599, REFUSED), (1, LOGGED_IN)):
        clock.advance(seconds=seconds)
        assert outcome(await log_in(client)) == expected


@pytest.mark.parametrize(("seconds", "fetched"), [(59, 1), (60, 2), (61, 2)])
async def test_an_unknown_key_is_looked_for_once_a_minute(
    client: CheckedClient, provider: Provider, clock: Clock, seconds: int, fetched: int
) -> None:
    assert outcome(await log_in(client)) == LOGGED_IN
    provider.header = {"kid": "unknown"}
    clock.advance(seconds=seconds)
    for _ in range(3):
        assert outcome(await log_in(client)) == REFUSED
    assert provider.asked[JWKS] == fetched


async def test_a_failure_is_not_repeated_for_ten_seconds(
    client: CheckedClient, provider: Provider, clock: Clock
) -> None:
    provider.replies[DISCOVERY] = RUBBISH["an error"]
    for seconds, asked in ((0, 1), (9, 1), (1, 2)):
        clock.advance(seconds=seconds)
        assert outcome(await client.post("/api/v1/auth/sso/begin")) == AWAY
        assert provider.asked[DISCOVERY] == asked


async def test_a_clock_that_was_set_back_keeps_nothing_for_ever(
    client: CheckedClient, provider: Provider, clock: Clock
) -> None:
    assert outcome(await log_in(client)) == LOGGED_IN
    clock.advance(days=-2)
    assert outcome(await log_in(client)) == LOGGED_IN
    assert provider.asked[JWKS] == 2


# --- fifty at once: real transactions -----------------------------------------------------------------------


async def test_fifty_at_once_fetch_each_document_once(
    own_app: FastAPI, own_database: Database, provider: Provider, clock: Clock
) -> None:
    async with own_database.session() as session, session.begin():
        await link(session, provider)
    async with CheckedClient(own_app) as caller:
        begun = await asyncio.gather(*(begin(caller) for _ in range(50)))
        assert provider.asked[DISCOVERY] == 1
        bodies = [await come_back(one) for one in begun]
        answers = await asyncio.gather(*(finish(caller, body) for body in bodies))
        assert {outcome(answer) for answer in answers} == {LOGGED_IN}
        assert provider.asked[JWKS] == 1
        clock.advance(minutes=1)
        provider.rotate(EcKey("second"))
        bodies = [await come_back(await begin(caller)) for _ in range(50)]
        answers = await asyncio.gather(*(finish(caller, body) for body in bodies))
        assert {outcome(answer) for answer in answers} == {LOGGED_IN}
        assert provider.asked[JWKS] == 2


async def test_one_attempt_sent_fifty_times_at_once_opens_one_log_in(
    own_app: FastAPI, own_database: Database, provider: Provider
) -> None:
    async with own_database.session() as session, session.begin():
        await link(session, provider)
    async with CheckedClient(own_app) as caller:
        body = await come_back(await begin(caller))
        answers = await asyncio.gather(*(finish(caller, body) for _ in range(50)))
        outcomes = [outcome(answer) for answer in answers]
        assert (outcomes.count(LOGGED_IN), outcomes.count(REFUSED)) == (1, 49)
        assert provider.asked[TOKEN] == 1


async def test_no_log_in_outlives_the_identity_that_it_came_by(
    own_app: FastAPI, own_database: Database, provider: Provider, clock: Clock
) -> None:
    async with own_database.session() as session:
        user_id = (await session.scalars(select(User.id).where(User.username == "auditor"))).one()
    admin, url = await logged_in(own_app, clock, "admin"), f"/api/v1/users/{user_id}/identity"
    seen = set()
    async with admin, CheckedClient(own_app) as caller:
        for _ in range(12):
            assert (await admin.put(url, json={"subject": "can-bo-1"})).status_code == 200
            body = await come_back(await begin(caller))
            opened, taken = await asyncio.gather(finish(caller, body), admin.delete(url))
            seen.add(outcome(opened))
            assert taken.status_code == 204
            async with own_database.session() as session:
                open_ones = select(LoginSession.id).where(
                    LoginSession.method == LogInMethod.SSO, LoginSession.ended_at.is_(None)
                )
                assert (await session.scalars(open_ones)).all() == []
    assert seen <= {LOGGED_IN, (403, "sso_no_account")}


async def test_an_account_has_one_identity_and_an_identity_one_account_whoever_is_first(
    own_app: FastAPI, own_database: Database, clock: Clock
) -> None:
    async with own_database.session() as session:
        query = select(User.id).where(User.username.in_(["auditor", "leader"]))
        first, second = (f"/api/v1/users/{one}/identity" for one in await session.scalars(query))
    async with await logged_in(own_app, clock, "admin") as admin:
        answers = await asyncio.gather(*(admin.put(first, json={"subject": f"s{i}"}) for i in range(8)))
        assert {outcome(answer) for answer in answers} == {LOGGED_IN}
        async with own_database.session() as session:
            assert len((await session.scalars(select(UserIdentity))).all()) == 1
        answers = await asyncio.gather(
            *(admin.put(url, json={"subject": "wanted"}) for url in (first, second))
        )
        outcomes = {outcome(answer) for answer in answers}
        assert LOGGED_IN in outcomes
        assert outcomes - {LOGGED_IN} <= {(409, "identity_taken"), (409, "conflict")}
        assert len(outcomes) == 2


async def test_no_connection_to_the_database_waits_for_the_provider(
    own_app: FastAPI, own_database: Database, provider: Provider
) -> None:
    own_app.state.outgoing.seconds = 20
    async with CheckedClient(own_app) as caller:
        bodies = [await come_back(await begin(caller)) for _ in range(30)]
        answered = Event()
        provider.replies[TOKEN] = lambda: (answered.wait(20), as_json({}))[1]
        waiting = [asyncio.create_task(finish(caller, body)) for body in bodies]
        for _ in range(400):
            if provider.asked[TOKEN] == 30:
                break
            await asyncio.sleep(0.05)
        assert own_database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        answered.set()
        assert {outcome(answer) for answer in await asyncio.gather(*waiting)} == {AWAY}
