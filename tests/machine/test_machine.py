"""Random turns by everybody find no illegal state, no lost edit and no gap in the audit trail."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.embedded import EmbeddedPostgres
from tests.machine.machine import ReviewChain
from tests.machine.tally import Tally
from tests.machine.world import POLICIES, World, quiet

STABLE = settings(
    max_examples=12,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=POLICIES)
def world(
    server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    """Give an open year under each policy."""
    with quiet():
        held = World(server.url, tmp_path_factory.mktemp("machine"), request.param)
        yield held
        held.close()


def test_no_illegal_state_no_lost_edit_no_audit_gap(world: World) -> None:
    tally = Tally()
    run_state_machine_as_test(partial(ReviewChain, world, tally), settings=STABLE)
    tally.show(world.policy)
