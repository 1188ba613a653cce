"""Supplementary evidence: who asks, who answers until when, and what lateness means under two policies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from tests.conftest import Clock
from tests.scene import NOTE, REVIEWER, SIBLING, UNIT, UNPROVED, Scene, photograph, points, return_body

LEADER = f"{UNIT}.leader"
DUE = datetime(2024, 1, 10, 17, 0, tzinfo=UTC)  # the end of 10/01/2024 in Vietnam
CODE = "1.1"
SECONDS = [-1, 0, 1]


async def on_the_desk(scene: Scene) -> str:
    """Bring a dossier with a document for 1.1, which it returns, to a reviewer who has nothing left to decide."""
    document = await scene.document()
    await scene.filled()
    proved = {"choice": "chaired_by_head", "note": NOTE, "evidence": [document]}
    await scene.done(scene.save({"answers": {CODE: proved}}))
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(LEADER, "submit"))
    await scene.done(scene.act(REVIEWER, "claim"))
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    return document


async def asked(scene: Scene, who: str = REVIEWER, **changes: Any) -> dict[str, Any]:
    """Ask for more and return what was asked."""
    found: dict[str, Any] = (await scene.done(scene.act(who, "supplements", return_body(**changes)))).json()
    return found


async def warnings(scene: Scene) -> list[tuple[str, str, bool]]:
    """Return what the reviewer is warned of about supplementary evidence."""
    found = await scene.read(who=REVIEWER, path="/review/readiness")
    return [
        (one["pointer"], one["code"], one["is_explained"])
        for one in found["warnings"]
        if one["code"].startswith("supplement")
    ]


# --- asking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "asker"), [(REVIEWER, "huyen-964"), ("reviewer", "tinh-ca-mau")])
async def test_more_is_asked_for_while_the_dossier_stays_where_it_is(
    scene: Scene, session: AsyncSession, who: str, asker: str
) -> None:
    """R-102: the province looks into a commune's dossier and asks for more, as the district does."""
    await scene.claimed()
    before = await scene.read()
    made = await asked(scene, who)
    after = await scene.read()
    same = ("state", "claimed_by", "entry_due_at", "revision_number")
    assert [after[name] for name in same] == [before[name] for name in same]
    unit = (await (await scene.as_("admin")).get(f"/api/v1/units/{made['asked_for']}")).json()
    assert (made["kind"], unit["key"], made["asked_by_name"]) == ("supplement", asker, who)
    assert datetime.fromisoformat(made["due_at"]) == DUE
    for reader in (f"{UNIT}.reporter", LEADER, REVIEWER, "reviewer"):
        assert (await scene.read(who=reader, path="/review"))["clarifications"] == [made]
    query = select(AuditEvent).where(AuditEvent.action == "review.ask")
    event = (await session.scalars(query)).one()
    assert (event.reason, str(event.acting_for)) == (made["reason"], made["asked_for"])
    assert await session.scalar(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"items": []}, "/items"),
        ({"items": [{"indicator": "9.9", "kind": "explain", "text": "?"}]}, "/items/0/indicator"),
        ({"due_on": "2023-12-14"}, "/due_on"),
    ],
)
async def test_a_faulty_request_is_refused(
    scene: Scene, session: AsyncSession, changes: dict[str, Any], pointer: str
) -> None:
    await scene.claimed()
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "supplements", return_body(**changes), etag=etag)
    assert refused.status_code == 422
    assert pointer in [one["pointer"] for one in refused.json()["errors"]]
    assert await photograph(session) == before


# --- answering ----------------------------------------------------------------------------------------------


