"""What the tests of figures and feeds start from: a year in preparation, the service account, a row of a push."""

from typing import Any

from fastapi import FastAPI

from app.accounts.first import DEMO_SERVICE, DEMO_SERVICE_SECRET
from tests.client import CheckedClient
from tests.scene import SETS, LogIn, Scene

FIGURES = {"a": 20, "b": 25, "infected": 5}


async def prepared_year(admin: CheckedClient) -> str:
    """Return the id of a year that is not open yet."""
    body = {"year": 2023, "guidance_on": "2023-12-15", "sets": SETS}
    answer = await admin.post("/api/v1/periods", json=body)
    assert answer.status_code == 201, answer.text
    period_id: str = answer.json()["id"]
    return period_id


async def opened_year(log_in: LogIn, **how: Any) -> str:
    """Return the id of a year that is open."""
    period_id: str = (await Scene.opened(log_in, **how)).period["id"]
    return period_id


async def service_token(caller: CheckedClient, secret: str = DEMO_SERVICE_SECRET) -> Any:
    """Return the answer to a log-in of the demo service account."""
    form = {"grant_type": "client_credentials", "client_id": DEMO_SERVICE, "client_secret": secret}
    return await caller.post("/api/v1/auth/token", data=form)


async def as_service(app: FastAPI, caller: CheckedClient) -> CheckedClient:
    """Return a client of the demo service account, which acts for Sở TT&TT."""
    token = (await service_token(caller)).json()["access_token"]
    return CheckedClient(app, headers={"Authorization": f"Bearer {token}"})


def commune(code: str = "31999", indicator: str = "5.4", **answer: Any) -> dict[str, Any]:
    """Return a row of a push about the commune with a GSO code."""
    named = {"unit": {"scheme": "gso", "value": code}, "indicator": indicator}
    return named | (answer or {"figures": FIGURES})
