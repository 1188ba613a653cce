"""The OpenAPI document: what the routes declare, plus what follows from how they are built."""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response

from app.core.limits import TooManyRequests
from app.core.links import add_links
from app.core.problems import (
    BodyTooLarge,
    BodyUnreadable,
    Conflict,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InternalError,
    InvalidRequest,
    NotFound,
    PreconditionMissing,
    Problem,
    RequestTooSlow,
    StaleVersion,
    Unavailable,
    all_problems,
)
from app.core.shape import AddressTooLong, HeadersTooLarge, HostNotServed

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_ETAG = {
    "description": "version of the resource; send it back as If-Match with a change",
    "schema": {"type": "string"},
    "example": '"3"',
}
_PROBLEM_REF = {"schema": {"$ref": "#/components/schemas/Problem"}}

_OF_EVERY_REQUEST = (BodyUnreadable, AddressTooLong, HeadersTooLarge, HostNotServed, TooManyRequests)


def describe(app: FastAPI) -> None:
    """Make app.openapi() complete: problems that follow from parameters, bodies and security; the problem table."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            for item in document["paths"].values():
                for method in _METHODS:
                    if method in item:
                        _complete(item[method])
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _problem_schema()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            add_links(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    _answer_from_memory(app)


def _answer_from_memory(app: FastAPI) -> None:
    """Write the document down once: to write it for each request held everybody up, for 20 ms and more."""

    @cache
    def document() -> bytes:
        return json.dumps(app.openapi(), ensure_ascii=False).encode()

    async def answer(_: Request) -> Response:
        return Response(document(), media_type="application/json")

    routes = app.router.routes
    routes[:] = [route for route in routes if getattr(route, "path", None) != app.openapi_url]
    app.add_route(str(app.openapi_url), answer, include_in_schema=False)


def _complete(operation: dict[str, Any]) -> None:
    """Add the problems every operation of this shape can answer with."""
    responses = operation.setdefault("responses", {})
    if "422" in responses and "x-codes" not in responses["422"]:
        del responses["422"]  # the framework's own shape, which is never sent
    headers = {p["name"].lower() for p in operation.get("parameters", []) if p["in"] == "header"}
    implied: list[type[Problem]] = [*_OF_EVERY_REQUEST, InternalError, Unavailable]
    if operation.get("parameters") or operation.get("requestBody"):
        implied.append(InvalidRequest)
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        implied.append(NotFound)  # a slash in the parameter misses the route
    if operation.get("requestBody"):
        implied += [BodyTooLarge, RequestTooSlow, Conflict]
    if "if-match" in headers:
        implied += [PreconditionMissing, StaleVersion, Conflict]
    if "idempotency-key" in headers:
        implied += [IdempotencyKeyMissing, IdempotencyKeyReused, Conflict]
    if operation.get("security"):
        implied += [p for p in all_problems() if p.status in (401, 403) and "accounts.auth" in p.__module__]
    for problem in implied:
        _add(responses, problem)
    for response in responses.values():
        if "x-codes" in response:
            response["x-codes"] = sorted(response["x-codes"])
            response["content"] = {
                "application/problem+json": {**_PROBLEM_REF, "examples": _examples(response)}
            }
        elif "if-match" in headers or operation.get("x-etag"):
            response.setdefault("headers", {})["ETag"] = _ETAG


def _examples(response: dict[str, Any]) -> dict[str, Any]:
    """Return an example of each problem of an answer, in Vietnamese, as it is sent without an English preference."""
    titles = {problem.code: problem for problem in all_problems()}
    return {
        code: {"value": titles[code]().document("vi", "01a200ed6325762a8d8d25dc3465d7ad")}
        for code in response["x-codes"]
    }


def _add(responses: dict[str, Any], problem: type[Problem]) -> None:
    entry = responses.setdefault(str(problem.status), {"description": problem.title_vi, "x-codes": []})
    codes = entry.setdefault("x-codes", [])
    if problem.code not in codes:
        codes.append(problem.code)


def _problem_schema() -> dict[str, Any]:
    titles = {p.code: {"status": p.status, "vi": p.title_vi, "en": p.title_en} for p in all_problems()}
    text = {"type": "string"}
    error = {"type": "object", "properties": {"pointer": text, "code": text, "message": text}}
    return {
        "type": "object",
        "description": "RFC 9457. title and detail are Vietnamese, or English by Accept-Language; code is stable.",
        "required": ["type", "title", "status", "code", "instance"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": sorted(titles)},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "request id"},
            "errors": {"type": "array", "items": error},
        },
        "x-titles": titles,
    }
