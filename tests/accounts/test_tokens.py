"""Access tokens: what is forged, altered, foreign or expired gets nothing."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LoginSession, User
from app.accounts.tokens import AUDIENCE, ISSUER, Claims, LinkClaims, TokenRefused, Tokens, kid_of
from app.core.config import DEMO_SECRET, Settings
from app.main import create_app
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn

ME = "/api/v1/me"
TOKENS = Tokens("k" * 32, lifetime_seconds=900)
CLAIMS = Claims(UUID(int=1), UUID(int=2), is_service=False)


def part(value: Any) -> str:
    """Return JSON (or text that is meant to be JSON) as a part of a token."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(header: Any, payload: Any, key: str, digest: str = "sha256") -> str:
    """Return a token made by hand, however wrong."""
    text = f"{part(header)}.{part(payload)}"
    mac = hmac.new(key.encode(), text.encode(), getattr(hashlib, digest)).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def payload(**changes: Any) -> dict[str, Any]:
    """Return good claims with changes; None leaves a claim out."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(UUID(int=1)),
        "sid": str(UUID(int=2)),
        "svc": False,
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + 900,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


HS256 = {"alg": "HS256", "typ": "JWT"}
NONE = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(payload())}."


def test_a_token_says_what_was_put_into_it() -> None:
    assert TOKENS.read(TOKENS.issue(CLAIMS, START), START) == CLAIMS


@pytest.mark.parametrize(("seconds", "good"), [(899, True), (900, False), (901, False)])
def test_a_token_ends_at_the_exact_second(seconds: int, good: bool) -> None:
    token = TOKENS.issue(CLAIMS, START)
    if good:
        assert TOKENS.read(token, START + timedelta(seconds=seconds)) == CLAIMS
    else:
        with pytest.raises(TokenRefused):
            TOKENS.read(token, START + timedelta(seconds=seconds))


BAD = {
    "no algorithm": NONE,
    "no algorithm, other letters": NONE.replace(part({"alg": "none", "typ": "JWT"}), part({"alg": "NoNe"})),
    "another key": signed(HS256, payload(), "x" * 32),
    "another algorithm with the right key": signed({"alg": "HS384"}, payload(), "k" * 32, "sha384"),
    "a public key algorithm": signed({"alg": "RS256"}, payload(), "k" * 32),
    "a list of algorithms": signed({"alg": ["HS256"]}, payload(), "k" * 32),
    "no header": signed("[]", payload(), "k" * 32),
    "claims that are a list": signed(HS256, [payload()], "k" * 32),
    "claims that are no JSON": signed(HS256, "abc", "k" * 32),
    **{
        f"without {name}": signed(HS256, payload(**{name: None}), "k" * 32)
        for name in payload()
        if name != "svc"
    },
    "a foreign audience": signed(HS256, payload(aud="other-api"), "k" * 32),
    "a foreign issuer": signed(HS256, payload(iss="other"), "k" * 32),
    "a subject that is no id": signed(HS256, payload(sub="admin"), "k" * 32),
    "a subject that is a number": signed(HS256, payload(sub=1), "k" * 32),
    "an expiry in words": signed(HS256, payload(exp="never"), "k" * 32),
    "an endless expiry": signed(
        HS256, json.dumps(payload(exp=0)).replace('"exp": 0', '"exp": 1e999'), "k" * 32
    ),
    "a token over 4 kB": signed(HS256, payload(pad="x" * 4096), "k" * 32),
    "two parts": ".".join(TOKENS.issue(CLAIMS, START).split(".")[:2]),
    "four parts": TOKENS.issue(CLAIMS, START) + ".x",
    "nothing": "",
    "dots": "..",
    "letters that are no base64": "ố.ố.ố",
    "a header nested without end": part("[" * 2000) + "." + part("{}") + ".x",
}


@pytest.mark.parametrize("token", BAD.values(), ids=list(BAD))
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.read(token, START)


@given(
    st.text(alphabet="abc.-_=ố 0", max_size=60) | st.binary(max_size=40).map(lambda b: b.decode("latin-1"))
)
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.read(text, START)


@given(st.integers(0, 10**6), st.characters(min_codepoint=45, max_codepoint=122))
def test_a_token_with_another_letter_is_no_token(place: int, letter: str) -> None:
    token = TOKENS.issue(CLAIMS, START)
    place %= len(token) - 1  # the very last letter carries bits that base64 does not use
    if token[place] == letter:
        return
    with pytest.raises(TokenRefused):
        TOKENS.read(token[:place] + letter + token[place + 1 :], START)


def test_a_short_secret_cannot_sign() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("x" * 31, lifetime_seconds=900)
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("x" * 32, ["x" * 31], lifetime_seconds=900)


# --- keys that change ---------------------------------------------------------------------------------------

ROTATED = Tokens("n" * 32, ["k" * 32, "o" * 32], lifetime_seconds=900)


def header_of(token: str) -> dict[str, Any]:
    """Return what the header of a token says."""
    text = token.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return header


def test_a_token_names_its_key_without_saying_anything_of_it() -> None:
    assert header_of(TOKENS.issue(CLAIMS, START)) == {"alg": "HS256", "typ": "JWT", "kid": kid_of("k" * 32)}
    assert kid_of("k" * 32) != kid_of("n" * 32)
    assert kid_of("k" * 32) not in hashlib.sha256(b"k" * 32).hexdigest()


def test_what_a_former_secret_signed_is_read_and_the_new_one_signs() -> None:
    link = LinkClaims("/x", UUID(int=1), UUID(int=2), is_inline=False)
    until = START + timedelta(minutes=5)
    assert ROTATED.read(TOKENS.issue(CLAIMS, START), START) == CLAIMS
    assert ROTATED.read_link(TOKENS.issue_link(link, START, until), START) == link
    new = ROTATED.issue(CLAIMS, START)
    assert header_of(new)["kid"] == kid_of("n" * 32)
    with pytest.raises(TokenRefused):
        TOKENS.read(new, START)
    with pytest.raises(TokenRefused):
        Tokens("n" * 32, lifetime_seconds=900).read(TOKENS.issue(CLAIMS, START), START)


def test_a_token_of_the_release_before_names_no_key_and_is_read_until_it_ends() -> None:
    old = signed(HS256, payload(), "k" * 32)
    assert TOKENS.read(old, START) == CLAIMS
    assert ROTATED.read(old, START) == CLAIMS
    with pytest.raises(TokenRefused):
        ROTATED.read(old, START + timedelta(seconds=900))
    with pytest.raises(TokenRefused):
        ROTATED.read(signed(HS256, payload(), "x" * 32), START)


@pytest.mark.parametrize("kid", ["", "unknown", None, 0, [], {}, True, "../k", "k" * 32], ids=repr)
def test_a_token_of_an_unknown_key_is_refused_though_rightly_signed(kid: Any) -> None:
    with pytest.raises(TokenRefused):
        ROTATED.read(signed(HS256 | {"kid": kid}, payload(), "k" * 32), START)


def test_a_token_signed_with_another_key_than_it_names_is_refused() -> None:
    with pytest.raises(TokenRefused):
        ROTATED.read(signed(HS256 | {"kid": kid_of("n" * 32)}, payload(), "k" * 32), START)


async def test_a_rotation_ends_nobodys_log_in_until_the_former_secret_is_taken_out(
    app: FastAPI, session: AsyncSession, settings: Settings, clock: Clock
) -> None:
    claims = Claims(*await user_and_login(session, "admin"), is_service=False)
    token = app.state.tokens.issue(claims, clock.now)
    new = SecretStr("a new secret that nobody knows but the tests")

    async def status(**changes: SecretStr) -> int:
        changed = create_app(settings.model_copy(update=changes), app.state.database, clock)
        async with CheckedClient(changed) as caller:
            return (await caller.get(ME, headers={"Authorization": f"Bearer {token}"})).status_code

    assert await status(secret_key=new, previous_secret_keys=settings.secret_key) == 200
    assert await status(secret_key=new) == 401


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": f"Bearer {NONE}"},
        {"Authorization": f"Bearer {BAD['another key']}"},
        {"Authorization": f"Bearer {BAD['a token over 4 kB']}"},
        {"Authorization": f"Bearer {BAD['a header nested without end']}"},
        {"Authorization": "Bearer \xe1\xbb\x91.x.x"},
    ],
    ids=range(10),
)
async def test_whoever_brings_no_good_token_is_asked_to_log_in(
    client: CheckedClient, header: dict[str, str]
) -> None:
    response = await client.get(ME, headers=[(k.encode(), v.encode("latin-1")) for k, v in header.items()])
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


async def user_and_login(session: AsyncSession, username: str) -> tuple[UUID, UUID]:
    """Open a log-in of an account without a password and return both ids."""
    user_id = (await session.scalars(select(User.id).where(User.username == username))).one()
    login = LoginSession(
        user_id=user_id,
        created_at=START,
        expires_at=START + timedelta(days=7),
        ended_at=None,
        end_reason=None,
    )
    session.add(login)
    await session.flush()
    return user_id, login.id


async def test_over_http_a_token_ends_at_the_exact_second(
    app: FastAPI, client: CheckedClient, session: AsyncSession, clock: Clock
) -> None:
    claims = Claims(*await user_and_login(session, "admin"), is_service=False)
    token = app.state.tokens.issue(claims, clock.now)
    headers = {"Authorization": f"Bearer {token}"}
    for seconds, status in ((0, 200), (899, 200), (900, 401)):
        clock.now = START + timedelta(seconds=seconds)
        assert (await client.get(ME, headers=headers)).status_code == status


async def test_a_log_in_ends_at_the_exact_second_whatever_the_token_says(
    app: FastAPI, client: CheckedClient, session: AsyncSession, clock: Clock
) -> None:
    claims = Claims(*await user_and_login(session, "admin"), is_service=False)
    headers = {"Authorization": f"Bearer {app.state.tokens.issue(claims, START + timedelta(days=7))}"}
    for seconds, status in ((-1, 200), (0, 401)):
        clock.now = START + timedelta(days=7, seconds=seconds)
        assert (await client.get(ME, headers=headers)).status_code == status


async def test_nobody_uses_the_log_in_of_another_or_poses_as_a_service(
    app: FastAPI, client: CheckedClient, session: AsyncSession
) -> None:
    """Even with our own signature: the log-in must be the user's, and a user's id is no service's."""
    admin, login = await user_and_login(session, "admin")
    other, _ = await user_and_login(session, "auditor")
    good = Tokens(DEMO_SECRET, lifetime_seconds=900)
    now = datetime(2023, 12, 15, 2, 0, tzinfo=UTC)
    for claims in (
        Claims(other, login, is_service=False),
        Claims(admin, uuid4(), is_service=False),
        Claims(admin, login, is_service=True),
    ):
        headers = {"Authorization": f"Bearer {good.issue(claims, now)}"}
        assert (await client.get(ME, headers=headers)).status_code == 401


async def test_the_token_of_a_disabled_user_stops_at_once(as_user: LogIn, session: AsyncSession) -> None:
    caller = await as_user("auditor")
    assert (await caller.get(ME)).status_code == 200
    await session.execute(update(User).where(User.username == "auditor").values(is_active=False))
    assert (await caller.get(ME)).status_code == 401
