"""Taking bytes out for real: once a day or by hand, tried dry, stopped in the middle, beside uploads and citations."""

import asyncio
import shutil
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore, content_name
from app.core.incoming import StoreUnavailable
from app.core.work import one_round
from app.evidence.hold_queries import keep_still
from app.evidence.models import Document, StoredFile
from app.evidence.queries import document_ids_of
from app.results import keeping
from app.results.keeping import Keeping, Purged, purge
from app.results.keeping_rules import Stays
from app.submissions.models import Submission
from tests.conftest import START, Clock, as_owner, logged_in
from tests.evidence.files import pdf
from tests.results import kept
from tests.results.kept import GRACE, REVIEWED_AT
from tests.results.scene import declare, open_year, own_session
from tests.results.test_keeping import citing, one_of
from tests.scene import UNIT, Scene, photograph

DAY = timedelta(days=1)
OLD = REVIEWED_AT + GRACE
CITED, ORPHAN = b"%PDF cited", b"%PDF orphan"


@pytest.fixture
async def dossier(session: AsyncSession) -> Submission:
    """Give the dossier of a commune in the open year."""
    await open_year(session)
    return await one_of(session, UNIT)


def files_of(settings: Settings) -> list[Path]:
    """Return the files that lie in the store."""
    return sorted(path for path in settings.evidence_path.rglob("*") if path.is_file())


# --- a run --------------------------------------------------------------------------------------------------


async def test_a_dry_run_tells_the_same_and_changes_nothing(
    app: FastAPI, session: AsyncSession, settings: Settings, dossier: Submission
) -> None:
    await kept.document(app, session, dossier)
    await declare(session, dossier, citing(await kept.document(app, session, dossier, CITED)))
    orphan = await kept.bytes_in_store(app, session, ORPHAN)
    before, lying = await photograph(session), files_of(settings)
    would = await kept.run(app, OLD, dry_run=True)
    assert (await photograph(session), files_of(settings)) == (before, lying)
    assert await kept.run(app, OLD) == would
    assert [path.name for path in files_of(settings)] == [sha256(CITED).hexdigest()]
    told = keeping.report(would, dry_run=True).splitlines()
    assert f"{orphan} 11 no_document" in told[:2]
    assert told[2:] == [
        "would go: 2 files, 28 bytes",
        "  never_cited: 1",
        "  no_document: 1",
        "stay: 1 files",
        "  cited_and_kept_for_ever: 1",
    ]


async def test_the_service_does_it_once_a_day(
    app: FastAPI, session: AsyncSession, settings: Settings, clock: Clock
) -> None:
    steps = Keeping(app.state.database, app.state.files, settings, clock).steps
    clock.now = OLD
    await one_round(steps)
    await kept.bytes_in_store(app, session)
    for seconds, lies_there in ((-1, True), (0, False), (1, False)):
        clock.now = OLD + DAY + timedelta(seconds=seconds)
        await one_round(steps)
        assert await kept.lies_there(app) is lies_there


async def test_a_store_that_does_not_answer_loses_nothing_and_is_tried_again(
    app: FastAPI, session: AsyncSession, dossier: Submission, tmp_path: Path
) -> None:
    document = await kept.document(app, session, dossier)
    (tmp_path / "no-folder").write_bytes(b"")
    broken = FileStore(tmp_path / "no-folder")
    with pytest.raises(StoreUnavailable):
        await purge(app.state.database, broken, grace=GRACE, now=OLD)
    assert not await kept.is_marked(session)
    assert await kept.purges(session) == []
    await kept.run(app, OLD)
    assert (await kept.is_marked(session), await kept.purges(session)) == (True, [(document, "never_cited")])


# --- really committed ---------------------------------------------------------------------------------------


