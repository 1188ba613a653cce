"""A server killed in the middle of an upload: nothing acknowledged is lost, nothing half-written is visible."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx

from app.accounts.first import DEMO_PASSWORD
from app.core.vietnamese import VIETNAM
from tests.evidence.conftest import REPORTER, SETS
from tests.evidence.files import PDF, pdf_of
from tests.test_serving import ROOT, Service

CONTENT = pdf_of(3 * 1024**2)


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Run the service over a folder; it is ended, however the block is left."""
    service = Service(folder, WORKER_SECONDS="0.2")
    try:
        yield service
    finally:
        service.process.terminate()
        service.process.wait(20)


def logged_in(url: str, username: str) -> httpx.Client:
    """Return a client of a demo account; every POST has a key of its own."""
    form = {"grant_type": "password", "username": username, "password": DEMO_PASSWORD}
    token = httpx.post(f"{url}/api/v1/auth/token", data=form).json()["access_token"]

    def add_key(request: httpx.Request) -> None:
        request.headers.setdefault("Idempotency-Key", uuid4().hex)

    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(
        base_url=f"{url}/api/v1", headers=headers, timeout=30, event_hooks={"request": [add_key]}
    )


def open_period(admin: httpx.Client) -> str:
    """Open the assessment year in which the test runs: it begins on 15/12."""
    today = datetime.now(VIETNAM).date()
    body = {"year": (today + timedelta(days=17)).year, "guidance_on": today.isoformat(), "sets": SETS}
    prepared = admin.post("/periods", json=body)
    assert prepared.status_code == 201, prepared.text
    period_id: str = prepared.json()["id"]
    opened = admin.post(f"/periods/{period_id}/open", headers={"If-Match": prepared.headers["etag"]})
    assert opened.status_code == 200, opened.text
    return period_id


def half_an_upload(url: str, token: str, params: dict[str, str], content: bytes) -> socket.socket:
    """Announce a file and send half of it."""
    place = urlsplit(url)
    connection = socket.create_connection((str(place.hostname), place.port or 80), timeout=10)
    lines = [
        f"POST /api/v1/evidence?{urlencode(params)} HTTP/1.1",
        "Host: test",
        f"Authorization: {token}",
        f"Idempotency-Key: {uuid4().hex}",
        f"Content-Length: {len(content)}",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + content[: len(content) // 2])
    return connection


def verified(folder: Path) -> tuple[int, list[str]]:
    """Run `scripts/evidence verify` over the data of a service; return its status and its lines."""
    environment = {
        n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "APP_ENV", "EVIDENCE_DIR")
    }
    done = subprocess.run(
        [ROOT / "scripts/evidence", "verify"],
        env={**environment, "VAR_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout.splitlines()


def until(happens: Callable[[], Any]) -> Any:
    """Return what becomes true within ten seconds."""
    for _ in range(200):
        if found := happens():
            return found
        time.sleep(0.05)
    raise AssertionError("it does not happen")


def age(part: Path, by: timedelta) -> None:
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(part, (then, then))


def test_a_killed_upload_leaves_nothing_but_a_file_that_is_removed_after_a_day(tmp_path: Path) -> None:
    incoming = tmp_path / "evidence/incoming"
    ok = [f"OK 1 files, {len(PDF)} bytes"]
    with running(tmp_path) as first:
        url = first.address()
        with logged_in(url, "admin") as admin, logged_in(url, REPORTER) as reporter:
            params = {"period_id": open_period(admin), "unit_id": reporter.get("/me").json()["unit_id"]}
            asked = {**params, "file_name": "a.pdf"}
            kept = reporter.post("/evidence", params=asked, content=PDF)
            assert kept.status_code == 201, kept.text
            with half_an_upload(url, reporter.headers["authorization"], asked, CONTENT):
                until(lambda: [part for part in incoming.glob("*.part") if part.stat().st_size])
                first.process.kill()
                first.process.wait(10)

    (left,) = incoming.glob("*.part")
    with running(tmp_path) as second, logged_in(second.address(), REPORTER) as reporter:
        listed = reporter.get("/evidence", params=params).json()["items"]
        assert [document["id"] for document in listed] == [kept.json()["id"]]
        assert reporter.get(f"/evidence/{kept.json()['id']}/content").content == PDF
        assert verified(tmp_path) == (0, ok)
        age(left, timedelta(hours=2))
        status, lines = verified(tmp_path)
        assert (status, [line.split(":")[0] for line in lines]) == (1, [f"leftover incoming/{left.name}"])
        age(left, timedelta(hours=25))
        until(lambda: not left.exists())
        assert reporter.post("/evidence", params=asked, content=CONTENT).status_code == 201
    assert verified(tmp_path) == (0, [f"OK 2 files, {len(PDF) + len(CONTENT)} bytes"])
