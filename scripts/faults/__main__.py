"""scripts/chaos: break a service of its own again and again while people work on it, and look for what was lost.

Starts an embedded PostgreSQL and the service over it in a folder that is removed afterwards, opens a year and lets
units, reviewers and signers work through the API; clients repeat what was not answered with the same key. In each
round one thing breaks at a random moment: PostgreSQL is killed, frozen or stopped, its connections are ended, the
pool is exhausted, the store is full, the service is killed while it finalizes, takes a dossier in or receives files.
Then the service has to come back by itself, and everything is compared: each acknowledged request with its stored
answer and its audit row, every byte of evidence with its hash, and the invariants of scripts/faults/checking.py. In
the end the books that the year keeps of itself are compared: nothing was done twice.

Exit status: 0 nothing lost, nothing half done, no answer 500; 1 otherwise, and the folder stays.
"""

import argparse
import asyncio
import io
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from rich.console import Console
from rich.markup import escape

from app.accounts.first import DEMO_PASSWORD, DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.core import log
from scripts.faults import acting, checking
from scripts.faults.breaking import Breaking, Fault, chosen
from scripts.faults.calling import PatientApi
from scripts.faults.stage import Stage
from scripts.journey import closing
from scripts.journey.client import People
from scripts.journey.world import Options, World

UNITS = 7 + 3  # the communes of the smallest district, and some others
RECOVERY_SECONDS = 60


