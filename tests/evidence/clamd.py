"""A stand-in for clamd that speaks its protocol on a free port and minds every byte of it; it can be ill in many ways.

The same tests run against the true one where there is one: `real_clamd.py`.
"""

import asyncio
import io
import zipfile
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path

from tests.evidence.files import WORD, office

# In pieces, so that no scanner finds this very file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Eicar-Test"
INFECTED = office(WORD, **{"word/media/image1.bin": EICAR})
STREAM_LIMIT = 2 * 1024**2


class Health(Enum):
    """How the scanner behaves."""

    WELL = auto()
    SLOW = auto()  # says nothing until `go_on` is set
    GARBAGE = auto()  # says what no scanner says
    BABBLING = auto()  # and never ends
    BREAKING_OFF = auto()  # goes away in the middle of a file
    FAILING = auto()  # cannot scan and says so
    LIMITED = auto()  # says that the file is beyond its limits


class StandIn:
    """Scans what comes to 127.0.0.1; `scanned` holds every file it was sent, `faults` what was wrong with how."""

    def __init__(self) -> None:
        self.health = Health.WELL
        self.knows_eicar = True
        self.version = "ClamAV 1.4.6/27800/Fri Dec 15 08:00:00 2023"
        self.scanned: list[bytes] = []
        self.faults: list[str] = []
        self.go_on, self.began = asyncio.Event(), asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Return what the setting names."""
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen: on a free port the first time, then on the same."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def open_at(self, path: Path) -> None:
        """Listen at a path instead."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def close(self) -> None:
        """Stop listening, and break off whatever is going on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.transport.abort() if self.health is Health.BREAKING_OFF else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zVERSION\0":
            said = self.version
        elif command == b"zINSTREAM\0":
            said = await self._scan(reader)
        else:
            self.faults.append(f"unknown command {command!r}")
            said = "UNKNOWN COMMAND"
        writer.write(said.encode() + b"\0")
        await writer.drain()

    async def _scan(self, reader: asyncio.StreamReader) -> str:
        self.began.set()
        received = bytearray()
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            if len(received) + length > STREAM_LIMIT:
                return "INSTREAM size limit exceeded. ERROR"
            received += await reader.readexactly(length)
            if self.health is Health.BREAKING_OFF:
                raise ConnectionError
        self.scanned.append(bytes(received))
        return await self._said_of(bytes(received), reader)

    async def _said_of(self, content: bytes, reader: asyncio.StreamReader) -> str:
        match self.health:
            case Health.SLOW:
                await self.go_on.wait()
            case Health.GARBAGE:
                return "HTTP/1.1 200 OK"
            case Health.BABBLING:
                return "stream: " + "O" * 200_000
            case Health.FAILING:
                return "stream: Can't allocate memory ERROR"
            case Health.LIMITED:
                return "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND"
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                if more := await reader.read(1):
                    self.faults.append(f"{more!r} after the end")
        return f"stream: {NAME} FOUND" if self.knows_eicar and _is_infected(content) else "stream: OK"


def _is_infected(content: bytes) -> bool:
    if EICAR in content:
        return True
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(EICAR in archive.read(name) for name in archive.namelist())
    return False
