"""Pure ASGI layers around the whole application: ids, limits, refused bytes, security headers, access log."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.db import new_id
from app.core.limits import RateLimits, lift_deadline
from app.core.metrics import Metrics
from app.core.problems import Problem, RequestTooSlow, Unavailable
from app.core.shape import refusal_of

log = structlog.get_logger("access")

# Sent with every answer. The docs page needs its own scripts and styles, everything else needs nothing.
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-site"),  # the frontend shows pictures from its own host
]
# Only where the request came by https: browsers ignore it elsewhere (RFC 6797 section 7.2).
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
# What somebody reads who is logged in, and every refusal, is for him alone.
_NOT_KEPT = (b"cache-control", b"no-store")
_CSP_API = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_CSP_DOCS = (
    b"content-security-policy",
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; frame-ancestors 'none'",
)
_OF_API, _OF_DOCS = [*SECURITY_HEADERS, _CSP_API], [*SECURITY_HEADERS, _CSP_DOCS]
_SANE_ID = re.compile(rb"[\w.-]{8,64}", re.ASCII)


# A body of this size has come before anybody could refuse it.
SMALL_BODY_BYTES = 64 * 1024
LINGER_SECONDS = 2


class UnreadBodies:
    """End the connection where an answer leaves before the whole body has come: the rest is not listened to.

    For a moment the rest is thrown away first: a connection closed at once is reset, and many clients, still sending,
    would never see the answer (RFC 9112 section 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_missing = _has_large_body(scope)

        async def receive_watched() -> Message:
            nonlocal is_missing
            message = await receive()
            is_missing = message.get("more_body", False)
            return message

        async def send_and_close(message: Message) -> None:
            if is_missing and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            elif is_missing and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _throw_away(receive)
                message = {"type": "http.response.body"}
            await send(message)

        await self.app(scope, receive_watched, send_and_close)


def _has_large_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length) > SMALL_BODY_BYTES


async def _throw_away(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass


class HeadAsGet:
    """Answer HEAD, where a route knows only GET, with what GET would say but the body (RFC 9110 section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        is_unknown = False
        as_get = {**scope, "method": "GET"}

        async def look(message: Message) -> None:
            nonlocal is_unknown
            is_unknown = is_unknown or message.get("status") == 405
            if not is_unknown:
                await send(message)

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app(scope, receive, look)
        if is_unknown:
            await self.app(as_get, receive, send_head)
            scope["route"] = as_get.get("route")


class RequestContext:
    """Give each request an id, a time limit and security headers; refuse what is malformed or too much; log it."""

    def __init__(
        self,
        app: ASGIApp,
        on_crash: Callable[[Request, Exception], Response],
        *,
        limits: RateLimits,
        metrics: Metrics,
        hosts: frozenset[bytes],
        seconds: float,
    ) -> None:
        self.app, self.on_crash, self.limits, self.metrics = app, on_crash, limits, metrics
        self.hosts, self.seconds = hosts, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _id_of(scope)
        seen = Seen()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                lift_deadline(scope)  # from here on the client takes his time
                message["headers"] = [
                    *message["headers"],
                    *_added(scope, message),
                    (b"x-request-id", request_id.encode()),
                ]
            else:
                seen.sent_bytes += len(message.get("body", b""))
            await send(message)

        self.metrics.running += 1
        try:
            await self._answer(scope, receive, send_with_headers, seen)
        finally:
            self.metrics.running -= 1
            self._write_down(scope, seen)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, seen: "Seen") -> None:
        try:
            async with asyncio.timeout(self.seconds) as deadline:
                scope["state"]["deadline"] = deadline
                refusal = refusal_of(scope, self.hosts) or self.limits.refuse_address(scope)
                if refusal:
                    raise refusal
                await self.app(scope, receive, send)
        except Exception as error:
            # The last resort: whatever slipped through is logged, and the caller gets an id to report.
            if seen.status is not None:
                raise
            scope["state"].pop("deadline", None)
            refused = _too_late(scope) if deadline.expired() else error
            await self.on_crash(Request(scope), refused)(scope, receive, send)
        except asyncio.CancelledError:
            # The service ends and has waited long enough: who repeats his request finds the next process.
            if seen.status is None:
                scope["state"].pop("deadline", None)
                await self.on_crash(Request(scope), Unavailable())(scope, receive, send)
            raise
        self.limits.count_unproved(scope)

    def _write_down(self, scope: Scope, seen: "Seen") -> None:
        seconds = time.perf_counter() - seen.began
        route = getattr(scope.get("route"), "path", "-")
        # No status: the client went away before there was one.
        self.metrics.answered(scope["method"], route, seen.status or 499, seconds)
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            route=route,
            status=seen.status,
            ms=round(seconds * 1000, 1),
            bytes=seen.sent_bytes,
            account=scope["state"].get("account"),
            address=scope["client"][0] if scope.get("client") else None,
            request_id=scope["state"]["request_id"],
        )


class Seen:
    """What is seen of an answer as it leaves."""

    __slots__ = ("began", "sent_bytes", "status")

    def __init__(self) -> None:
        self.began, self.sent_bytes = time.perf_counter(), 0
        self.status: int | None = None


def _id_of(scope: Scope) -> str:
    """Return the id that a trusted proxy has given the request, or a new one."""
    if "proxy" in scope["state"]:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SANE_ID.fullmatch(value):
                return str(value.decode())
    return new_id().hex


def _too_late(scope: Scope) -> Problem:
    """Return the refusal of a request that took too long: the client's fault if his body was still coming."""
    if scope["state"].get("is_body_coming"):
        return RequestTooSlow()
    log.warning("request_took_too_long", path=scope["path"], request_id=scope["state"]["request_id"])
    return Unavailable()


def _added(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    """Return the headers that an answer gets, those apart that it has."""
    present = {name.lower() for name, _ in message["headers"]}
    extra = _OF_DOCS if _is_docs(scope["path"]) else _OF_API
    added = [pair for pair in extra if pair[0] not in present]
    if scope.get("scheme") == "https":
        added.append(_HSTS)
    is_private = message["status"] >= 400 or any(name == b"authorization" for name, _ in scope["headers"])
    if is_private and b"cache-control" not in present:
        added.append(_NOT_KEPT)
    return added


def _is_docs(path: str) -> bool:
    return path.startswith(("/docs", "/redoc", "/static-offline-docs"))
