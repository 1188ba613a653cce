"""Bench: what limits, security headers, log and metrics cost, on a public read and on a save, side by side.

Two services over one database stand side by side: as it is started, and without the layer that does all of that. One
connection asks both in turn, a few hundred requests each; the figure is the median of the rounds' ratios. The ranking
from memory stands in front of the layer, which costs it nothing; `read` is what the application answers in public.

    python -m scripts.benchmarks.layers
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvicorn
import uvloop
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from app.accounts.models import LoginSession, User
from app.accounts.tokens import Claims, Tokens
from app.catalogue.models import IndexSetRow
from app.catalogue.queries import scoring_set
from app.core import log
from app.core.config import Settings
from app.core.connection import server_config
from app.main import create_app, utc_now
from app.submissions.models import Submission
from scripts.benchmarks.place import SECRET, Wire, filled_database, free_port, wait_for_port
from scripts.benchmarks.saving import REPORTER, answers

ROUNDS, READS, SAVES = 7, 400, 60
READ = "/api/v1/meta/workflow"


class Bare:
    """What the application needs of the layer, and nothing else."""

    def __init__(self, app: ASGIApp, **_: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = "-"
        await self.app(scope, receive, send)


def serve(kind: str, port: int) -> None:
    """Run the service, whole or bare, until it is stopped."""
    log.configure("info" if kind == "whole" else "error")
    app = create_app(Settings())
    if kind == "bare":
        for layer in app.user_middleware:
            if "limits" in layer.kwargs:  # of all layers, this one
                layer.cls = Bare  # type: ignore[assignment]
    uvicorn.Server(server_config(app, port=port)).run()


@contextmanager
def _serving(kind: str, given: dict[str, str]) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmarks.layers", kind, str(port)]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, env={**os.environ, **given}, stderr=printed, stdout=printed)
        try:
            wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait(20)


async def _warm(port: int) -> Wire:
    """Return a connection over which something was asked: a silent one is not kept for long."""
    wire = await Wire.connect(port)
    await wire.send("GET", READ)
    return wire


async def _reads(wire: Wire) -> float:
    began = time.perf_counter()
    for _ in range(READS):
        status, _, _ = await wire.send("GET", READ)
        assert status == 200
    return READS / (time.perf_counter() - began)


class Saving:
    """One dossier that is saved again and again, through whichever service."""

    def __init__(self, token: str, submission: Submission, index_set: Any) -> None:
        self.token, self.version, self.index_set = token, submission.version, index_set
        self.path = f"/api/v1/submissions/{submission.id}"

    async def rate(self, wire: Wire) -> float:
        """Return the saves per second on one connection."""
        began = time.perf_counter()
        for _ in range(SAVES):
            body = json.dumps({"answers": answers(self.index_set, self.version)}).encode()
            head = f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            status, _, content = await wire.send(
                "PATCH", self.path, f'{head}If-Match: "{self.version}"\r\n', body
            )
            assert status == 200, content
            self.version += 1
        return SAVES / (time.perf_counter() - began)


async def measure() -> dict[str, Any]:
    """Return the medians of the rates, and of the rounds' ratios."""
    async with filled_database() as (database, server):
        async with database.session() as session, session.begin():
            user = (await session.scalars(select(User).where(User.username == REPORTER))).one()
            submission = (
                await session.scalars(select(Submission).where(Submission.unit_id == user.unit_id))
            ).one()
            index_set = scoring_set(await session.get_one(IndexSetRow, submission.index_set_id))
            now = utc_now()
            login = LoginSession(user_id=user.id, created_at=now, expires_at=now.replace(year=2099))
            session.add(login)
        claims = Claims(user.id, login.id, is_service=False)
        token = Tokens(SECRET, lifetime_seconds=86_400).issue(claims, now)
        saving = Saving(token, submission, index_set)
        rates = "log-in=1000000/second,write=1000000/second,read=1000000/second,public=1000000/second"
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            url = server.url.replace("+asyncpg", "")
            given = {"DATABASE_URL": url, "SECRET_KEY": SECRET, "VAR_DIR": folder, "RATE_LIMITS": rates}
            ports = {kind: stack.enter_context(_serving(kind, given)) for kind in ("bare", "whole")}
            wires = {kind: await _warm(port) for kind, port in ports.items()}
            rounds = []
            for turn in range(ROUNDS + 1):
                order = ("bare", "whole") if turn % 2 else ("whole", "bare")
                found = {f"read_{kind}": await _reads(wires[kind]) for kind in order}
                found |= {f"save_{kind}": await saving.rate(wires[kind]) for kind in order}
                rounds.append(found)
            for wire in wires.values():
                await wire.close()
    return _summary(rounds[1:])  # the first round warms up


def _summary(rounds: list[dict[str, float]]) -> dict[str, Any]:
    def ratio(what: str) -> float:
        return round(statistics.median(one[f"{what}_whole"] / one[f"{what}_bare"] for one in rounds), 3)

    return {
        "bench": "layers",
        "rates_per_second": {
            name: round(statistics.median(one[name] for one in rounds)) for name in rounds[0]
        },
        "read_of_bare": ratio("read"),
        "read_aim": 0.85,
        "save_of_bare": ratio("save"),
        "save_aim": 0.9,
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop of the service
            print(json.dumps(runner.run(measure())))
