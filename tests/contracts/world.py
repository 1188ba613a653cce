"""A year in which everything exists once: whose it is, its ids, and words that stand nowhere but in it.

Made once per run in a database of its own and committed; every call of a cell is rolled back.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.first import DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.accounts.models import User, UserIdentity
from app.accounts.permissions import Role
from app.core.audit import AuditEvent
from app.core.config import Settings
from app.core.db import Database, new_id
from app.core.vietnamese import searchable, sort_key
from app.main import create_app
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import unit_ids_by_key
from tests.accounts.lending import hire, lend
from tests.client import CheckedClient
from tests.conftest import Clock, OneConnection, _clone, logged_in
from tests.councils import seating
from tests.councils.test_minutes import minutes_body
from tests.evidence.files import pdf
from tests.evidence.pieces import Tus
from tests.figures.year import commune
from tests.notifications.told import tell_all
from tests.results import scene as results
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, account, full_content, points, return_body

Json = dict[str, Any]
PROVINCE, DISTRICT, DEPARTMENT = "tinh-ca-mau", "huyen-964", "so-noi-vu"
# A district whose result is announced, one whose result is published, one whose result nobody signed yet.
ANNOUNCED, PUBLISHED, FINALIZED = "huyen-966", "huyen-967", "huyen-968"
COUSIN = "xa-32044"  # of the announced district
FOREIGN = "b-tinh"
FOREIGN_UNITS = {
    FOREIGN: (UnitKind.PROVINCE, None),
    "b-huyen": (UnitKind.DISTRICT, FOREIGN),
    "b-xa": (UnitKind.COMMUNE, "b-huyen"),
    "b-so": (UnitKind.AGENCY, FOREIGN),
}


@dataclass(frozen=True)
class Caller:
    """Somebody with one role for one unit; `name` is the account, the program's id, or empty for nobody."""

    name: str
    role: Role | None
    place: str

    def __str__(self) -> str:
        return self.name or "nobody"


def _people() -> Iterator[Caller]:
    yield Caller("", None, "")
    for name, role in (
        ("admin", Role.PROVINCE_ADMIN),
        ("reviewer", Role.PROVINCE_REVIEWER),
        ("leader", Role.PROVINCE_LEADER),
        ("auditor", Role.AUDITOR),
        ("dashboard", Role.DASHBOARD_READER),
    ):
        yield Caller(name, role, PROVINCE)
        yield Caller(f"b-{name}", role, FOREIGN)
    for district in (DISTRICT, ANNOUNCED, "b-huyen"):
        yield Caller(f"{district}.admin", Role.DISTRICT_ADMIN, district)
        yield Caller(f"{district}.reviewer", Role.DISTRICT_REVIEWER, district)
        yield Caller(f"{district}.chairman", Role.DISTRICT_LEADER, district)
    for unit in (UNIT, SIBLING, COUSIN, DISTRICT, DEPARTMENT, "b-xa"):
        yield Caller(f"{unit}.reporter", Role.UNIT_REPORTER, unit)
        yield Caller(f"{unit}.leader", Role.UNIT_LEADER, unit)
    for agency in ("so-tttt", "b-so"):
        yield Caller(f"{agency}.agency", Role.VERIFYING_AGENCY, agency)
    yield Caller(DEMO_SERVICE, Role.SERVICE, "so-tttt")
    yield Caller("b-lgsp", Role.SERVICE, "b-so")


CALLERS = tuple(_people())


@dataclass(frozen=True)
class Thing:
    """Something with an owner: a unit, and a person where it is his alone; its ids by parameter; its version.

    `words` are texts and ids that are written only where this may be read.
    """

    kind: str
    unit: str
    ids: dict[str, str]
    version: int = 1
    people: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.kind} of {self.unit or '–'}"