class SlowStore(FileStore):
    """A store on the local disk whose removals wait until they are let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def remove(self, *names: str) -> None:
        """Take names out once this is let go."""
        self.begun.set()
        await self.go.wait()
        await super().remove(*names)


class Place:
    """A year with a database and a store of its own, two days after a unit uploaded a document that nothing cites."""

    def __init__(self, app: FastAPI, database: Database, scene: Scene, clock: Clock, root: Path) -> None:
        self.app, self.database, self.scene, self.clock = app, database, scene, clock
        self.store = SlowStore(root)

    async def purge(self, store: FileStore | None = None) -> Purged:
        """Take out what nothing has cited for a day."""
        files = store or self.app.state.files
        # Less than none: what goes can still be cited, as a dossier that is opened again late can.
        grace = DAY - (REVIEWED_AT - START)
        return await purge(self.database, files, grace=grace, now=self.clock.now)

    async def until_waiting(self) -> None:
        """Wait until somebody waits for a lock of the database."""
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        async with asyncio.timeout(10):
            while True:
                async with self.database.session() as session:
                    if await session.scalar(waiting):
                        return
                await asyncio.sleep(0.01)

    async def is_kept(self, document: str) -> bool:
        """Answer whether a document's bytes are there, of which row and store must say the same."""
        async with own_session(self.app) as session, session.begin():
            row = await session.get_one(Document, UUID(document))
            stored = await session.get_one(StoredFile, row.sha256)
        lies_there = await self.app.state.files.size_of(content_name(row.sha256)) == row.size_bytes
        assert lies_there is (stored.purged_at is None)
        return lies_there

    async def sha256_of(self, document: str) -> str:
        """Return the fingerprint of a document."""
        async with own_session(self.app) as session, session.begin():
            return (await session.get_one(Document, UUID(document))).sha256

    async def purges(self) -> list[str]:
        """Return the documents whose bytes went, as the trail tells it."""
        async with own_session(self.app) as session, session.begin():
            return [document for document, _ in await kept.purges(session)]


@pytest.fixture
async def place(own_app: FastAPI, own_database: Database, clock: Clock, settings: Settings) -> Place:
    """Give the year, and the time when the first document may go."""
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    return Place(own_app, own_database, scene, clock, settings.evidence_path)


@pytest.fixture
async def document(place: Place) -> str:
    """Give a document that may go."""
    uploaded = await place.scene.document()
    place.clock.advance(days=2)
    return uploaded


async def test_what_was_taken_out_is_not_cited_until_it_is_uploaded_again(
    place: Place, document: str
) -> None:
    await place.purge()
    assert (await place.is_kept(document), await place.purges()) == (False, [document])
    refused = await place.scene.save({"answers": citing(document)})
    assert [one["code"] for one in refused.json()["errors"]] == ["unknown_document"]
    again = await place.scene.document()
    assert (await place.is_kept(document), await place.is_kept(again)) == (True, True)
    assert (await place.scene.save({"answers": citing(document, again)})).status_code == 200


async def test_an_upload_that_fails_puts_nothing_back_of_what_was_taken_out(
    place: Place, document: str
) -> None:
    await place.purge()
    folder = place.app.state.files.incoming.parent / (await place.sha256_of(document))[:2]
    shutil.rmtree(folder)
    folder.touch()  # nothing can be moved there
    with pytest.raises(AssertionError, match="store_unavailable"):
        await place.scene.document()
    folder.unlink()
    assert not await place.is_kept(document)


async def test_what_was_taken_out_takes_up_no_space_of_its_unit(
    place: Place, document: str, settings: Settings
) -> None:
    settings.max_unit_bytes = len(pdf(b"1")) + 10
    with pytest.raises(AssertionError, match="quota_exceeded"):
        await place.scene.document(2)
    await place.purge()
    assert await place.is_kept(await place.scene.document(2))


async def test_bytes_that_a_broken_upload_put_back_are_taken_out_again(place: Place, document: str) -> None:
    await place.purge()
    place.clock.advance(days=2)
    async with own_session(place.app) as session, session.begin():
        # As it is where the service is killed before the upload has made its document.
        await kept.bytes_in_store(place.app, session, pdf(b"1"))
        (await session.scalars(select(StoredFile))).one().touched_at = place.clock.now
    for seconds, gone in ((-1, 0), (1, 1), (0, 0)):
        place.clock.advance(days=int(seconds < 0), seconds=seconds)
        assert len((await place.purge()).gone) == gone
    assert (await place.is_kept(document), await place.purges()) == (False, [document])


async def test_a_crash_after_the_bytes_went_heals_with_the_next_run(place: Place, document: str) -> None:
    """The commit fails, for real, after the bytes were taken out."""
    async with as_owner(place.database) as owner:
        for statement in (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'",
            "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON stored_file DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()",
        ):
            await owner.execute(text(statement))
    with pytest.raises(DBAPIError):
        await place.purge()
    async with own_session(place.app) as session, session.begin():
        stored = (await session.scalars(select(StoredFile))).one()
        assert (stored.purged_at, await kept.purges(session)) == (None, [])
    async with as_owner(place.database) as owner:
        await owner.execute(text("DROP TRIGGER refuse ON stored_file"))
    assert await place.app.state.files.size_of(content_name(stored.sha256)) is None
    assert len((await place.purge()).gone) == 1
    assert (await place.is_kept(document), await place.purges()) == (False, [document])


