"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).parents[2]


def config(url: str) -> Config:
    """Return the migration settings for a database."""
    settings = Config(ROOT / "alembic.ini")
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return settings


def upgrade(url: str) -> None:
    """Run every migration that the database does not have yet."""
    command.upgrade(config(url), "head")


async def upgrade_async(url: str) -> None:
    """Do the same from inside an event loop (the migrations run their own, in a thread)."""
    await asyncio.to_thread(upgrade, url)