async def test_the_documents_of_an_answer_join_those_of_its_indicator(
    scene: Scene, session: AsyncSession
) -> None:
    first = await on_the_desk(scene)
    second, third = await scene.document(2), await scene.document(3)
    number = (await scene.read())["revision_number"]
    made = await scene.done(scene.answer(await asked(scene), evidence=[second, third]))
    dossier = await scene.read()
    assert (made.json()["evidence"], made.json()["is_late"]) == ([second, third], False)
    assert dossier["answers"][CODE]["evidence"] == [first, second, third]
    assert (dossier["revision_number"], dossier["state"]) == (number + 1, "under_review")
    assert made.headers["etag"] == await scene.etag()
    for reader in (f"{UNIT}.reporter", REVIEWER):
        (shown,) = (await scene.read(who=reader, path="/review"))["clarifications"]
        assert shown["items"][0]["answers"] == [made.json()]
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "review.answer"))).one()
    known: dict[str, Any] = event.after or {}
    assert (known["indicator"], known["evidence"], known["is_late"]) == (CODE, [second, third], False)
    # What was added was approved by nobody yet.
    refused = await scene.act(REVIEWER, "pass", UNPROVED)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_missing")
    await scene.done(scene.act(LEADER, "approve"))
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success


async def test_words_alone_and_documents_that_are_there_change_no_content(scene: Scene) -> None:
    document = await on_the_desk(scene)
    number, more = (await scene.read())["revision_number"], await asked(scene)
    for evidence in ([], [document], [document, document]):
        await scene.done(scene.answer(more, evidence=evidence))
    dossier = await scene.read()
    assert (dossier["revision_number"], dossier["answers"][CODE]["evidence"]) == (number, [document])
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success


async def test_an_item_about_the_dossier_as_a_whole_is_answered_without_changing_it(scene: Scene) -> None:
    await on_the_desk(scene)
    number = (await scene.read())["revision_number"]
    more = await asked(scene, items=[{"kind": "explain", "text": "Vì sao nộp muộn?"}])
    await scene.done(scene.answer(more, evidence=[await scene.document(2)]))
    assert (await scene.read())["revision_number"] == number


async def test_a_document_for_figures_of_an_agency_claims_nothing_for_the_unit(scene: Scene) -> None:
    """Ruling 20: 5.4 is given by Sở TT&TT; what the unit shows for it is no answer of its own."""
    await scene.claimed()
    item = {"indicator": "5.4", "kind": "missing_evidence", "text": "Biên bản xử lý"}
    document = await scene.document(2)
    await scene.done(scene.answer(await asked(scene, items=[item]), evidence=[document]))
    await scene.done(scene.act(LEADER, "approve"))
    waiting = await scene.act(REVIEWER, "pass", UNPROVED)
    assert [one["code"] for one in waiting.json()["errors"]] == ["official_figures_missing"]
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "2")))
    assert (await scene.line("5.4"))["appraised_points"] == "2"
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success


