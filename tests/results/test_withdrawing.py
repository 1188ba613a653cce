"""Withdrawing: in public the fact, the reason and the head remain; those above still read everything."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.results import rescore
from app.results.models import Result, ResultState
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.results import scene
from tests.results.test_signing import CHAIRMAN, REPORTER, REVIEWER, finalized, state_of


async def test_of_a_withdrawn_result_the_public_keeps_the_fact_the_reason_and_the_head(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    _, result_id = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    await scene.publish(chairman, result_id)
    before = await client.get(f"{scene.PUBLIC}/{result_id}")
    assert len(before.json()["ranked"]) == 17
    unit_id = before.json()["ranked"][0]["unit_id"]
    taken = await scene.withdraw(chairman, result_id)
    assert (taken.status_code, taken.json()["state"]) == (200, "withdrawn")
    after = await client.get(f"{scene.PUBLIC}/{result_id}", headers={"If-None-Match": before.headers["etag"]})
    left = after.json()
    assert (left["state"], left["withdrawn_reason"]) == ("withdrawn", scene.WITHDRAWN)
    assert (left["ranked"], left["unranked"], left["method_notes"]) == ([], [], [])
    assert left["decision_number"] == "12/QĐ-UBND" and left["withdrawn_at"]
    assert before.json()["ranked"][0]["unit_name"] not in after.text
    for path in ("/chart.svg", f"/units/{unit_id}"):
        assert (await client.get(f"{scene.PUBLIC}/{result_id}{path}")).status_code == 404
    assert (await client.get(scene.PUBLIC)).json() == []
    (row,) = (await client.get(scene.PUBLIC, params={"superseded": True})).json()
    assert (row["id"], row["withdrawn_reason"]) == (result_id, scene.WITHDRAWN)
    assert (await client.get("/api/v1/public/periods")).json() == []
    session.expunge_all()
    assert await rescore.differences(session, (await session.scalars(select(Result.id))).one()) == []


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("caller", "lines"), [(REPORTER, 0), (REVIEWER, 17), ("auditor", 17), ("xa-32044.reporter", None)]
)
async def test_only_those_above_still_read_a_withdrawn_result(
    session: AsyncSession, as_user: LogIn, caller: str, lines: int | None, published: bool
) -> None:
    """`xa-32044` belongs to another district: it knows of what was published, never of what was announced."""
    scope, result_id = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    await (scene.publish if published else scene.announce)(chairman, result_id)
    await scene.withdraw(chairman, result_id)
    who, url = await as_user(caller), f"{scene.RESULTS}/{result_id}"
    one = (await scene.dossiers(session, scope))["xa-31999"]
    shown = await who.get(url)
    if lines is None and not published:
        assert shown.status_code == 404
        return
    assert (len(shown.json()["lines"]), shown.json()["withdrawn_reason"]) == (lines or 0, scene.WITHDRAWN)
    assert (await who.get(f"{url}/units/{one.unit_id}")).status_code == (200 if lines else 404)
    if lines is not None:
        points = (await who.get(f"/api/v1/submissions/{one.id}/points")).json()
        assert points["result_id"] is None


async def test_a_withdrawn_scope_is_finalized_again_with_the_same_content_and_published(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope, first = await finalized(session, as_user)
    chairman, reviewer = await as_user(CHAIRMAN), await as_user(REVIEWER)
    await scene.publish(chairman, first)
    assert (await scene.preview(reviewer, scope)).json()["would_change"] is False
    await scene.withdraw(chairman, first)
    assert (await scene.preview(reviewer, scope)).json()["would_change"] is True
    unsaid = await scene.finalize(reviewer, scope)
    assert unsaid.json()["code"] == "reason_missing"
    again = (await scene.finalize(reviewer, scope, "sửa số quyết định công bố")).json()
    assert again["number"] == 2
    assert (await scene.publish(chairman, again["id"])).status_code == 200
    assert await state_of(session, first) is ResultState.WITHDRAWN
    assert (await client.get(f"{scene.PUBLIC}/{first}")).json()["ranked"] == []
    assert len((await client.get(f"{scene.PUBLIC}/{again['id']}")).json()["ranked"]) == 17
