"""What the commands beside the service share: they read its database whether or not it is running."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from app.core.config import SettingMissing, Settings
from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresBusy


@contextmanager
def database_url(settings: Settings, *, as_owner: bool = False) -> Iterator[str]:
    """Yield the address of the configured database; starts the embedded one if nobody runs it.

    As the application, or as the owner of the tables for what the application may not do.

    Raises: SettingMissing, EmbeddedPostgresError.
    """
    folder = settings.var_dir.absolute() / "postgres"
    if not settings.is_embedded:
        yield settings.sqlalchemy_owner_url if as_owner else settings.sqlalchemy_url
        return
    if not folder.exists():
        raise SettingMissing(f"there is no embedded database in {folder}: set DATABASE_URL or VAR_DIR")
    with ExitStack() as stack:
        server = EmbeddedPostgres(folder)
        # Busy: a running service holds it, and lets us in through its socket.
        with suppress(EmbeddedPostgresBusy):
            stack.enter_context(server)
        yield server.owner_url if as_owner else server.url
