"""The real service under the machine: a database with an open year, everybody logged in, and what its tables hold."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog
import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import actions as accounts
from app.accounts.models import User
from app.accounts.permissions import Grant, Role
from app.core.config import Settings
from app.core.db import Database
from app.main import create_app
from app.submissions.models import ReviewState, Submission
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import START, Clock, OneConnection, _clone, logged_in
from tests.evidence.files import PDF
from tests.machine.people import ADDED, PEOPLE, UNITS

Json = dict[str, Any]
SET = yaml.safe_load((Path(__file__).parent / "set.yaml").read_text())
POLICIES: dict[str, Json] = {
    "camau-2023": {},
    # The guidance letter sets the day: a Sunday, to be taken as it stands.
    "brvt-2022": {"policy": "brvt-2022", "submit_until": "2024-01-07"},
}
DOCUMENTS = 2  # of each unit

# Every row written since, in whatever table: a write leaves the number of its (sub)transaction on the row.
_MARKS = " UNION ALL ".join

_DOSSIERS = """
SELECT u.key, s.id::text, s.version, s.state, s.revision_number, s.content_hash, s.approved_revision,
       s.approved_hash = s.content_hash AS is_approved, s.submitted_revision, s.open_items, c.username AS claimed_by,
       s.entry_due_at, s.reopened::text, s.passed_at, s.settled IS NOT NULL AS is_settled,
       (SELECT json_agg(json_build_array(r.number, r.content_hash, md5(r.content::text)) ORDER BY r.number)::text
          FROM submission_revision r WHERE r.submission_id = s.id) AS revisions,
       (SELECT r.content::text FROM submission_revision r WHERE r.id = s.revision_id) AS content,
       (SELECT count(*) FROM adjustment a WHERE a.submission_id = s.id) AS decisions,
       (SELECT count(*) FROM clarification a WHERE a.submission_id = s.id) AS asked
  FROM submission s JOIN unit u ON u.id = s.unit_id LEFT JOIN app_user c ON c.id = s.claimed_by
 WHERE u.key = ANY ($1)
"""
_EVENTS = """
SELECT a.id, a.at, a.actor_name, u.key AS acting_for, a.request_id, a.action, a.object_type, a.object_id::text,
       a.before::text, a.after::text, (SELECT count(*) FROM outbox_event o WHERE o.audit_event_id = a.id) AS told
  FROM audit_event a LEFT JOIN unit u ON u.id = a.acting_for
 WHERE a.id > $1 ORDER BY a.id
