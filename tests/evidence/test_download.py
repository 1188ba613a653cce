"""A document's bytes over HTTP: whole, in parts, under their name, shown in place or not, and never cut short."""

from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from obstore.store import MemoryStore

from app.core.conditional import byte_range
from app.core.config import Settings
from app.core.files import FileStore, content_name
from app.evidence.download import disposition
from app.evidence.models import StoredFile
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.evidence import files, pieces
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import DOCX, PDF
from tests.results.scene import own_session
from tests.serving import served

NAME = 'Báo cáo "số 1" – Cà Mau 100%.pdf'


@pytest.fixture(params=["disk", "bucket"])
def store(request: pytest.FixtureRequest, app: FastAPI, settings: Settings) -> None:
    """Let the bytes lie on the disk or in a bucket: a real one of the library's, in memory."""
    if request.param == "bucket":
        app.state.files = FileStore(settings.evidence_path, MemoryStore())  # type: ignore[arg-type]


@pytest.fixture
async def reporter(as_user: LogIn) -> CheckedClient:
    """Give the unit's reporter."""
    return await as_user(REPORTER)


@pytest.fixture
async def url(store: None, upload: Upload) -> str:
    """Give the address of a document's bytes."""
    answer = await upload(PDF, file_name=NAME)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/evidence/{answer.json()['id']}/content"


# --- parts --------------------------------------------------------------------------------------------------


async def test_the_whole_document_comes_with_its_length_and_hash(reporter: CheckedClient, url: str) -> None:
    answer = await reporter.get(url)
    known = (await reporter.get(url.removesuffix("/content"))).json()
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-length"] == str(len(PDF))
    assert answer.headers["etag"] == f'"{known["sha256"]}"'
    assert answer.headers["accept-ranges"] == "bytes"


async def test_a_part_of_a_document_can_be_asked_for(reporter: CheckedClient, url: str) -> None:
    size = len(PDF)
    for asked, start, end in [
        ("bytes=0-4", 0, 5),
        ("bytes=5-", 5, size),
        ("bytes=-6", size - 6, size),
        ("bytes=-99999", 0, size),
        ("bytes=3-9999", 3, size),
        ("Bytes = 0-0", 0, 1),
        ("bytes=0-", 0, size),
    ]:
        answer = await reporter.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, PDF[start:end]), asked
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - start)


async def test_a_part_that_is_not_there_is_refused_with_the_size(reporter: CheckedClient, url: str) -> None:
    for asked in [f"bytes={len(PDF)}-", "bytes=9999-10000", "bytes=-0", f"bytes={'9' * 40}-"]:
        answer = await reporter.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable"), asked
        assert answer.headers["content-range"] == f"bytes */{len(PDF)}"


async def test_several_parts_or_nonsense_give_the_whole(reporter: CheckedClient, url: str) -> None:
    for asked in [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "pages=1-2",
        "bytes=-",
        "bytes=",
        "x",
        f"bytes=1-{'9' * 5000}",
    ]:
        answer = await reporter.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (200, PDF), asked


async def test_a_part_is_given_only_of_what_the_client_has_begun(reporter: CheckedClient, url: str) -> None:
    etag = (await reporter.get(url)).headers["etag"]
    for condition, status in [
        (etag, 206),
        ('"another"', 200),
        (f"W/{etag}", 200),
        ("Fri, 15 Dec 2023 00:00:00 GMT", 200),
    ]:
        answer = await reporter.get(url, headers={"Range": "bytes=0-4", "If-Range": condition})
        assert answer.status_code == status, condition


