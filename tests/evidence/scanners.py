"""The two scanners that tests run against: the stand-in, and the true one where there is one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.evidence.clamd import StandIn
from tests.evidence.real_clamd import RealClamd, binary

BOTH = ["stand-in", "real"]


@asynccontextmanager
async def running(kind: str, folder: Path) -> AsyncIterator[StandIn | RealClamd]:
    """Run a scanner as long as the block lasts."""
    if kind == "real" and binary() is None:
        pytest.skip("there is no clamd here; scripts/clamav unpacks one")
    scanner = RealClamd(folder) if kind == "real" else StandIn()
    await scanner.open()
    try:
        yield scanner
    finally:
        await scanner.close()
