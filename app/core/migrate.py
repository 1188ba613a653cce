"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).parents[2]


def config(url: str, application_url: str | None = None) -> Config:
    """Return the migration settings for a database, by its owner; the application's role is given its rights."""
    settings = Config(ROOT / "alembic.ini")
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    settings.attributes["application_url"] = application_url
    return settings


def upgrade(url: str, application_url: str | None = None) -> None:
    """Run every migration that the database does not have yet, as its owner, then give the application its rights.

    Raises: SettingMissing if there is no role for the application.
    """
    command.upgrade(config(url, application_url), "head")


async def upgrade_async(url: str, application_url: str | None = None) -> None:
    """Do the same from inside an event loop (the migrations run their own, in a thread)."""
    await asyncio.to_thread(upgrade, url, application_url)