async def test_who_has_it_already_gets_no_bytes_and_the_same_headers(
    reporter: CheckedClient, url: str
) -> None:
    whole = await reporter.get(f"{url}?inline=true")
    for known in [whole.headers["etag"], f'"x", W/{whole.headers["etag"]}', "*"]:
        headers = {"If-None-Match": known, "Range": "bytes=0-4"}
        answer = await reporter.get(f"{url}?inline=true", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        for name in ("etag", "content-security-policy", "x-frame-options", "cache-control"):
            assert answer.headers[name] == whole.headers[name]
    assert (await reporter.get(url, headers={"If-None-Match": '"another"'})).status_code == 200


async def test_the_headers_can_be_had_alone(reporter: CheckedClient, client: CheckedClient, url: str) -> None:
    whole, alone = await reporter.get(url), await reporter.head(url, headers={"Range": "bytes=0-4"})
    assert (alone.status_code, alone.content) == (200, b"")
    same = ("content-length", "content-type", "content-disposition", "etag", "accept-ranges")
    assert [alone.headers[name] for name in same] == [whole.headers[name] for name in same]
    assert (await client.head(url)).status_code == 401


def test_a_range_is_read_as_the_standard_says() -> None:
    assert byte_range("bytes=0-0", 1) == (0, 1)
    assert byte_range("bytes=1-", 1) == (1, 1)
    assert byte_range(" bytes=-1 ", 10) == (9, 10)
    assert byte_range("bytes=٣-٤", 10) is None


# --- what can go wrong --------------------------------------------------------------------------------------


async def test_a_document_whose_bytes_are_gone_says_so(
    reporter: CheckedClient, url: str, app: FastAPI
) -> None:
    sha256 = (await reporter.get(url.removesuffix("/content"))).json()["sha256"]
    await app.state.files.remove(content_name(sha256))
    for headers in ({}, {"Range": "bytes=0-4"}):
        answer = await reporter.get(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


async def test_a_document_that_was_taken_out_says_so(reporter: CheckedClient, url: str, app: FastAPI) -> None:
    known = (await reporter.get(url.removesuffix("/content"))).json()
    async with own_session(app) as session, session.begin():
        (await session.get_one(StoredFile, known["sha256"])).purged_at = app.state.clock()
    links = url.replace("/content", "/links")
    for answer in [await reporter.get(url), await reporter.post(links, json={})]:
        assert (answer.status_code, answer.json()["code"]) == (410, "document_purged")


async def test_bytes_that_end_too_early_break_the_connection(
    app: FastAPI, upload: Upload, reporter: CheckedClient, settings: Settings
) -> None:
    content = pieces.pdf(900_000)
    known = (await upload(content)).json()
    place = settings.evidence_path / content_name(known["sha256"])
    with place.open("r+b") as file:
        file.truncate(600_000)  # more than a block, less than all
    got = b""
    async with served(app) as address, httpx.AsyncClient(base_url=address, headers=reporter.headers) as real:
        with pytest.raises(httpx.RemoteProtocolError):
            async with real.stream("GET", f"/api/v1/evidence/{known['id']}/content") as answer:
                assert answer.headers["content-length"] == str(len(content))
                async for chunk in answer.aiter_bytes():
                    got += chunk
    assert got == content[: len(got)]
    assert len(got) < len(content)


async def test_a_document_of_several_blocks_comes_whole_over_a_socket(
    app: FastAPI, store: None, upload: Upload, reporter: CheckedClient
) -> None:
    content = pieces.pdf(1_024_000)
    known = (await upload(content)).json()
    url = f"/api/v1/evidence/{known['id']}/content"
    async with served(app) as address, httpx.AsyncClient(base_url=address, headers=reporter.headers) as real:
        assert (await real.get(url)).content == content
        part = await real.get(url, headers={"Range": "bytes=524280-900000"})
        assert (part.status_code, part.content) == (206, content[524280:900001])
        head = await real.head(url)
        assert (head.headers["content-length"], head.content) == (str(len(content)), b"")


# --- names --------------------------------------------------------------------------------------------------


async def test_a_download_carries_its_vietnamese_name(reporter: CheckedClient, url: str) -> None:
    answer = await reporter.get(url)
    assert answer.headers["content-disposition"] == (
        'attachment; filename="bao cao _so 1_ _ ca mau 100_.pdf"; '
        "filename*=UTF-8''B%C3%A1o%20c%C3%A1o%20%22s%E1%BB%91%201%22%20%E2%80%93%20C%C3%A0%20Mau%20100%25.pdf"
    )


@pytest.mark.parametrize(
    "name",
    [
        "Đề án 06 – Ứng dụng dữ liệu.pdf",
        "a\"b\\c'd;e%20,f=*.pdf",
        "ữ" * 196 + ".pdf",
        "文書 😀.pdf",
        "a\r\nSet-Cookie: x=1.pdf",  # no such name is accepted: if one were, it could not end the header
    ],
)
def test_every_name_survives_in_a_header(name: str) -> None:
    said = disposition(name)
    assert said.isascii() and said.isprintable()
    plain, real = said.split("; ", 1)[1].split("; filename*=UTF-8''")
    assert unquote(real) == name
    assert plain.count('"') == 2 and not set("\\%") & set(plain)


async def test_a_name_that_shows_as_another_is_refused_when_it_comes(upload: Upload) -> None:
    answer = await upload(PDF, file_name="hoa\u202efdp.pdf")
    assert answer.json()["errors"][0]["code"] == "file_name_has_hidden_characters"


# --- in place or not ----------------------------------------------------------------------------------------


async def test_a_download_runs_nothing_and_is_framed_by_nobody(reporter: CheckedClient, url: str) -> None:
    headers = (await reporter.get(url)).headers
    assert headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-cache"


async def test_a_pdf_is_shown_in_place_without_the_sandbox_that_stops_viewers(
    reporter: CheckedClient, url: str
) -> None:
    headers = (await reporter.get(url, params={"inline": "true"})).headers
    assert headers["content-disposition"].startswith('inline; filename="')
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    )
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"] == "application/pdf"


async def test_an_image_is_shown_in_place_in_a_sandbox_and_in_frames_of_the_frontend(
    app: FastAPI, upload: Upload, reporter: CheckedClient, settings: Settings
) -> None:
    app.state.settings = settings.model_copy(update={"public_url": "https://dti.example.vn/app"})
    known = (await upload(files.PNG, file_name="a.png")).json()
    answer = await reporter.get(f"/api/v1/evidence/{known['id']}/content", params={"inline": "true"})
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; "
        "frame-ancestors 'self' https://dti.example.vn"
    )


async def test_an_office_file_is_a_download_whatever_is_asked_for(
    store: None, upload: Upload, reporter: CheckedClient
) -> None:
    known = (await upload(DOCX, file_name="a.docx")).json()
    answer = await reporter.get(f"/api/v1/evidence/{known['id']}/content", params={"inline": "true"})
    assert answer.content == DOCX
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
