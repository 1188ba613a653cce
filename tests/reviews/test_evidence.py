"""Documents that do not count, what the unit says to decisions, and notes to what the reviewer is warned of."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from tests.scene import NOTE, REVIEWER, SIBLING, UNIT, UNPROVED, Scene, photograph, points

LEADER = f"{UNIT}.leader"
CODE = "1.1"
WHY = "Văn bản không phải của đơn vị"


async def on_the_desk(scene: Scene) -> list[str]:
    """Bring a dossier with two documents for 1.1, which it returns, onto its reviewer's desk."""
    documents = [await scene.document(number) for number in (1, 2)]
    await scene.filled()
    proved = {"choice": "chaired_by_head", "note": NOTE, "evidence": documents}
    await scene.done(scene.save({"answers": {CODE: proved}}))
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(LEADER, "submit"))
    await scene.done(scene.act(REVIEWER, "claim"))
    return documents


def disallow(*documents: str, code: str = CODE) -> dict[str, Any]:
    """Return a decision that these documents do not count."""
    return {"indicator": code, "kind": "evidence", "disallowed": list(documents), "reason": WHY}


async def appraised(scene: Scene) -> str | None:
    """Return the appraised points of 1.1."""
    found: str | None = (await scene.line(CODE))["appraised_points"]
    return found


async def test_points_that_nothing_proves_any_more_are_0(brvt: Scene) -> None:
    """004:73."""
    documents = await on_the_desk(brvt)
    assert await appraised(brvt) == "10"
    made = await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*documents)))
    line = await brvt.line(CODE)
    assert (line["appraised_points"], line["self_points"]) == ("0", "10")
    assert (line["decision"], line["evidence_decision"]) == (None, made.json())
    assert made.json()["value"] == {"disallowed": sorted(documents)}
    said = " ".join(step["text"] for step in line["steps"])
    assert "không chấp nhận 2 tài liệu" in said
    assert WHY in said


async def test_as_long_as_one_document_counts_so_does_the_answer(brvt: Scene) -> None:
    documents = await on_the_desk(brvt)
    await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(documents[0])))
    assert await appraised(brvt) == "10"


async def test_documents_that_were_disallowed_are_allowed_again(brvt: Scene) -> None:
    documents = await on_the_desk(brvt)
    for given, expected in ((documents, "0"), ([], "10"), (documents, "0")):
        await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*given)))
        assert await appraised(brvt) == expected
    assert len(await brvt.read(path="/adjustments")) == 3


async def test_what_the_reviewer_puts_in_himself_afterwards_needs_no_document(brvt: Scene) -> None:
    documents = await on_the_desk(brvt)
    answer = {"indicator": CODE, "kind": "answer", "choice": "chaired_by_head", "reason": "Đã xem bản gốc"}
    await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*documents)))
    await brvt.done(brvt.act(REVIEWER, "adjustments", answer))
    assert await appraised(brvt) == "10"
    await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*documents)))
    assert await appraised(brvt) == "0"
    await brvt.done(brvt.act(REVIEWER, "adjustments", points(CODE, "4")))
    assert await appraised(brvt) == "4"


async def test_a_document_added_afterwards_counts(brvt: Scene) -> None:
    documents = await on_the_desk(brvt)
    await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*documents)))
    item = {"indicator": CODE, "kind": "missing_evidence", "text": "Bổ sung quyết định của chính đơn vị"}
    body = {"reason": "Thiếu tài liệu", "due_on": "2024-01-10", "items": [item]}
    await brvt.done(brvt.act(REVIEWER, "supplements", body))
    await brvt.done(brvt.answer(await brvt.asked(), evidence=[await brvt.document(3)]))
    assert await appraised(brvt) == "10"


async def test_a_decision_on_documents_settles_nothing_else(brvt: Scene, session: AsyncSession) -> None:
    """What passes holds what counted of the documents; figures an agency owes are still owed."""
    documents = await on_the_desk(brvt)
    await brvt.done(brvt.act(REVIEWER, "adjustments", disallow(*documents)))
    waiting = await brvt.act(REVIEWER, "pass", UNPROVED)
    assert [one["pointer"] for one in waiting.json()["errors"]] == ["/answers/5.4"]
    await brvt.done(brvt.act(REVIEWER, "adjustments", points("5.4", "0")))
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))
    assert await appraised(brvt) == "0"


async def test_elsewhere_the_reviewer_says_what_follows(scene: Scene) -> None:
    """Cà Mau gives no 0 for want of evidence: the reviewer sets the points, and the decision says what he refused."""
    documents = await on_the_desk(scene)
    await scene.done(scene.act(REVIEWER, "adjustments", disallow(*documents)))
    assert await appraised(scene) == "10"
    await scene.done(scene.act(REVIEWER, "adjustments", points(CODE, "0")))
    line = await scene.line(CODE)
    assert (line["appraised_points"], line["evidence_decision"]["reason"]) == ("0", WHY)


