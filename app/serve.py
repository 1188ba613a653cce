"""Start everything: database, migrations, reference data, HTTP server; and end it all again."""

import asyncio
import socket
from contextlib import ExitStack
from datetime import datetime

import structlog
import uvicorn
from obstore.exceptions import PermissionDeniedError, UnauthenticatedError
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from app.accounts.first import DemoAccount, first_accounts
from app.catalogue.actions import VersionChanged, load_catalogue
from app.core import log
from app.core.config import SettingMissing, Settings
from app.core.connection import server_config
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresError
from app.core.files import file_store
from app.core.incoming import StoreUnavailable
from app.core.migrate import upgrade
from app.core.roles import may_rewrite
from app.evidence.trust import trust_store
from app.main import create_app, utc_now
from app.units.actions import load_units

# A store that is well answers at once.
STORE_SECONDS = 15

logger = structlog.get_logger("start")
screen = Console(stderr=True, highlight=False)


async def prepare(settings: Settings, now: datetime) -> list[DemoAccount]:
    """Load index sets, policies, units and the first accounts into a migrated database."""
    database = Database(settings.sqlalchemy_url, is_patient=True)  # another instance may be loading
    try:
        async with database.session() as session, session.begin():
            # Two instances that start at once load one after the other.
            await session.execute(text("SELECT pg_advisory_xact_lock(1072)"))
            await load_catalogue(session, now)
            await load_units(session)
            if await may_rewrite(session):
                logger.warning(
                    "audit_trail_can_be_rewritten", do="name the owner of the tables in DATABASE_OWNER_URL"
                )
            return await first_accounts(session, settings, now)
    finally:
        await database.close()


def greet(settings: Settings, port: int, accounts: list[DemoAccount]) -> None:
    """Print where the service is, how to try it and how to stop it."""
    address = f"http://{settings.host}:{port}"
    screen.print(f"\n[bold]DTI server[/bold]   {address}/api/v1")
    screen.print(f"docs         {address}/docs   {address}/redoc   (both work offline)", soft_wrap=True)
    screen.print(f"health       {address}/healthz   {address}/readyz")
    if accounts:
        screen.print("\ndemo accounts (this embedded database only):")
        for account in accounts:
            screen.print(f"  {account.role:<18} {account.username:<28} {account.password}")
    screen.print("\nCtrl-C stops the server and its database.\n")


def run() -> int:
    """Serve until a signal; return the exit status (2: the settings or the database do not allow it)."""
    try:
        settings = Settings()
        settings.refuse_default_secrets()
        settings.refuse_nameless_mail()
        trust_store(settings.trust_dir)
        log.configure(settings.log_level)
        with ExitStack() as stack:
            serve(settings, stack)
    except (SettingMissing, ValidationError, EmbeddedPostgresError, VersionChanged) as error:
        screen.print(f"[red]Not started:[/red] {error}", soft_wrap=True)
        return 2
    except ProgrammingError as error:
        why = type(error.orig.__cause__ or error.orig).__name__ if error.orig else "ProgrammingError"
        screen.print(
            f"[red]Not started:[/red] the database refuses to be migrated ({why}): who owns its tables "
            "must stand in DATABASE_OWNER_URL",
            soft_wrap=True,
        )
        return 2
    except (OSError, InterfaceError, OperationalError) as error:
        # The text of a driver's error can hold the address with its password.
        name = type(error).__name__
        screen.print(f"[red]Not started:[/red] the database does not answer ({name})", soft_wrap=True)
        return 2
    return 0


async def require_store(settings: Settings) -> None:
    """Write a few bytes where evidence files will lie.

    Raises: SettingMissing naming what to look at, within seconds.
    """
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await file_store(settings).prove()
    except TimeoutError as error:
        raise SettingMissing("EVIDENCE_STORE: the bucket does not answer, look at S3_ENDPOINT") from error
    except StoreUnavailable as error:
        raise SettingMissing(_store_refusal(error.__cause__, settings)) from error


def _store_refusal(error: BaseException | None, settings: Settings) -> str:
    """Say what is wrong without the store's own words: those are in the log."""
    if isinstance(error, OSError) and error.strerror:  # of the local disk
        return f"EVIDENCE_DIR: {settings.evidence_path} cannot be written ({error.strerror})"
    if isinstance(error, FileNotFoundError):
        return "EVIDENCE_STORE: there is no such bucket"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "EVIDENCE_STORE: S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY do not open the bucket for writing"
    return "EVIDENCE_STORE: the bucket cannot be written, look at S3_ENDPOINT and S3_REGION"


def serve(settings: Settings, stack: ExitStack) -> None:
    """Start what is embedded and answer; the stack ends what was started."""
    asyncio.run(require_store(settings))
    if settings.is_embedded:
        screen.print("Starting the embedded PostgreSQL …")
        server = stack.enter_context(EmbeddedPostgres(settings.var_dir.absolute() / "postgres"))
        settings = settings.on_embedded(server.url)
    answer(settings)


def answer(settings: Settings) -> None:
    """Bring the database up to date and answer HTTP until a signal."""
    screen.print("Migrating and loading …")
    upgrade(settings.sqlalchemy_owner_url, settings.sqlalchemy_url)
    accounts = asyncio.run(prepare(settings, utc_now()))
    config = server_config(
        create_app(settings),
        timeout_graceful_shutdown=5,  # a slow client holds nobody up; containers are killed after ten seconds
    )
    listener = bound(settings)
    greet(settings, listener.getsockname()[1], accounts)
    uvicorn.Server(config).run(sockets=[listener])


def bound(settings: Settings) -> socket.socket:
    """Return the listening socket.

    Raises: SettingMissing if the address is not free.
    """
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise SettingMissing(
            f"HOST, PORT: {settings.host}:{settings.port} cannot be used ({error.strerror})"
        ) from error
