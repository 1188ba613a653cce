"""A place to measure in: a durable embedded server with everything loaded, and the service as its own process."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.accounts.first import first_accounts
from app.catalogue.actions import load_catalogue
from app.core.audit import SYSTEM
from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade_async
from app.periods.actions import prepare
from app.periods.schemas import PeriodIn
from app.submissions.opening import open_period
from app.units.actions import load_units
from app.units.models import UnitKind

SECRET = "a-secret-for-measuring-only-0123456789"
SETS = {
    UnitKind.DEPARTMENT: "camau-2023-so",
    UnitKind.DISTRICT: "camau-2023-huyen",
    UnitKind.COMMUNE: "camau-2023-xa",
}


@asynccontextmanager
async def filled_database() -> AsyncIterator[tuple[Database, EmbeddedPostgres]]:
    """Yield a durable database with the year 2023 of Cà Mau open and the entry window in the future."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        await upgrade_async(server.owner_url, server.url)
        database = Database(server.url, is_local=True)
        now = datetime.now(UTC)
        async with database.session() as session, session.begin():
            await load_catalogue(session, now)
            await load_units(session)
            await first_accounts(session, Settings(database_url=None).on_embedded(server.url), now)
            body = PeriodIn(year=2023, guidance_on=date.today(), sets=SETS)  # noqa: DTZ011  any day will do
            period = await prepare(session, body, by=SYSTEM, now=now)
            await session.flush()
            await open_period(session, period, by=SYSTEM, now=now)
        try:
            yield database, server
        finally:
            await database.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def service(url: str, **settings: str) -> Iterator[tuple[int, int]]:
    """Run the service over a database as its own process, with more settings; yield its port and process id."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": url.replace("+asyncpg", ""),
            "SECRET_KEY": SECRET,
            "PORT": str(port),
            "VAR_DIR": folder,
            "LOG_LEVEL": "info",
            "SECOND_FACTOR_ROLES": "none",
            **settings,
        }
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "app"], env=environment, stderr=log, stdout=log)
        try:
            wait_until_up(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(20)


def wait_for_port(port: int) -> None:
    """Return when somebody listens on a port.

    Raises: TimeoutError after 30 seconds.
    """
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


def wait_until_up(port: int) -> None:
    """Return when the service answers."""
    for _ in range(200):
        try:
            urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=2).close()
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the service did not come up")


class Wire:
    """A keep-alive HTTP/1.1 connection with as little client as possible."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Wire":
        """Connect to a local port."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(
        self, method: str, path: str, headers: str = "", body: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Send one request and return status, head and body of its answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        content = await self.reader.readexactly(length) if length else b""
        return int(answer[9:12]), answer, content

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        await self.writer.wait_closed()
