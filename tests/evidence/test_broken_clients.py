"""Clients that are slow, break off, or send nonsense, on a real socket: nothing half-received stays or is seen."""

import asyncio
import hashlib
import io
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from app.core.config import Settings
from app.core.db import Database, new_id
from app.core.embedded import EmbeddedPostgres
from app.evidence import receiving
from app.evidence.models import Document
from app.main import create_app
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, _clone, logged_in
from tests.evidence.conftest import REPORTER
from tests.evidence.pieces import PIECE, UPLOADS, Served, Tus, answered, on_a_socket, pdf
from tests.scene import Scene

IDLE_SECONDS = 0.6
MAX_BYTES = 2 * 1024**2


@dataclass
class Place:
    """The service on a socket with an open period, for one module: each test looks at what it adds."""

    app: FastAPI
    served: Served
    folder: Path
    token: str
    of: dict[str, str]

    async def rows(self) -> int:
        async with self.app.state.database.session() as session:
            return await session.scalar(select(func.count()).select_from(Document)) or 0

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.served.url, headers={"Authorization": self.token}, timeout=30)

    def head(self, *headers: str, name: str = "a.pdf") -> str:
        """Return the head of a raw upload."""
        query = httpx.QueryParams({**self.of, "file_name": name})
        lines = [
            f"POST /api/v1/evidence?{query} HTTP/1.1",
            "Host: test",
            f"Authorization: {self.token}",
            f"Idempotency-Key: {uuid4().hex}",
            *headers,
        ]
        return "\n".join(lines) + "\n"

    def piece(self, url: str, offset: int, *headers: str) -> str:
        """Return the head of a raw piece."""
        named = [f"{name}: {value}" for name, value in (PIECE | {"Upload-Offset": str(offset)}).items()]
        first = [f"PATCH {url} HTTP/1.1", "Host: test", f"Authorization: {self.token}"]
        return "\n".join([*first, *named, *headers]) + "\n"


