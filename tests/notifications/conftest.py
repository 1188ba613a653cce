"""Every test here begins in the open year 2023; letters go to a mail server of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.notifications.post import PostOffice
from tests.scene import connection, open_database, scene

__all__ = ["connection", "open_database", "scene"]


@pytest.fixture
async def post() -> AsyncIterator[PostOffice]:
    """Give a mail server that is open."""
    office = PostOffice()
    await office.open()
    yield office
    await office.close()
