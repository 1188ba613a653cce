"""kill -9 while files come: what was acknowledged is there, byte for byte, and nothing half-written is to be seen."""

import hashlib
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.accounts.first import DEMO_PASSWORD
from app.core.vietnamese import VIETNAM
from tests.evidence.conftest import REPORTER, SETS
from tests.evidence.pieces import PIECE, TUS, UPLOADS, metadata, pdf
from tests.test_serving import Service

FILE_BYTES = 300_000
STEP = 70_000


class Sender(threading.Thread):
    """Uploads one file after the other until the service is gone, and remembers what it was told is kept."""

    def __init__(self, url: str, token: str, of: dict[str, str], number: int) -> None:
        super().__init__(daemon=True)
        self.caller = httpx.Client(base_url=url, headers={"Authorization": token}, timeout=20)
        self.of, self.number = of, number
        self.kept: dict[str, bytes] = {}
        self.under_way: tuple[str, bytes, int] | None = None

    def run(self) -> None:
        try:
            for turn in range(10_000):
                self.send(pdf(FILE_BYTES, seed=self.number * 10_000 + turn))
        except httpx.TransportError:
            pass
        self.caller.close()

    def send(self, content: bytes) -> None:
        raise NotImplementedError


class Whole(Sender):
    """Sends each file in one go."""

    def send(self, content: bytes) -> None:
        params, headers = {**self.of, "file_name": "a.pdf"}, {"Idempotency-Key": uuid4().hex}
        answer = self.caller.post("/api/v1/evidence", params=params, headers=headers, content=content)
        assert answer.status_code == 201, answer.text
        self.kept[answer.json()["id"]] = content


class InPieces(Sender):
    """Sends each file in pieces."""

    def send(self, content: bytes) -> None:
        headers = {
            **TUS,
            "Idempotency-Key": uuid4().hex,
            "Upload-Length": str(len(content)),
            "Upload-Metadata": metadata(filename="a.pdf", **self.of),
        }
        url = self.caller.post(UPLOADS, headers=headers).headers["location"]
        for start in range(0, len(content), STEP):
            self.under_way = url, content, start
            answer = self.caller.patch(
                url,
                content=content[start : start + STEP],
                headers=PIECE | {"Upload-Offset": str(start)},
            )
            assert answer.status_code == 204, answer.text
        self.kept[url.rsplit("/", 1)[1]] = content
        self.under_way = None


def token(caller: httpx.Client, name: str) -> str:
    form = {"grant_type": "password", "username": name, "password": DEMO_PASSWORD}
    answer = caller.post("/api/v1/auth/token", data=form)
    return f"Bearer {answer.json()['access_token']}"


def opened(caller: httpx.Client) -> dict[str, str]:
    """Open a period and return it with the unit that uploads."""
    admin = {"Authorization": token(caller, "admin"), "Idempotency-Key": uuid4().hex}
    body = {"year": 2023, "guidance_on": datetime.now(VIETNAM).date().isoformat(), "sets": SETS}
    prepared = caller.post("/api/v1/periods", json=body, headers=admin)
    assert prepared.status_code == 201, prepared.text
    period = prepared.json()["id"]
    headers = admin | {"Idempotency-Key": uuid4().hex, "If-Match": prepared.headers["etag"]}
    assert caller.post(f"/api/v1/periods/{period}/open", headers=headers).status_code == 200
    me = caller.get("/api/v1/me", headers={"Authorization": token(caller, REPORTER)}).json()
    return {"period_id": period, "unit_id": me["unit_id"]}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[Service]]:
    """Give a list of services that are ended after the test."""
    started: list[Service] = []
    yield started
    for service in started:
        service.process.kill()
        service.process.wait(10)


def listed(caller: httpx.Client, of: dict[str, str]) -> dict[str, str]:
    """Return the hashes of all the unit's documents by their ids."""
    found: dict[str, str] = {}
    page = 1
    while rows := caller.get("/api/v1/evidence", params={**of, "page": page}).json()["items"]:
        found |= {row["id"]: row["sha256"] for row in rows}
        page += 1
    return found


def test_after_a_kill_everything_acknowledged_is_there_and_nothing_half_written(
    tmp_path: Path, services: list[Service]
) -> None:
    services.append(Service(tmp_path, LOG_LEVEL="warning"))
    url = services[0].address()
    with httpx.Client(base_url=url, timeout=20) as caller:
        of = opened(caller)
        mine = token(caller, REPORTER)
    kinds = [Whole, InPieces] * 3
    senders = [kind(url, mine, of, number) for number, kind in enumerate(kinds)]
    for sender in senders:
        sender.start()
    until = time.monotonic() + 60
    while not all(sender.kept for sender in senders) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    services[0].process.kill()
    services[0].process.wait(10)
    for sender in senders:
        sender.join(30)
        assert not sender.is_alive()
        assert sender.kept, f"{type(sender).__name__} got nothing through"

    services.append(Service(tmp_path, LOG_LEVEL="warning"))
    url = services[1].address()
    with httpx.Client(base_url=url, timeout=20) as caller:
        caller.headers["Authorization"] = token(caller, REPORTER)
        for sender in senders:
            finish(caller, sender)
        found = listed(caller, of)
        kept = {one: content for sender in senders for one, content in sender.kept.items()}
        assert kept.keys() <= found.keys()
        assert len(found) <= len(kept) + len(senders), "more than one unanswered request each"
        for one, sha256 in found.items():
            content = caller.get(f"/api/v1/evidence/{one}/content").content
            assert hashlib.sha256(content).hexdigest() == sha256
            assert content == kept.get(one, content)


def finish(caller: httpx.Client, sender: Sender) -> None:
    """Go on with a file that was under way, from where the service says."""
    if sender.under_way is None:
        return
    url, content, acknowledged = sender.under_way
    offset = int(caller.head(url, headers=TUS).headers["upload-offset"])
    assert offset in range(acknowledged, acknowledged + STEP + 1)
    if offset < len(content):
        headers = PIECE | {"Upload-Offset": str(offset)}
        answer = caller.patch(url, content=content[offset:], headers=headers)
        assert answer.status_code == 204, answer.text
    sender.kept[url.rsplit("/", 1)[1]] = content
