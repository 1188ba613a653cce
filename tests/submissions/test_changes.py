"""What changed: since the approval, and between any two states of a dossier; and what is ready to be handed in."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.scene import NOTE, REVIEWER, SIBLING, UNIT, Scene, full_content, photograph, return_body

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
ABOVE = {"4.4": {"figures": {"a": 9, "b": 4}}}  # 4.4 has its full mark below 9 / 4


async def changes(scene: Scene, query: str = "", who: str = "") -> list[tuple[str, Any, Any]]:
    """Return the differences between two states."""
    found = await scene.read(who=who, path=f"/changes{query}")
    return [(one["pointer"], one["before"], one["after"]) for one in found["changes"]]


async def test_an_approval_made_stale_says_what_was_changed_since(scene: Scene) -> None:
    await scene.filled()
    approved = (await scene.done(scene.act(LEADER, "approve"))).json()["approval"]
    assert (approved["is_current"], approved["changes"]) == (True, [])
    edit = {"answers": {"1.4": {"figures": {"a": 4, "b": 4}, "note": NOTE}, "1.1": None}}
    await scene.done(scene.save(edit | {"general_information": {"1.4": 9000}}))
    stale = (await scene.read(who=LEADER))["approval"]
    assert (stale["is_current"], stale["revision_number"]) == (False, approved["revision_number"])
    assert [(one["pointer"], one["before"], one["after"]) for one in stale["changes"]] == [
        ("/answers/1.1/choice", "chaired_by_head", None),
        ("/answers/1.1/note", NOTE, None),
        ("/answers/1.4/figures/a", 3, 4),
        ("/general_information/1.4", 12, 9000),
    ]
    assert await changes(scene) == [(one["pointer"], one["before"], one["after"]) for one in stale["changes"]]


async def test_an_agency_learns_nothing_of_what_was_changed_elsewhere(scene: Scene) -> None:
    await scene.filled()
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.save({"answers": {"1.1": None}}))
    seen = await scene.read(who="cong-an-tinh.agency")
    assert (seen["approval"], seen["entry"]["reopenings"]) == (None, [])


async def test_any_two_states_are_compared(scene: Scene) -> None:
    for a in (1, 2, 3):
        await scene.done(scene.save({"answers": {"1.4": {"figures": {"a": a, "b": 4}}}}))
    assert await changes(scene, "?from=2&to=4") == [("/answers/1.4/figures/a", 1, 3)]
    assert await changes(scene, "?from=4&to=2") == [("/answers/1.4/figures/a", 3, 1)]
    assert await changes(scene, "?from=3&to=present") == [("/answers/1.4/figures/a", 2, 3)]
    assert await changes(scene, "?from=1&to=2") == [
        ("/answers/1.4/figures/a", None, 1),
        ("/answers/1.4/figures/b", None, 4),
    ]
    assert await changes(scene, "?from=3&to=3") == []
    found = await scene.read(path="/changes?from=2&to=4")
    assert (found["before"]["number"], found["after"]["number"]) == (2, 4)


async def test_the_reviewer_compares_what_was_handed_in_with_what_he_has_now(scene: Scene) -> None:
    await scene.claimed()
    first = (await scene.read())["revision_number"]
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await scene.resubmitted(answers={"1.4": {"figures": {"a": 4, "b": 4}, "note": NOTE}})
    changed = [("/answers/1.4/figures/a", 3, 4)]
    assert await changes(scene, f"?from={first}&to=submitted", REVIEWER) == changed
    assert await changes(scene, "?from=submitted&to=present", REVIEWER) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),  # nothing is approved yet
        ("?from=submitted", 404),
        ("?from=1&to=99", 404),
        ("?from=0", 422),
        ("?from=-1", 422),
        ("?from=first", 422),
        ("?from=1234567890", 422),
        ("?from=999999999", 404),
    ],
)
async def test_a_state_that_is_not_there_cannot_be_compared(scene: Scene, query: str, status: int) -> None:
    caller = await scene.as_(REPORTER)
    assert (await caller.get(f"{await scene.url()}/changes{query}")).status_code == status


async def test_a_neighbour_compares_nothing(scene: Scene) -> None:
    caller = await scene.as_(f"{SIBLING}.reporter")
    assert (await caller.get(f"{await scene.url()}/changes?from=1")).status_code == 404


# --- ready to be handed in ----------------------------------------------------------------------------------


async def test_an_explained_warning_lets_the_dossier_go_on(scene: Scene) -> None:
    content = full_content("camau-2023-xa")
    await scene.done(scene.save(content))
    await scene.done(scene.save({"answers": {"4.4": {**ABOVE["4.4"], "note": "Tính cả trường học"}}}))
    found = await scene.read(path="/readiness")
    told = {(one["pointer"], one["code"]): one["is_explained"] for one in found["warnings"]}
    assert told[("/answers/4.4", "ratio_above_full")] is True
    assert found["is_ready"] is True
    await scene.done(scene.act(LEADER, "approve"))
    assert (await scene.act(REPORTER, "submit")).is_success
    assert (await scene.read(path="/review"))["notes"] == []


async def test_a_warning_that_nobody_explained_needs_a_note_and_the_note_is_kept(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.filled()
    evidence = [await scene.document()]
    await scene.done(scene.save({"answers": {"4.4": {**ABOVE["4.4"], "evidence": evidence}}}))
    await scene.done(scene.act(LEADER, "approve"))
    found = await scene.read(path="/readiness")
    open_ = [(one["pointer"], one["code"]) for one in found["warnings"] if not one["is_explained"]]
    assert (found["is_ready"], found["errors"]) == (False, [])
    assert ("/answers/4.4", "ratio_above_full") in open_
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REPORTER, "submit", etag=etag)
    assert (refused.status_code, refused.json()["code"]) == (409, "note_missing")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == open_
    for note in ("", "ngắn"):
        assert (await scene.act(REPORTER, "submit", {"note": note}, etag=etag)).status_code == 422
    assert await photograph(session) == before
    note = "Số máy tính tăng do tiếp nhận trường học"
    sent = await scene.done(scene.act(REPORTER, "submit", {"note": note}))
    (kept,) = (await scene.read(path="/review", who=REVIEWER))["notes"]
    assert (kept["stage"], kept["note"], kept["made_by_name"]) == ("submit", note, REPORTER)
    assert kept["revision_number"] == sent.json()["revision_number"]
    assert [(one["pointer"], one["code"]) for one in kept["warnings"]] == open_


async def test_errors_are_told_before_warnings_and_warnings_before_the_approval(scene: Scene) -> None:
    await scene.filled()
    evidence = [await scene.document()]
    broken = {"answers": {"4.4": {**ABOVE["4.4"], "evidence": evidence}, "1.1": None}}
    await scene.done(scene.save(broken))
    note = {"note": "Giải trình chung"}
    assert (await scene.act(REPORTER, "submit", note)).json()["code"] == "submission_incomplete"
    await scene.done(scene.save({"answers": {"1.1": {"choice": "chaired_by_head", "note": NOTE}}}))
    assert (await scene.act(REPORTER, "submit")).json()["code"] == "note_missing"
    assert (await scene.act(REPORTER, "submit", note)).json()["code"] == "approval_missing"
    assert (await scene.read(path="/review"))["notes"] == []  # a refused turn leaves no note behind
