"""Pure ASGI layers around the whole application: request ids, refused bytes, security headers, access log."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.db import new_id
from app.core.problems import BodyUnreadable

log = structlog.get_logger("access")

# Sent with every answer. The docs page needs its own scripts and styles, everything else needs nothing.
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_CSP_API = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_CSP_DOCS = (
    b"content-security-policy",
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; frame-ancestors 'none'",
)


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


class RequestContext:
    """Give each request an id, add the security headers and write one access line."""

    def __init__(self, app: ASGIApp, on_crash: Callable[[Request, Exception], Response]) -> None:
        self.app, self.on_crash = app, on_crash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        seen: dict[str, int | None] = {"status": None}
        extra = [*SECURITY_HEADERS, _CSP_DOCS if _is_docs(scope["path"]) else _CSP_API]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                added = [(n, v) for n, v in extra if n not in present]
                message["headers"] = [*message["headers"], *added, (b"x-request-id", request_id.encode())]
            await send(message)

        if b"%00" in scope.get("raw_path", b"") or b"%00" in scope.get("query_string", b""):
            refusal = BodyUnreadable("Địa chỉ không được chứa %00.", "The address must not contain %00.")
            await self.on_crash(Request(scope), refusal)(scope, receive, send_with_headers)
        else:
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception as error:
                # The last resort: whatever slipped through is logged, and the caller gets an id to report.
                if seen["status"] is not None:
                    raise
                await self.on_crash(Request(scope), error)(scope, receive, send_with_headers)
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=seen["status"],
            ms=round((time.perf_counter() - started) * 1000, 1),
            request_id=request_id,
        )


def _is_docs(path: str) -> bool:
    return path.startswith(("/docs", "/redoc", "/static-offline-docs"))
