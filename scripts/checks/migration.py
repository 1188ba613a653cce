"""The migrations against a real, empty server: `write` makes one, `check` proves them."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from app.core.embedded import EmbeddedPostgres
from app.core.migrate import ROOT, config


def main(arguments: list[str]) -> None:
    """Write a migration named by the arguments, or with none check: no drift, and up, down and up again."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder), fast=True) as server:
        settings = config(server.owner_url)
        command.upgrade(settings, "head")
        if arguments:
            number = len(list((ROOT / "migrations/versions").glob("0*.py"))) + 1
            command.revision(settings, " ".join(arguments), autogenerate=True, rev_id=f"{number:04}")
            (ROOT / "migrations/HEAD").write_text(f"{number:04}\n", encoding="utf-8")
            return
        command.check(settings)
        command.downgrade(settings, "base")
        command.upgrade(settings, "head")
        command.check(settings)
        print("migrations: no drift; up, down and up again")


if __name__ == "__main__":
    main(sys.argv[1:])
