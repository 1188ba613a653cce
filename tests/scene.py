"""A year to act in: an open period, dossiers filled with valid answers, and every row of the database to compare."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import cache, partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.accounts.actions import set_grants
from app.accounts.models import User
from app.accounts.permissions import Grant, Role
from app.catalogue.files import catalogue
from app.core.config import Settings
from app.core.db import Database, new_id
from app.core.embedded import EmbeddedPostgres
from app.core.vietnamese import VIETNAM
from app.main import create_app
from app.scoring.model import Options
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import START, Clock, _clone, logged_in
from tests.evidence.files import pdf

SETS = {"department": "camau-2023-so", "district": "camau-2023-huyen", "commune": "camau-2023-xa"}
UNIT = "xa-31999"  # Phường 9, Thành phố Cà Mau: the commune that most tests look at
SIBLING = "xa-32005"
REVIEWER = "huyen-964.reviewer"
NOTE = "Tài liệu lưu tại bộ phận văn thư"

LogIn = Callable[[str], Awaitable[CheckedClient]]
Json = dict[str, Any]
UNPROVED = {"note": "Đã xem tài liệu lưu tại đơn vị"}  # to the warnings that nothing is attached


@cache
def full_content(set_key: str) -> Json:
    """Return content that may be submitted: every indicator a unit declares, explained, and everything about it.

    Ratios are 3 / 4, a choice is the document's first branch.
    """
    loaded = catalogue().sets[set_key]
    answers: Json = {}
    for indicator in loaded.scored.indicators:
        if indicator.declared_by != "unit":
            continue
        rule = indicator.rule
        if isinstance(rule, Options):
            answers[indicator.code] = {"choice": rule.options[0].key, "note": NOTE}
        else:
            below = getattr(rule, "denominator", ())
            figures = {v.key: 4 if v.key in below else 3 for v in rule.variables}
            answers[indicator.code] = {"figures": figures, "note": NOTE}
    person = {
        "full_name": "Người phụ trách",
        "workplace": "Ủy ban nhân dân",
        "position": "Công chức",
        "phone": "0290 000 0000",
        "email": "lien-he@example.vn",
    }
    return {
        "general_information": {
            row.code: "Phường 9" if row.input == "text" else 12 for row in loaded.out.general_information
        },
        "contacts": {contact.key: person for contact in loaded.out.contacts},
        "answers": answers,
    }


class Scene:
    """Callers and dossiers of one open period."""

    def __init__(self, log_in: LogIn, period: Json) -> None:
        self._log_in, self.period = log_in, period
        self._clients: dict[str, CheckedClient] = {}
        self._ids: dict[str, str] = {}

    @classmethod
    async def opened(
        cls,
        log_in: LogIn,
        *,
        year: int = 2023,
        guidance_on: str = "2023-12-15",
        sets: Json | None = None,
        **chosen: Any,
    ) -> "Scene":
        """Prepare and open a period as the administrator (due at the end of 2024-01-02 by default)."""
        admin = await log_in("admin")
        body = {"year": year, "guidance_on": guidance_on, "sets": sets or SETS} | chosen
        prepared = await admin.post("/api/v1/periods", json=body)
        assert prepared.status_code == 201, prepared.text
        url = f"/api/v1/periods/{prepared.json()['id']}"
        opened = await admin.post(f"{url}/open", headers={"If-Match": prepared.headers["etag"]})
        assert opened.status_code == 200, opened.text
        scene = cls(log_in, (await admin.get(url)).json())
        scene._clients["admin"] = admin
        return scene

    async def as_(self, who: str) -> CheckedClient:
        """Return the client of an account, logged in once."""
        if who not in self._clients:
            self._clients[who] = await self._log_in(who)
        return self._clients[who]

    async def url(self, unit: str = UNIT) -> str:
        """Return the address of a unit's dossier."""
        if unit not in self._ids:
            caller, of = await self.as_(f"{unit}.reporter"), {"period_id": self.period["id"]}
            mine = await caller.get("/api/v1/submissions", params=of)
            assert mine.json()["total"] == 1, mine.text
            self._ids[unit] = mine.json()["items"][0]["id"]
        return f"/api/v1/submissions/{self._ids[unit]}"

    async def read(self, unit: str = UNIT, who: str = "", path: str = "") -> Json:
        """Return what a caller (default: the unit's reporter) reads of a unit's dossier."""
        caller = await self.as_(who or f"{unit}.reporter")
        response = await caller.get(await self.url(unit) + path)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    async def etag(self, unit: str = UNIT) -> str:
        """Return the present ETag of a unit's dossier."""
        return (await (await self.as_("admin")).get(await self.url(unit))).headers["etag"]

    async def save(
        self, body: Any, unit: str = UNIT, who: str = "", etag: str | None = None, **options: Any
    ) -> httpx.Response:
        """Change a unit's dossier, by default as its reporter and at its present version."""
        caller = await self.as_(who or f"{unit}.reporter")
        headers = {"If-Match": etag or await self.etag(unit), **options.pop("headers", {})}
        given = {"json": body} if "content" not in options else {}
        return await caller.patch(await self.url(unit), headers=headers, **given, **options)

    async def act(
        self,
        who: str,
        verb: str,
        body: Any = None,
        unit: str = UNIT,
        etag: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """POST a verb on a unit's dossier at its present version."""
        caller = await self.as_(who)
        sent = {"If-Match": etag or await self.etag(unit), **(headers or {})}
        given = {} if body is None else {"json": body}
        return await caller.post(f"{await self.url(unit)}/{verb}", headers=sent, **given)

    async def done(self, response: Awaitable[httpx.Response]) -> httpx.Response:
        """Return an answer that must be a success."""
        answered = await response
        assert answered.is_success, answered.text
        return answered

    async def filled(self, unit: str = UNIT, set_key: str = "camau-2023-xa") -> None:
        """Fill a dossier completely."""
        await self.done(self.save(full_content(set_key), unit))

    async def submitted(self, unit: str = UNIT, set_key: str = "camau-2023-xa") -> None:
        """Bring a dossier from the unit to its reviewer."""
        await self.filled(unit, set_key)
        await self.done(self.act(f"{unit}.leader", "approve", unit=unit))
        await self.done(self.act(f"{unit}.reporter", "submit", unit=unit))

    async def claimed(
        self, unit: str = UNIT, reviewer: str = REVIEWER, set_key: str = "camau-2023-xa"
    ) -> None:
        """Bring a dossier onto a reviewer's desk."""
        await self.submitted(unit, set_key)
        await self.done(self.act(reviewer, "claim", unit=unit))

    async def asked(self, unit: str = UNIT) -> Json:
        """Return what the unit was asked last."""
        found: Json = (await self.read(unit, path="/review"))["clarifications"][0]
        return found

    async def line(self, code: str, unit: str = UNIT) -> Json:
        """Return what the unit sees of the review of one indicator."""
        lines = (await self.read(unit, path="/review"))["lines"]
        found: Json = next(one for one in lines if one["code"] == code)
        return found

    async def answer(
        self, clarification: Json, item: int = 0, unit: str = UNIT, **given: Any
    ) -> httpx.Response:
        """Answer one item of what the unit was asked."""
        body = {"item": item, "text": "Đơn vị đã bổ sung"} | given
        verb = f"clarifications/{clarification['id']}/answers"
        return await self.act(f"{unit}.reporter", verb, body, unit=unit)

    async def answered(self, unit: str = UNIT) -> None:
        """Answer every item of what the unit was asked last."""
        asked = await self.asked(unit)
        for item in range(len(asked["items"])):
            await self.done(self.answer(asked, item, unit))

    async def resubmitted(self, unit: str = UNIT, answers: Json | None = None) -> None:
        """Correct a returned dossier, answer what was asked, and hand it in again."""
        if answers:
            await self.done(self.save({"answers": answers}, unit))
        await self.answered(unit)
        approval = (await self.read(unit))["approval"]
        if not (approval and approval["is_current"]):
            await self.done(self.act(f"{unit}.leader", "approve", unit=unit))
        await self.done(self.act(f"{unit}.reporter", "submit", unit=unit))

    async def document(self, number: int = 1, unit: str = UNIT) -> str:
        """Upload a document of the unit and return its id; each number is another document."""
        query = {"period_id": self.period["id"], "unit_id": (await self.read(unit))["unit_id"]}
        caller = await self.as_(f"{unit}.reporter")
        sent = await caller.post(
            "/api/v1/evidence",
            params=query | {"file_name": f"tài liệu {number}.pdf"},
            content=pdf(b"%d" % number),
        )
        assert sent.status_code == 201, sent.text
        found: str = sent.json()["id"]
        return found

    async def passed(
        self, unit: str = UNIT, reviewer: str = REVIEWER, set_key: str = "camau-2023-xa"
    ) -> None:
        """Bring a dossier through its review; the reviewer gives 5 points where an agency's figures are missing."""
        await self.claimed(unit, reviewer, set_key)
        await self.reviewed(unit, reviewer, set_key)

    async def reviewed(
        self, unit: str = UNIT, reviewer: str = REVIEWER, set_key: str = "camau-2023-xa"
    ) -> None:
        """Bring a claimed dossier through its review."""
        for row in catalogue().sets[set_key].scored.indicators:
            if row.declared_by != "unit":
                body = points(row.code, "5")
                await self.done(self.act(reviewer, "adjustments", body, unit=unit))
        await self.done(self.act(reviewer, "pass", UNPROVED, unit=unit))


@pytest.fixture(scope="session")
async def open_database(
    server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """Hold a database in which the year 2023 was opened for good: tests begin there and roll back to it."""
    held = Database(await _clone(server.url, f"open_{new_id().hex}", "dti_template"), is_local=True)
    settings = Settings(var_dir=tmp_path_factory.mktemp("open")).on_embedded(server.url)
    app, clock = create_app(settings, held, Clock()), Clock()
    await Scene.opened(partial(logged_in, app, clock))
    yield held
    await held.close()


@pytest.fixture
async def connection(open_database: Database) -> AsyncIterator[AsyncConnection]:
    """Hold one connection to the open year in a transaction that is rolled back after the test."""
    async with open_database.engine.connect() as held:
        outer = await held.begin()
        yield held
        if outer.is_active:
            await outer.rollback()


@pytest.fixture
async def scene(as_user: LogIn) -> Scene:
    """Give the open year 2023."""
    admin = await as_user("admin")
    return Scene(as_user, (await admin.get("/api/v1/periods")).json()[0])


BRVT: Json = {
    "year": 2024,
    "policy": "brvt-2022",
    "submit_until": "2024-01-05",
    "sets": {"commune": "camau-2023-xa"},
}


@pytest.fixture
async def brvt(as_user: LogIn) -> Scene:
    """Give another open year, of communes only, under the policy of Bà Rịa - Vũng Tàu (due on 2024-01-05)."""
    return await Scene.opened(as_user, **BRVT)


async def account(app: FastAPI, username: str, role: Role, home: str, place: str) -> None:
    """Create an account at home in one unit with a role for another."""
    async with app.state.database.session() as session, session.begin():
        ids = await unit_ids_by_key(session)
        user = User(
            username=username,
            full_name=f"Tài khoản mẫu {username}",
            email=None,
            unit_id=ids[home],
            password_hash="-",
            must_change_password=False,
            is_active=True,
            created_at=START,
            failed_logins=0,
            locked_until=None,
        )
        session.add(user)
        await session.flush()
        await set_grants(session, user, [Grant(role, ids[place])], START)


def points(indicator: str, given: str) -> Json:
    """Return a decision that gives points."""
    return {"indicator": indicator, "kind": "points", "points": given, "reason": "Theo hồ sơ kiểm chứng"}


def return_body(**changes: Any) -> Json:
    """Return a return for clarification until 2024-01-10."""
    item = {"indicator": "1.1", "kind": "missing_evidence", "text": "Bổ sung quyết định"}
    return {"reason": "Thiếu tài liệu", "due_on": "2024-01-10", "items": [item]} | changes


def local(instant: str) -> str:
    """Return an instant of the API as the clock on the wall in Vietnam shows it."""
    return datetime.fromisoformat(instant).astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")


async def photograph(session: AsyncSession) -> dict[str, list[str]]:
    """Return every row of every table as text, to show that nothing has changed."""
    names = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    return {
        name: list(await session.scalars(text(f'SELECT t::text FROM "{name}" t ORDER BY 1')))
        for name in names.all()
    }
