"""Service accounts of the tests: made through the API, logged in from any address."""

import base64
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import LogIn

SERVICES, TOKEN, ME = "/api/v1/service-accounts", "/api/v1/auth/token", "/api/v1/me"
HERE = "10.20.30.40"
Json = dict[str, Any]


@pytest.fixture
async def units(session: AsyncSession) -> dict[str, str]:
    """Give every unit's id by its key."""
    return {key: str(unit_id) for key, unit_id in (await unit_ids_by_key(session)).items()}


def service_in(units: dict[str, str], unit: str = "cong-an-tinh", **changes: Any) -> Json:
    """Return a new service account of a unit."""
    body = {"client_id": f"dich-vu.{unit}", "name": "Dịch vụ mới", "unit_id": units[unit]}
    return body | {"scopes": ["figure:give", "figure:read", "feed:read"]} | changes


class Program:
    """A service account as its administrator and its operator know it."""

    def __init__(self, app: FastAPI, admin: CheckedClient, made: httpx.Response) -> None:
        assert made.status_code == 201, made.text
        self.app, self.admin, self.shown = app, admin, made.json()
        self.url, self.etag = f"{SERVICES}/{self.shown['id']}", made.headers["etag"]
        self.secret: str = self.shown["client_secret"]

    @classmethod
    async def made(cls, app: FastAPI, admin: CheckedClient, body: Json) -> "Program":
        """Return a program whose account the administrator has just made."""
        return cls(app, admin, await admin.post(SERVICES, json=body))

    def caller(self, address: str | None = HERE, token: str = "") -> CheckedClient:
        """Return a client that calls from an address (None: an unknown one)."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = CheckedClient(self.app, headers=headers)
        peer: Any = (address, 40_000) if address else None
        client._transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=peer)
        return client

    async def asks(
        self, secret: str | None = None, *, address: str | None = HERE, **form: str
    ) -> httpx.Response:
        """Ask for a token by the form."""
        shown = {"client_id": self.shown["client_id"], "client_secret": secret or self.secret}
        return await self.caller(address).post(
            TOKEN, data={"grant_type": "client_credentials", **shown, **form}
        )

    async def asks_basic(self, credentials: str | None = None, **form: str) -> httpx.Response:
        """Ask for a token by HTTP Basic."""
        plain = f"{quote_plus(self.shown['client_id'])}:{quote_plus(self.secret)}"
        coded = base64.b64encode(plain.encode()).decode() if credentials is None else credentials
        data = {"grant_type": "client_credentials", **form}
        return await self.caller().post(TOKEN, data=data, headers={"Authorization": f"Basic {coded}"})

    async def token(self, secret: str | None = None, *, address: str | None = HERE) -> str:
        """Return a token."""
        answer = await self.asks(secret, address=address)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def gets_in(self, token: str, *, address: str | None = HERE) -> bool:
        """Answer whether a token works from an address; if not, the answer says nothing else."""
        answer = await self.caller(address, token).get(ME)
        assert answer.status_code == 200 or (answer.status_code, answer.json()["code"]) == (
            401,
            "not_authenticated",
        )
        return answer.status_code == 200

    async def change(self, **changes: Any) -> httpx.Response:
        """Change the account as its administrator."""
        answer = await self.admin.patch(self.url, json=changes, headers={"If-Match": self.etag})
        self.etag = answer.headers.get("etag", self.etag)
        return answer

    async def rotate(self, **how: Any) -> httpx.Response:
        """Give the account a new secret; the program knows it from then on."""
        answer = await self.admin.post(f"{self.url}/rotate", json=how, headers={"If-Match": self.etag})
        if answer.status_code == 200:
            self.etag, self.secret = answer.headers["etag"], answer.json()["client_secret"]
        return answer


@pytest.fixture
async def program(app: FastAPI, as_user: LogIn, units: dict[str, str]) -> Program:
    """Give a service account of Công an tỉnh with every scope."""
    return await Program.made(app, await as_user("admin"), service_in(units))