async def test_only_documents_that_the_indicator_cites_can_be_disallowed(
    scene: Scene, session: AsyncSession
) -> None:
    documents = await on_the_desk(scene)
    uncited = await scene.document(3)
    etag, before = await scene.etag(), await photograph(session)
    faulty: list[tuple[dict[str, Any], str, str]] = [
        (disallow(documents[0], uncited), "/disallowed/1", "unknown_document"),
        (disallow(documents[0], code="1.4"), "/disallowed/0", "unknown_document"),
        (disallow("00000000-0000-0000-0000-000000000001"), "/disallowed/0", "unknown_document"),
        (disallow("x"), "/disallowed/0", "uuid_parsing"),
        ({"indicator": CODE, "kind": "evidence", "reason": WHY}, "/disallowed", "missing"),
        (disallow() | {"points": "1"}, "/points", "not_of_this_kind"),
        (points(CODE, "1") | {"disallowed": documents}, "/disallowed", "not_of_this_kind"),
        (disallow(code="9.9"), "/indicator", "unknown_indicator"),
    ]
    for body, pointer, code in faulty:
        refused = await scene.act(REVIEWER, "adjustments", body, etag=etag)
        assert refused.status_code == 422, refused.text
        assert (pointer, code) in [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
    assert await photograph(session) == before


# --- replies ------------------------------------------------------------------------------------------------


async def test_the_unit_replies_to_a_decision_and_both_sides_see_it(
    scene: Scene, session: AsyncSession
) -> None:
    documents = await on_the_desk(scene)
    for body in (points("1.4", "1"), disallow(documents[0])):
        made = await scene.done(scene.act(REVIEWER, "adjustments", body))
        verb = f"adjustments/{made.json()['id']}/replies"
        etag = await scene.etag()
        said = [
            (await scene.done(scene.act(f"{UNIT}.reporter", verb, {"text": text}))).json()
            for text in ("Đơn vị không đồng ý", "Xem trang 3 của tài liệu")
        ]
        assert await scene.etag() == etag  # a reply takes nobody's turn
        for reader in (f"{UNIT}.reporter", LEADER, REVIEWER, "reviewer"):
            listed: Any = await scene.read(who=reader, path="/adjustments")
            assert listed[-1]["replies"] == said
        line = await scene.line(body["indicator"])
        shown = line["evidence_decision" if body["kind"] == "evidence" else "decision"]
        assert [one["text"] for one in shown["replies"]] == [one["text"] for one in said]
    events = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "review.reply"))).all()
    assert [(event.after or {})["indicator"] for event in events] == ["1.4", "1.4", CODE, CODE]
    told = set(await session.scalars(select(OutboxEvent.audit_event_id)))
    assert {event.id for event in events} <= told


async def test_a_reply_belongs_to_a_decision_on_the_units_own_dossier(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.claimed()
    made = await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    await scene.claimed(SIBLING)
    verb = f"adjustments/{made.json()['id']}/replies"
    before = await photograph(session)
    elsewhere = await scene.act(f"{SIBLING}.reporter", verb, {"text": "Của ai?"}, unit=SIBLING)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "adjustment_not_found")
    caller, url = await scene.as_(f"{SIBLING}.reporter"), await scene.url()
    unseen = await caller.post(f"{url}/{verb}", json={"text": "Của ai?"})
    assert (unseen.status_code, unseen.json()["code"]) == (404, "submission_not_found")
    for text in ("", "   ", "x" * 5001):
        assert (await scene.act(f"{UNIT}.reporter", verb, {"text": text})).status_code == 422
    assert await photograph(session) == before


# --- ready to pass ------------------------------------------------------------------------------------------


async def test_what_nothing_proves_passes_with_a_note_and_the_note_is_kept(
    scene: Scene, session: AsyncSession
) -> None:
    await on_the_desk(scene)
    errors = await scene.act(REVIEWER, "pass", UNPROVED)
    assert (errors.status_code, errors.json()["code"]) == (409, "review_incomplete")  # a note mends no error
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    found = await scene.read(who=REVIEWER, path="/review/readiness")
    told = {one["pointer"]: one["is_explained"] for one in found["warnings"]}
    assert (found["is_ready"], found["errors"]) == (False, [])
    assert CODE not in {pointer.rsplit("/", 1)[1] for pointer in told}  # a document is attached
    assert (told["/answers/1.4"], told["/answers/1.2"]) == (True, False)  # decided on, with a reason
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "pass", etag=etag)
    assert (refused.status_code, refused.json()["code"]) == (409, "note_missing")
    open_ = [one["pointer"] for one in refused.json()["errors"]]
    assert set(open_) == {pointer for pointer, is_explained in told.items() if not is_explained}
    assert await photograph(session) == before
    passed = await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    for reader in (f"{UNIT}.reporter", REVIEWER):
        (kept,) = (await scene.read(who=reader, path="/review"))["notes"]
        assert (kept["stage"], kept["note"], kept["made_by_name"]) == ("pass", UNPROVED["note"], REVIEWER)
        assert kept["revision_number"] == passed.json()["revision_number"]
        assert [one["pointer"] for one in kept["warnings"]] == open_
    agency = await scene.read(who="cong-an-tinh.agency", path="/review")
    assert agency["notes"] == []


@pytest.mark.parametrize(
    "path", ["", "/review", "/review/readiness", "/readiness", "/changes", "/adjustments"]
)
async def test_a_reviewer_of_other_units_sees_nothing(scene: Scene, path: str) -> None:
    await scene.claimed()
    for who in ("huyen-966.reviewer", f"{SIBLING}.leader"):
        caller = await scene.as_(who)
        assert (await caller.get(await scene.url() + path)).status_code == 404
