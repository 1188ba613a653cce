"""Clients that do not give up, as the API's contract says: the same request with the same key until it is answered.

What was acknowledged is written down, to be looked for afterwards.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from scripts.journey.client import PREFIX, Api

PATIENCE_SECONDS = 90
PIECES = "/evidence/uploads/"  # who sends pieces asks where to go on, instead of repeating


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A change that was answered with success; `key` is empty where the method needs none."""

    method: str
    path: str
    key: str
    status: int
    body: bytes
    request_id: str
    is_replay: bool


@dataclass
class PatientApi(Api):
    """Sends until somebody answers; counts every attempt, and remembers every success once `is_watched`."""

    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0  # attempts without an answer
    crashes: list[str] = field(default_factory=list)  # answers with 500
    acknowledged: list[Acknowledged] = field(default_factory=list)
    is_watched: bool = False
    under_way: Counter[str] = field(default_factory=Counter)  # requests by what they do
    written_at: float = 0.0  # when a change was acknowledged last
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request under /api/v1 until it is answered by anything but "come again".

        Raises: httpx.TransportError, TimeoutError.
        """
        headers = {"Accept-Language": "en", **options.pop("headers", {})}
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid4().hex)
        await self.gate.wait()
        what = f"{method} {path}"
        self.under_way[what] += 1
        try:
            response = await self._until_answered(method, path, headers, options)
        finally:
            self.under_way[what] -= 1
        self._remember(method, path, headers, response)
        return response

    async def _until_answered(
        self, method: str, path: str, headers: dict[str, str], options: dict[str, Any]
    ) -> httpx.Response:
        until = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(1, 10_000):
            response = await self._once(method, path, headers, options)
            if path.startswith(PIECES) and method == "PATCH":
                if response is None:
                    raise httpx.ReadError("no answer")
                return response
            if response is not None and response.status_code not in (429, 503):
                return await self._settled(method, path, headers, response, is_repeated=attempt > 1)
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path} was not answered within {PATIENCE_SECONDS} seconds")
            await asyncio.sleep(random.uniform(0.05, 0.3))
        raise AssertionError("the loop returns or raises")

    async def _once(
        self, method: str, path: str, headers: dict[str, str], options: dict[str, Any]
    ) -> httpx.Response | None:
        self.requests += 1
        try:
            response = await self.http.request(method, PREFIX + path, headers=headers, **options)
        except httpx.TransportError:
            self.cut += 1
            return None
        self.statuses[response.status_code] += 1
        if response.status_code == 500:
            self.crashes.append(f"{method} {path}: {response.text[:300]}")
        return response

    async def _settled(
        self, method: str, path: str, headers: dict[str, str], response: httpx.Response, *, is_repeated: bool
    ) -> httpx.Response:
        """Return what a save came to: where a repetition is stale, the attempt before it may have been saved.

        Nobody else saves this dossier, so the version after ours is ours.
        """
        if method != "PATCH" or response.status_code != 412 or not is_repeated:
            return response
        now = await self._until_answered("GET", path, {**headers, "If-Match": ""}, {})
        seen = int(headers["If-Match"].strip('"'))
        return now if now.headers.get("etag") == f'"{seen + 1}"' else response

    def _remember(self, method: str, path: str, headers: dict[str, str], response: httpx.Response) -> None:
        if method not in ("POST", "PATCH") or not response.is_success or path == "/auth/token":
            return
        self.written_at = time.monotonic()
        is_replay = "idempotency-replayed" in response.headers or response.request.method != method
        key = headers.get("Idempotency-Key", "")
        told = response.headers.get("x-request-id", "")
        if self.is_watched:
            self.acknowledged.append(
                Acknowledged(method, path, key, response.status_code, response.content, told, is_replay)
            )

    async def quiet(self) -> None:
        """Let nobody begin anything, and wait until what was begun is answered.

        Raises: TimeoutError.
        """
        self.gate.clear()
        async with asyncio.timeout(PATIENCE_SECONDS + 10):
            while self.under_way.total():  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.02)
