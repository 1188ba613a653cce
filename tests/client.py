"""An HTTP client that refuses answers the OpenAPI document does not declare."""

import re
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI

_documented: list[tuple[re.Pattern[str], str, dict[str, Any]]] = []


def _operations(app: FastAPI) -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """Return the documented operations: every application has the same, and making the document takes its time."""
    if not _documented:
        for path, item in app.openapi()["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
            _documented.extend((pattern, method.upper(), operation) for method, operation in item.items())
        # literal paths before those with parameters
        _documented.sort(key=lambda entry: entry[0].pattern.count("[^/]+"))
    return _documented


class CheckedClient(httpx.AsyncClient):
    """Calls the application in process; adds a fresh Idempotency-Key to every POST that brings none."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        self.app = app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url="http://test", **options)

    async def request(self, method: str, url: Any, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", None) or {})
        if method == "POST" and "idempotency-key" not in {name.lower() for name in headers}:
            headers["Idempotency-Key"] = uuid4().hex
        response = await super().request(
            method, url, headers={k: v for k, v in headers.items() if v}, **options
        )
        self._require_declared(method, response)
        return response

    def _require_declared(self, method: str, response: httpx.Response) -> None:
        path = response.request.url.path
        for pattern, verb, operation in _operations(self.app):
            if verb == method and pattern.match(path):
                declared = operation["responses"].get(str(response.status_code))
                assert declared is not None, (
                    f"{method} {path} answered an undeclared {response.status_code}: {response.text}"
                )
                if response.status_code >= 400:
                    assert response.headers["content-type"] == "application/problem+json", response.text
                    if verb == "HEAD":
                        return  # which has no body, nor does it say its code
                    code = response.json()["code"]
                    assert code in declared["x-codes"], (
                        f"{method} {path} answered undeclared {code}: {response.text}"
                    )
                return
