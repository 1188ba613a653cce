"""Whether the process lives and whether it can serve: for supervisors and load balancers, without log-in."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from functools import cache
from typing import Literal, TypeVar

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy import func, select, text

from app.core.audit import OutboxEvent
from app.core.db import Database
from app.core.files import FileStore
from app.core.http import Route, Schema, problems
from app.core.migrate import ROOT
from app.core.problems import Problem

log = structlog.get_logger("health")

CHECK_SECONDS = 1.0

routes = APIRouter(tags=["Tình trạng · Health"], route_class=Route)


class NotReady(Problem):
    """The service cannot serve now; `checks` says which part fails, the log says why."""

    status, code = 503, "not_ready"
    title_vi, title_en = "Hệ thống chưa sẵn sàng", "The service is not ready"
    headers = {"Retry-After": "5"}


class AliveOut(Schema):
    """The process answers."""

    status: Literal["alive"]


class OutboxOut(Schema):
    """Changes that somebody is still to be told of."""

    waiting: int
    oldest_seconds: int | None = Field(None, description="how long the first of them has waited")


class WorkOut(Schema):
    """The work behind the requests: worth looking at, and no reason not to serve."""

    outbox: OutboxOut | None = Field(None, description="null: it could not be counted in time")
    rankings_in_memory: bool = Field(description="published rankings are served without the database")
    rounds: dict[str, float] = Field(
        description="how many seconds ago each kind of work ended its last round"
    )


class ReadyOut(Schema):
    """Every part works."""

    status: Literal["ready"]
    checks: dict[str, Literal["ok"]]
    work: WorkOut


@routes.get("/healthz", response_model=AliveOut)
async def is_alive(response: Response) -> AliveOut:
    """Say that the process lives; nothing else is asked."""
    response.headers["Cache-Control"] = "no-store"
    return AliveOut(status="alive")


@routes.get("/readyz", response_model=ReadyOut, responses=problems(NotReady))
async def is_ready(request: Request, response: Response) -> ReadyOut:
    """Say that the database answers, has the newest schema, and that evidence can be written."""
    state = request.app.state
    database = await _works("database", _database_answers(state.database))
    checks = {
        "database": database,
        "migrations": database and await _works("migrations", _schema_is_newest(state.database)),
        "evidence": await _works("evidence", _can_write(state.files)),
    }
    if not all(checks.values()):
        raise NotReady(checks={name: "ok" if works else "failed" for name, works in checks.items()})
    response.headers["Cache-Control"] = "no-store"
    work = WorkOut(
        outbox=await _in_time("outbox", _outbox(state.database, state.clock())),
        rankings_in_memory=state.rankings.is_trusted,
        rounds=state.rounds.ages(),
    )
    return ReadyOut(status="ready", checks=dict.fromkeys(checks, "ok"), work=work)


async def _outbox(database: Database, now: datetime) -> OutboxOut:
    query = select(func.count(), func.min(OutboxEvent.created_at)).where(OutboxEvent.done_at.is_(None))
    async with database.session() as session:
        waiting, oldest = (await session.execute(query)).one()
    return OutboxOut(
        waiting=waiting, oldest_seconds=None if oldest is None else int((now - oldest).total_seconds())
    )


T = TypeVar("T")


async def _in_time(name: str, check: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except Exception as error:  # whatever goes wrong here means one thing: not ready
        log.warning("check_failed", check=name, error=repr(error))
        return None


async def _works(name: str, check: Awaitable[object]) -> bool:
    return await _in_time(name, check) is True


async def _database_answers(database: Database) -> bool:
    async with database.session() as session:
        await session.execute(text("SELECT 1"))
    return True


async def _can_write(files: FileStore) -> bool:
    await files.prove()
    return True


async def _schema_is_newest(database: Database) -> bool:
    async with database.session() as session:
        found = (await session.scalars(text("SELECT version_num FROM alembic_version"))).all()
    if found != [newest_migration()]:
        raise RuntimeError(f"the database is at {found}, the code at {newest_migration()}")
    return True


@cache
def newest_migration() -> str:
    """Return the id of the newest migration this code comes with."""
    return (ROOT / "migrations" / "HEAD").read_text(encoding="ascii").strip()
