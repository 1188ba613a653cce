"""An open period, and uploads to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.evidence.files import PDF

SETS = {"department": "camau-2023-so", "district": "camau-2023-huyen", "commune": "camau-2023-xa"}
REPORTER = "xa-31999.reporter"


async def prepare_period(admin: CheckedClient) -> httpx.Response:
    """Prepare the assessment year 2023 and return the answer."""
    prepared = await admin.post(
        "/api/v1/periods", json={"year": 2023, "guidance_on": "2023-12-15", "sets": SETS}
    )
    assert prepared.status_code == 201, prepared.text
    return prepared


async def open_period(admin: CheckedClient) -> httpx.Response:
    """Prepare and open the assessment year 2023 and return the last answer."""
    prepared = await prepare_period(admin)
    url = f"/api/v1/periods/{prepared.json()['id']}/open"
    opened = await admin.post(url, headers={"If-Match": prepared.headers["etag"]})
    assert opened.status_code == 200, opened.text
    return opened


@pytest.fixture
async def period_id(as_user: LogIn) -> str:
    """Give the open period."""
    return str((await open_period(await as_user("admin"))).json()["period_id"])


@pytest.fixture
async def units(session: AsyncSession) -> dict[str, UUID]:
    """Give every unit's id by its key."""
    return await unit_ids_by_key(session)


Upload = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def upload(as_user: LogIn, period_id: str, units: dict[str, UUID]) -> Upload:
    """Give `await upload(content, file_name=…, by=…, unit=…, headers=…, title=…)`: one POST and its answer."""

    async def send(
        content: bytes | AsyncIterator[bytes] = PDF,
        *,
        file_name: str = "bao-cao.pdf",
        by: str = REPORTER,
        unit: str = "xa-31999",
        headers: dict[str, str] | None = None,
        **said: str,
    ) -> httpx.Response:
        params = {"period_id": period_id, "unit_id": str(units[unit]), "file_name": file_name, **said}
        caller = await as_user(by)
        return await caller.post("/api/v1/evidence", params=params, content=content, headers=headers)

    return send


@pytest.fixture
def stored(settings: Settings) -> Callable[[], list[Path]]:
    """Give the files that lie in the store, finished or not."""
    return lambda: sorted(path for path in settings.evidence_path.rglob("*") if path.is_file())