@dataclass
class Rounds:
    """What the rounds came to."""

    recoveries: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    half_done: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Answer whether nothing is to be complained of."""
        return not (self.lost or self.half_done or self.failures)


@dataclass
class Chaos:
    """One run: the stage, the people on it, and what is known so far."""

    stage: Stage
    world: World
    api: PatientApi
    company: acting.Company
    screen: Console
    done: Rounds = field(default_factory=Rounds)

    async def play(self, faults: list[Fault], seed: int) -> None:
        """Play every round, then compare the books."""
        self.api.is_watched = True
        self.company.start()
        rng = Random(f"{seed}:moments")
        for number, fault in enumerate(faults, 1):
            if not await self._round(number, len(faults), fault, rng):
                return
        self.api.gate.set()
        await asyncio.wait_for(self.company.end(), 120)
        await self._compare_books()

    async def _round(self, number: int, of: int, fault: Fault, rng: Random) -> bool:
        before, known = Counter(self.api.statuses), len(self.api.acknowledged)
        attempts, cut = self.api.requests, self.api.cut
        self.api.gate.set()
        await asyncio.sleep(rng.uniform(0.3, 1.5))
        try:
            await fault(Breaking(self.stage, self.api, rng))
            recovery = await self._recovered()
            await asyncio.sleep(0.5)
            await self.api.quiet()
            lost = await checking.lost(self.stage, self.api.acknowledged)
            lost += await checking.lost_bytes(self.stage)
            half = await checking.half_done(self.stage)
        except Exception as error:
            self.done.failures.append(f"{fault.__name__}: {error!r}\n{self.stage.last_words()}")
            return False
        self.done.recoveries.append(recovery)
        self.done.lost += lost
        self.done.half_done += half
        self.done.failures += [*self.api.crashes, *self.company.failures]
        refused = {status: count for status, count in (self.api.statuses - before).items() if status >= 500}
        self.screen.print(
            f"[bold]{number:>3}/{of}[/bold] {fault.__name__.replace('_', ' '):<26} "
            f"requests {self.api.requests - attempts:>5}  acknowledged {len(self.api.acknowledged) - known:>4}  "
            f"refused {_counted(refused):<10} cut {self.api.cut - cut:>3}  lost {len(lost)}  half done {len(half)}  "
            f"back after {recovery:.1f} s"
        )
        return self.done.is_clean

    async def _recovered(self) -> float:
        """Return how many seconds after the cause was gone a change was acknowledged again."""
        gone = time.monotonic()
        while self.api.written_at < gone:
            if time.monotonic() > gone + RECOVERY_SECONDS or self.company.failures:
                raise TimeoutError(f"not back after {RECOVERY_SECONDS} s {self.company.failures}")
            await asyncio.sleep(0.02)
        return self.api.written_at - gone

    async def _compare_books(self) -> None:
        """Compare answers, files, results and the number of audit rows: what was done twice shows here."""
        world = self.world
        for unit in world.units:
            unit.state = (await world.reporter(unit).get(f"/submissions/{unit.submission_id}"))["state"]
            await closing.compare_dossier(world, unit)
            await closing.compare_final(world, unit)
        for action, count in (await closing.audited(world)).items():
            if action != "all":  # uploads in pieces leave rows of their own
                world.differences.same(f"audit entries {action}", world.acts[action], count)
        world.differences.same("changes nobody was told of", 0, await checking.untold(self.stage))
        self.done.half_done += list(world.differences.found)
        self.done.failures += self.company.failures


def _counted(statuses: dict[int, int]) -> str:
    return " ".join(f"{status}×{count}" for status, count in sorted(statuses.items())) or "0"


async def run(stage: Stage, rounds: int, seed: int, screen: Console) -> Rounds:
    """Begin the year on a started stage, play the rounds, and print what came of them."""
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(base_url=stage.url, timeout=30, limits=limits) as http:
        api = PatientApi(http)
        api.gate.set()
        people = People(api, password=DEMO_PASSWORD, service=(DEMO_SERVICE, DEMO_SERVICE_SECRET))
        quiet = Console(file=io.StringIO())
        world = World(Options(seed=seed, units=UNITS), api, people, quiet)
        with screen.status("Opening a year, publishing its first results …"):
            await acting.begin(world)
        faults = chosen(rounds, seed, is_bounded=stage.is_bounded)
        chaos = Chaos(stage, world, api, acting.Company(world, seed), screen)
        began = time.monotonic()
        await chaos.play(faults, seed)
        _sum_up(chaos, len(faults), seed, time.monotonic() - began)
        return chaos.done


def _sum_up(chaos: Chaos, rounds: int, seed: int, seconds: float) -> None:
    api, done, say = chaos.api, chaos.done, chaos.screen.print
    refused = {status: count for status, count in api.statuses.items() if status >= 500}
    say(f"\nrounds          {len(done.recoveries)} of {rounds} in {seconds:.0f} s, seed {seed}")
    say(f"requests        {api.requests}, {api.cut} without an answer")
    say(f"acknowledged    {len(api.acknowledged)} changes")
    say(f"refused         {_counted(refused)}")
    say(f"lost            {len(done.lost)}")
    say(f"half done       {len(done.half_done)}")
    if done.recoveries:
        middle, most = statistics.median(done.recoveries), max(done.recoveries)
        say(f"recovery time   median {middle:.1f} s, longest {most:.1f} s")
    for one in [*done.lost, *done.half_done, *done.failures][:40]:
        say(f"[red]✗[/red] {escape(one)}")


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; wrong values end with status 2."""
    parser = argparse.ArgumentParser(
        "scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many faults (%(default)s)")
    parser.add_argument("--seed", type=int, default=1072, help="of faults, moments and figures (%(default)s)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    return options


def main(arguments: list[str], screen: Console) -> int:
    """Play the rounds on a stage of their own and return the exit status."""
    given = read_options(arguments)
    log.configure("error")
    folder = Path(tempfile.mkdtemp(prefix="dti-chaos-"))
    stage = Stage(folder)
    is_clean = False
    try:
        stage.bound_store()
        if not stage.is_bounded:
            screen.print("The store cannot be filled here: only root can give it a file system of its own.")
        stage.start_database()
        stage.start_service()
        stage.wait_until_ready()
        is_clean = asyncio.run(run(stage, given.rounds, given.seed, screen)).is_clean
    finally:
        stage.close()
        if is_clean:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            screen.print(f"what is left lies in {folder}")
    return 0 if is_clean else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], Console(highlight=False, width=160)))
    except KeyboardInterrupt:
        sys.exit(130)
