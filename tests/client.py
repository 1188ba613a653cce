"""An HTTP client that refuses answers the OpenAPI document does not declare."""

import re
from functools import lru_cache
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI


@lru_cache(maxsize=8)
def _operations(app: FastAPI) -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    found = []
    for path, item in app.openapi()["paths"].items():
        pattern = re.compile("^" + re.sub(r"\\\{[^}]+\\\}|\{[^}]+\}", "[^/]+", path) + "$")
        # literal paths before those with parameters, as the router tries them in order of declaration
        found += [(pattern, method.upper(), operation) for method, operation in item.items()]
    return sorted(found, key=lambda entry: entry[0].pattern.count("[^/]+"))


class CheckedClient(httpx.AsyncClient):
    """Calls the application in process; adds a fresh Idempotency-Key to every POST that brings none."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        self.app = app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url="http://test", **options)

    async def request(self, method: str, url: Any, **options: Any) -> httpx.Response:  # type: ignore[override]
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
                    code = response.json()["code"]
                    assert code in declared["x-codes"], (
                        f"{method} {path} answered undeclared {code}: {response.text}"
                    )
                return
