"""Publishing: by a decision, in public without log-in, corrected by a version that says so."""

import gzip
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.core.db import new_id
from app.results.publication import chart
from app.results.schemas import LineOut
from app.reviews.models import AdjustmentKind
from app.submissions.models import RankingScope
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.results import scene

REVIEWER, CHAIRMAN = "huyen-964.reviewer", "huyen-964.chairman"


async def published(session: AsyncSession, as_user: LogIn) -> tuple[RankingScope, dict[str, Any]]:
    """Publish the communes of a district; return the scope and the result."""
    scope = await scene.passed_scope(session)
    made = await scene.finalize(await as_user(REVIEWER), scope)
    answer = await scene.publish(await as_user(CHAIRMAN), made.json()["id"])
    assert answer.status_code == 200, answer.text
    return scope, answer.json()


async def corrected(session: AsyncSession, as_user: LogIn, scope: RankingScope) -> dict[str, Any]:
    """Finalize and publish a correction."""
    submission = next(iter((await scene.dossiers(session, scope)).values()))
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "1"})
    made = await scene.finalize(await as_user(REVIEWER), scope, "sửa điểm 1.1 theo kết luận kiểm tra")
    answer = await scene.publish(await as_user(CHAIRMAN), made.json()["id"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_everybody_reads_the_ranking_and_no_person_is_named(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    _, result = await published(session, as_user)
    answer = await client.get(f"{scene.PUBLIC}/{result['id']}")
    ranking = answer.json()
    assert [line["rank"] for line in ranking["ranked"]] == list(range(1, 18))
    best = ranking["ranked"][0]
    assert best["gso_code"] == best["unit_key"].removeprefix("xa-")
    assert (ranking["decision_number"], ranking["state"]) == ("12/QĐ-UBND", "published")
    assert ranking["index_set"]["key"] == "camau-2023-xa"
    assert ranking["sha256"] == result["sha256"]
    for name in ("Người Ký Mẫu", "huyen-964.reviewer", "huyen-964.chairman", "signer", "finalized_by"):
        assert name not in answer.text
    years = (await client.get("/api/v1/public/periods")).json()
    assert years == [{"year": 2023, "results": 1}]
    listed = (await client.get(scene.PUBLIC, params={"year": 2023, "kind": "commune"})).json()
    assert [row["id"] for row in listed] == [result["id"]]
    assert (await client.get(scene.PUBLIC, params={"year": 2022})).json() == []


async def test_the_ranking_comes_gzipped_or_not_at_all(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    _, result = await published(session, as_user)
    url = f"{scene.PUBLIC}/{result['id']}"
    plain = await client.get(url, headers={"Accept-Encoding": "identity"})
    async with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    etag = plain.headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        unchanged = await client.get(url, headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await client.get(url, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_unit_of_the_ranking_is_explained_point_by_point(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    _, result = await published(session, as_user)
    line = (await client.get(f"{scene.PUBLIC}/{result['id']}")).json()["ranked"][0]
    url = f"{scene.PUBLIC}/{result['id']}/units/{line['unit_id']}"
    card = (await client.get(url)).json()
    assert card["unit"] == line
    assert card["scorecard"]["total"] == line["total"]
    assert len(card["scorecard"]["lines"]) == 50
    in_english = (await client.get(url, headers={"Accept-Language": "en"})).json()
    explained = [row["explanation"] for row in card["scorecard"]["lines"]]
    assert all("điểm" in text for text in explained)
    assert all("points" in row["explanation"] for row in in_english["scorecard"]["lines"])
    unknown = await client.get(f"{scene.PUBLIC}/{result['id']}/units/{new_id()}")
    assert unknown.status_code == 404


async def test_a_provisional_result_is_not_public(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    for path in ("", "/chart.svg", f"/units/{new_id()}"):
        assert (await client.get(f"{scene.PUBLIC}/{made['id']}{path}")).status_code == 404
    assert (await client.get(scene.PUBLIC)).json() == []
    assert (await client.get("/api/v1/public/periods")).json() == []


async def test_a_correction_takes_the_place_of_the_published_version(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope, first = await published(session, as_user)
    before = await client.get(f"{scene.PUBLIC}/{first['id']}")
    second = await corrected(session, as_user, scope)
    after = await client.get(
        f"{scene.PUBLIC}/{first['id']}", headers={"If-None-Match": before.headers["etag"]}
    )
    assert after.status_code == 200
    old, new = after.json(), (await client.get(f"{scene.PUBLIC}/{second['id']}")).json()
    reason = "sửa điểm 1.1 theo kết luận kiểm tra"
    assert old["state"] == "superseded"
    assert old["superseded_by"] == {"id": second["id"], "number": 2, "reason": reason}
    assert (new["state"], new["number"], new["reason"], new["superseded_by"]) == (
        "published",
        2,
        reason,
        None,
    )
    assert old["ranked"] == before.json()["ranked"] != new["ranked"]
    assert [row["id"] for row in (await client.get(scene.PUBLIC)).json()] == [second["id"]]
    every = (await client.get(scene.PUBLIC, params={"superseded": True})).json()
    assert [row["id"] for row in every] == [second["id"], first["id"]]
    acts = (await session.scalars(select(AuditEvent.action).where(AuditEvent.object_type == "result"))).all()
    assert sorted(acts) == sorted(
        ["result.finalize", "result.publish", "result.finalize", "result.supersede", "result.publish"]
    )


async def test_only_the_newest_provisional_version_is_published(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope, first = await published(session, as_user)
    chairman = await as_user(CHAIRMAN)
    again = await scene.publish(chairman, first["id"])
    assert (again.status_code, again.json()["code"]) == (409, "not_publishable")
    reviewer = await as_user(REVIEWER)
    submission = next(iter((await scene.dossiers(session, scope)).values()))
    made = []
    for points in ("1", "2"):
        await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": points})
        made.append((await scene.finalize(reviewer, scope, "theo kết luận kiểm tra")).json())
    overtaken = await scene.publish(chairman, made[0]["id"])
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "not_publishable")
    assert (await scene.publish(chairman, made[1]["id"])).status_code == 200
    assert (await reviewer.get(f"{scene.RESULTS}/{first['id']}")).json()["state"] == "superseded"


async def test_a_publication_is_based_on_the_version_that_was_seen(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    chairman, url = await as_user(CHAIRMAN), f"{scene.RESULTS}/{made['id']}/publish"
    assert (await chairman.post(url, json=scene.DECISION)).status_code == 428
    assert (await chairman.post(url, json=scene.DECISION, headers={"If-Match": '"9"'})).status_code == 412
    unsigned = {**scene.DECISION, "signer": ""}
    refused = await chairman.post(url, json=unsigned, headers={"If-Match": '"1"'})
    assert refused.json()["errors"][0]["pointer"] == "/signer"


@pytest.mark.parametrize(
    ("caller", "reads", "publishes"),
    [
        (CHAIRMAN, 200, 200),
        (REVIEWER, 200, 403),
        ("leader", 200, 404),
        ("reviewer", 200, 403),
        ("admin", 200, 403),
        ("auditor", 200, 403),
        ("huyen-966.chairman", 404, 404),
        ("xa-31999.reporter", 404, 403),
        ("so-tttt.agency", 404, 403),
        ("dashboard", 403, 403),
    ],
)
async def test_a_provisional_result_is_for_those_who_oversee_it(
    session: AsyncSession, as_user: LogIn, caller: str, reads: int, publishes: int
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    who = await as_user(caller)
    unit_id = next(iter((await scene.dossiers(session, scope)).values())).unit_id
    url = f"{scene.RESULTS}/{made['id']}"
    assert (await who.get(url)).status_code == reads
    assert (await who.get(f"{url}/units/{unit_id}")).status_code == reads
    if reads != 403:
        assert (await who.get(scene.RESULTS)).json()["total"] == (1 if reads == 200 else 0)
    answer = await who.post(f"{url}/publish", json=scene.DECISION, headers={"If-Match": '"1"'})
    assert answer.status_code == publishes, answer.text


async def test_a_published_result_is_for_everybody_who_is_logged_in(
    session: AsyncSession, as_user: LogIn
) -> None:
    _, result = await published(session, as_user)
    reporter = await as_user("xa-32005.reporter")
    read = (await reporter.get(f"{scene.RESULTS}/{result['id']}")).json()
    assert [line["rank"] for line in read["lines"]] == list(range(1, 18))
    listed = await reporter.get(scene.RESULTS, params={"period_id": result["period_id"]})
    assert listed.json()["total"] == 1
    assert (await reporter.get(scene.RESULTS, params={"period_id": str(new_id())})).json()["total"] == 0


async def test_the_chart_draws_a_bar_per_ranked_unit(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    _, result = await published(session, as_user)
    answer = await client.get(f"{scene.PUBLIC}/{result['id']}/chart.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    drawn = ElementTree.fromstring(answer.text)
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 1 + 17


def test_the_chart_escapes_what_it_writes() -> None:
    line = LineOut(
        rank=1,
        unit_id=new_id(),
        unit_key="x",
        gso_code=None,
        unit_name='<script>"&',
        total="1",
        total_shown="1.00",
        maximum="3",
        dti="100/3",
        dti_shown="33.33",
        band=None,
    )
    drawn = ElementTree.fromstring(chart("a < b", [line]))
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["a < b", '1. <script>"&', "33.33"]
    assert [rect.get("width") for rect in drawn.iter("{http://www.w3.org/2000/svg}rect")] == ["960", "166.7"]


@pytest.mark.parametrize("day", ["0001-01-01", "2022-12-14", "2023-12-16", "9999-12-31"])
async def test_a_decision_of_an_impossible_day_publishes_nothing(
    session: AsyncSession, as_user: LogIn, client: CheckedClient, day: str
) -> None:
    """The year begins on 2022-12-15, today is 2023-12-15: what is published cannot be corrected afterwards."""
    scope = await scene.passed_scope(session)
    made = await scene.finalize(await as_user(REVIEWER), scope)
    chairman, url = await as_user(CHAIRMAN), f"{scene.RESULTS}/{made.json()['id']}"
    etag = (await chairman.get(url)).headers["etag"]
    decision = {**scene.DECISION, "decision_date": day}
    answer = await chairman.post(f"{url}/publish", json=decision, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/decision_date")
    assert (await client.get(f"{scene.PUBLIC}/{made.json()['id']}")).status_code == 404