async def test_of_several_processes_each_file_is_taken_out_by_one(place: Place) -> None:
    documents = [await place.scene.document(number) for number in range(6)]
    place.clock.advance(days=2)
    done = await asyncio.gather(*(place.purge() for _ in range(4)))
    assert sum(len(one.gone) for one in done) == len(documents)
    assert sorted(await place.purges()) == sorted(documents)


async def test_an_upload_of_the_same_bytes_before_the_removal_keeps_them(place: Place, document: str) -> None:
    async with place.database.session() as guard, guard.begin():
        await keep_still(guard)
        purging = asyncio.create_task(place.purge())
        await place.until_waiting()
        again = await place.scene.document()
    assert dict((await purging).stayed) == {Stays.TOUCHED: 1}
    assert [await place.is_kept(one) for one in (document, again)] == [True, True]


async def test_an_upload_of_the_same_bytes_during_the_removal_puts_them_back(
    place: Place, document: str
) -> None:
    purging = asyncio.create_task(place.purge(place.store))
    await place.store.begun.wait()
    uploading = asyncio.create_task(place.scene.document())
    await place.until_waiting()
    place.store.go.set()
    assert len((await purging).gone) == 1
    assert await place.is_kept(await uploading)


async def test_uploads_and_removals_at_once_never_leave_a_document_without_its_bytes(place: Place) -> None:
    for _ in range(5):
        done = await asyncio.gather(
            *(place.scene.document() if turn % 2 else place.purge() for turn in range(8))
        )
        assert all([await place.is_kept(one) for one in done if isinstance(one, str)])
        place.clock.advance(days=2)


async def test_a_citation_before_the_removal_keeps_the_bytes(place: Place, document: str) -> None:
    async with place.database.session() as guard, guard.begin():
        await keep_still(guard)
        purging = asyncio.create_task(place.purge())
        await place.until_waiting()
        assert (await place.scene.save({"answers": citing(document)})).status_code == 200
    assert dict((await purging).stayed) == {Stays.CITED: 1}
    assert await place.is_kept(document)


async def test_a_removal_waits_for_whoever_is_about_to_cite(place: Place, document: str) -> None:
    async with own_session(place.app) as session, session.begin():
        dossier = await one_of(session, UNIT)
        known = await document_ids_of(session, dossier.period_id, dossier.unit_id, [UUID(document)])
        assert known == {UUID(document)}
        purging = asyncio.create_task(place.purge())
        await place.until_waiting()
        await declare(session, dossier, citing(document))
    assert dict((await purging).stayed) == {Stays.CITED: 1}
    assert await place.is_kept(document)


async def test_a_citation_during_the_removal_waits_and_is_refused(place: Place, document: str) -> None:
    purging = asyncio.create_task(place.purge(place.store))
    await place.store.begun.wait()
    saving = asyncio.create_task(place.scene.save({"answers": citing(document)}))
    await place.until_waiting()
    place.store.go.set()
    assert len((await purging).gone) == 1
    assert (await saving).status_code == 422
    assert (await place.scene.read())["answers"] == {}


async def test_once_a_hold_is_set_nothing_goes_any_more(place: Place) -> None:
    documents = [await place.scene.document(number) for number in (1, 2)]
    place.clock.advance(days=2)
    admin = await place.scene.as_("admin")
    purging = asyncio.create_task(place.purge(place.store))
    await place.store.begun.wait()
    body = {"period_id": place.scene.period["id"], "reason": "thanh tra"}
    holding = asyncio.create_task(admin.post("/api/v1/evidence-holds", json=body))
    await place.until_waiting()
    assert not holding.done()
    place.store.go.set()
    assert (await holding).status_code == 201
    done = await purging
    assert (len(done.gone), dict(done.stayed)) == (1, {Stays.HELD: 1})
    assert sorted([await place.is_kept(one) for one in documents]) == [False, True]


# --- the command --------------------------------------------------------------------------------------------


async def test_the_command_tells_takes_out_and_ends_with_2_where_it_cannot(
    place: Place,
    document: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", place.database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("EVIDENCE_DIR", str(settings.evidence_path))
    capsys.readouterr()  # what was logged so far
    assert await asyncio.to_thread(keeping.main, ["--dry-run"]) == 0
    assert "\nwould go: 1 files," in capsys.readouterr().out
    assert await place.is_kept(document)
    assert await asyncio.to_thread(keeping.main, []) == 0
    assert "\ngone: 1 files," in capsys.readouterr().out
    assert not await place.is_kept(document)
    monkeypatch.setenv("DATABASE_URL", "mysql://nobody")
    assert await asyncio.to_thread(keeping.main, []) == 2
    assert capsys.readouterr().err.startswith("scripts/evidence purge: DATABASE_URL")
