"""A provider of log-ins, and coming back from it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.accounts.provider import Provider, running
from tests.client import CheckedClient
from tests.conftest import Clock


@pytest.fixture
def provider(clock: Clock) -> Iterator[Provider]:
    """Run a provider that goes by the time of the test."""
    with running(clock) as one:
        yield one


async def begin(client: CheckedClient, url: str = "/api/v1/auth/sso") -> dict[str, Any]:
    """Begin a log-in."""
    answer = await client.post(f"{url}/begin")
    assert answer.status_code == 200, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def come_back(begun: dict[str, Any]) -> dict[str, Any]:
    """Log in at the provider and return what the page sends to finish."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(begun["authorization_url"])
    assert answer.status_code == 302, answer.text
    said = parse_qs(urlsplit(answer.headers["location"]).query)
    assert said["state"] == [begun["state"]]
    return {"code": said["code"][0], "state": begun["state"], "page_secret": begun["page_secret"]}


async def finish(client: CheckedClient, body: dict[str, Any]) -> httpx.Response:
    """Finish a log-in."""
    return await client.post("/api/v1/auth/sso/finish", json=body)


async def log_in(client: CheckedClient) -> httpx.Response:
    """Log in by the provider, from the beginning to the end."""
    return await finish(client, await come_back(await begin(client)))
