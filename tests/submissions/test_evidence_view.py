"""Every document of a dossier at one look: who sees which, what is said of them, and that more cost no more queries."""

from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.evidence.models import StoredFile
from tests.conftest import Clock
from tests.evidence.files import BROKEN_PDF, PNG
from tests.evidence.pki import authority, page, sign, signed_twice
from tests.scene import REVIEWER, SIBLING, UNIT, Json, Scene, full_content
from tests.submissions.test_readiness import cite, upload
from tests.submissions.test_signatures import Round, work

__all__ = ["work"]


async def seen(scene: Scene, who: str = "", unit: str = UNIT) -> list[Json]:
    found: Any = await scene.read(unit, who=who, path="/documents")
    assert isinstance(found, list)
    return found


async def test_one_document_behind_several_indicators_is_listed_once(scene: Scene) -> None:
    one, other = await upload(scene), await upload(scene, content=page(), name="b.pdf")
    answers = {
        "1.1": {"choice": "chaired_by_head", "evidence": [one, other]},
        "2.1": {"choice": "issued", "evidence": [one]},
    }
    await scene.done(scene.save({"answers": answers}))
    listed = await seen(scene)
    assert [(row["document"]["id"], row["indicators"]) for row in listed] == [
        (one, ["1.1", "2.1"]),
        (other, ["1.1"]),
    ]
    caller = await scene.as_(f"{UNIT}.reporter")
    assert listed[0]["document"] == (await caller.get(f"/api/v1/evidence/{one}")).json()


async def test_a_dossier_without_documents_has_an_empty_list(scene: Scene) -> None:
    assert await seen(scene) == []
    await upload(scene)  # nobody cites it
    assert await seen(scene) == []


@pytest.mark.parametrize(
    ("issued_on", "outside"),
    [("2022-12-14", True), ("2022-12-15", False), ("2023-12-14", False), ("2023-12-15", True), (None, False)],
)
async def test_a_date_outside_the_period_is_marked(
    scene: Scene, issued_on: str | None, outside: bool
) -> None:
    await cite(scene, await upload(scene, issued_on=issued_on))
    assert [row["is_outside_period"] for row in await seen(scene)] == [outside]


async def test_bytes_that_were_taken_out_are_marked(
    scene: Scene, session: AsyncSession, clock: Clock
) -> None:
    await cite(scene, await upload(scene))
    assert [row["purged_at"] for row in await seen(scene)] == [None]
    await session.execute(update(StoredFile).values(purged_at=clock.now))
    assert [row["purged_at"] for row in await seen(scene)] == [clock.now.isoformat().replace("+00:00", "Z")]


async def test_only_reviewers_learn_which_other_units_use_the_same_file(scene: Scene) -> None:
    await cite(scene, await upload(scene))
    await cite(scene, await upload(scene, SIBLING), SIBLING)
    name = (await scene.read(SIBLING))["unit_name"]
    assert [row["used_by"] for row in await seen(scene, REVIEWER)] == [[name]]
    for who in (f"{UNIT}.reporter", f"{UNIT}.leader", "auditor", "admin"):
        assert [row["used_by"] for row in await seen(scene, who)] == [None]


async def test_who_sees_the_dossier_sees_its_documents_and_an_agency_those_it_verifies(
    scene: Scene, work: Round
) -> None:
    """Công an tỉnh verifies 6.3 (000:1530); 1.1 is none of its business."""
    ids = [await upload(scene), await upload(scene, content=signed_twice(), name="b.pdf")]
    theirs = full_content("camau-2023-xa")["answers"]["6.3"] | {"evidence": ids[:1]}
    other = {"choice": "chaired_by_head", "evidence": ids}
    await scene.done(scene.save({"answers": {"6.3": theirs, "1.1": other}}))
    caller = await scene.as_("cong-an-tinh.agency")
    await work()
    assert len(await seen(scene)) == 2
    (row,) = await seen(scene, "cong-an-tinh.agency")
    assert (row["document"]["id"], row["indicators"]) == (ids[0], ["6.3"])
    url = await scene.url()
    for document_id, status in zip(ids, (200, 404), strict=True):
        answer = await caller.get(f"{url}/evidence/{document_id}/signatures")
        assert answer.status_code == status
    reporter = await scene.as_(f"{UNIT}.reporter")
    through_dossier = await reporter.get(f"{url}/evidence/{ids[1]}/signatures")
    assert through_dossier.json() == (await reporter.get(f"/api/v1/evidence/{ids[1]}/signatures")).json()
    refused = await (await scene.as_(f"{SIBLING}.reporter")).get(f"{url}/documents")
    assert (refused.status_code, refused.json()["code"]) == (404, "submission_not_found")


async def test_both_signatures_of_each_document_are_told_in_a_word(brvt: Scene, work: Round) -> None:
    contents = {
        "both.pdf": signed_twice(),
        "leader.pdf": sign(page(), authority().leader, "A"),
        "stranger.pdf": sign(page(), authority(10).agency, "A"),
        "none.pdf": page(),
        "broken.pdf": BROKEN_PDF,
        "picture.png": PNG,
    }
    ids = [await upload(brvt, content=content, name=name) for name, content in contents.items()]
    await brvt.done(brvt.save({"answers": {"1.1": {"choice": "chaired_by_head", "evidence": ids}}}))

    async def told() -> dict[str, tuple[str, str]]:
        return {
            row["document"]["file_name"]: tuple(row["signatures"].values())
            for row in await seen(brvt, REVIEWER)
        }

    before = dict.fromkeys(contents, ("pending", "pending"))
    assert await told() == before | {"picture.png": ("not_applicable", "not_applicable")}
    await work()
    assert await told() == {
        "both.pdf": ("sound", "sound"),
        "leader.pdf": ("sound", "missing"),
        "stranger.pdf": ("missing", "found_not_sound"),
        "none.pdf": ("missing", "missing"),
        "broken.pdf": ("unreadable", "unreadable"),
        "picture.png": ("not_applicable", "not_applicable"),
    }
    found = {row["document"]["file_name"]: row["signature_findings"] for row in await seen(brvt, REVIEWER)}
    assert found["both.pdf"] == []
    assert [one["code"] for one in found["stranger.pdf"]] == [
        "signature_person_missing",
        "signature_not_sound",
    ]
    listed = [one["code"] for rows in found.values() for one in rows]
    warned = (await brvt.read(path="/readiness"))["warnings"]
    assert listed == [one["code"] for one in warned if one["code"].startswith("signature_")]


async def test_where_the_policy_asks_for_none_nothing_is_missing(scene: Scene, work: Round) -> None:
    await cite(scene, await upload(scene, content=sign(page(), authority().leader, "A")))
    await work()
    (row,) = await seen(scene)
    assert row["signatures"] == {"person": "sound", "organisation": "missing"}
    assert row["signature_findings"] == []


async def test_many_documents_cost_no_more_queries_than_one(brvt: Scene, connection: AsyncConnection) -> None:
    async def counted() -> int:
        said: list[str] = []

        def hear(*heard: Any) -> None:
            said.append(heard[2])

        event.listen(connection.sync_connection, "before_cursor_execute", hear)
        await seen(brvt, REVIEWER)
        event.remove(connection.sync_connection, "before_cursor_execute", hear)
        return len([one for one in said if one.startswith("SELECT")])

    ids = [await upload(brvt, content=page() + b"%" * number) for number in range(6)]
    await cite(brvt, ids[0])
    await counted()  # log-in and what is read once
    few = await counted()
    await brvt.done(brvt.save({"answers": {"1.1": {"choice": "chaired_by_head", "evidence": ids}}}))
    assert await counted() == few
