"""The malware scanner, spoken to over a socket: bytes go in, what it found in them comes out.

Source: clamd(8), commands VERSION and INSTREAM. Its libraries are slow or not licensed for this.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

CONNECT_SECONDS = 5.0
# The scanner gives up by itself after two minutes (MaxScanTime); reading the file and sending it comes before that.
SCAN_SECONDS = 240.0

_FOUND = re.compile(r"stream: ([^\x00-\x1f\x7f]+) FOUND")
_MAX_NAME_CHARACTERS = 200
# What it says with AlertExceedsMax of a file too large or too nested to be looked through: it found nothing in it.
_NOT_LOOKED_THROUGH = "Heuristics.Limits.Exceeded"

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NotScanned(Exception):
    """The scanner said nothing of the bytes: it is away, too slow, refuses them, or makes no sense."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """The scanner at an address, as the setting `clamd` writes it; every call is a connection and ends in time."""

    address: str
    seconds: float = SCAN_SECONDS

    async def version(self) -> str:
        """Return which engine it is, with which signatures.

        Raises: NotScanned.
        """
        async with self._asked(b"zVERSION\0", CONNECT_SECONDS) as (reader, _):
            said = await _answer(reader)
            if not said.startswith("ClamAV"):
                raise ValueError("no scanner")
            return said[:_MAX_NAME_CHARACTERS]

    async def finding_in(self, blocks: AsyncIterator[bytes]) -> str | None:
        """Return the name of what is found in a file, None if it is clean.

        Raises: NotScanned; what reading the file raises comes through.
        """
        async with self._asked(b"zINSTREAM\0", self.seconds) as (reader, writer):
            try:
                await _send(blocks, writer)
            except ConnectionError as error:
                # It says why before it breaks off; whatever that is, the file was not looked through.
                raise ValueError(await _answer(reader)) from error
            return _finding(await _answer(reader))

    @asynccontextmanager
    async def _asked(self, command: bytes, seconds: float) -> AsyncIterator[_Streams]:
        """Give the connection on which a command was sent, for so many seconds."""
        try:
            reader, writer = await self._connected()
            try:
                async with asyncio.timeout(seconds):
                    writer.write(command)
                    yield reader, writer
            finally:
                writer.transport.abort()  # nothing is left to be said, and an orderly end could wait for ever
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NotScanned(f"{type(error).__name__}: {error}"[:_MAX_NAME_CHARACTERS]) from error

    async def _connected(self) -> _Streams:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.address.startswith("unix:"):
                return await asyncio.open_unix_connection(self.address.removeprefix("unix:"))
            host, _, port = self.address.rpartition(":")
            return await asyncio.open_connection(host.strip("[]"), int(port))


async def _send(blocks: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    """Send a file: each block after its length in four bytes, nothing at the end."""
    async for block in blocks:
        writer.write(b"".join((len(block).to_bytes(4, "big"), block)))
        await writer.drain()
    writer.write(bytes(4))
    await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\0"))[:-1].decode()


def _finding(said: str) -> str | None:
    if said == "stream: OK":
        return None
    found = _FOUND.fullmatch(said)
    if found is None or found[1].startswith(_NOT_LOOKED_THROUGH):
        raise ValueError(said)
    return found[1][:_MAX_NAME_CHARACTERS]