async def test_an_answer_must_fit_what_was_asked_and_name_documents_of_the_unit(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.claimed()
    more = await asked(scene)
    await scene.submitted(SIBLING)
    foreign, mine = await scene.document(7, SIBLING), await scene.document()
    theirs = {"id": (await asked(scene, "reviewer"))["id"]}
    before = await photograph(session)
    faulty: list[tuple[dict[str, Any], str]] = [
        ({"item": 1}, "/item"),
        ({"item": -1}, "/item"),
        ({"text": "  "}, "/text"),
        ({"evidence": [mine, foreign]}, "/evidence/1"),
        ({"evidence": ["00000000-0000-0000-0000-000000000001"]}, "/evidence/0"),
        ({"evidence": [mine] * 51}, "/evidence"),
    ]
    for given, pointer in faulty:
        refused = await scene.answer(more, **given)
        assert refused.status_code == 422, refused.text
        assert pointer in [one["pointer"] for one in refused.json()["errors"]]
    unknown = await scene.answer(theirs, unit=SIBLING)  # another dossier's question
    assert (unknown.status_code, unknown.json()["code"]) == (404, "clarification_not_found")
    assert await photograph(session) == before


# --- late ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", SECONDS)
async def test_where_late_evidence_counts_for_nothing_it_is_refused_from_the_exact_second(
    brvt: Scene, session: AsyncSession, clock: Clock, seconds: int
) -> None:
    """004:75."""
    await on_the_desk(brvt)
    more, document = await asked(brvt), await brvt.document(2)
    clock.now = DUE + timedelta(seconds=seconds)
    etag, before = await brvt.etag(), await photograph(session)
    answer = await brvt.answer(more, evidence=[document])
    if seconds < 0:
        assert answer.json()["is_late"] is False
        return
    assert (answer.status_code, answer.json()["code"]) == (409, "supplement_late")
    assert (await brvt.etag(), await photograph(session)) == (etag, before)


@pytest.mark.parametrize("seconds", SECONDS)
async def test_at_the_pass_an_indicator_nobody_proved_in_time_has_0_points(
    brvt: Scene, session: AsyncSession, clock: Clock, seconds: int
) -> None:
    await on_the_desk(brvt)
    await asked(brvt)
    assert (await brvt.line(CODE))["appraised_points"] not in ("0", None)
    clock.now = DUE + timedelta(seconds=seconds)
    told = "supplement_open" if seconds < 0 else "supplement_zero"  # in time it may still come
    assert await warnings(brvt) == [(f"/answers/{CODE}", told, False)]
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))
    line = await brvt.line(CODE)
    made = line["evidence_decision"]
    events = select(AuditEvent).where(AuditEvent.action == "review.adjust", AuditEvent.actor_name == "system")
    if seconds < 0:
        assert (made, line["appraised_points"] == "0") == (None, False)
        assert (await session.scalars(events)).all() == []
        return
    assert (made["kind"], made["value"], made["made_by_name"]) == ("evidence", {"late": True}, "system")
    assert (line["appraised_points"], line["decision"]) == ("0", None)
    assert "quá thời hạn" in " ".join(step["text"] for step in line["steps"])
    assert [event.after for event in await session.scalars(events)] == [
        {"indicator": CODE, "kind": "evidence", "value": {"late": True}}
    ]
    # Taken up again and passed again, it is not said twice.
    await brvt.done(brvt.act(REVIEWER, "reopen-review", {"reason": "Phúc tra"}))
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))
    assert len((await session.scalars(events)).all()) == 1


OWN: dict[str, dict[str, Any]] = {
    "evidence": {"kind": "evidence", "disallowed": []},
    "answer": {"kind": "answer", "choice": "chaired_by_head"},
    "points": {"kind": "points", "points": "3"},
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("seconds", SECONDS)
async def test_what_the_reviewer_himself_decided_holds_instead(
    brvt: Scene, clock: Clock, kind: str, seconds: int
) -> None:
    """A value or points whenever he gave them; on the documents only since their time ended."""
    holds = seconds >= 0 or kind != "evidence"
    await on_the_desk(brvt)
    await asked(brvt)
    clock.now = DUE + timedelta(seconds=seconds)
    own = {"indicator": CODE, "reason": "Đã xem tài liệu gốc tại xã", **OWN[kind]}
    await brvt.done(brvt.act(REVIEWER, "adjustments", own))
    decided = (await brvt.line(CODE))["appraised_points"]
    clock.now = DUE + timedelta(hours=1)
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))
    line = await brvt.line(CODE)
    assert line["appraised_points"] == (decided if holds else "0")
    late = line["evidence_decision"] is not None and line["evidence_decision"]["value"] == {"late": True}
    assert late is not holds


@pytest.mark.parametrize("seconds", SECONDS)
async def test_elsewhere_late_evidence_is_taken_and_the_reviewer_decides(
    scene: Scene, clock: Clock, seconds: int
) -> None:
    """Ruling 11: Cà Mau does not say; so lateness is told, and needs a word of the reviewer."""
    await on_the_desk(scene)
    more, document = await asked(scene), await scene.document(2)
    assert await warnings(scene) == [(f"/answers/{CODE}", "supplement_open", False)]
    clock.now = DUE + timedelta(seconds=seconds)
    if seconds >= 0:
        assert await warnings(scene) == [(f"/answers/{CODE}", "supplement_missing", False)]
    answer = await scene.done(scene.answer(more, evidence=[document]))
    late = seconds >= 0
    assert answer.json()["is_late"] is late
    assert document in (await scene.read())["answers"][CODE]["evidence"]
    await scene.done(scene.act(LEADER, "approve"))
    assert await warnings(scene) == [(f"/answers/{CODE}", "supplement_late", False)] * late
    refused = await scene.act(REVIEWER, "pass")
    told = [one["code"] for one in refused.json()["errors"] if one["pointer"] == f"/answers/{CODE}"]
    assert told == ["supplement_late"] * late
    passed = await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    assert passed.json()["state"] == "passed"
    line = await scene.line(CODE)
    assert (line["evidence_decision"], line["appraised_points"]) == (None, line["self_points"])


