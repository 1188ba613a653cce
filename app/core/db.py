"""The database: engine, sessions, the declarative base and the column types every table shares."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import DateTime, Enum, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

# Constraints need names: problems are mapped from them, and migrations drop them by name.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


def new_id() -> UUID:
    """Return a new UUIDv7: ids grow with time, so lists and indexes keep the order of creation."""
    return uuid_utils.compat.uuid7()


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    # Enumerations are text columns holding the values: adding a member needs no migration of a database type.
    type_annotation_map = {
        StrEnum: Enum(
            StrEnum, native_enum=False, length=32, values_callable=lambda kind: [m.value for m in kind]
        )
    }


class Row(Base):
    """A table with an id that is complete in Python before the flush."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)

    def __init__(self, **values: Any) -> None:
        super().__init__(id=values.pop("id", None) or new_id(), **values)


class VersionedRow(Row):
    """A row that clients change: `version` is its ETag, and a concurrent change fails (StaleDataError → 412)."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(default=1)

    def __init__(self, **values: Any) -> None:
        super().__init__(version=values.pop("version", 1), **values)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  the directive makes it a class method
        # The version is raised in Python (`touch`), so that the answer can carry the new ETag before the flush.
        return {"version_id_col": cls.__table__.c.version, "version_id_generator": False}

    def touch(self) -> None:
        """Raise the version: call it once in every action that changes the row."""
        self.version += 1


async def driver_of(session: AsyncSession) -> Any:
    """Return the asyncpg connection under a session, in its transaction.

    For COPY, for cursors over thousands of rows, and for rows that are written in nearly every request and never read
    back there: a statement through it costs a third of one through the mapper.
    """
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None, "the connection is open"
    if not driver.is_in_transaction():
        # The transaction begins with the first statement through the mapper: without one, a write would stand alone.
        await connection.exec_driver_sql("SELECT 1")
    return driver


def insert_sql(table: type[Base], *columns: str) -> str:
    """Return the INSERT of one row with the values of these columns in this order, for the driver."""
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table.__tablename__} ({names}) VALUES ({places})"  # noqa: S608  names of our own


def to_json(value: Any) -> str | None:
    """Return a value as the driver takes it for a JSON column."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


# How long a request may be kept, in milliseconds: for a lock, by one statement, and in an open transaction in which
# nothing is asked. The slowest thing we do, finalizing a province, takes a tenth of it.
_PATIENCE = {
    "lock_timeout": "10000",
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "60000",
}
# A server that is frozen or cut off ends nothing itself: then the driver does.
_SILENCE_SECONDS = 35


class Database:
    """One engine and its sessions.

    A patient one has no limits of time, for work over everything that nobody waits for.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, is_local: bool = False, is_patient: bool = False
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_recycle=1800,
            pool_pre_ping=not is_local,
            hide_parameters=True,  # errors are logged, and statements are given people's data and secrets
            connect_args={
                "server_settings": {"jit": "off", "application_name": "dti"}
                | ({} if is_patient else _PATIENCE),
                "timeout": 5,
                "command_timeout": None if is_patient else _SILENCE_SECONDS,
            },
        )
        self.session = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


__all__ = ["AsyncSession", "Base", "Database", "Instant", "Json", "Row", "VersionedRow", "new_id"]
