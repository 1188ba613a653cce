"""SIGTERM while requests are under way: they are finished, nobody new is let in, and all ends in time."""

import hashlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.evidence.conftest import REPORTER
from tests.evidence.pieces import pdf
from tests.evidence.test_killed import opened, token
from tests.test_serving import Service, ended

ENDED = (0, 130, 143, -signal.SIGTERM)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a running service."""
    started = Service(tmp_path / "var", LOG_LEVEL="warning")
    started.address()
    yield started
    started.process.kill()
    started.process.wait(10)


class SlowUpload:
    """A file of which the first half was sent."""

    def __init__(self, service: Service) -> None:
        self.url = service.address()
        with httpx.Client(base_url=self.url, timeout=20) as caller:
            self.of, self.token = opened(caller), token(caller, REPORTER)
        self.content = pdf(200_000)
        host, port = self.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), 20)
        query = httpx.QueryParams({**self.of, "file_name": "a.pdf"})
        head = [
            f"POST /api/v1/evidence?{query} HTTP/1.1",
            f"Host: {host}",
            f"Authorization: {self.token}",
            f"Idempotency-Key: {uuid4().hex}",
            f"Content-Length: {len(self.content)}",
        ]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode() + self.content[:100_000])
        time.sleep(0.5)

    def __enter__(self) -> "SlowUpload":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def rest(self) -> bytes:
        """Send the other half and return the answer, up to the end of the connection."""
        self.socket.sendall(self.content[100_000:])
        return self.to_the_end()

    def to_the_end(self) -> bytes:
        """Return what comes until the connection ends."""
        came = b""
        with suppress(ConnectionResetError):
            while block := self.socket.recv(65536):
                came += block
        return came


def is_refused(url: str) -> bool:
    """Answer whether nobody listens there any more."""
    try:
        httpx.get(f"{url}/healthz", timeout=2)
    except httpx.ConnectError:
        return True
    return False


def test_what_is_under_way_is_finished_and_nobody_new_is_let_in(service: Service, tmp_path: Path) -> None:
    with SlowUpload(service) as upload:
        database = service.database()
        service.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert is_refused(upload.url)
        assert service.process.poll() is None, "it waits for the file"
        answer = upload.rest()
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert service.process.wait(20) in ENDED
    assert ended(database)
    again = Service(tmp_path / "var", LOG_LEVEL="warning")
    try:
        with httpx.Client(base_url=again.address(), headers={"Authorization": upload.token}) as caller:
            (document,) = caller.get("/api/v1/evidence", params=upload.of).json()["items"]
        assert document["sha256"] == hashlib.sha256(upload.content).hexdigest()
    finally:
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(20) in ENDED


def begun(url: str) -> socket.socket:
    """Return a connection on which a request waits for its body."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), 20)
    head = "POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
    connection.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\na".encode())
    return connection


def is_told_to_come_again(answer: bytes) -> bool:
    """Answer whether a refusal says that it passes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    is_temporary = head.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in head.lower()
    return is_temporary and json.loads(body)["code"] == "unavailable"


def test_a_client_that_does_not_end_holds_nobody_up(service: Service, tmp_path: Path) -> None:
    with SlowUpload(service) as upload, begun(upload.url) as form:
        assert list((tmp_path / "var/evidence/incoming").iterdir()), "it is being received"
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert is_told_to_come_again(upload.to_the_end())
        assert is_told_to_come_again(form.recv(65536))
        assert time.monotonic() - began > 4, "they were given some seconds"
    assert service.process.wait(10) in ENDED
    assert not list((tmp_path / "var/evidence/incoming").iterdir()), "half a file stays"


def test_without_work_it_ends_in_order(service: Service) -> None:
    database = service.database()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) in ENDED
    assert ended(database)
    assert "Traceback" not in service.text()
