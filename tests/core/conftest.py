"""An application under other settings, inside the test's transaction."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import Settings
from app.main import create_app
from tests.conftest import Clock, OneConnection

AppWith = Callable[..., FastAPI]


@pytest.fixture
def app_with(connection: AsyncConnection, settings: Settings, clock: Clock) -> AppWith:
    """Give `app_with(rate_limits="…")`: the application with these settings changed."""

    def made(**changed: Any) -> FastAPI:
        return create_app(settings.model_copy(update=changed), OneConnection(connection), clock)  # type: ignore[arg-type]

    return made
