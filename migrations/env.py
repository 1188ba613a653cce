"""Run the migrations over asyncpg, as the owner; the URL comes from the caller or from the settings."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.config import Settings
from app.core.roles import give_rights
from app.schema import metadata


def run(connection: Connection) -> None:
    """Migrate over an open connection, in one transaction."""
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True
    )
    with context.begin_transaction():
        # Two instances that start at once migrate one after the other.
        connection.execute(text("SELECT pg_advisory_xact_lock(20230619)"))
        context.run_migrations()
        application_url = context.config.attributes.get("application_url")
        if application_url is not None:
            give_rights(connection, application_url)


async def connect_and_run() -> None:
    """Open a connection of our own and migrate."""
    url = context.config.get_main_option("sqlalchemy.url") or Settings().sqlalchemy_owner_url
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if context.config.attributes.get("connection") is not None:
    run(context.config.attributes["connection"])
else:
    asyncio.run(connect_and_run())