@pytest.fixture(scope="module")
async def place(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give the service on a socket."""
    database = Database(await _clone(server.url, f"broken_{new_id().hex}", "dti_template"), is_local=True)
    settings = Settings(
        var_dir=tmp_path_factory.mktemp("broken"),
        max_upload_bytes=MAX_BYTES,
        upload_idle_seconds=IDLE_SECONDS,
        worker_seconds=0,
    ).on_embedded(server.url)
    clock = Clock()
    app = create_app(settings, database, clock)
    scene = await Scene.opened(partial(logged_in, app, clock))
    async with await logged_in(app, clock, REPORTER) as reporter:
        token = reporter.headers["authorization"]
    async with database.session() as session:
        unit = (await unit_ids_by_key(session))["xa-31999"]
    async with on_a_socket(app) as served:
        of = {"period_id": scene.period["id"], "unit_id": str(unit)}
        yield Place(app, served, settings.evidence_path, token, of)
    await database.close()


@pytest.fixture
async def tus(place: Place) -> AsyncIterator[Tus]:
    """Give the reporter's resumable uploads over the socket."""
    async with place.client() as caller:
        yield Tus(caller, place.of)


@pytest.fixture
async def untouched(place: Place) -> AsyncIterator[None]:
    """Require that a test leaves no row and no file."""
    before = await place.rows(), place.files()
    yield
    await place.served.at_rest()
    assert (await place.rows(), place.files()) == before


async def sent_raw(place: Place, head: str, *parts: bytes | float) -> tuple[int, str, bytes]:
    """Send a raw request; return status, lower-case headers and body of the answer, once the server hung up."""
    answer = await answered(place.served.url, head, *parts)
    headers, _, body = answer.partition(b"\r\n\r\n")
    return int(headers.split()[1]), headers.decode().lower(), body


async def broken_off(place: Place, head: str, *parts: bytes) -> None:
    """Send the beginning of a request and go away."""
    host, port = place.served.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n" + b"".join(parts))
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    await asyncio.sleep(0.05)
    await place.served.at_rest()


# --- uploads in one go --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("untouched")
async def test_a_body_that_ends_too_early_leaves_nothing(place: Place) -> None:
    content = pdf(700_000)
    await broken_off(place, place.head(f"Content-Length: {len(content)}"), content[:600_000])
    await broken_off(place, place.head("Transfer-Encoding: chunked"), b"ff\r\n" + content[:100])
    await broken_off(place, place.head(f"Content-Length: {len(content)}"))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("came", [0, 100, 600_000])
async def test_a_client_that_falls_silent_is_let_go(place: Place, came: int) -> None:
    head = place.head("Content-Length: 700000", "Accept-Language: en")
    status, headers, body = await sent_raw(place, head, pdf(700_000)[:came])
    assert status == 408
    assert "connection: close" in headers
    assert b'"upload_too_slow"' in body
    assert b"Nothing more came for 0.6 seconds." in body


@pytest.mark.usefixtures("untouched")
async def test_a_client_that_sends_single_bytes_is_as_good_as_silent(place: Place) -> None:
    drops: list[bytes | float] = [b"%", IDLE_SECONDS / 5] * 7
    status, _, body = await sent_raw(place, place.head("Content-Length: 700000"), *drops)
    assert status == 408
    assert b'"upload_too_slow"' in body


async def test_a_slow_client_that_makes_progress_is_waited_for(place: Place) -> None:
    content = pdf(12_000, seed=3)
    steps: list[bytes | float] = []
    for start in range(0, len(content), 2000):
        steps += [content[start : start + 2000], IDLE_SECONDS / 3]
    head = place.head(f"Content-Length: {len(content)}", "Connection: close")
    status, _, body = await sent_raw(place, head, *steps)
    assert status == 201, body


async def test_of_a_body_that_is_longer_than_announced_no_more_than_that_is_kept(place: Place) -> None:
    content = pdf(seed=4)
    before = await place.rows()
    head = place.head(f"Content-Length: {len(content)}")
    status, _, body = await sent_raw(place, head, content + b"and more")
    await place.served.at_rest()
    assert status in (201, 400), body
    assert await place.rows() - before in ((1,) if status == 201 else (0, 1))
    async with place.client() as caller:
        listed = (await caller.get("/api/v1/evidence", params=place.of)).json()["items"]
    assert all(one["sha256"] != hashlib.sha256(content + b"and more").hexdigest() for one in listed)


@pytest.mark.usefixtures("untouched")
async def test_ten_gigabytes_are_refused_at_once_and_not_listened_to(place: Place) -> None:
    head = place.head(f"Content-Length: {10 * 1024**3}")
    began = asyncio.get_running_loop().time()
    status, headers, body = await sent_raw(place, head, b"%PDF-1.7\n")
    assert asyncio.get_running_loop().time() - began < 5
    assert status == 413
    assert "connection: close" in headers
    assert b'"file_too_large"' in body


@pytest.mark.usefixtures("untouched")
async def test_a_stream_without_a_length_is_cut_at_the_limit(place: Place) -> None:
    block = b"10000\r\n" + bytes(65536) + b"\r\n"
    status, headers, body = await sent_raw(
        place, place.head("Transfer-Encoding: chunked"), block * (MAX_BYTES // 65536 + 1)
    )
    assert status == 413
    assert "connection: close" in headers
    assert b'"file_too_large"' in body


@pytest.mark.usefixtures("untouched")
async def test_whoever_is_refused_early_sees_why_and_is_not_listened_to(place: Place) -> None:
    async def much() -> Any:
        for _ in range(300):
            yield bytes(65536)

    async with place.client() as caller:
        for headers, name, status in [
            ({"Authorization": "Bearer x"}, "a.pdf", 401),
            ({"Idempotency-Key": "1"}, "a.exe", 415),
            ({"Idempotency-Key": "2"}, "a.pdf", 413),
        ]:
            params = {**place.of, "file_name": name}
            answer = await caller.post("/api/v1/evidence", params=params, headers=headers, content=much())
            assert answer.status_code == status, answer.text
            assert answer.headers["connection"] == "close"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: -5"],
        ["Content-Length: abc"],
        ["Content-Length: 1e3"],
        ["Content-Length: 5.5"],
        ["Content-Length: 10, 20"],
        ["Content-Length: 99999999999999999999999"],
        ["Content-Length: 10", "Content-Length: 20"],
        ["Content-Length: 10", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip"],
    ],
)
async def test_a_length_that_is_none_is_refused(place: Place, headers: list[str]) -> None:
    status, answer_headers, body = await sent_raw(place, place.head(*headers), b"0\r\n\r\n" + bytes(30))
    assert 400 <= status < 500, (status, answer_headers, body)


@pytest.mark.usefixtures("untouched")
async def test_a_chunk_that_is_no_chunk_leaves_nothing(place: Place) -> None:
    for body in (b"zz\r\n", b"-1\r\n\r\n", b"5\r\n%PDF-1.7 and too long", b"ffffffffffffffffff\r\n"):
        status, _, _ = await sent_raw(place, place.head("Transfer-Encoding: chunked"), body)
        assert 400 <= status < 500, body


async def test_the_store_that_goes_away_in_the_middle_acknowledges_nothing(place: Place) -> None:
    before, aside = await place.rows(), place.folder.with_name("aside")
    content = pdf(900_000, seed=5)

    async def goes_away() -> Any:
        yield content[:600_000]
        await asyncio.sleep(0.1)
        place.folder.rename(aside)
        place.folder.write_text("not a folder")
        yield content[600_000:]

    async with place.client() as caller:
        tus = Tus(caller, place.of)
        url = await tus.begun(len(content))
        assert (await tus.send(url, 0, content[:50])).status_code == 204
        headers = {"Idempotency-Key": uuid4().hex}
        send = partial(
            caller.post, "/api/v1/evidence", params={**place.of, "file_name": "a.pdf"}, headers=headers
        )
        try:
            answer = await send(content=goes_away())
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert (await send(content=content)).status_code == 503
            assert (await tus.send(url, 50, content[50:100])).status_code == 503
            assert (await tus.send(url, 50, content[50:])).status_code == 503
            assert await tus.offset(url) == 50
            assert await place.rows() == before
        finally:
            place.folder.unlink()
            aside.rename(place.folder)
        shutil.rmtree(place.folder / "incoming")
        assert (await send(content=content)).status_code == 201
        assert (await tus.send(url, 50, content[50:])).status_code == 204


async def test_one_person_sends_only_so_many_files_at_once(
    place: Place, tus: Tus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "AT_ONCE", 2)
    url = await tus.begun(1000)
    waiting = [
        asyncio.create_task(sent_raw(place, head, b"%PDF-"))
        for head in (place.head("Content-Length: 1000"), place.piece(url, 0, "Content-Length: 1000"))
    ]
    await asyncio.sleep(0.2)
    refused = await tus.send(url, 0, b"%PDF-")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")
    assert [(await one)[0] for one in waiting] == [408, 408]
    assert (await tus.send(url, 5, b"1.7")).status_code == 204


async def test_twenty_uploads_at_once_make_twenty_documents_without_an_error(place: Place) -> None:
    contents = [pdf(200_000, seed=n // 2) for n in range(20)]  # every file is sent by two

    async def whole(caller: httpx.AsyncClient, content: bytes) -> str:
        headers, params = {"Idempotency-Key": uuid4().hex}, {**place.of, "file_name": "a.pdf"}
        answer = await caller.post("/api/v1/evidence", params=params, headers=headers, content=content)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def in_pieces(caller: httpx.AsyncClient, content: bytes) -> str:
        tus = Tus(caller, place.of)
        url = await tus.begun(len(content))
        for start in range(0, len(content), 90_000):
            answer = await tus.send(url, start, content[start : start + 90_000])
            assert answer.status_code == 204, answer.text
        return url.rsplit("/", 1)[1]

    async with place.client() as caller:
        ids = await asyncio.gather(
            *((whole if n % 2 else in_pieces)(caller, content) for n, content in enumerate(contents))
        )
        assert len(set(ids)) == 20
        for one, content in zip(ids, contents, strict=True):
            assert (await caller.get(f"/api/v1/evidence/{one}/content")).content == content
    for content in contents:
        sha256 = hashlib.sha256(content).hexdigest()
        assert len([path for path in place.files() if path.name == sha256]) == 1


# --- uploads in pieces --------------------------------------------------------------------------------------


async def test_what_came_before_the_connection_broke_is_kept(place: Place, tus: Tus) -> None:
    content = pdf(700_000, seed=6)
    url = await tus.begun(len(content))
    await broken_off(place, place.piece(url, 0, f"Content-Length: {len(content)}"), content[:600_000])
    assert await tus.offset(url) == 600_000
    await broken_off(place, place.piece(url, 600_000, f"Content-Length: {len(content) - 600_000}"))
    assert await tus.offset(url) == 600_000
    status, _, body = await sent_raw(
        place, place.piece(url, 600_000, "Content-Length: 50000"), content[600_000:640_000]
    )
    assert (status, b'"upload_too_slow"' in body) == (408, True)
    assert await tus.offset(url) == 640_000
    answer = await tus.send(url, 640_000, content[640_000:])
    assert answer.status_code == 204, answer.text
    document = answer.headers["content-location"]
    assert (await tus.caller.get(f"{document}/content")).content == content


async def test_a_piece_with_a_checksum_is_kept_whole_or_not_at_all(place: Place, tus: Tus) -> None:
    url = await tus.begun(1000)
    head = place.piece(url, 0, "Content-Length: 1000", "Upload-Checksum: sha1 AAAA")
    await broken_off(place, head, bytes(900))
    assert await tus.offset(url) == 0


async def test_the_whole_file_counts_though_nobody_waits_for_the_answer(place: Place, tus: Tus) -> None:
    content = pdf(seed=7)
    url = await tus.begun(len(content))
    await broken_off(place, place.piece(url, 0, f"Content-Length: {len(content)}"), content)
    assert await tus.offset(url) == len(content)


async def test_a_connection_that_hangs_spoils_nothing_of_the_one_that_takes_its_place(
    place: Place, tus: Tus
) -> None:
    content = pdf(300_000, seed=8)
    url = await tus.begun(len(content))
    head = place.piece(url, 0, f"Content-Length: {len(content)}")
    hanging = asyncio.create_task(sent_raw(place, head, b"x" * 100_000))
    await asyncio.sleep(IDLE_SECONDS / 3)
    assert (await tus.send(url, 0, content[:100_000])).status_code == 204
    status, _, body = await hanging
    assert (status, b'"upload_offset_conflict"' in body) == (409, True)
    answer = await tus.send(url, 100_000, content[100_000:])
    assert answer.status_code == 204, answer.text
    assert (await tus.caller.get(f"{answer.headers['content-location']}/content")).content == content
    assert len([path for path in place.files() if url.rsplit("/", 1)[1] in str(path)]) == 1


async def test_of_two_last_pieces_at_once_one_makes_the_document(place: Place, tus: Tus) -> None:
    content, before = pdf(300_000, seed=9), await place.rows()
    url = await tus.begun(len(content))
    assert (await tus.send(url, 0, content[:1000])).status_code == 204
    answers = await asyncio.gather(*(tus.send(url, 1000, content[1000:]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    assert await place.rows() == before + 1


async def test_an_upload_given_up_while_a_piece_comes_keeps_nothing_of_it(place: Place, tus: Tus) -> None:
    url = await tus.begun(1000)
    hanging = asyncio.create_task(sent_raw(place, place.piece(url, 0, "Content-Length: 900"), bytes(800)))
    await asyncio.sleep(IDLE_SECONDS / 3)
    assert (await tus.caller.delete(url, headers={"Tus-Resumable": "1.0.0"})).status_code == 204
    status, _, body = await hanging
    assert (status, b'"upload_ended"' in body) == (410, True)
    assert not [path for path in place.files() if url.rsplit("/", 1)[1] in str(path)]


async def test_a_slow_piece_holds_no_connection_to_the_database(place: Place, tus: Tus) -> None:
    url = await tus.begun(1000)
    hanging = asyncio.create_task(sent_raw(place, place.piece(url, 0, "Content-Length: 900"), bytes(800)))
    await asyncio.sleep(IDLE_SECONDS / 3)
    held = place.app.state.database.engine.pool.checkedout()
    await hanging
    assert held <= 1  # the one that listens for publications


async def test_a_client_library_uploads_breaks_off_and_resumes(place: Place) -> None:
    content = pdf(500_000, seed=10)
    said = {**place.of, "filename": "Báo cáo năm.pdf", "title": "Báo cáo"}

    def client(**headers: str) -> TusClient:
        return TusClient(f"{place.served.url}{UPLOADS}", headers={"Authorization": place.token} | headers)

    def first() -> str:
        began = client(**{"Idempotency-Key": uuid4().hex}).uploader(
            file_stream=io.BytesIO(content), metadata=said, chunk_size=130_000, upload_checksum=True
        )
        began.upload(stop_at=130_000)
        began.upload(stop_at=260_000)
        assert began.offset == 260_000
        return str(began.url)

    def second(url: str) -> None:
        resumed = client().uploader(file_stream=io.BytesIO(content), url=url, chunk_size=130_000)
        assert resumed.offset == 260_000
        resumed.upload()
        assert resumed.offset == len(content)

    def elsewhere() -> None:
        with pytest.raises(TusCommunicationError, match="401"):
            TusClient(f"{place.served.url}{UPLOADS}").uploader(
                file_stream=io.BytesIO(content), metadata=said
            ).upload()

    url = await asyncio.to_thread(first)
    await asyncio.to_thread(second, url)
    await asyncio.to_thread(elsewhere)
    async with place.client() as caller:
        document = f"/api/v1/evidence/{url.rsplit('/', 1)[1]}"
        assert (await caller.get(document)).json()["file_name"] == "Báo cáo năm.pdf"
        assert (await caller.get(f"{document}/content")).content == content