"""


class World:
    """A year that is open under one policy. Every life in it is a transaction that is rolled back at its end."""

    def __init__(self, server_url: str, var_dir: Path, policy: str) -> None:
        self.policy, self._runner = policy, asyncio.Runner()
        self.clock = Clock()
        self._settings = Settings(
            var_dir=var_dir, max_upload_bytes=1024 * 1024, rate_limits="off"
        ).on_embedded(server_url)
        self.ids: dict[str, str] = {}
        self.scopes: dict[str, str] = {}
        self.documents: dict[str, list[str]] = {}
        self._clients: dict[str, CheckedClient] = {}
        try:
            self.run(self._made(server_url))
        except BaseException:
            self._runner.close()
            raise

    def run(self, coroutine: Any) -> Any:
        """Run something in the world's own event loop."""
        return self._runner.run(coroutine)

    async def _made(self, server_url: str) -> None:
        url = await _clone(server_url, f"machine_{uuid4().hex}", "dti_template")
        self._database = Database(url, is_local=True)
        app = create_app(self._settings, self._database, self.clock)
        async with self._database.session() as session, session.begin():
            self.units = await unit_ids_by_key(session)
            await self._add_people(session)
        log_in = partial(logged_in, app, self.clock)
        async with await log_in("admin") as admin:
            self.period: Json = await _open_year(admin, self.policy)
        async with self._database.session() as session, session.begin():
            for dossier in await session.scalars(select(Submission)):
                key = next(key for key, one in self.units.items() if one == dossier.unit_id)
                if key in UNITS:
                    self.ids[key] = str(dossier.id)
                    self.scopes[key] = str(dossier.scope_id)
                else:  # nobody plays it: its review is over
                    dossier.state, dossier.passed_at = ReviewState.PASSED, START
        for unit in UNITS:
            async with await log_in(f"{unit}.reporter") as reporter:
                self.documents[unit] = [await self._uploaded(reporter, unit, n) for n in range(DOCUMENTS)]
        self._connection = await self._database.engine.connect()
        raw: Any = await self._connection.get_raw_connection()
        self._driver = raw.driver_connection
        names = await self._driver.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        self._marks = _MARKS(
            f"SELECT '{name}', count(*), sum(xmin::text::bigint) FROM \"{name}\"" for (name,) in sorted(names)
        )
        self.last_event: UUID = await self._driver.fetchval(
            "SELECT id FROM audit_event ORDER BY id DESC LIMIT 1"
        )
        named = await self._driver.fetch("SELECT id::text, username FROM app_user")
        self.names: dict[str, str] = dict(named)
        self.app = create_app(self._settings, OneConnection(self._connection), self.clock)  # type: ignore[arg-type]
        for name in PEOPLE:
            token = (await log_in(name)).headers["authorization"]
            self._clients[name] = CheckedClient(self.app, headers={"Authorization": token})

    async def _add_people(self, session: Any) -> None:
        password = await session.scalar(select(User.password_hash).where(User.username == "admin"))
        for one in ADDED:
            user = User(
                username=one.name,
                full_name=one.name,
                unit_id=self.units[one.home],
                password_hash=password,
                must_change_password=False,
                is_active=True,
                created_at=START,
                failed_logins=0,
            )
            session.add(user)
            await session.flush()
            await accounts.set_grants(session, user, [Grant(Role(one.role), self.units[one.place])], START)

    async def _uploaded(self, reporter: CheckedClient, unit: str, number: int) -> str:
        params = {
            "period_id": self.period["id"],
            "unit_id": str(self.units[unit]),
            "file_name": f"{number}.pdf",
        }
        body = PDF + f"% {unit} {number}\n".encode()
        answer = await reporter.post("/api/v1/evidence", params=params, content=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def close(self) -> None:
        """End everything that was begun."""
        self.run(self._closed())
        self._runner.close()

    async def _closed(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        await self._connection.close()
        await self._database.close()

    @contextmanager
    def life(self) -> Iterator[None]:
        """Live from the opening of the year to a rollback."""
        self.clock.now = START
        outer = self.run(_begun(self._connection))
        try:
            yield
        finally:
            self.run(outer.rollback())

    def call(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as somebody."""
        answer: httpx.Response = self.run(self._clients[who].request(method, f"/api/v1{path}", **options))
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"
        return answer

    # --- below the API ---

    def marks(self) -> dict[str, tuple[int, int]]:
        """Return what differs whenever any row of a table was written or deleted."""
        return {name: (count, mark) for name, count, mark in self.run(self._driver.fetch(self._marks))}

    def dossiers(self) -> dict[str, Any]:
        """Return the rows of the played dossiers by unit."""
        return {row["key"]: row for row in self.run(self._driver.fetch(_DOSSIERS, list(UNITS)))}

    def events_after(self, last: UUID) -> list[Any]:
        """Return the audit rows after one, the earliest first."""
        found: list[Any] = self.run(self._driver.fetch(_EVENTS, last))
        return found

    def fetch(self, query: str, *given: Any) -> list[Any]:
        """Return the rows of a query."""
        found: list[Any] = self.run(self._driver.fetch(query, *given))
        return found

    @property
    def review_due(self) -> datetime:
        """Return the end of the time to review communes."""
        due = next(one["review_due_at"] for one in self.period["sets"] if one["unit_kind"] == "commune")
        return datetime.fromisoformat(due)

    @property
    def due(self) -> datetime:
        """Return the end of the time to submit."""
        return datetime.fromisoformat(self.period["submission_due_at"])


@contextmanager
def quiet() -> Iterator[None]:
    """Leave the access log of thousands of requests out, for a while."""
    held = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**held)


async def _begun(connection: AsyncConnection) -> Any:
    return await connection.begin()


async def _open_year(admin: CheckedClient, policy: str) -> Json:
    sets: dict[str, str] = {}
    for kind in ("commune", "department"):
        sets[kind] = f"may-{kind}"
        content = json.dumps(SET | {"key": sets[kind], "unit_kind": kind}, default=str).encode()
        headers = {"Content-Type": "application/yaml"}
        made = await admin.post("/api/v1/index-sets?dry_run=false", content=content, headers=headers)
        assert made.status_code == 201, made.text
        url = f"/api/v1/index-sets/{sets[kind]}/versions/1"
        etag = (await admin.get(url)).headers["etag"]
        published = await admin.post(f"{url}/publish", headers={"If-Match": etag})
        assert published.is_success, published.text
    body = {"year": 2023, "guidance_on": "2023-12-15", "sets": sets} | POLICIES[policy]
    prepared = await admin.post("/api/v1/periods", json=body)
    assert prepared.status_code == 201, prepared.text
    url = f"/api/v1/periods/{prepared.json()['id']}"
    opened = await admin.post(f"{url}/open", headers={"If-Match": prepared.headers["etag"]})
    assert opened.status_code == 200, opened.text
    found: Json = (await admin.get(url)).json()
    return found
