"""Bench (f): uploads and downloads of evidence over HTTP, durable, against the machine's own tools in the same run.

The service runs as it is started, its store on the disk on which `cp` and `openssl` work; beside it a bare process with
a route that only drains a body and one that sends a file with Starlette's FileResponse. Every figure is the median of
rounds in which all sides take turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pikepdf
import uvicorn
import uvloop
from rich.progress import Progress
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from app.accounts.models import LoginSession, User
from app.accounts.tokens import Claims, Tokens
from app.core.db import Database
from app.main import utc_now
from app.periods.models import Period
from scripts.benchmarks.place import SECRET, filled_database, free_port, service, wait_for_port

MEGABYTE = 1024**2
BIG, SMALL = 300 * MEGABYTE, 5 * MEGABYTE
ROUNDS, CLIENTS, PER_CLIENT, AT_ONCE = 7, 4, 20, 20
REST_SECONDS = 2
REPORTER = "xa-31999.reporter"


def scan(place: Path, size_bytes: int) -> Path:
    """Write a PDF of about a size as a scanner makes it: a page per megabyte, each a picture that does not shrink."""
    with pikepdf.new() as pdf:
        for _ in range(size_bytes // MEGABYTE):
            picture = pikepdf.Stream(pdf, os.urandom(MEGABYTE))
            picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            picture.Width, picture.Height, picture.BitsPerComponent = 2480, 3508, 8
            picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceRGB, pikepdf.Name.DCTDecode
            page = pdf.add_blank_page(page_size=(595, 842))
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=pdf.make_indirect(picture)))
        pdf.save(place)
    return place


# --- the bare process ---------------------------------------------------------------------------------------


async def drain(request: Request) -> Response:
    """Read a body and forget it."""
    async for _ in request.stream():
        pass
    return Response(status_code=201)


async def send(request: Request) -> Response:
    """Send a file of the folder."""
    return FileResponse(Path(os.environ["FOLDER"]) / request.path_params["name"])


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    """Run the bare routes as their own process and yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmarks.evidence", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "FOLDER": str(folder)})
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def serve(port: int) -> None:
    """Serve the bare routes until stopped."""
    app = Starlette(
        routes=[
            Route("/drain", drain, methods=["POST"]),
            Route("/files/{name}", send),
        ]
    )
    uvicorn.run(
        app,
        port=port,
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
    )


# --- the clients --------------------------------------------------------------------------------------------


class Client:
    """A reporter on one keep-alive connection."""

    def __init__(self, port: int, token: str, period_id: str, unit_id: str) -> None:
        self.http = HTTPConnection("127.0.0.1", port, timeout=120, blocksize=MEGABYTE)
        self.token, self.where = token, {"period_id": period_id, "unit_id": unit_id}

    def upload(self, file: Path) -> str:
        """Upload a file and return the document's id."""
        path = "/api/v1/evidence?" + urlencode({**self.where, "file_name": "ban-quet.pdf"})
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid4().hex}
        status, body = self._post(path, file, headers)
        assert status == 201, body
        return str(json.loads(body)["id"])

    def drain(self, file: Path) -> None:
        """Send a file to the bare process."""
        status, body = self._post("/drain", file, {})
        assert status == 201, body

    def download(self, path: str, size_bytes: int) -> None:
        """Fetch something and look at nothing but its length."""
        self.http.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = self.http.getresponse()
        received = 0
        buffer = bytearray(MEGABYTE)
        while count := answer.readinto(buffer):
            received += count
        assert (answer.status, received) == (200, size_bytes), answer.status

    def _post(self, path: str, file: Path, headers: dict[str, str]) -> tuple[int, bytes]:
        length = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/pdf"}
        with file.open("rb") as body:
            self.http.request("POST", path, body=body, headers=headers | length)
            answer = self.http.getresponse()
            return answer.status, answer.read()


