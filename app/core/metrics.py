"""What operators look at: counts, times and waiting, for Prometheus at GET /metrics."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from app.core import work
from app.core.db import Database
from app.core.http import Route, problems
from app.core.problems import NotFound

LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
LAG_SECONDS = 0.5
QUERY_SECONDS = 1.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LATEST = "text/plain; version=0.0.4; charset=utf-8"
_OUTBOX = text(
    "SELECT count(*), coalesce(extract(epoch FROM max(now() - created_at)), 0) FROM outbox_event WHERE done_at IS NULL"
)

routes = APIRouter(tags=["Tình trạng · Health"], route_class=Route)


class Metrics:
    """The measurements of one application, in a registry of its own."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.running = 0
        self._requests = Counter(
            "dti_requests", "requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "dti_request_seconds",
            "time until a request's answer was sent",
            ["method", "route"],
            buckets=LATENCIES,
            registry=self.registry,
        )
        self._problems = Counter("dti_problems", "refusals by code", ["code"], registry=self.registry)
        self.lag = Histogram(
            "dti_event_loop_lag_seconds",
            "how much later than asked for the event loop goes on",
            buckets=LAGS,
            registry=self.registry,
        )
        self.outbox_events = Gauge("dti_outbox_events", "changes nobody was told of", registry=self.registry)
        self.outbox_seconds = Gauge("dti_outbox_lag_seconds", "age of the oldest", registry=self.registry)
        self.registry.register(_Now(self, database))
        # Finding the row of a metric by its labels takes longer than counting.
        self._measure = cache(self._measures_of)
        self._problem = cache(self._problems.labels)

    def _measures_of(self, method: str, route: str, status: str) -> tuple[Any, Any]:
        return self._requests.labels(method, route, status), self._seconds.labels(method, route)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is a template, so that ids and nonsense make no rows of their own."""
        count, times = self._measure(method if method in _METHODS else "other", route, f"{status // 100}xx")
        count.inc()
        times.observe(seconds)

    def refused(self, code: str) -> None:
        """Count a problem: failed log-ins, limits reached, a store or a database that is away."""
        self._problem(code).inc()


class _Now(Collector):
    """What is looked up at the moment of asking."""

    def __init__(self, metrics: Metrics, database: Database) -> None:
        self._metrics, self._database = metrics, database

    def collect(self) -> Iterable[Metric]:
        """Give the values of this moment."""
        pool: Any = self._database.engine.sync_engine.pool
        yield GaugeMetricFamily(
            "dti_requests_running", "requests being answered", value=self._metrics.running
        )
        if hasattr(pool, "checkedout"):
            yield GaugeMetricFamily("dti_pool_used", "database connections in use", value=pool.checkedout())
            yield GaugeMetricFamily("dti_pool_size", "database connections there may be", value=pool.size())
        failed = GaugeMetricFamily("dti_work_failed", "steps of the work behind that failed", labels=["step"])
        for step, count in work.failures.items():
            failed.add_metric([step], count)
        yield failed


@asynccontextmanager
async def measuring_lag(metrics: Metrics) -> AsyncIterator[None]:
    """Look again and again how late the event loop is, as long as the block lasts."""
    task = asyncio.create_task(_keep_measuring(metrics))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_measuring(metrics: Metrics) -> None:
    now = asyncio.get_running_loop().time
    while True:
        began = now()
        await asyncio.sleep(LAG_SECONDS)
        metrics.lag.observe(max(0.0, now() - began - LAG_SECONDS))


@routes.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus"}, **problems(NotFound)},
)
async def metrics(request: Request) -> Response:
    """Give the measurements to who brings METRICS_TOKEN as a bearer token; to everybody else there is nothing here."""
    state = request.app.state
    token = state.settings.metrics_token
    given = request.headers.get("authorization", "").encode()
    if token is None or not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
        raise NotFound()
    measured: Metrics = state.metrics
    await _look_at_the_outbox(state.database, measured)
    latest = await asyncio.to_thread(generate_latest, measured.registry)
    return Response(latest, headers={"Cache-Control": "no-store"}, media_type=_LATEST)


async def _look_at_the_outbox(database: Database, measured: Metrics) -> None:
    """Set what only the database knows; without it, the rest is still told."""
    events = seconds = float("nan")
    with suppress(Exception):  # whatever it is: operators look here because something is wrong
        async with asyncio.timeout(QUERY_SECONDS), database.session() as session:
            events, seconds = (await session.execute(_OUTBOX)).one()
    measured.outbox_events.set(float(events))
    measured.outbox_seconds.set(float(seconds))
