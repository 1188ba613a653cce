"""A scanner that is down or ill, and processes that die: nothing is called clean, and nothing is lost."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.files import content_name
from app.evidence import scanning
from app.evidence.rules import SCAN_AGAIN_MINUTES
from tests.conftest import Clock
from tests.evidence.clamd import Health, StandIn
from tests.evidence.conftest import REPORTER
from tests.evidence.files import PDF
from tests.evidence.scanning.conftest import (
    OTHERS,
    SECOND,
    Readers,
    Scan,
    Send,
    only_stand_in,
    rows,
)


@only_stand_in
async def test_a_failed_scan_is_tried_again_later_and_later_and_never_given_up(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, clock: Clock, session: AsyncSession
) -> None:
    document = await send()
    stand_in.health = Health.FAILING
    await scan()
    for attempt, minutes in enumerate((*SCAN_AGAIN_MINUTES, 60, 60), start=1):
        assert len(stand_in.scanned) == attempt
        assert await readers.shown(document) == {
            "state": "failed",
            "scanned_at": None,
            "finding": None,
            "engine": None,
        }
        assert await readers.got(document, REPORTER, *OTHERS) == ["file"] + ["document_not_scanned"] * 3
        due_at = clock.now + timedelta(minutes=minutes)
        clock.now = due_at - SECOND
        await scan()
        assert len(stand_in.scanned) == attempt
        clock.now = due_at
        await scan()
    stand_in.health = Health.WELL
    clock.advance(hours=1, seconds=1)
    await scan()
    assert await readers.states(document) == ["clean"]
    assert [(one.scan_attempts, one.scan_due_at) for one in await rows(session)] == [(0, None)]


@only_stand_in
@pytest.mark.parametrize(
    "health", [Health.GARBAGE, Health.BABBLING, Health.BREAKING_OFF, Health.FAILING, Health.LIMITED]
)
async def test_whatever_is_no_verdict_calls_nothing_clean(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, health: Health
) -> None:
    documents = [await send(PDF + bytes([number])) for number in range(3)]
    stand_in.health = health
    await scan()
    assert await readers.states(*documents) == ["failed"] * 3


@only_stand_in
async def test_a_file_that_is_too_large_for_the_scanner_does_not_hold_up_the_others(
    send: Send, scan: Scan, readers: Readers, app: FastAPI, settings: Settings, clock: Clock
) -> None:
    app.state.settings = settings.model_copy(update={"max_upload_bytes": 4 * 1024**2})
    large = await send(PDF[:-6] + bytes(3 * 1024**2) + b"%%EOF\n")
    clock.advance(seconds=1)
    small = await send()
    await scan()
    assert await readers.states(large, small) == ["failed", "clean"]


@only_stand_in
async def test_bytes_that_are_gone_from_the_store_are_not_called_clean(
    send: Send, scan: Scan, readers: Readers, app: FastAPI, session: AsyncSession
) -> None:
    document = await send()
    await app.state.files.remove(content_name((await rows(session))[0].sha256))
    await scan()
    assert await readers.states(document) == ["failed"]


@only_stand_in
async def test_what_a_killed_process_had_begun_is_scanned_when_its_lease_runs_out(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, clock: Clock
) -> None:
    document = await send()
    stand_in.health = Health.SLOW
    killed = asyncio.ensure_future(scan())
    await stand_in.began.wait()
    killed.cancel()
    await asyncio.wait([killed])
    stand_in.health = Health.WELL
    lease_ends = clock.now + scanning.LEASE
    for now, state in (
        (clock.now, "scanning"),
        (lease_ends - SECOND, "scanning"),
        (lease_ends, "clean"),
        (lease_ends + SECOND, "clean"),
    ):
        clock.now = now
        await scan()
        assert await readers.states(document) == [state]
    assert await readers.got(document, "admin") == ["file"]
