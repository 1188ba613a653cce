"""How clients are listened to: uvicorn's protocol, with bounds for what comes before a request is one.

Without them a client that sends the head of a request byte by byte holds its connection for ever, a head that never
ends fills the memory, and fields behind the body (trailers) are taken for those of the head, which no proxy has seen.
"""

import asyncio
import json
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.problems import BodyUnreadable

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0


class Connection(HttpToolsProtocol):
    """A connection whose requests must have their heads complete within `HEAD_SECONDS`, in `HEAD_BYTES`.

    So many bytes may also come, beside those of the body, behind a head: trailers and extensions of chunks.
    """

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _is_in_head = False
    _bare_bytes = 0  # since the last head was complete, or the last piece of a body came

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take what comes, unless what is no body has grown too large."""
        self._bare_bytes += len(data)
        super().data_received(data)
        if self._bare_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head, of a later request on this connection too."""
        super().on_message_begin()
        self._is_in_head = True
        self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; what comes behind the body says nothing of the request (RFC 9110 section 6.5.1)."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Give the request as much time as it needs."""
        self._stop_waiting()
        self._is_in_head, self._bare_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body: its bytes are counted by who reads them."""
        self._bare_bytes = 0
        super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request as a problem, like everything else that is refused."""
        document = BodyUnreadable("Yêu cầu không theo đúng HTTP.", msg).document("vi", "-")
        body = json.dumps(document, ensure_ascii=False).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
            "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._stop_waiting()
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()


def server_config(app: Any, **options: Any) -> uvicorn.Config:
    """Return how an application is served: by uvicorn, which believes no proxy (the application itself decides)."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than the proxies in front, so that they close idle connections, not we
        **options,
    )
