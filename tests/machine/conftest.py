"""The open year that the machine plays in."""

from collections.abc import Iterator

import pytest

from app.core.embedded import EmbeddedPostgres
from tests.machine.world import POLICIES, World, quiet


@pytest.fixture(scope="session", params=POLICIES)
def world(
    server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    """Give an open year under each policy."""
    with quiet():
        held = World(server.url, tmp_path_factory.mktemp("machine"), request.param)
        yield held
        held.close()
