"""The faults: each breaks one thing at a random moment, and puts the cause of it right again."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import asyncpg
import httpx

from scripts.faults.calling import PatientApi
from scripts.faults.stage import Stage, fill

MOMENT_SECONDS = 8  # how long a certain kind of request is waited for


@dataclass(frozen=True, slots=True)
class Breaking:
    """What a fault may lay hands on. It returns when its cause is gone, not when the service is back."""

    stage: Stage
    api: PatientApi
    rng: Random

    async def pause(self, least: float, most: float) -> None:
        """Let some time pass."""
        await asyncio.sleep(self.rng.uniform(least, most))

    async def during(self, *words: str) -> None:
        """Wait for a request whose path says one of the words to be under way, and a moment longer."""
        until = time.monotonic() + MOMENT_SECONDS
        while time.monotonic() < until:
            if any(
                self.api.under_way[one] and word in one for one in [*self.api.under_way] for word in words
            ):
                break
            await asyncio.sleep(0.001)
        await self.pause(0, 0.03)


Fault = Callable[[Breaking], Awaitable[None]]


async def postgres_killed(of: Breaking) -> None:
    """kill -9 of the postmaster; started again after a moment."""
    os.kill(of.stage.postgres()[0], signal.SIGKILL)
    await of.pause(0.2, 1.5)
    await asyncio.to_thread(of.stage.stop_database)
    await asyncio.to_thread(of.stage.start_database)


async def backend_killed(of: Breaking) -> None:
    """kill -9 of one of PostgreSQL's processes: it ends all others and plays its log again."""
    backends = of.stage.backends()
    if backends:
        os.kill(of.rng.choice(backends), signal.SIGKILL)


async def postgres_restarted(of: Breaking) -> None:
    """Stop in order, and start after a moment."""
    await asyncio.to_thread(of.stage.stop_database)
    await of.pause(0.2, 2)
    await asyncio.to_thread(of.stage.start_database)


async def postgres_frozen(of: Breaking) -> None:
    """SIGSTOP for some seconds."""
    frozen = of.stage.postgres()
    _send(frozen, signal.SIGSTOP)
    await of.pause(1, 4)
    _send(frozen, signal.SIGCONT)


async def connections_ended(of: Breaking) -> None:
    """End every connection of the service at once."""
    own = await asyncpg.connect(of.stage.database.dsn)
    await own.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = current_user AND pid <> pg_backend_pid()"
    )
    await own.close()


async def pool_exhausted(of: Breaking) -> None:
    """Lock a table that every request needs for longer than the pool waits; the process has to live on."""
    own = await asyncpg.connect(of.stage.database.dsn)
    async with own.transaction():
        await own.execute("LOCK TABLE submission, document IN ACCESS EXCLUSIVE MODE")
        await of.pause(6, 7)
        async with httpx.AsyncClient(base_url=of.stage.url) as probe:
            alive = await probe.get("/healthz", timeout=2)
        if alive.status_code != 200:
            of.api.crashes.append(f"/healthz answered {alive.status_code} while the pool was exhausted")
    await own.close()


async def store_full(of: Breaking) -> None:
    """Fill the file system of the evidence to the last byte for some seconds."""
    filler = await asyncio.to_thread(fill, of.stage.evidence)
    await of.pause(1.5, 3)
    await asyncio.to_thread(filler.unlink)


async def killed_while_finalizing(of: Breaking) -> None:
    """kill -9 of the service while a result is finalized or published."""
    await of.during("/finalize", "/publish")
    await _service_ends(of, signal.SIGKILL)


async def killed_while_submitting(of: Breaking) -> None:
    """kill -9 of the service while a dossier is handed in, approved or returned."""
    await of.during("/submit", "/approve", "/return", "/pass")
    await _service_ends(of, signal.SIGKILL)


async def killed_while_uploading(of: Breaking) -> None:
    """kill -9 of the service while files come."""
    await of.during("/evidence")
    await _service_ends(of, signal.SIGKILL)


async def service_restarted(of: Breaking) -> None:
    """SIGTERM: requests under way are finished, and the next instance takes over."""
    await _service_ends(of, signal.SIGTERM)


async def _service_ends(of: Breaking, how: signal.Signals) -> None:
    await asyncio.to_thread(of.stage.end_service, how)
    of.stage.start_service()


def _send(processes: list[int], what: signal.Signals) -> None:
    for pid in processes:
        try:
            os.kill(pid, what)
        except ProcessLookupError:  # ended meanwhile
            continue


FAULTS: tuple[Fault, ...] = (
    postgres_killed,
    killed_while_finalizing,
    pool_exhausted,
    backend_killed,
    killed_while_submitting,
    postgres_frozen,
    store_full,
    postgres_restarted,
    killed_while_uploading,
    connections_ended,
    service_restarted,
)


def chosen(rounds: int, seed: int, *, is_bounded: bool) -> list[Fault]:
    """Return the faults of so many rounds: every one once before any comes again, in an order of the seed."""
    rng, found = Random(f"{seed}:faults"), list[Fault]()
    possible = [fault for fault in FAULTS if fault is not store_full or is_bounded]
    while len(found) < rounds:
        found += rng.sample(possible, len(possible))
    return found[:rounds]
