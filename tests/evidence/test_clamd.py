"""Speaking to the scanner: what it says is understood, and nothing but "OK" is ever taken for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.evidence.clamd import Clamd, NotScanned
from tests.evidence.clamd import EICAR, INFECTED, NAME, STREAM_LIMIT, Health, StandIn
from tests.evidence.files import DOCX, PDF, zipped
from tests.evidence.real_clamd import RealClamd
from tests.evidence.scanners import BOTH, running

Scanner = StandIn | RealClamd


@pytest.fixture(params=BOTH)
async def scanner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scanner]:
    """Give a scanner that is well."""
    async with running(request.param, tmp_path) as one:
        yield one


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[StandIn]:
    """Give a scanner that can be made ill."""
    async with running("stand-in", tmp_path) as one:
        assert isinstance(one, StandIn)
        yield one
        assert one.faults == []


async def blocks(content: bytes, size: int = 512 * 1024) -> AsyncIterator[bytes]:
    """Give a file as the store gives it."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


@pytest.mark.parametrize("content", [b"", PDF, DOCX, bytes(STREAM_LIMIT), EICAR[:-1]])
async def test_a_clean_file_is_clean(scanner: Scanner, content: bytes) -> None:
    assert await Clamd(scanner.address).finding_in(blocks(content)) is None


@pytest.mark.parametrize("content", [EICAR, INFECTED, PDF + EICAR, bytes(STREAM_LIMIT - 68) + EICAR])
async def test_what_is_found_is_named(scanner: Scanner, content: bytes) -> None:
    finding = await Clamd(scanner.address).finding_in(blocks(content))
    assert finding is not None and finding.startswith(NAME)


async def test_it_does_not_matter_how_a_file_is_cut(scanner: Scanner) -> None:
    assert await Clamd(scanner.address).finding_in(blocks(INFECTED, 1)) is not None


async def test_the_engine_is_named(scanner: Scanner) -> None:
    assert (await Clamd(scanner.address).version()).startswith("ClamAV ")


@pytest.mark.parametrize("more", [1, 20 * 1024**2])
async def test_a_file_beyond_the_limit_of_the_stream_is_not_scanned(scanner: Scanner, more: int) -> None:
    with pytest.raises(NotScanned):
        await Clamd(scanner.address).finding_in(blocks(bytes(STREAM_LIMIT + more)))
    assert await Clamd(scanner.address).finding_in(blocks(PDF)) is None


@pytest.mark.parametrize("scanner", ["real"], indirect=True)
@pytest.mark.parametrize("inside", [bytes(STREAM_LIMIT + 1), bytes(STREAM_LIMIT + 1) + EICAR])
async def test_what_expands_beyond_the_limits_of_the_scanner_is_not_clean(
    scanner: Scanner, inside: bytes
) -> None:
    with pytest.raises(NotScanned, match=r"Heuristics\.Limits\.Exceeded"):
        await Clamd(scanner.address).finding_in(blocks(zipped({"sheet.xml": inside})))


async def test_a_scanner_that_is_down_says_nothing(scanner: Scanner) -> None:
    await scanner.close()
    with pytest.raises(NotScanned):
        await Clamd(scanner.address).version()
    with pytest.raises(NotScanned):
        await Clamd(scanner.address).finding_in(blocks(PDF))


@pytest.mark.parametrize(
    "health", [Health.GARBAGE, Health.BABBLING, Health.BREAKING_OFF, Health.FAILING, Health.LIMITED]
)
@pytest.mark.parametrize("size", [100, STREAM_LIMIT])
async def test_a_scanner_that_makes_no_sense_says_nothing(
    stand_in: StandIn, health: Health, size: int
) -> None:
    stand_in.health = health
    with pytest.raises(NotScanned):
        await Clamd(stand_in.address).finding_in(blocks(bytes(size)))


async def test_a_scanner_is_not_waited_for_for_ever(stand_in: StandIn) -> None:
    stand_in.health = Health.SLOW
    began = time.monotonic()
    with pytest.raises(NotScanned):
        await Clamd(stand_in.address, seconds=0.2).finding_in(blocks(PDF))
    assert time.monotonic() - began < 5


async def test_a_scanner_that_does_not_read_is_not_waited_for_either() -> None:
    held = []

    async def never_read(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(never_read, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(NotScanned):
        await Clamd(address, seconds=0.2).finding_in(blocks(bytes(50 * 1024**2)))
    for writer in held:
        writer.transport.abort()
    server.close()


async def test_another_service_is_not_taken_for_a_scanner(stand_in: StandIn) -> None:
    stand_in.version = "220 mail.example.vn ESMTP"
    with pytest.raises(NotScanned):
        await Clamd(stand_in.address).version()


@pytest.mark.parametrize("address", ["no-such-host.invalid:3310", "unix:/no/such/socket", "127.0.0.1:1"])
async def test_an_address_where_nobody_is_says_nothing(address: str) -> None:
    with pytest.raises(NotScanned):
        await Clamd(address).version()


async def test_a_scanner_may_listen_at_a_path(tmp_path: Path) -> None:
    stand_in = StandIn()
    await stand_in.open_at(tmp_path / "clamd.sock")
    clamd = Clamd(f"unix:{tmp_path}/clamd.sock")
    assert await clamd.version() == stand_in.version
    assert await clamd.finding_in(blocks(EICAR)) == NAME
    await stand_in.close()


async def test_what_goes_wrong_with_the_file_itself_comes_through(stand_in: StandIn) -> None:
    class Torn(Exception):
        pass

    async def torn() -> AsyncIterator[bytes]:
        yield PDF
        raise Torn

    with pytest.raises(Torn):
        await Clamd(stand_in.address).finding_in(torn())
    assert stand_in.scanned == []
