"""A service whose evidence lies in a bucket: the whole way over HTTP, on a real S3 server."""

import pytest

from app.core.config import Settings
from app.core.files import content_name
from tests.conftest import LogIn
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import GIF, PDF, pdf_of
from tests.s3 import Place, S3Server

MIB = 1024**2


@pytest.fixture
def settings(settings: Settings, own_place: Place) -> Settings:
    """Give the settings of a service whose evidence lies in the bucket."""
    return settings.model_copy(update={**own_place.settings, "max_upload_bytes": 20 * MIB})


async def test_a_document_goes_into_the_bucket_and_comes_out_of_it_unchanged(
    upload: Upload, as_user: LogIn, own_place: Place
) -> None:
    content = pdf_of(12 * MIB)
    first, second = await upload(content), await upload(content, file_name="again.pdf")
    assert (first.status_code, second.status_code) == (201, 201), first.text
    assert own_place.files() == [own_place.path(content_name(first.json()["sha256"]))]
    url = f"/api/v1/evidence/{second.json()['id']}/content"
    caller = await as_user(REPORTER)
    whole = await caller.get(url)
    assert (whole.status_code, whole.content == content) == (200, True)
    part = await caller.get(url, headers={"Range": f"bytes=5-{6 * MIB}"})
    assert (part.status_code, part.content == content[5 : 6 * MIB + 1]) == (206, True)


async def test_a_refused_document_leaves_nothing_in_the_bucket(upload: Upload, own_place: Place) -> None:
    assert (await upload(GIF)).status_code == 415
    assert own_place.files() == []


async def test_a_dead_bucket_is_a_503_and_the_upload_can_be_repeated(
    upload: Upload, as_user: LogIn, own_server: S3Server, own_place: Place
) -> None:
    url = f"/api/v1/evidence/{(await upload(PDF)).json()['id']}/content"
    caller = await as_user(REPORTER)
    key = {"Idempotency-Key": "again"}
    own_server.kill()
    refused = await upload(PDF + b"\n", headers=key)
    gone = await caller.get(url)
    for answer in (refused, gone):
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "10"
        assert own_server.endpoint not in answer.text
    ready = await caller.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["evidence"]) == (503, "failed")
    own_server.start()
    assert len(own_place.files()) == 1
    assert (await upload(PDF + b"\n", headers=key)).status_code == 201
    assert len(own_place.files()) == 2
    assert (await caller.get(url)).content == PDF


async def test_a_bucket_that_never_answers_is_a_503_within_seconds(
    upload: Upload, own_server: S3Server, own_place: Place
) -> None:
    assert (await upload(PDF)).status_code == 201
    own_server.hold()
    refused = await upload(PDF + b"\n")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert refused.elapsed.total_seconds() < 25
    assert len(own_place.files()) == 1
