"""The application: every room's routes, one lifespan, one renderer of errors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from app.accounts import audit_routes as audit
from app.accounts import delegation_routes as delegations
from app.accounts import log_in_routes, service_routes
from app.accounts import routes as accounts
from app.accounts.tokens import Tokens
from app.catalogue import routes as catalogue
from app.catalogue import version_routes
from app.core import handlers, health
from app.core.config import Settings
from app.core.cors import CORS_SHOWN, CORS_TAKEN, origins_of
from app.core.db import Database
from app.core.files import file_store
from app.core.limits import RateLimits
from app.core.metrics import Metrics, measuring_lag
from app.core.metrics import routes as metrics_routes
from app.core.middleware import HeadAsGet, RequestContext, UnreadBodies
from app.core.openapi import describe
from app.core.proxies import TrustedProxies, networks_of
from app.core.shape import hosts_of
from app.core.work import working
from app.councils import routes as councils
from app.evidence import access_routes, apart, signature_routes, upload_routes
from app.evidence import hold_routes as holds
from app.evidence import routes as evidence
from app.evidence.content import allowed_types
from app.evidence.worker import Worker as Evidence
from app.figures import routes as figures
from app.lgsp import routes as lgsp
from app.notifications import routes as notifications
from app.notifications.worker import Worker as Notices
from app.periods import routes as periods
from app.results import appeal_routes, document_routes, progress_routes, public_routes, workflow_routes
from app.results import routes as results
from app.results.keeping import Keeping
from app.results.public import PublishedRankings, RankingCache, listening
from app.reviews import group_routes, hand_over_routes
from app.reviews import routes as reviews
from app.submissions import evidence_routes, evidence_view_routes
from app.submissions import routes as submissions
from app.units import routes as units

Clock = Callable[[], datetime]


# In the order of the rooms; where two match, the first one answers.
ROUTES = (
    log_in_routes.auth_routes,
    log_in_routes.me_routes,
    accounts.routes,
    service_routes.routes,
    delegations.routes,
    delegations.colleague_routes,
    units.routes,
    catalogue.routes,
    catalogue.policy_routes,
    version_routes.routes,
    periods.routes,
    periods.calendar_routes,
    upload_routes.routes,
    evidence.routes,
    holds.routes,
    signature_routes.routes,
    access_routes.routes,
    figures.routes,
    councils.routes,
    submissions.period_routes,
    submissions.routes,
    evidence_routes.routes,
    evidence_view_routes.routes,
    reviews.routes,
    group_routes.routes,
    group_routes.me_routes,
    hand_over_routes.routes,
    progress_routes.routes,
    results.scope_routes,
    results.submission_routes,
    results.routes,
    appeal_routes.result_routes,
    appeal_routes.routes,
    document_routes.routes,
    public_routes.routes,
    workflow_routes.routes,
    notifications.routes,
    lgsp.routes,
    audit.routes,
    health.routes,
    metrics_routes,
)


def utc_now() -> datetime:
    """Return the present instant: the only clock of the service."""
    return datetime.now(UTC)


def create_app(settings: Settings, database: Database | None = None, clock: Clock = utc_now) -> FastAPI:
    """Return the application over a database (a given one stays open when the application stops)."""
    own_database = database is None
    database = database or Database(settings.sqlalchemy_url, pool_size=settings.db_pool_size)
    files = file_store(settings)
    allowed_types(settings.evidence_types)  # an unknown one stops the start
    rankings = RankingCache()
    limits, metrics = RateLimits(settings.rate_limits), Metrics(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        beginning = asyncio.create_task(apart.begin())  # the service answers meanwhile
        async with (
            measuring_lag(metrics),
            listening(database.engine.url, rankings),
            working(Notices(database, settings, clock).steps, settings.worker_seconds),
            working(Evidence(database, files, settings, clock).steps, settings.worker_seconds),
            working(Keeping(database, files, settings, clock).steps, settings.worker_seconds),
        ):
            yield
        await beginning
        if own_database:
            await database.close()

    app = FastAPIOffline(
        title="DTI – Chỉ số chuyển đổi số",
        version="0.1.0",
        openapi_url="/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,  # the address it redirects to is made of the Host that the client names
    )
    app.state.settings = settings
    app.state.database = database
    app.state.clock = clock
    app.state.files = files
    app.state.render = handlers.render
    app.state.limits, app.state.metrics = limits, metrics
    app.state.tokens = Tokens(
        settings.secret_key.get_secret_value(), lifetime_seconds=settings.access_token_seconds
    )
    handlers.install(app)
    for routes in ROUTES:
        app.include_router(routes)
    describe(app)
    _surround(app, settings, limits, metrics, rankings)
    return app


def _surround(
    app: FastAPI, settings: Settings, limits: RateLimits, metrics: Metrics, rankings: RankingCache
) -> None:
    """Add the layers around the application: the one added last is asked first."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        RequestContext,
        on_crash=handlers.on_crash,
        limits=limits,
        metrics=metrics,
        hosts=hosts_of(settings.allowed_hosts),
        seconds=settings.request_seconds,
    )
    app.add_middleware(UnreadBodies)
    # In front of limits and log: an answer from memory costs less than to refuse it or to write it down.
    app.add_middleware(PublishedRankings, cache=rankings)
    if settings.trusted_proxies:
        app.add_middleware(TrustedProxies, proxies=networks_of(settings.trusted_proxies))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins_of(settings.cors_origins),
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=CORS_TAKEN,
            expose_headers=CORS_SHOWN,
        )
