"""An open year and the demo service account."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.figures.year import as_service, opened_year


@pytest.fixture
async def period_id(as_user: LogIn) -> str:
    """Give the id of an open year."""
    return await opened_year(as_user)


@pytest.fixture
async def service(app: FastAPI, client: CheckedClient) -> AsyncIterator[CheckedClient]:
    """Give the service account of Sở TT&TT, logged in."""
    async with await as_service(app, client) as caller:
        yield caller
