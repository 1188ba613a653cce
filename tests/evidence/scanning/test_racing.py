"""Several scans at once, and uploads in the middle of one, on a database of the test's own."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.evidence import actions, scanning
from app.evidence.clamd import Clamd
from tests.conftest import Clock
from tests.evidence.clamd import INFECTED, Health, StandIn
from tests.evidence.files import PDF
from tests.evidence.scanning.conftest import (
    OwnYear,
    events,
    only_stand_in,
    rows,
)


@only_stand_in
async def test_a_verdict_after_the_lease_changes_nothing(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    await own_year.upload()
    scanner = Clamd(stand_in.address, seconds=60)
    state = own_app.state
    stand_in.health = Health.SLOW
    late = asyncio.create_task(scanning.scan(state.database.session, state.files, scanner, clock))
    await stand_in.began.wait()
    clock.now += scanning.LEASE
    stand_in.health, stand_in.version = Health.WELL, "ClamAV of the second"
    await scanning.scan(state.database.session, state.files, scanner, clock)
    clock.advance(minutes=1)
    stand_in.go_on.set()
    await late
    async with state.database.session() as session:
        (row,) = await rows(session)
        assert (row.scan_state, row.scan_engine) == ("clean", "ClamAV of the second")
        assert row.scanned_at == clock.now - timedelta(minutes=1)
    assert len(stand_in.scanned) == 2


@only_stand_in
async def test_several_workers_at_once_scan_each_file_once(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    contents = [PDF + bytes([number]) for number in range(12)]
    for content in contents:
        await own_year.upload(content)
    scanner, state = Clamd(stand_in.address), own_app.state
    await asyncio.gather(
        *(scanning.scan(state.database.session, state.files, scanner, clock) for _ in range(4))
    )
    assert sorted(stand_in.scanned) == sorted(contents)
    async with state.database.session() as session:
        assert {row.scan_state for row in await rows(session)} == {"clean"}


@only_stand_in
async def test_a_document_that_comes_while_its_bytes_are_scanned_is_told_of_as_well(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    before = await own_year.upload(INFECTED, "a.docx")
    stand_in.health, state = Health.SLOW, own_app.state
    scanned = asyncio.create_task(
        scanning.scan(state.database.session, state.files, Clamd(stand_in.address), clock)
    )
    await stand_in.began.wait()
    meanwhile = await own_year.upload(INFECTED, "b.docx")
    stand_in.go_on.set()
    await scanned
    async with state.database.session() as session:
        told = {str(one.object_id) for one in await events(session, "evidence.infected")}
    assert told == {before, meanwhile}


@only_stand_in
async def test_an_upload_and_a_verdict_that_cross_know_of_each_other(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    first = await own_year.upload(INFECTED, "a.docx")
    stand_in.health, state = Health.SLOW, own_app.state
    scanned = asyncio.create_task(
        scanning.scan(state.database.session, state.files, Clamd(stand_in.address), clock)
    )
    await stand_in.began.wait()
    async with state.database.session() as session, session.begin():
        second = await own_year.keep(session, INFECTED)
        stand_in.go_on.set()
        await asyncio.sleep(0.2)
        assert not scanned.done(), "the verdict waits for whoever is about to make a document of the bytes"
    await scanned
    async with state.database.session() as session:
        assert {one.object_id for one in await events(session, "evidence.infected")} == {UUID(first), second}
        with pytest.raises(actions.FileInfected):
            await own_year.keep(session, INFECTED)
