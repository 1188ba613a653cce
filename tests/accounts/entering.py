"""Logging in for real, with password and code, and enrolling a second factor through the API."""

from datetime import datetime
from typing import Any

import httpx
import pyotp

from app.accounts.first import DEMO_PASSWORD
from tests.client import CheckedClient

TOKEN, ME = "/api/v1/auth/token", "/api/v1/me"
FACTOR, LOG_INS, PASSWORD = f"{ME}/second-factor", f"{ME}/log-ins", f"{ME}/password"
NEW = "mot-mat-khau-moi-2024"


async def log_in(
    client: CheckedClient, username: str = "auditor", password: str = DEMO_PASSWORD, **more: Any
) -> httpx.Response:
    """Send a name and a password; `otp` and `headers` as they are given."""
    headers = more.pop("headers", {})
    form = {"grant_type": "password", "username": username, "password": password, **more}
    return await client.post(TOKEN, data=form, headers=headers)


def bearer(answer: httpx.Response) -> dict[str, str]:
    """Return the header for the access token of an answer."""
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def code_at(secret: str, now: datetime, steps: int = 0) -> str:
    """Return the code of the app at an instant, or so many steps later."""
    return pyotp.TOTP(secret).generate_otp(int(now.timestamp()) // 30 + steps)


async def begun(client: CheckedClient, headers: dict[str, str]) -> str:
    """Begin to enrol and return the secret."""
    answer = await client.post(FACTOR, json={"current_password": DEMO_PASSWORD}, headers=headers)
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def enrolled(
    client: CheckedClient, now: datetime, username: str = "auditor"
) -> tuple[str, list[str], dict[str, str]]:
    """Enrol somebody; return the secret, the recovery codes and the header of his log-in."""
    headers = bearer(await log_in(client, username))
    secret = await begun(client, headers)
    answer = await client.post(f"{FACTOR}/confirm", json={"code": code_at(secret, now)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return secret, answer.json()["recovery_codes"], headers
