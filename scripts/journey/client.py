"""HTTP as the province's clients speak it: log-ins, versions, safe repetition, refusals that are expected."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

PREFIX = "/api/v1"
_EARLY_SECONDS = 60  # a token is renewed this long before it ends
_ATTEMPTS = 3


class UnexpectedAnswer(Exception):
    """The server answered something that the story does not allow for."""

    def __init__(self, response: httpx.Response, wanted: str) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.path} answered {response.status_code}, expected {wanted}: "
            f"{response.text[:600]}"
        )


@dataclass
class Api:
    """One connection pool for everybody, with a count of what went over it."""

    http: httpx.AsyncClient
    requests: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request under /api/v1; a lost connection is repeated where repeating is safe.

        A POST carries an Idempotency-Key, so its repetition cannot do the thing twice.

        Raises: httpx.TransportError after the last attempt.
        """
        headers = {"Accept-Language": "en", **options.pop("headers", {})}
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid4().hex)
        attempts = _ATTEMPTS if method in ("GET", "POST") else 1
        for attempt in range(1, attempts + 1):
            try:
                return await self._taken(method, PREFIX + path, headers=headers, **options)
            except httpx.TransportError:
                if attempt == attempts:
                    raise
                await asyncio.sleep(0.2 * attempt)
        raise AssertionError("the loop returns or raises")

    async def _taken(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request, again and again as long as the server says that it comes too soon (Retry-After)."""
        while True:
            self.requests += 1
            response = await self.http.request(method, url, **options)
            if response.status_code != 429:
                return response
            self.refusals["429"] += 1
            await asyncio.sleep(float(response.headers["retry-after"]))


class Caller:
    """Somebody who calls the API: the public, until log-in data are given; `code` gives his app's present one."""

    def __init__(self, api: Api, code: Callable[[], str] | None = None, **log_in: str) -> None:
        self._api, self._code, self._log_in = api, code, log_in
        self._token, self._refresh, self._valid_until = "", "", 0.0
        self._one_log_in = asyncio.Lock()

    async def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a resource."""
        return (await self.call("GET", path, params=params)).json()

    async def pages(self, path: str, **params: Any) -> list[Any]:
        """Return all items of a list, page by page."""
        items: list[Any] = []
        for page in range(1, 10_000):
            body = await self.get(path, **params, page=page, page_size=200)
            items += body["items"]
            if page >= body["pages"]:
                break
        return items

    async def etag(self, path: str) -> str:
        """Return the version of a resource as it is now."""
        return (await self.call("GET", path)).headers["etag"]

    async def call(
        self,
        method: str,
        path: str,
        *,
        if_match: str | None = None,
        refused: tuple[int, str] | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request as this caller; with `refused` the server must refuse it, with that status and code.

        Raises: UnexpectedAnswer.
        """
        response = await self.send(method, path, if_match=if_match, headers=headers, **options)
        if refused:
            status, code = refused
            if response.status_code != status or response.json().get("code") != code:
                raise UnexpectedAnswer(response, f"{status} {code}")
            self._api.refusals[f"{status} {code}"] += 1
        elif not response.is_success and response.status_code != 304:
            raise UnexpectedAnswer(response, "success")
        return response

    async def send(
        self,
        method: str,
        path: str,
        *,
        if_match: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request as this caller and return the answer, whatever it is."""
        headers = dict(headers or {})
        if self._log_in:
            headers["Authorization"] = f"Bearer {await self._access()}"
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self._api.send(method, path, headers=headers, **options)

    def forget(self) -> None:
        """Forget the log-in: the next request logs in anew."""
        self._refresh, self._valid_until = "", 0.0

    async def _access(self) -> str:
        """Return a token that is good for a while: of the log-in, a refresh, or a new log-in."""
        async with self._one_log_in:
            if time.monotonic() < self._valid_until:
                return self._token
            if self._refresh:
                form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
            elif "client_id" in self._log_in:
                form = {"grant_type": "client_credentials", **self._log_in}
            else:
                shown = {"otp": self._code()} if self._code else {}
                form = {"grant_type": "password", **self._log_in, **shown}
            response = await self._api.send("POST", "/auth/token", data=form)
            if not response.is_success:
                raise UnexpectedAnswer(response, f"a token for {self._log_in.get('username', 'a service')}")
            answer = response.json()
            self._token, self._refresh = answer["access_token"], answer.get("refresh_token") or ""
            self._valid_until = time.monotonic() + answer["expires_in"] - _EARLY_SECONDS
            return self._token


class People:
    """The demo accounts, each logged in when first needed."""

    def __init__(self, api: Api, *, password: str, service: tuple[str, str]) -> None:
        self._api, self._password, self._service = api, password, service
        self._known: dict[str, Caller] = {}
        self.public = Caller(api)

    def __getitem__(self, username: str) -> Caller:
        if username not in self._known:
            self._known[username] = Caller(self._api, username=username, password=self._password)
        return self._known[username]

    def know(self, username: str, password: str, code: Callable[[], str] | None = None) -> None:
        """Let somebody call who has another password than the demo accounts, and maybe an app that makes codes."""
        self._known[username] = Caller(self._api, code, username=username, password=password)

    def forget(self) -> None:
        """Forget every log-in, as when so much time has passed that they have ended."""
        for caller in self._known.values():
            caller.forget()

    def giver(self, agency: str) -> Caller:
        """Return who gives an agency's figures: its service account where it has one, else its people."""
        name, secret = self._service
        if not name.endswith(agency):
            return self[f"{agency}.agency"]
        if name not in self._known:
            self._known[name] = Caller(self._api, client_id=name, client_secret=secret)
        return self._known[name]

    @property
    def count(self) -> int:
        """Return how many accounts have called."""
        return len(self._known)
