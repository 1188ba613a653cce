"""A database of the release before, with documents in it, is brought forward: nothing of them is lost."""

import asyncio
from uuid import UUID

from alembic import command
from fastapi import FastAPI
from sqlalchemy import text

from app.core.db import Database
from app.core.embedded import owner_of
from app.core.migrate import config, upgrade
from tests.conftest import Clock, logged_in
from tests.evidence.conftest import REPORTER, open_period
from tests.evidence.files import PDF, PNG


async def test_documents_of_the_release_before_have_their_bytes_and_their_first_revision(
    own_app: FastAPI, own_database: Database, clock: Clock, units: dict[str, UUID]
) -> None:
    async with await logged_in(own_app, clock, "admin") as admin:
        period_id = (await open_period(admin)).json()["period_id"]
    sent = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "issued_on": "2023-06-19"}
    async with await logged_in(own_app, clock, REPORTER) as reporter:
        for name, content in [("a.pdf", PDF), ("b.pdf", PDF), ("c.png", PNG)]:
            query = sent | {"file_name": name, "title": name}
            assert (await reporter.post("/api/v1/evidence", params=query, content=content)).status_code == 201
        listed = (await reporter.get("/api/v1/evidence", params=query_of(sent))).json()["items"]

        await own_database.close()
        url = own_database.engine.url.render_as_string(hide_password=False)
        await asyncio.to_thread(command.downgrade, config(owner_of(url)), "0004")
        await asyncio.to_thread(upgrade, owner_of(url), url)

        assert (await reporter.get("/api/v1/evidence", params=query_of(sent))).json()["items"] == listed
        for document in listed:
            at = f"/api/v1/evidence/{document['id']}"
            (first,) = (await reporter.get(f"{at}/revisions")).json()["items"]
            assert (first["number"], first["made_by_name"]) == (1, REPORTER)
            assert first["facts"] == {name: document[name] for name in first["facts"]}
            assert (await reporter.get(f"{at}/content")).status_code == 200
    async with own_database.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM stored_file")) == 2


def query_of(sent: dict[str, str]) -> dict[str, str]:
    """Return what the list is asked for."""
    return {name: sent[name] for name in ("period_id", "unit_id")}