@dataclass
class World:
    """The things, everybody's clients, and the connection on which each call is played and undone."""

    app: FastAPI
    connection: AsyncConnection
    units: dict[str, UUID]
    parents: dict[str, str | None]
    tokens: dict[str, str]
    period: Json
    things: list[Thing] = field(default_factory=list)
    clients: dict[str, CheckedClient] = field(default_factory=dict)

    def of(self, kind: str) -> list[Thing]:
        """Return the things of a kind."""
        return [thing for thing in self.things if thing.kind == kind]

    def path(self, unit: str) -> list[str]:
        """Return a unit and all above it."""
        found: list[str] = []
        at: str | None = unit
        while at:
            found.append(at)
            at = self.parents.get(at)
        return found

    def client(self, caller: Caller) -> CheckedClient:
        """Return the client of a caller."""
        if caller.name not in self.clients:
            headers = {"Authorization": f"Bearer {self.tokens[caller.name]}"} if caller.name else {}
            self.clients[caller.name] = CheckedClient(self.app, headers=headers)
        return self.clients[caller.name]

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """Take back whatever happens inside."""
        saved = await self.connection.begin_nested()
        try:
            yield
        finally:
            if saved.is_active:
                await saved.rollback()


@asynccontextmanager
async def world(server_url: str, var_dir: Path) -> AsyncIterator[World]:
    """Make the world, hold it, and end it."""
    plain = Settings(var_dir=var_dir, max_upload_bytes=1024 * 1024, rate_limits="off", **_PROVIDER)
    settings = plain.on_embedded(server_url)
    url = await _clone(server_url, f"matrix_{new_id().hex}", "dti_template")
    # Patient: its one transaction is idle while other tests run.
    database = Database(url, is_local=True, is_patient=True)
    clock = Clock()
    app = create_app(settings, database, clock)
    made = await _made(app, clock)
    tokens = await _tokens(app, clock, made.secrets)
    async with database.session() as session:
        units = await unit_ids_by_key(session)
        parents = await _parents(session)
    async with database.engine.connect() as connection:
        outer = await connection.begin()
        inside = create_app(settings, OneConnection(connection), clock)  # type: ignore[arg-type]
        held = World(inside, connection, units, parents, tokens, made.scene.period, made.things)
        yield held
        for client in held.clients.values():
            await client.aclose()
        await outer.rollback()
    await database.close()


async def _parents(session: Any) -> dict[str, str | None]:
    rows = (await session.execute(select(UnitVersion.unit_id, UnitVersion.parent_id))).all()
    keys = {one: key for key, one in (await unit_ids_by_key(session)).items()}
    return {keys[unit]: keys.get(parent) for unit, parent in rows}


