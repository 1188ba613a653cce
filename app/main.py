"""The application: every room's routes, one lifespan, one renderer of errors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from app.accounts import audit_routes as audit
from app.accounts import (
    breached,
    bulk_routes,
    log_in_routes,
    role_routes,
    second_factor_routes,
    service_routes,
    sso_routes,
)
from app.accounts import delegation_routes as delegations
from app.accounts import routes as accounts
from app.accounts.logging_in import Gate
from app.accounts.provider import provider_of
from app.accounts.sealing import Seal
from app.accounts.second_factor import strong_roles
from app.accounts.tokens import Tokens
from app.catalogue import routes as catalogue
from app.catalogue import version_routes
from app.core import handlers, health
from app.core.audit_heads import Heads
from app.core.config import Settings
from app.core.cors import CORS_SHOWN, CORS_TAKEN, origins_of
from app.core.db import Database
from app.core.files import FileStore, file_store
from app.core.limits import RateLimits
from app.core.metrics import Metrics, measuring_lag
from app.core.metrics import routes as metrics_routes
from app.core.middleware import HeadAsGet, RequestContext, UnreadBodies
from app.core.openapi import describe
from app.core.outgoing import Outgoing
from app.core.proxies import TrustedProxies, networks_of
from app.core.shape import hosts_of
from app.core.work import Rounds, Worker, working
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
from app.privacy import routes as privacy
from app.privacy.forgetting import Forgetting
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
    sso_routes.auth_routes,
    sso_routes.me_routes,
    sso_routes.user_routes,
    bulk_routes.routes,
    second_factor_routes.routes,
    second_factor_routes.log_in_routes,
    second_factor_routes.user_routes,
    accounts.routes,
    service_routes.routes,
    role_routes.routes,
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
    privacy.routes,
    privacy.me_routes,
    privacy.user_routes,
    lgsp.routes,
    audit.routes,
    audit.head_routes,
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
    breached.use(settings.breached_passwords)
    rankings, rounds = RankingCache(), Rounds()
    workers = _workers(database, files, settings, clock)
    tokens = Tokens(
        settings.secret_key.get_secret_value(),
        settings.previous_secrets,
        lifetime_seconds=settings.access_token_seconds,
    )
    limits = RateLimits(settings.rate_limits, lambda token: tokens.account_of(token, clock()))
    metrics = Metrics(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        beginning = asyncio.create_task(apart.begin())  # the service answers meanwhile
        async with AsyncExitStack() as running:
            await running.enter_async_context(measuring_lag(metrics))
            await running.enter_async_context(listening(database.engine.url, rankings))
            for name, worker in workers.items():
                work = working(worker.steps, settings.worker_seconds, partial(rounds.ended, name))
                await running.enter_async_context(work)
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
    app.state.rankings = rankings
    app.state.rounds = rounds
    app.state.render = handlers.render
    app.state.limits, app.state.metrics = limits, metrics
    _open_gate(app, settings, tokens)
    handlers.install(app)
    for routes in ROUTES:
        app.include_router(routes)
    describe(app)
    _surround(app, settings, limits, metrics, rankings)
    return app


def _workers(database: Database, files: FileStore, settings: Settings, clock: Clock) -> dict[str, Worker]:
    """Return the work behind the requests by the names under which `/readyz` tells of it."""
    return {
        "audit": Heads(database, clock),
        "notices": Notices(database, settings, clock),
        "evidence": Evidence(database, files, settings, clock),
        "keeping": Keeping(database, files, settings, clock),
        "forgetting": Forgetting(database, clock),
    }


def _open_gate(app: FastAPI, settings: Settings, tokens: Tokens) -> None:
    """Give the application what people and programs get in by."""
    app.state.tokens = tokens
    app.state.outgoing = Outgoing(settings.outgoing_hosts.split(","))
    app.state.sso = provider_of(settings, app.state.outgoing)
    app.state.strong_roles = strong_roles(settings)
    app.state.gate = Gate(
        tokens,
        Seal(settings.secret_key.get_secret_value(), settings.previous_secrets),
        settings.refresh_token_days,
        app.state.strong_roles,
    )


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
