"""Agencies and their services give official figures (ruling 20)."""

import hashlib
import json
from typing import Any

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.figures.models import OfficialFigure
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.figures.year import FIGURES, commune, prepared_year, service_token

URL = "/api/v1/official-figures"


def push(period_id: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"period_id": period_id, "figures": list(rows), **more}


async def kept(session: AsyncSession) -> int:
    return await session.scalar(select(func.count(OfficialFigure.id))) or 0


def faults_of(answer: Any) -> set[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


async def test_a_service_gives_the_figures_its_agency_declares(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    body = json.dumps(push(period_id, commune(), commune("32002"))).encode()
    answer = await service.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["created"], answer.json()["unchanged"]) == (2, 0)
    row = (await session.scalars(select(OfficialFigure).order_by(OfficialFigure.id))).first()
    assert row is not None
    assert (row.indicator_code, row.answer) == ("5.4", {"figures": FIGURES})
    assert row.provenance == {"via": "service", "request_sha256": hashlib.sha256(body).hexdigest()}
    assert row.given_by_name == "lgsp-so-tttt"


async def test_an_agency_gives_figures_for_an_indicator_it_verifies(
    as_user: LogIn, period_id: str, session: AsyncSession
) -> None:
    police = await as_user("cong-an-tinh.agency")
    row = commune(indicator="6.3", figures={"a": "3", "b": 4.0})
    answer = await police.post(URL, json=push(period_id, row))
    assert answer.status_code == 200, answer.text
    held = (await session.scalars(select(OfficialFigure))).one()
    assert held.answer == {"figures": {"a": 3, "b": 4}}
    assert held.provenance["via"] == "user"


async def test_a_unit_can_be_named_by_id_or_key_or_code(service: CheckedClient, period_id: str) -> None:
    first = (await service.post(URL, json=push(period_id, commune()))).json()["rows"][0]
    for unit in ({"id": first["unit_id"]}, {"key": "xa-31999"}):
        again = await service.post(URL, json=push(period_id, commune() | {"unit": unit}))
        assert again.json()["rows"] == [first | {"outcome": "unchanged", "id": None}]


async def test_the_same_figures_again_make_no_new_row_and_others_do(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    await service.post(URL, json=push(period_id, commune()))
    same = commune(figures={"a": "20.0", "b": "25", "infected": 5})
    assert (await service.post(URL, json=push(period_id, same))).json()["unchanged"] == 1
    other = commune(figures={"a": 21, "b": 25, "infected": 5})
    assert (await service.post(URL, json=push(period_id, other))).json()["created"] == 1
    assert (await service.post(URL, json=push(period_id, commune()))).json()["created"] == 1
    assert await kept(session) == 3


async def test_two_agencies_of_one_indicator_do_not_replace_each_other(
    service: CheckedClient, as_user: LogIn, period_id: str
) -> None:
    row = commune(indicator="3.1", figures={"a": 1, "b": 2})
    telecoms = await as_user("dn-vien-thong.agency")
    assert (await service.post(URL, json=push(period_id, row))).json()["created"] == 1
    assert (await telecoms.post(URL, json=push(period_id, row))).json()["created"] == 1


async def test_a_dry_run_says_the_same_and_writes_nothing(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    audited = await session.scalar(select(func.count(AuditEvent.id)))
    answer = await service.post(URL, json=push(period_id, commune(), dry_run=True))
    assert answer.json()["created"] == 1
    assert answer.json()["rows"][0]["id"] is None
    assert await kept(session) == 0
    assert await session.scalar(select(func.count(AuditEvent.id))) == audited


async def test_a_repetition_gets_the_first_answer_and_writes_nothing_more(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    key = {"Idempotency-Key": "night-2023-12-16"}
    first = await service.post(URL, json=push(period_id, commune()), headers=key)
    second = await service.post(URL, json=push(period_id, commune()), headers=key)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()
    assert await kept(session) == 1
    other = await service.post(URL, json=push(period_id, commune("32002")), headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_every_fault_of_a_push_is_named_and_nothing_is_kept(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    rows = [
        commune(),
        commune("99999"),
        commune(indicator="9.9"),
        commune("32002", figures={"a": -1, "b": "x", "infected": 5}),
        commune("32005", choice="yes"),
        commune("32008", figures={}),
        commune("32008", figures={"a": 1, "b": 0, "infected": 1}),
        commune() | {"unit": {"key": "xa-31999"}},
        commune() | {"unit": {"key": "xa-31999", "scheme": "gso"}},
        commune() | {"unit": {"key": "cong-an-tinh"}},
    ]
    assert faults_of(await service.post(URL, json=push(period_id, *rows))) == {
        ("/figures/1/unit", "unknown_unit"),
        ("/figures/2/indicator", "unknown_indicator"),
        ("/figures/3/figures/a", "negative"),
        ("/figures/3/figures/b", "not_a_number"),
        ("/figures/4/choice", "wrong_kind"),
        ("/figures/5", "no_answer"),
        ("/figures/6/figures/b", "zero_denominator"),
        ("/figures/7", "duplicate"),
        ("/figures/8/unit", "unit_unnamed"),
        ("/figures/9/unit", "unit_not_assessed"),
    }
    assert await kept(session) == 0


async def test_an_agency_may_not_give_the_figures_of_another(as_user: LogIn, period_id: str) -> None:
    tax = await as_user("cuc-thue.agency")
    rows = [commune(indicator="7.5", figures={"a": 1, "b": 2}), commune()]
    found = faults_of(await tax.post(URL, json=push(period_id, *rows)))
    assert found == {("/figures/1/indicator", "not_your_indicator")}


async def test_an_indicator_counts_by_the_set_of_the_units_kind(
    service: CheckedClient, period_id: str
) -> None:
    # 5.4 is given by Sở TT&TT for communes; a district's 5.4 is its own and another agency verifies it.
    row = commune() | {"unit": {"key": "huyen-964"}, "figures": {"a": 1, "b": 2}}
    found = faults_of(await service.post(URL, json=push(period_id, row)))
    assert found == {("/figures/0/indicator", "not_your_indicator")}


async def test_evidence_and_claims_of_the_unit_are_no_part_of_official_figures(
    service: CheckedClient, period_id: str
) -> None:
    row = commune() | {"not_applicable": True, "reason": "does not exist"}
    found = faults_of(await service.post(URL, json=push(period_id, row)))
    assert found == {
        ("/figures/0/not_applicable", "extra_forbidden"),
        ("/figures/0/reason", "extra_forbidden"),
    }


async def test_a_unit_reporter_may_not_give_figures(as_user: LogIn, period_id: str) -> None:
    for name in ("xa-31999.reporter", "reviewer", "auditor", "dashboard"):
        answer = await (await as_user(name)).post(URL, json=push(period_id, commune()))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_figures_wait_until_the_period_is_open(service: CheckedClient, as_user: LogIn) -> None:
    period_id = await prepared_year(await as_user("admin"))
    answer = await service.post(URL, json=push(period_id, commune()))
    assert (answer.status_code, answer.json()["code"]) == (409, "period_not_open")


async def test_an_unknown_period_is_a_fault_of_the_body(service: CheckedClient) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    found = faults_of(await service.post(URL, json=push(unknown, commune())))
    assert found == {("/period_id", "unknown_period")}


async def test_a_push_holds_one_to_a_thousand_rows(service: CheckedClient, period_id: str) -> None:
    assert faults_of(await service.post(URL, json=push(period_id))) == {("/figures", "too_short")}
    many = push(period_id, *[commune()] * 1001)
    assert faults_of(await service.post(URL, json=many)) == {("/figures", "too_long")}


async def test_each_new_row_is_audited_with_what_was_there_before(
    service: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    await service.post(URL, json=push(period_id, commune()))
    changed = {"a": 21, "b": 25, "infected": 5}
    await service.post(URL, json=push(period_id, commune(figures=changed)))
    query = select(AuditEvent).where(AuditEvent.action == "figure.give").order_by(AuditEvent.id)
    first, second = (await session.scalars(query)).all()
    assert first.before is None
    assert second.before == {"answer": {"figures": FIGURES}}
    assert second.after is not None
    assert second.after["answer"] == {"figures": changed}
    assert second.actor_name == "lgsp-so-tttt"


async def test_a_wrong_secret_gets_no_token(client: CheckedClient) -> None:
    answer = await service_token(client, secret="another-secret")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_grant")


async def test_a_switched_off_service_account_stops_working_at_once(
    service: CheckedClient, client: CheckedClient, as_user: LogIn, period_id: str, app: FastAPI
) -> None:
    admin = await as_user("admin")
    account = (await admin.get("/api/v1/service-accounts")).json()[0]
    url = f"/api/v1/service-accounts/{account['id']}"
    assert (await service.post(URL, json=push(period_id, commune()))).status_code == 200
    off = await admin.patch(url, json={"is_active": False}, headers={"If-Match": '"1"'})
    assert off.status_code == 200, off.text
    answer = await service.post(URL, json=push(period_id, commune("32002")))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert (await service_token(client)).status_code == 400


async def test_a_service_without_the_scope_may_not_give_figures(
    app: FastAPI, client: CheckedClient, as_user: LogIn, period_id: str
) -> None:
    admin = await as_user("admin")
    home = (await admin.get("/api/v1/service-accounts")).json()[0]["unit_id"]
    body = {"client_id": "reader", "name": "Reader", "unit_id": home, "scopes": ["figure:read"]}
    created = (await admin.post("/api/v1/service-accounts", json=body)).json()
    form = {
        "grant_type": "client_credentials",
        "client_id": "reader",
        "client_secret": created["client_secret"],
    }
    token = (await client.post("/api/v1/auth/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with CheckedClient(app, headers=headers) as reader:
        assert (await reader.get(URL, params={"period_id": period_id})).status_code == 200
        answer = await reader.post(URL, json=push(period_id, commune()))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
