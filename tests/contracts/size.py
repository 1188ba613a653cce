"""Print the size of the matrix: `python -m tests.contracts.size`."""

import asyncio
import tempfile
from pathlib import Path

from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade
from tests.conftest import _fill
from tests.contracts.cells import size
from tests.contracts.world import world
from tests.machine.world import quiet


async def _size(url: str, folder: Path) -> dict[str, int]:
    async with world(url, folder) as made:
        return size(made)


def main() -> None:
    """Make the world and count."""
    with quiet(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "pg", fast=True) as server:
            upgrade(server.owner_url, server.url)
            asyncio.run(_fill(server.url))
            for what, count in asyncio.run(_size(server.url, folder / "var")).items():
                print(f"{what:>16} {count}")


if __name__ == "__main__":
    main()
