"""Resumable uploads as clients make them, and the service on a socket, for what only a real connection can show."""

import asyncio
import base64
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from tests.client import CheckedClient
from tests.evidence import files

UPLOADS = "/api/v1/evidence/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def pdf(size_bytes: int = 0, seed: int = 0) -> bytes:
    """Return a whole PDF of one page with some more bytes in it; each seed gives another file."""
    filler = random.Random(seed).randbytes(max(8, size_bytes // 2)).hex().encode()
    return files.pdf(more=[files.stream(filler)])


def metadata(**said: str | bytes) -> str:
    """Return an Upload-Metadata header."""
    return ",".join(
        f"{k} {base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode()}" for k, v in said.items()
    )


class Tus:
    """One person's resumable uploads to one unit."""

    def __init__(self, caller: CheckedClient | httpx.AsyncClient, of: dict[str, str]) -> None:
        self.caller, self.of = caller, of

    async def begin(
        self, length: int | str, headers: dict[str, str] | None = None, /, **said: str
    ) -> httpx.Response:
        """Begin an upload and return the answer."""
        sent = {
            **TUS,
            "Idempotency-Key": uuid4().hex,
            "Upload-Length": str(length),
            "Upload-Metadata": metadata(**{"filename": "a.pdf", **self.of, **said}),
        }
        return await self.caller.post(UPLOADS, headers=sent | (headers or {}))

    async def begun(self, length: int, **said: str) -> str:
        """Begin an upload and return its address."""
        answer = await self.begin(length, **said)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def send(self, url: str, offset: int | str, content: Any, **headers: str) -> httpx.Response:
        """Send a piece."""
        sent = {**PIECE, "Upload-Offset": str(offset)} | {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.caller.patch(url, content=content, headers={k: v for k, v in sent.items() if v})

    async def offset(self, url: str) -> int:
        """Return how many bytes the service says it has."""
        answer = await self.caller.head(url, headers=TUS)
        assert answer.status_code == 200, answer.text
        return int(answer.headers["upload-offset"])


class Served:
    """An application on a socket."""

    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self._server, self.url = server, f"http://127.0.0.1:{port}"

    async def at_rest(self) -> None:
        """Return when every request has been dealt with, also those of clients that are gone."""
        while self._server.server_state.tasks:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def on_a_socket(app: FastAPI) -> AsyncIterator[Served]:
    """Serve an application as the service does."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_keep_alive=75)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)
        yield Served(server, listener.getsockname()[1])
        server.should_exit = True
        await serving


async def answered(url: str, head: str, *parts: bytes | float) -> bytes:
    """Send a request byte by byte, pausing where a number of seconds is given; return all that comes back."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n")
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