async def test_a_decision_on_the_documents_explains_that_they_came_late(scene: Scene, clock: Clock) -> None:
    await on_the_desk(scene)
    more, document = await asked(scene), await scene.document(2)
    clock.now = DUE
    await scene.done(scene.answer(more, evidence=[document]))
    allow = {"indicator": CODE, "kind": "evidence", "disallowed": [], "reason": "Đến muộn vì bão"}
    await scene.done(scene.act(REVIEWER, "adjustments", allow))
    assert await warnings(scene) == [(f"/answers/{CODE}", "supplement_late", True)]


async def test_documents_that_come_after_the_pass_wait_until_the_review_is_taken_up_again(
    scene: Scene, session: AsyncSession
) -> None:
    """What a review ended with, the present content and the result's line must say the same."""
    await on_the_desk(scene)
    await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    more = await asked(scene, "reviewer")
    late = await scene.document(2)
    before = await scene.read()
    await scene.done(scene.answer(more, evidence=[late]))
    after = await scene.read()
    assert (after["revision_number"], after["answers"]) == (before["revision_number"], before["answers"])
    assert (await scene.asked())["items"][0]["answers"][0]["evidence"] == [late]
    await scene.done(scene.act(REVIEWER, "reopen-review", {"reason": "Tỉnh yêu cầu bổ sung tài liệu"}))
    again = await scene.read()
    assert again["answers"][CODE]["evidence"] == [*before["answers"][CODE]["evidence"], late]
    refused = await scene.act(REVIEWER, "pass", UNPROVED)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_missing")
    assert (await scene.read(path="/readiness"))["is_approved"] is False
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    # Taken up once more, nothing is added twice.
    await scene.done(scene.act(REVIEWER, "reopen-review", {"reason": "Kiểm tra lại lần nữa"}))
    assert (await scene.read())["answers"] == again["answers"]


async def test_of_two_requests_about_one_indicator_the_last_one_counts(brvt: Scene, clock: Clock) -> None:
    """The reviewer gave more time, and the unit kept it."""
    await on_the_desk(brvt)
    await asked(brvt)
    clock.now = DUE + timedelta(hours=1)
    again = await asked(brvt, due_on="2024-01-15")
    await brvt.done(brvt.answer(again, evidence=[await brvt.document(2)]))
    assert await warnings(brvt) == []
    await brvt.done(brvt.act(LEADER, "approve"))
    before = (await brvt.line(CODE))["appraised_points"]
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))
    line = await brvt.line(CODE)
    assert (line["appraised_points"], line["evidence_decision"]) == (before, None)


async def test_what_was_given_in_time_and_approved_is_not_lost_when_the_dossier_is_called_in(
    brvt: Scene, clock: Clock
) -> None:
    first = await on_the_desk(brvt)
    more = await asked(brvt)
    second = await brvt.document(2)
    await brvt.done(brvt.answer(more, evidence=[second]))
    await brvt.done(brvt.act(LEADER, "approve"))
    await brvt.done(brvt.act(REVIEWER, "return", return_body(due_on="2024-01-12")))
    clock.now = DUE + timedelta(days=3)
    await brvt.done(brvt.act(REVIEWER, "call-in", {"reason": "Quá hạn giải trình"}))
    assert (await brvt.read())["answers"][CODE]["evidence"] == [first, second]
    await brvt.done(brvt.act(REVIEWER, "pass", UNPROVED))


async def test_nobody_is_given_more_than_a_quarter_of_a_year(scene: Scene) -> None:
    """A slip of the year would keep the dossier with its unit for ever."""
    await scene.claimed()
    refused = await scene.act(REVIEWER, "return", return_body(due_on="2200-12-31"))
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [("/due_on", "too_far")]
