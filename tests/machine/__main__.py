"""Play many lives of the review chain, differently each time, against a model; print what was played."""

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade
from tests.conftest import _fill
from tests.machine.machine import play
from tests.machine.tally import Tally
from tests.machine.world import POLICIES, World, quiet


def main() -> None:
    """Play many lives under each policy, and print what was played; the first difference ends it."""
    asked = argparse.ArgumentParser("scripts/machine", description=__doc__)
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
    print(f"scripts/machine --seed {chosen.seed} plays the same again", flush=True)
    turns = 0
    with (
        quiet(),
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "pg", fast=True) as server,
    ):
        upgrade(server.owner_url, server.url)
        asyncio.run(_fill(server.url))
        for policy in chosen.policy or POLICIES:
            world, tally = World(server.url, Path(folder), policy), Tally()
            try:
                play(world, tally, how, number=chosen.seed)
            finally:
                tally.show(policy)
                world.close()
                turns += tally.turns
    print(f"{turns:,} turns: no illegal state, no lost edit, no audit gap")


if __name__ == "__main__":
    main()
