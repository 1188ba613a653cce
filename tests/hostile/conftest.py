"""The service on a socket, over the world of the matrix."""

from collections.abc import Iterator

import pytest

from app.core.embedded import EmbeddedPostgres
from tests.hostile.driving import Place, place
from tests.machine.world import quiet


@pytest.fixture(scope="session")
def where(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give the service on a socket."""
    with quiet(), place(server.url, tmp_path_factory.mktemp("hostile")) as made:
        yield made
