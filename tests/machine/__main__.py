"""A long run of the state machine, with its statistics: python -m tests.machine --lives 100 --turns 50."""

import argparse
import asyncio
import random
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade
from tests.conftest import _fill
from tests.machine.machine import ReviewChain
from tests.machine.tally import Tally
from tests.machine.world import POLICIES, World, quiet


def main() -> None:
    """Play many lives under each policy, and print what was played; the first difference ends it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lives", type=int, default=60, help="under each policy")
    asked.add_argument("--steps", type=int, default=50, help="of each life; a step takes one or more turns")
    asked.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked.add_argument("--policy", choices=POLICIES, action="append")
    asked.add_argument("--unshrunk", action="store_true", help="show a difference as it was found")
    chosen = asked.parse_args()
    phases = [Phase.generate] if chosen.unshrunk else [Phase.generate, Phase.shrink]
    how = settings(
        max_examples=chosen.lives,
        stateful_step_count=chosen.steps,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    print(f"--seed {chosen.seed}", flush=True)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        with EmbeddedPostgres(Path(folder) / "pg", fast=True) as server:
            upgrade(server.url)
            asyncio.run(_fill(server.url))
            for policy in chosen.policy or POLICIES:
                world, tally = World(server.url, Path(folder), policy), Tally()
                try:
                    play = seed(chosen.seed)(partial(ReviewChain, world, tally))
                    run_state_machine_as_test(play, settings=how)
                finally:
                    tally.show(policy)
                    world.close()


if __name__ == "__main__":
    main()