class Memory:
    """The greatest resident memory of a process while the block lasts, in bytes."""

    def __init__(self, pid: int) -> None:
        self._place, self._stop = Path(f"/proc/{pid}/statm"), threading.Event()
        self.before = self.peak = self._now()

    def _now(self) -> int:
        return int(self._place.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, self._now())

    def __enter__(self) -> "Memory":
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def timed(work: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rate(clients: list[Client], work: Callable[[Client], object]) -> float:
    """Return how often a second clients that work side by side get something done."""

    def several(client: Client) -> None:
        for _ in range(PER_CLIENT):
            work(client)

    with ThreadPoolExecutor(len(clients)) as pool:
        return len(clients) * PER_CLIENT / timed(lambda: list(pool.map(several, clients)))


# --- the figures --------------------------------------------------------------------------------------------


class Bench:
    """Everything that is measured, over one service and one bare process."""

    def __init__(
        self, folder: Path, pid: int, client: Callable[[], Client], other: Callable[[], Client]
    ) -> None:
        self.folder, self.pid, self.client, self.other = folder, pid, client, other

    def big(self) -> dict[str, float]:
        """Upload one big file; openssl, and cp or a durable dd, work on the same one."""
        file, copy = self.folder / "big.pdf", self.folder / "copy"
        _rest()
        hashing = timed(lambda: _run(["openssl", "dgst", "-sha256", file]))
        tools = hashing + timed(lambda: _run(["cp", file, copy]))
        _rest()
        durable = hashing + timed(lambda: _run(["dd", f"if={file}", f"of={copy}", "bs=1M", "conv=fsync"]))
        copy.unlink()
        _alter(file)
        _rest()
        with Memory(self.pid) as memory:
            taken = timed(lambda: self.client().upload(file))
        return {
            "tools_s": tools,
            "durable_tools_s": durable,
            "upload_s": taken,
            "of_tools": taken / tools,
            "of_durable_tools": taken / durable,
            "grown_bytes": memory.peak - memory.before,
        }

    def ordinary(self) -> dict[str, float]:
        """Upload files of 5 MB with some clients at once; the bare route only drains them."""
        file = self.folder / "small.pdf"
        drained = rate([self.other() for _ in range(CLIENTS)], lambda one: one.drain(file))
        kept = rate([self.client() for _ in range(CLIENTS)], lambda one: one.upload(file))
        return {"drained": drained, "kept": kept, "of_drained": kept / drained}

    def at_once(self) -> int:
        """Upload many files at once and return how many were taken."""
        file = self.folder / "small.pdf"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return len(list(pool.map(lambda one: one.upload(file), [self.client() for _ in range(AT_ONCE)])))

    def downloads(self, name: str) -> dict[str, float]:
        """Download a file with some clients at once; the bare process sends the same one."""
        file = self.folder / name
        size, document = file.stat().st_size, self.client().upload(file)
        path = f"/api/v1/evidence/{document}/content"
        sent = rate([self.other() for _ in range(CLIENTS)], lambda one: one.download(f"/files/{name}", size))
        ours = rate([self.client() for _ in range(CLIENTS)], lambda one: one.download(path, size))
        return {"file_response": sent, "ours": ours, "of_file_response": ours / sent}


def _run(command: list[Any]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _rest() -> None:
    """Let the disk come to rest, so that nobody pays for what another has written."""
    os.sync()
    time.sleep(REST_SECONDS)


def _alter(file: Path) -> None:
    """Change a byte of the first picture: other bytes, the same PDF."""
    with file.open("r+b") as opened:
        opened.seek(200_000)
        opened.write(os.urandom(8))


async def _account(database: Database) -> tuple[str, str, str]:
    """Return a token, the period and the unit of a reporter."""
    async with database.session() as session, session.begin():
        user = (await session.scalars(select(User).where(User.username == REPORTER))).one()
        period = (await session.scalars(select(Period))).one()
        login = LoginSession(user_id=user.id, created_at=utc_now(), expires_at=utc_now().replace(year=2099))
        session.add(login)
    claims = Claims(user.id, login.id, is_service=False)
    token = Tokens(SECRET, lifetime_seconds=86_400).issue(claims, utc_now())
    return token, str(period.id), str(user.unit_id)


async def measure() -> dict[str, Any]:
    """Return times in seconds, rates per second, growth in bytes, and the ratios."""
    limits = {"MAX_UPLOAD_BYTES": str(2 * BIG), "MAX_UNIT_BYTES": str(1000 * BIG)}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        scan(folder / "big.pdf", BIG)
        scan(folder / "small.pdf", SMALL)
        async with filled_database() as (database, server):
            token, period_id, unit_id = await _account(database)
            port, pid = stack.enter_context(service(server.url, **limits))
            other = stack.enter_context(bare(folder))
            bench = Bench(
                folder,
                pid,
                lambda: Client(port, token, period_id, unit_id),
                lambda: Client(other, token, period_id, unit_id),
            )
            return _rounds(bench)


def _rounds(bench: Bench) -> dict[str, Any]:
    bench.client().upload(bench.folder / "small.pdf")  # warms up
    measured: dict[str, Callable[[], dict[str, float]]] = {
        "upload 300 MB": bench.big,
        "upload 5 MB": bench.ordinary,
        "download 5 MB": lambda: bench.downloads("small.pdf"),
    }
    found: dict[str, list[dict[str, float]]] = {}
    with Progress(transient=True) as progress:
        for name, work in measured.items():
            found[name] = [work() for _ in progress.track(range(ROUNDS), description=name)]
    # Memory that one upload has taken serves the next ones: only the first one tells what an upload needs.
    grown = found["upload 300 MB"][0]["grown_bytes"]
    medians = {
        name: {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}
        for name, rounds in found.items()
    }
    best = min(one["of_tools"] for one in found["upload 300 MB"])
    aims = {"of_tools": 1.8, "grown_bytes": 20 * MEGABYTE, "of_drained": 0.65, "of_file_response": 0.5}
    return {
        **medians,
        "best_of_tools": round(best, 3),
        "grown_bytes": grown,
        "taken_of_20_at_once": bench.at_once(),
        "aims": aims,
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        print(json.dumps({"bench": "f evidence", **uvloop.run(measure())}))
