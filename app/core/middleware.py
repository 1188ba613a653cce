"""Pure ASGI layers around the whole application: request ids, refused bytes, security headers, access log."""

import time
from collections.abc import Callable

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
