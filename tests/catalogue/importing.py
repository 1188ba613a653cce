"""A small set as the province imports it, and what is done with its versions."""

from typing import Any

import httpx

from app.catalogue.version_schemas import EXAMPLE
from tests.client import CheckedClient

URL = "/api/v1/index-sets"
KEY = "vi-du-xa"
FIRST = EXAMPLE


def changed(text: str, *replacements: tuple[str, str]) -> str:
    """Replace what stands exactly once in a file."""
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} must stand once in the file"
        text = text.replace(old, new)
    return text


def next_version(number: int, *replacements: tuple[str, str]) -> str:
    """Return a later version of the small set; without replacements its indicator is called otherwise."""
    said = f'version: {number}\nchanges: ["Sửa theo góp ý lần {number}"]'
    renamed = ("Người đứng đầu chủ trì", f"Người đứng đầu chủ trì (lần {number})")
    return changed(FIRST, ("version: 1", said), *(replacements or (renamed,)))


async def send(
    caller: CheckedClient, text: str | bytes, *, dry_run: bool = False, **options: Any
) -> httpx.Response:
    """Send a file as the body of an import."""
    params = {"dry_run": str(dry_run).lower()}
    headers = {"Content-Type": "application/yaml", **options.pop("headers", {})}
    return await caller.post(URL, params=params, content=text, headers=headers, **options)


async def imported(admin: CheckedClient, text: str = FIRST) -> dict[str, Any]:
    """Import a draft."""
    answer = await send(admin, text)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def act(
    admin: CheckedClient, verb: str, version: int = 1, etag: str | None = None, reason: str = "Đã có bản mới"
) -> httpx.Response:
    """Publish or retire a version of the small set as it stands."""
    url = f"{URL}/{KEY}/versions/{version}"
    headers = {"If-Match": (await admin.get(url)).headers["etag"] if etag is None else etag}
    body: Any = {"json": {"reason": reason}} if verb == "retire" else {}
    return await admin.post(f"{url}/{verb}", headers=headers, **body)


async def published(admin: CheckedClient, text: str = FIRST) -> dict[str, Any]:
    """Import a version and publish it."""
    draft = await imported(admin, text)
    answer = await act(admin, "publish", draft["version"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
