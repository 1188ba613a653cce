"""Log-ins beside other requests: how much slower GET /me of others gets while 50 people log in at once.

Quiet and busy spells take turns on the same served instance; the figure is the ratio of their 99th percentiles.
"""

import asyncio
import json
import statistics
import time
from typing import Any
from urllib.parse import urlencode

import uvloop

from app.accounts.first import DEMO_PASSWORD
from scripts.benchmarks.place import Wire, filled_database, service

ROUNDS, SECONDS, AT_ONCE = 5, 3, 50
OTHERS, PAUSE = 4, 0.005
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
NAMES = ["auditor", "reviewer", "leader", "dashboard"]


async def measure() -> dict[str, Any]:
    """Measure the spells and how long a refusal takes for a name that exists and one that does not."""
    async with filled_database() as (_, server):
        with service(server.url, RATE_LIMITS="off") as (port, _pid):
            return await _spells(port) | await _refusals(port)


async def _spells(port: int) -> dict[str, Any]:
    wire = await Wire.connect(port)
    token = json.loads((await _log_in(wire, "reviewer2"))[1])["access_token"]
    quiet: list[list[float]] = []
    busy: list[list[float]] = []
    done = 0
    for _ in range(ROUNDS):
        quiet.append(await _others(port, token))
        ended = asyncio.Event()
        flood = [asyncio.create_task(_keep_logging_in(port, n, ended)) for n in range(AT_ONCE)]
        await asyncio.sleep(0.5)
        busy.append(await _others(port, token))
        ended.set()
        done += sum(await asyncio.gather(*flood))
        await asyncio.sleep(1)
    p99 = [[_p99(spell) for spell in spells] for spells in (quiet, busy)]
    ratios = [after / before for before, after in zip(*p99, strict=True)]
    return {
        "log_ins_at_once": AT_ONCE,
        "log_ins_a_second": round(done / (ROUNDS * (SECONDS + 0.5))),
        "quiet_p99_ms": round(1000 * statistics.median(p99[0]), 1),
        "busy_p99_ms": round(1000 * statistics.median(p99[1]), 1),
        "p99_ratio": round(statistics.median(ratios), 2),
    }


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


async def _others(port: int, token: str) -> list[float]:
    """Return how long requests of some people took, who pause between them."""
    headers, times = f"Authorization: Bearer {token}\r\n", []
    until = time.perf_counter() + SECONDS

    async def one() -> None:
        wire = await Wire.connect(port)
        while (started := time.perf_counter()) < until:
            status, _, _ = await wire.send("GET", "/api/v1/me", headers)
            times.append(time.perf_counter() - started)
            assert status == 200
            await asyncio.sleep(PAUSE)
        await wire.close()

    await asyncio.gather(*(one() for _ in range(OTHERS)))
    return times


async def _log_in(wire: Wire, username: str, password: str = DEMO_PASSWORD) -> tuple[int, bytes]:
    form = urlencode({"grant_type": "password", "username": username, "password": password}).encode()
    status, _, body = await wire.send("POST", "/api/v1/auth/token", FORM, form)
    return status, body


async def _keep_logging_in(port: int, number: int, ended: asyncio.Event) -> int:
    """Log in again and again, and return how often it was done."""
    wire, done = await Wire.connect(port), 0
    while not ended.is_set():
        status, _ = await _log_in(wire, NAMES[number % len(NAMES)])
        assert status == 200
        done += 1
    await wire.close()
    return done


async def _refusals(port: int) -> dict[str, Any]:
    """Return how long (ms, the quickest tenth) a wrong password, a name nobody has and a locked account take."""
    wire = await Wire.connect(port)
    for _ in range(10):
        await _log_in(wire, "thoi-binh.nobody", "sai")
        await _log_in(wire, "huyen-964.admin", "sai")  # locked afterwards
    times: dict[str, list[float]] = {"wrong_password": [], "no_account": [], "locked": []}
    names = {"wrong_password": "auditor", "no_account": "nobody-at-all", "locked": "huyen-964.admin"}
    for number in range(90):
        if number % 8 == 0:
            assert (await _log_in(wire, "auditor"))[0] == 200  # forgets the failures
        for kind, name in names.items():
            started = time.perf_counter()
            await _log_in(wire, name, "sai")
            times[kind].append(time.perf_counter() - started)
    return {
        f"refused_{kind}_ms": round(1000 * statistics.quantiles(one, n=10)[0], 2)
        for kind, one in times.items()
    }


if __name__ == "__main__":
    print(json.dumps({"bench": "log-ins", **uvloop.run(measure())}))
