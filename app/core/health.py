"""Whether the process lives and whether it can serve: for supervisors and load balancers, without log-in."""

import asyncio
from collections.abc import Awaitable
from functools import cache
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from app.core.db import Database
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


class ReadyOut(Schema):
    """Every part works."""

    status: Literal["ready"]
    checks: dict[str, Literal["ok"]]


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
        "evidence": await _works("evidence", state.files.prove()),
    }
    if not all(checks.values()):
        raise NotReady(checks={name: "ok" if works else "failed" for name, works in checks.items()})
    response.headers["Cache-Control"] = "no-store"
    return ReadyOut(status="ready", checks=dict.fromkeys(checks, "ok"))


async def _works(name: str, check: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check
    except Exception as error:  # whatever goes wrong here means one thing: not ready
        log.warning("check_failed", check=name, error=repr(error))
        return False
    return True


async def _database_answers(database: Database) -> None:
    async with database.session() as session:
        await session.execute(text("SELECT 1"))


async def _schema_is_newest(database: Database) -> None:
    async with database.session() as session:
        found = (await session.scalars(text("SELECT version_num FROM alembic_version"))).all()
    if found != [newest_migration()]:
        raise RuntimeError(f"the database is at {found}, the code at {newest_migration()}")


@cache
def newest_migration() -> str:
    """Return the id of the newest migration this code comes with."""
    return (ROOT / "migrations" / "HEAD").read_text(encoding="ascii").strip()
