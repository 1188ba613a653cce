"""Schemathesis over the whole API, as nobody and as every role, on the world of the matrix; nothing it does remains.

The service runs on a socket in a thread of its own, over one connection: outside the stateful phase every request is
rolled back at once, a stateful phase at its end.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from sqlalchemy import text
from starlette.types import ASGIApp, Receive, Scope, Send

from app.accounts.permissions import Role
from app.core.sheets import XLSX
from tests.contracts.relations import PROVIDER_IS_AWAY
from tests.contracts.world import CALLERS, Caller, World, world
from tests.serving import served

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
PHASES = ("examples", "coverage", "fuzzing", "stateful")
# Ending the log-in that all the calls are made with would make the rest of them calls of nobody.
LEFT_OUT = ("/api/v1/auth/logout",)


class Undoing:
    """Play each request alone on the one connection, and take back what it did."""

    def __init__(self, app: ASGIApp, held: World) -> None:
        self.app, self.held, self.alone, self.is_kept = app, held, asyncio.Lock(), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.alone:
            if self.is_kept:
                await self.app(scope, receive, send)
                return
            async with self.held.undone():
                await self.app(scope, receive, send)


@dataclass
class Place:
    """Where the service is driven."""

    url: str
    held: World
    undoing: Undoing
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Let the requests inside see what the earlier ones did, and take it all back in the end."""
        saved = self._run(self.held.connection.begin_nested)
        self.undoing.is_kept = True
        try:
            yield
        finally:
            self.undoing.is_kept = False
            self._run(saved.rollback)

    def marks(self) -> dict[str, tuple[int, int]]:
        """Return what differs whenever any row of a table was written or deleted."""
        return {name: (count, mark) for name, count, mark in self._run(self._marks)}

    async def _marks(self) -> list[Any]:
        names = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        every = " UNION ALL ".join(
            f"SELECT '{name}', count(*), sum(xmin::text::bigint) FROM \"{name}\""
            for name in await self.held.connection.scalars(names)
        )
        return list((await self.held.connection.execute(text(every))).all())

    def _run(self, what: Callable[[], Any]) -> Any:
        async def awaited() -> Any:
            return await what()

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result()


@asynccontextmanager
async def _place(server_url: str, folder: Path) -> AsyncIterator[Place]:
    async with world(server_url, folder) as held:
        undoing = Undoing(held.app, held)
        async with served(undoing) as url:
            yield Place(url, held, undoing, asyncio.get_running_loop())


@contextmanager
def place(server_url: str, folder: Path) -> Iterator[Place]:
    """Run the service in a thread of its own."""
    found: list[Place] = []
    begun, over, failed = threading.Event(), threading.Event(), list[BaseException]()

    async def run() -> None:
        async with _place(server_url, folder) as made:
            found.append(made)
            begun.set()
            await asyncio.to_thread(over.wait)

    def body() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failed.append(error)
            begun.set()

    thread = threading.Thread(target=body)
    thread.start()
    begun.wait()
    if failed:
        raise failed[0]
    yield found[0]
    over.set()
    thread.join()
    if failed:
        raise failed[0]


# --- driving ------------------------------------------------------------------------------------------------


@dataclass
class Totals:
    """What a drive came to, by phase."""

    cases: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    operations: dict[str, set[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, phase: str, event: events.ScenarioFinished) -> None:
        """Count what a scenario did."""
        for case_id, node in event.recorder.cases.items():
            self.cases[phase] += 1
            self.operations.setdefault(phase, set()).add(node.value.operation.label)
            interaction = event.recorder.interactions.get(case_id)
            answer = interaction.response if interaction else None
            status = f"{answer.status_code // 100}xx" if answer else "none"
            self.answers.setdefault(phase, Counter())[status] += 1
            is_503 = answer is not None and answer.status_code == 503
            is_away = is_503 and node.value.operation.label in PROVIDER_IS_AWAY
            for check in event.recorder.checks.get(case_id, []):
                if check.failure_info is not None and not is_away:
                    failure = check.failure_info.failure
                    key = f"{node.value.operation.label} {check.name}: {failure.message}".strip()
                    self.failures.setdefault(key[:600], check.failure_info.code_sample)


def role_callers() -> list[Caller]:
    """Return nobody and one caller of each role; of a unit, whoever has something in every state."""
    chosen: dict[Role | None, Caller] = {}
    for caller in CALLERS:
        chosen.setdefault(caller.role, caller)
    chosen[Role.UNIT_REPORTER] = next(one for one in CALLERS if one.name == "xa-31999.reporter")
    chosen[Role.UNIT_LEADER] = next(one for one in CALLERS if one.name == "xa-32044.leader")
    return list(chosen.values())


def drive(
    where: Place,
    caller: Caller,
    phase: str,
    *,
    cases: int,
    seed: int = 1,
    totals: Totals,
    only: str | None = None,
) -> None:
    """Drive one phase as one caller; `cases` is how many examples an operation gets at most."""
    schema = _schema(where, caller, phase, cases, seed)
    if only:
        schema = schema.include(path_regex=only)
    if phase == "stateful":
        with where.keeping():
            _run(schema, phase, totals)
    else:
        _run(schema, phase, totals)


def _run(schema: Any, phase: str, totals: Totals) -> None:
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            totals.add(phase, event)
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.NonFatalError):
            totals.failures.setdefault(f"{event.label} could not be driven: {event.value}"[:600], "")


def _schema(where: Place, caller: Caller, phase: str, cases: int, seed: int) -> Any:
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": where.url,
            "continue-on-failure": True,
            "request-timeout": 30.0,
            "generation": {"max-examples": cases, "no-shrink": True, "database": "none"}
            | {"with-security-parameters": False},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "phases": {name: {"enabled": name == phase} for name in PHASES},
        }
    )
    schema = schemathesis.openapi.from_dict(where.held.app.openapi(), config=config)
    _driven["now"] = (where.held, where.held.tokens.get(caller.name), Random(f"{seed} {caller} {phase}"))
    return schema.exclude(path=list(LEFT_OUT))


# The hook below belongs to the process, not to a schema.
_driven: dict[str, tuple[World, str | None, Random]] = {}


@schemathesis.hook
def before_call(_context: Any, case: Any, **_options: Any) -> None:
    """Make a call likely to get past the door."""
    if "now" in _driven:
        _make_likely(case, *_driven["now"])


@schemathesis.serializer(XLSX, "application/offset+octet-stream")
def piece(_context: Any, value: Any) -> bytes:
    """Return a file, or a piece of one, as it is sent."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "backslashreplace")


def _make_likely(case: Any, held: World, token: str | None, chance: Random) -> None:
    """Give most calls what lets them get past the door: who calls, ids that are there, a key, a version."""
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    if case.path_parameters and chance.random() < 0.7:
        names = set(case.path_parameters)
        fitting = [one for one in held.things if names & set(one.ids) == names]
        if fitting:
            chosen = chance.choice(fitting)
            case.path_parameters.update({name: chosen.ids[name] for name in names})
            if chance.random() < 0.8:
                case.headers["If-Match"] = f'"{chosen.version}"'
    if case.method == "POST" and chance.random() < 0.85:
        case.headers["Idempotency-Key"] = f"{chance.getrandbits(96):x}"
    if case.query and "period_id" in case.query and chance.random() < 0.7:
        case.query["period_id"] = held.period["id"]
