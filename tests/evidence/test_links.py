"""Links for viewers: they open one document, for some minutes, for one person, and nothing else."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app.accounts.models import LoginSession, RoleGrant, User
from app.accounts.tokens import LinkClaims, TokenRefused, Tokens
from app.core.config import Settings
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import DOCX, PDF
from tests.results.scene import own_session

REVIEWER = "huyen-964.reviewer"
REFUSED = (401, "link_not_valid")


@pytest.fixture
async def document_id(upload: Upload) -> str:
    """Give a document of the commune."""
    return str((await upload(PDF)).json()["id"])


async def link(caller: CheckedClient, document_id: str, **body: Any) -> dict[str, Any]:
    """Make a link."""
    answer = await caller.post(f"/api/v1/evidence/{document_id}/links", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def outcome(client: CheckedClient, url: str) -> tuple[int, str]:
    """Follow a link and return the status and the code of the problem."""
    answer = await client.get(url)
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


async def test_a_link_opens_the_document_without_an_access_token(
    as_user: LogIn, client: CheckedClient, document_id: str
) -> None:
    made = await link(await as_user(REVIEWER), document_id, inline=True)
    assert made["url"].startswith(f"/api/v1/evidence/{document_id}/linked?token=")
    answer = await client.get(made["url"])
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    part = await client.get(made["url"], headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, PDF[:5])
    assert (await client.head(made["url"])).headers["content-length"] == str(len(PDF))


async def test_a_link_to_a_download_is_not_shown_in_place(
    as_user: LogIn, client: CheckedClient, upload: Upload
) -> None:
    reporter = await as_user(REPORTER)
    pdf, word = (await upload(PDF)).json()["id"], (await upload(DOCX, file_name="a.docx")).json()["id"]
    for made in [await link(reporter, pdf), await link(reporter, word, inline=True)]:
        # What the link says holds, not what is added to its address.
        answer = await client.get(made["url"] + "&inline=true")
        assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_link_lives_as_long_as_is_configured(
    as_user: LogIn, client: CheckedClient, document_id: str, clock: Clock, settings: Settings
) -> None:
    reporter = await as_user(REPORTER)
    clock.advance(milliseconds=400)  # spans are counted in whole seconds
    made = await link(reporter, document_id)
    ends = datetime.fromisoformat(made["expires_at"])
    assert ends == START + timedelta(seconds=settings.link_seconds)
    for seconds, expected in [(-1, (200, "")), (0, REFUSED), (1, REFUSED)]:
        clock.now = ends + timedelta(seconds=seconds)
        assert await outcome(client, made["url"]) == expected


async def test_what_is_forged_altered_or_no_token_opens_nothing(
    as_user: LogIn, client: CheckedClient, document_id: str, clock: Clock
) -> None:
    url = (await link(await as_user(REPORTER), document_id))["url"]
    address, token = url.split("?token=")
    head, body, mac = token.split(".")
    claims = LinkClaims(address, UUID(int=1), UUID(int=2), is_inline=False)
    later = clock.now + timedelta(minutes=5)
    forged = Tokens("x" * 32, lifetime_seconds=900).issue_link(claims, clock.now, later)
    for wrong in [
        "",
        "x",
        ".",
        "..",
        forged,
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{mac}",
        token + "x",
        "y" * 7000,
    ]:
        assert await outcome(client, f"{address}?token={wrong}") == REFUSED, wrong
    assert await outcome(client, address) == (422, "invalid_request")


async def test_a_link_opens_its_own_document_only(
    as_user: LogIn, client: CheckedClient, upload: Upload, document_id: str
) -> None:
    other = (await upload(PDF, file_name="khac.pdf")).json()["id"]
    url = (await link(await as_user(REPORTER), document_id))["url"]
    assert await outcome(client, url.replace(document_id, other)) == REFUSED


async def test_a_link_is_no_access_token_and_an_access_token_no_link(
    as_user: LogIn, client: CheckedClient, document_id: str
) -> None:
    reporter = await as_user(REPORTER)
    address, token = (await link(reporter, document_id))["url"].split("?token=")
    access = reporter.headers["authorization"].removeprefix("Bearer ")
    assert await outcome(client, f"{address}?token={access}") == REFUSED
    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def test_a_link_ends_with_the_log_in_that_made_it(
    as_user: LogIn, client: CheckedClient, document_id: str
) -> None:
    reporter = await as_user(REPORTER)
    url = (await link(reporter, document_id))["url"]
    assert (await reporter.post("/api/v1/auth/logout")).status_code == 204
    assert await outcome(client, url) == REFUSED


async def test_a_link_ends_with_the_account(
    as_user: LogIn, client: CheckedClient, document_id: str, app: FastAPI
) -> None:
    url = (await link(await as_user(REVIEWER), document_id))["url"]
    async with own_session(app) as session, session.begin():
        await session.execute(update(User).where(User.username == REVIEWER).values(is_active=False))
    assert await outcome(client, url) == REFUSED


async def test_a_link_of_a_password_that_must_be_changed_opens_nothing(
    as_user: LogIn, client: CheckedClient, document_id: str, app: FastAPI
) -> None:
    url = (await link(await as_user(REVIEWER), document_id))["url"]
    async with own_session(app) as session, session.begin():
        await session.execute(update(User).where(User.username == REVIEWER).values(must_change_password=True))
    assert await outcome(client, url) == REFUSED


async def test_a_link_ends_with_the_right_to_see_the_document(
    as_user: LogIn, client: CheckedClient, document_id: str, app: FastAPI, clock: Clock
) -> None:
    url = (await link(await as_user(REVIEWER), document_id))["url"]
    mine = select(User.id).where(User.username == REVIEWER).scalar_subquery()
    async with own_session(app) as session, session.begin():
        await session.execute(update(RoleGrant).where(RoleGrant.user_id == mine).values(ended_at=clock.now))
        logins = await session.scalars(select(LoginSession).where(LoginSession.user_id == mine))
        assert all(one.ended_at is None for one in logins)
    assert await outcome(client, url) == (404, "document_not_found")


async def test_only_who_sees_a_document_makes_a_link_to_it(as_user: LogIn, document_id: str) -> None:
    for username, status in [("xa-32002.reporter", 404), ("so-tttt.agency", 404), ("dashboard", 403)]:
        caller = await as_user(username)
        answer = await caller.post(f"/api/v1/evidence/{document_id}/links", json={})
        assert answer.status_code == status, username


async def test_the_answer_with_a_link_is_not_kept_and_not_repeated(as_user: LogIn, document_id: str) -> None:
    reporter, url = await as_user(REPORTER), f"/api/v1/evidence/{document_id}/links"
    headers = {"Idempotency-Key": "once"}
    first = await reporter.post(url, json={}, headers=headers)
    again = await reporter.post(url, json={}, headers=headers)
    assert first.headers["cache-control"] == "no-store"
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_key_reused")
    assert (await reporter.post(url, json={"inline": "yes please"})).status_code == 422


def test_a_link_without_a_claim_is_refused() -> None:
    tokens = Tokens("k" * 32, lifetime_seconds=900)
    later = START + timedelta(minutes=5)
    said = {"sub": str(UUID(int=1)), "sid": str(UUID(int=2)), "adr": "/a", "inl": False}
    for missing in ("sub", "sid", "adr", "inl"):
        rest = {name: value for name, value in said.items() if name != missing}
        with pytest.raises(TokenRefused):
            tokens.read_link(tokens._signed("dti-link", rest, START, later), START)