async def _tokens(app: FastAPI, clock: Clock, secrets: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for caller in CALLERS:
        if caller.role is Role.SERVICE:
            form = {"client_id": caller.name, "client_secret": secrets[caller.name]}
            async with CheckedClient(app) as client:
                answer = await client.post(
                    "/api/v1/auth/token", data=form | {"grant_type": "client_credentials"}
                )
            found[caller.name] = answer.json()["access_token"]
        elif caller.name:
            client = await logged_in(app, clock, caller.name)
            found[caller.name] = client.headers["authorization"].removeprefix("Bearer ")
    return found


async def _add_foreign_province(app: FastAPI) -> None:
    """Add another province with people of every role."""
    async with app.state.database.session() as session, session.begin():
        ids: dict[str, UUID] = {}
        for key, (kind, parent) in FOREIGN_UNITS.items():
            unit = Unit(key=key, kind=kind, is_ranked=True, exists_from=date(2021, 1, 1), exists_to=None)
            session.add(unit)
            await session.flush()
            ids[key] = unit.id
            name = f"Đơn vị {key}"
            session.add(
                UnitVersion(
                    unit_id=unit.id,
                    parent_id=ids[parent] if parent else None,
                    valid_from=date(2021, 1, 1),
                    valid_to=None,
                    name=name,
                    search_text=searchable(name),
                    sort_key=sort_key(name),
                    legal_act=None,
                )
            )
    for caller in CALLERS:
        if caller.place in FOREIGN_UNITS and caller.role not in (None, Role.SERVICE):
            await account(app, caller.name, caller.role, caller.place, caller.place)


async def _made(app: FastAPI, clock: Clock) -> "_Maker":
    scene = await Scene.opened(partial(logged_in, app, clock))
    await _add_foreign_province(app)
    maker = _Maker(app, clock, scene)
    await maker.dossiers()
    await maker.results()
    await maker.council()
    await maker.people()
    await maker.rest()
    await maker.programs()
    await maker.events()
    return maker


class _Maker:
    def __init__(self, app: FastAPI, clock: Clock, scene: Scene) -> None:
        self.app, self.clock, self.scene = app, clock, scene
        self.things: list[Thing] = []
        self.secrets = {DEMO_SERVICE: DEMO_SERVICE_SECRET}

    def add(
        self,
        kind: str,
        unit: str,
        ids: dict[str, str],
        *words: str,
        version: int = 1,
        people: tuple[str, ...] = (),
    ) -> Thing:
        thing = Thing(kind, unit, ids, version, frozenset(people), frozenset(words))
        self.things.append(thing)
        return thing

    async def dossiers(self) -> None:
        """Bring a commune's dossier back to it with a question; let others wait at every stage."""
        scene = self.scene
        await self.submitted(UNIT, "camau-2023-xa")
        await self.submitted(SIBLING, "camau-2023-xa")
        await self.submitted(DEPARTMENT, "camau-2023-so")
        await scene.done(scene.act(REVIEWER, "claim"))
        await scene.done(scene.act(REVIEWER, "adjustments", points("1.1", "1")))
        body = return_body(reason="hỏi lại của riêng đơn vị")
        await scene.done(scene.act(REVIEWER, "return", body))
        review = await scene.read(UNIT, path="/review")
        (line,) = [one for one in review["lines"] if one["code"] == "1.1"]
        ids = {
            "clarification_id": review["clarifications"][0]["id"],
            "adjustment_id": line["decisions"][-1]["id"] if "decisions" in line else "",
        }
        if not ids["adjustment_id"]:
            listed = await scene.read(UNIT, path="/adjustments")
            ids["adjustment_id"] = (listed if isinstance(listed, list) else listed["items"])[0]["id"]
        for unit in (UNIT, SIBLING, DEPARTMENT, DISTRICT):
            await self.dossier(unit, ids if unit == UNIT else {})

    async def submitted(self, unit: str, set_key: str) -> None:
        """Fill a dossier in words of its own and hand it in with a document and a document in work."""
        scene = self.scene
        document = await scene.document(1, unit)
        content = json.loads(json.dumps(full_content(set_key)))
        first = next(iter(content["answers"].values()))
        first |= {"note": f"ghi chú của {unit}", "evidence": [document]}
        await scene.done(scene.save(content, unit))
        await scene.done(scene.act(f"{unit}.leader", "approve", unit=unit))
        await scene.done(scene.act(f"{unit}.reporter", "submit", unit=unit))
        self.add("document", unit, {"document_id": document}, document)
        spare = (await scene.read(unit))["unit_id"]
        of = {"period_id": scene.period["id"], "unit_id": spare}
        tus = Tus(await scene.as_(f"{unit}.reporter"), of)
        address = await tus.begun(len(pdf(b"tus")))
        self.add("upload", unit, {"upload_id": address.rsplit("/", 1)[1]}, people=(f"{unit}.reporter",))

    async def dossier(self, unit: str, more: dict[str, str]) -> None:
        read = await (await self.scene.as_("admin")).get(await self.scene.url(unit))
        cited = [one.ids for one in self.things if one.kind == "document" and one.unit == unit]
        ids = {"submission_id": read.json()["id"], "number": "1", "code": "1"} | more
        ids |= cited[0] if cited else {}
        version = int(read.headers["etag"].strip('"'))
        self.add("dossier", unit, ids, read.json()["id"], f"ghi chú của {unit}", version=version)

    async def results(self) -> None:
        """Finalize three districts; announce one and take an appeal, publish another."""
        scene = self.scene
        for district in (ANNOUNCED, PUBLISHED, FINALIZED):
            async with self.app.state.database.session() as session, session.begin():
                scope = await results.scope_of(session, UnitKind.COMMUNE, district)
                for place, row in enumerate((await results.dossiers(session, scope)).values()):
                    index_set = await results.index_set_of(session, row)
                    await results.declare(session, row, results.answers(index_set, 51 + place))
                unit = (await unit_ids_by_key(session))[district]
            reviewer = await scene.as_(f"{district}.reviewer")
            self.add("scope", district, {"scope_id": str(scope.id)})
            if district == ANNOUNCED:
                await self.hand_over(reviewer, str(unit))
            made = await scene.done(results.finalize(reviewer, scope))
            result_id, version = made.json()["id"], 1
            chairman = await scene.as_(f"{district}.chairman")
            if district == ANNOUNCED:
                await scene.done(results.announce(chairman, result_id, "2023-12-20"))
                await self.appeal(result_id)
                version = 2
            if district == PUBLISHED:
                await scene.done(results.publish(chairman, result_id))
                version = 2
            first = (await reviewer.get(f"/api/v1/results/{result_id}")).json()["lines"][0]
            ids = {"result_id": result_id, "unit_id": first["unit_id"]}
            words = () if district == PUBLISHED else (result_id,)
            self.add(f"result {_STAGES[district]}", district, ids, *words, version=version)

    async def hand_over(self, reviewer: CheckedClient, unit_id: str) -> None:
        url = f"/api/v1/periods/{self.scene.period['id']}/hand-overs"
        body = {"reviewer_unit_id": unit_id, "unit_kind": "commune", "document_number": "45/công văn riêng"}
        made = await self.scene.done(reviewer.post(url, json=body))
        ids = {"period_id": self.scene.period["id"], "hand_over_id": made.json()["id"]}
        self.add("hand-over", ANNOUNCED, ids, made.json()["id"], "45/công văn riêng")

    async def appeal(self, result_id: str) -> None:
        leader = await self.scene.as_(f"{COUSIN}.leader")
        body = {"indicator": "1.1", "grounds": "căn cứ phúc tra riêng"}
        made = await self.scene.done(leader.post(f"/api/v1/results/{result_id}/appeals", json=body))
        self.add("appeal", COUSIN, {"appeal_id": made.json()["id"]}, made.json()["id"], body["grounds"])
        await self.dossier(COUSIN, {})

    async def council(self) -> None:
        made = await seating.council_of_three(self.app, self.scene)
        body = await minutes_body(self.scene, place="phòng họp riêng")
        reviewer = await self.scene.as_(REVIEWER)
        recorded = await self.scene.done(reviewer.post(f"{seating.COUNCILS}/{made['id']}/minutes", json=body))
        assert recorded.json()["number"] == 1
        ids = {"council_id": made["id"], "number": "1"}
        self.add("council", DISTRICT, ids, made["id"], "phòng họp riêng")

    async def people(self) -> None:
        """Let a leader be stood in for, and name an account at each place."""
        await hire(self.app, f"{UNIT}.deputy", UNIT)
        lent = await lend(self.scene, f"{UNIT}.leader", f"{UNIT}.deputy")
        people = (f"{UNIT}.leader", f"{UNIT}.deputy")
        self.add("delegation", UNIT, {"delegation_id": lent["id"]}, lent["id"], people=people)
        places = {PROVINCE: "dashboard", DISTRICT: f"{DISTRICT}.reporter", FOREIGN: "b-leader"}
        for unit, name in (
            places | {key: f"{key}.reporter" for key in (UNIT, SIBLING, COUSIN, "b-xa")}
        ).items():
            user_id = await seating.id_of(self.scene, name)
            self.add("user", unit, {"user_id": user_id}, user_id, people=(name,))
        for name in (f"{UNIT}.reporter", f"{DISTRICT}.admin", "b-admin"):
            client = await logged_in(self.app, self.clock, name)
            (log_in, *_) = (await client.get("/api/v1/me/log-ins")).json()["items"]
            self.add("log-in", UNIT, {"log_in_id": log_in["id"]}, log_in["id"], people=(name,))
        await self.identities()

    async def identities(self) -> None:
        """Let everybody be somebody for the province's provider of log-ins."""
        async with self.app.state.database.session() as session, session.begin():
            for user in await session.scalars(select(User)):
                session.add(
                    UserIdentity(
                        user_id=user.id,
                        issuer=_PROVIDER["oidc_issuer"],
                        subject=user.username,
                        linked_at=self.clock.now,
                    )
                )

    async def programs(self) -> None:
        """Add a program of the other province, and name one of each."""
        for name, unit in (("admin", "so-tttt"), ("b-admin", "b-so")):
            admin = await self.scene.as_(name)
            if unit == "b-so":
                body = {"client_id": "b-lgsp", "name": "Trục tỉnh B", "unit_id": await self.unit_id(unit)}
                made = await self.scene.done(
                    admin.post("/api/v1/service-accounts", json=body | {"scopes": _SCOPES})
                )
                self.secrets["b-lgsp"] = made.json()["client_secret"]
            (found,) = (await admin.get("/api/v1/service-accounts")).json()
            # The demo's was made by the system: every auditor reads that.
            words = (found["id"], found["client_id"]) if unit == "b-so" else ()
            self.add("service account", unit, {"account_id": found["id"]}, *words, people=("b-lgsp",))

    async def events(self) -> None:
        """Name an event of the audit trail done for each of some units, and one of the system."""
        async with self.app.state.database.session() as session:
            for unit in (UNIT, DISTRICT, PROVINCE, FOREIGN, None):
                unit_id = UUID(await self.unit_id(unit)) if unit else None
                query = select(AuditEvent.id).where(AuditEvent.acting_for == unit_id)
                event = str(await session.scalar(query.order_by(AuditEvent.at.desc()).limit(1)))
                kind = "event" if unit else "event of the system"
                self.add(kind, unit or PROVINCE, {"event_id": event}, event)

    async def rest(self) -> None:
        """Hold evidence, give figures, add a program, and tell everybody of everything."""
        scene = self.scene
        admin, period = await scene.as_("admin"), scene.period["id"]
        for unit in (None, UNIT):
            about = {"unit_id": await self.unit_id(unit)} if unit else {}
            body = {"period_id": period, "reason": f"lệnh giữ {unit or 'tất cả'}"} | about
            held = (await scene.done(admin.post("/api/v1/evidence-holds", json=body))).json()["id"]
            kind = "hold" if unit else "hold on all"
            self.add(kind, unit or PROVINCE, {"hold_id": held}, held, body["reason"])
        agency = await scene.as_("so-tttt.agency")
        figures = {"period_id": period, "figures": [commune()]}
        given = await agency.post("/api/v1/official-figures", json=figures)
        assert given.is_success, given.text
        for unit in (UNIT, SIBLING, DEPARTMENT, COUSIN, "b-xa"):
            self.add("evidence of a unit", unit, {"period_id": period, "unit_id": await self.unit_id(unit)})
        for unit in (PROVINCE, DISTRICT, ANNOUNCED, "b-huyen"):
            ids = {"period_id": period, "reviewer_unit_id": await self.unit_id(unit)}
            self.add("reviewing unit", unit, ids)
        self.add("period", PROVINCE, {"period_id": period}, version=int(await self.version("period", period)))
        self.add("unit", PROVINCE, {"unit_id": await seating.unit_id(scene, UNIT)})
        self.add("set", "", {"key": "camau-2023-xa", "version": "1"})
        self.add("policy", "", {"key": "camau-2023"})
        self.add("day", "", {"day": "2023-12-14"})
        self.clock.advance(hours=1)
        await tell_all(self.app, self.clock, mails=False)
        name = f"{UNIT}.reporter"
        notices = (await (await scene.as_(name)).get("/api/v1/me/notices")).json()["items"]
        notice = notices[0]["id"]
        self.add("notice", UNIT, {"notice_id": notice, "up_to": notice}, notice, people=(name,))

    async def unit_id(self, key: str) -> str:
        async with self.app.state.database.session() as session:
            return str((await unit_ids_by_key(session))[key])

    async def version(self, table: str, one: str) -> str:
        async with self.app.state.database.session() as session:
            query = text(f'SELECT version FROM "{table}" WHERE id = :one')
            return str(await session.scalar(query, {"one": UUID(one)}))


# A provider of log-ins that is away: nothing listens on that port.
_PROVIDER: Json = {
    "outgoing_hosts": "127.0.0.1",
    "oidc_issuer": "http://127.0.0.1:9",
    "oidc_client_id": "dti",
    "oidc_redirect_url": "https://dti.example.vn/sso",
}
_SCOPES = ["figure:give", "figure:read", "feed:read"]
_STAGES = {ANNOUNCED: "announced", PUBLISHED: "published", FINALIZED: "unsigned"}
