"""What a dossier leans on stays while it is not with its unit, and what was refused does not come back unseen."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from tests.conftest import Clock, logged_in
from tests.scene import NOTE, REVIEWER, UNIT, UNPROVED, Scene, photograph, points, return_body

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
CODE, OTHER = "1.1", "2.1"
WHY = {"reason": "Theo chỉ đạo của tỉnh"}
Step = Callable[[Scene, Clock], Awaitable[Any]]


def answer(code: str, *documents: str) -> dict[str, Any]:
    """Return an answer that documents prove, and a note explains."""
    choice = {CODE: "chaired_by_head", OTHER: "issued"}[code]
    return {code: {"choice": choice, "note": NOTE, "evidence": list(documents)}}


async def cited(scene: Scene, *documents: str, code: str = CODE) -> None:
    """Let an indicator cite documents."""
    await scene.done(scene.save({"answers": answer(code, *documents)}))


async def change(scene: Scene, document: str, title: str = "Tên khác", version: int = 1) -> httpx.Response:
    """Say something else of a document, as its unit."""
    body = {"title": title, "issued_on": "2020-01-01", "reason": "Ghi nhầm trích yếu"}
    caller = await scene.as_(REPORTER)
    return await caller.patch(f"/api/v1/evidence/{document}", json=body, headers={"If-Match": f'"{version}"'})


# --- at each step of a dossier ------------------------------------------------------------------------------


def acts(who: str, verb: str, body: Any = None) -> Step:
    return lambda scene, _: scene.done(scene.act(who, verb, body))


async def overdue(scene: Scene, clock: Clock) -> None:
    clock.now = datetime.fromisoformat((await scene.read())["entry_due_at"])


async def answered(scene: Scene, _: Clock) -> None:
    await scene.answered()


def reopened(code: str) -> Step:
    return acts(REVIEWER, "reopen-entry", {"days": 3, "indicators": [code], **WHY})


APPROVED = acts(LEADER, "approve")
SUBMITTED = (APPROVED, acts(LEADER, "submit"))
CLAIMED = (*SUBMITTED, acts(REVIEWER, "claim"))
RETURNED = (*CLAIMED, acts(REVIEWER, "return", return_body()))
RESUBMITTED = (*RETURNED, answered, acts(LEADER, "submit"))
PASSED = (*CLAIMED, acts(REVIEWER, "adjustments", points("5.4", "5")), acts(REVIEWER, "pass", UNPROVED))
STEPS: dict[str, tuple[tuple[Step, ...], str | None]] = {
    "draft": ((), None),
    "draft, approved": ((APPROVED,), None),
    "draft, overdue": ((overdue,), "entry_closed"),
    "draft, overdue, opened again": ((overdue, reopened(CODE)), None),
    "submitted": (SUBMITTED, "handed_in"),
    "submitted, taken back": ((*SUBMITTED, acts(LEADER, "recall")), None),
    "submitted, opened again": ((*SUBMITTED, reopened(CODE)), None),
    "under review": (CLAIMED, "handed_in"),
    "under review, opened again": ((*CLAIMED, reopened(CODE)), None),
    "under review, another opened again": ((*CLAIMED, reopened(OTHER)), "not_opened"),
    "returned": (RETURNED, None),
    "returned, overdue": ((*RETURNED, overdue), "entry_closed"),
    "returned, called in": ((*RETURNED, overdue, acts(REVIEWER, "call-in", WHY)), "handed_in"),
    "resubmitted": (RESUBMITTED, "handed_in"),
    "passed": (PASSED, "passed"),
    "passed, taken up again": ((*PASSED, acts(REVIEWER, "reopen-review", WHY)), "handed_in"),
}


@pytest.mark.parametrize("step", STEPS)
async def test_what_a_dossier_cites_is_fixed_while_it_is_not_with_its_unit(
    scene: Scene, clock: Clock, session: AsyncSession, step: str
) -> None:
    steps, closed = STEPS[step]
    document, uncited = await scene.document(1), await scene.document(2)
    await scene.filled()
    await cited(scene, document)
    for one in steps:
        await one(scene, clock)
    found = await scene.read(who=REVIEWER, path="/review/readiness")
    before = await photograph(session)
    answered = await change(scene, document)
    if closed is None:
        assert answered.status_code == 200, answered.text
    else:
        problem = answered.json()
        assert (answered.status_code, problem["code"]) == (409, "document_in_use")
        assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(f"/answers/{CODE}", closed)]
        assert await photograph(session) == before
        assert await scene.read(who=REVIEWER, path="/review/readiness") == found
    assert (await change(scene, uncited)).status_code == 200  # nothing leans on it
    warned = {one["code"] for one in (await scene.read(path="/readiness"))["warnings"]}
    assert ("document_outside_period" in warned) is (closed is None)


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
async def test_it_moves_until_the_last_second_of_the_units_time(
    scene: Scene, clock: Clock, seconds: int, status: int
) -> None:
    document = await scene.document()
    await cited(scene, document)
    await overdue(scene, clock)
    clock.advance(seconds=seconds)
    assert (await change(scene, document)).status_code == status


async def test_it_moves_where_one_of_its_indicators_is_open_and_every_closed_one_is_named(
    scene: Scene, clock: Clock
) -> None:
    document = await scene.document()
    await scene.filled()
    for code in (CODE, OTHER):
        await cited(scene, document, code=code)
    for one in CLAIMED:
        await one(scene, clock)
    refused = (await change(scene, document)).json()
    assert [one["pointer"] for one in refused["errors"]] == [f"/answers/{CODE}", f"/answers/{OTHER}"]
    await reopened(OTHER)(scene, clock)
    assert (await change(scene, document)).status_code == 200


async def test_what_only_an_earlier_content_cites_moves_and_its_history_keeps_what_it_said(
    scene: Scene, clock: Clock
) -> None:
    old, new = await scene.document(1), await scene.document(2)
    await scene.filled()
    await cited(scene, old)
    await cited(scene, new)
    for one in SUBMITTED:
        await one(scene, clock)
    assert (await change(scene, old)).status_code == 200
    caller = await scene.as_(REVIEWER)
    kept = (await caller.get(f"/api/v1/evidence/{old}/revisions")).json()["items"]
    assert [one["facts"]["title"] for one in kept] == ["Tên khác", None]
    assert (await change(scene, new)).status_code == 409


async def test_whoever_has_the_dossier_is_told_when_a_document_moves_meanwhile(
    scene: Scene, clock: Clock, session: AsyncSession
) -> None:
    document = await scene.document()
    await scene.filled()
    await cited(scene, document)
    told = select(AuditEvent).join(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
    told = told.where(AuditEvent.action == "evidence.change")
    await scene.done(change(scene, document))
    assert (await session.scalars(told)).all() == []
    for one in (*CLAIMED, reopened(CODE)):
        await one(scene, clock)
    await scene.done(change(scene, document, "Tên thứ ba", version=2))
    event = (await session.scalars(told)).one()
    assert event.after == {"title": "Tên thứ ba", "indicators": [CODE]}
    assert event.reason == "Ghi nhầm trích yếu"


async def test_what_answers_a_request_is_fixed_even_before_the_dossier_cites_it(
    scene: Scene, clock: Clock
) -> None:
    """After the pass documents wait; an item about no indicator never joins any."""
    await scene.filled()
    for one in PASSED:
        await one(scene, clock)
    items = [
        {"indicator": code, "kind": "missing_evidence", "text": "Bổ sung quyết định"} for code in (CODE, None)
    ]
    await scene.done(scene.act(REVIEWER, "supplements", return_body(items=items)))
    documents = [await scene.document(number) for number in (1, 2)]
    for place, document in enumerate(documents):
        assert (await change(scene, document)).status_code == 200
        await scene.done(scene.answer(await scene.asked(), place, evidence=[document]))
        refused = await change(scene, document, "Tên thứ ba", version=2)
        where = f"/answers/{CODE}" if place == 0 else "/answers"
        assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [(where, "passed")]


async def test_a_dossier_that_is_handed_in_and_a_document_that_changes_at_once_never_cross(
    own_app: FastAPI, clock: Clock
) -> None:
    """Either the change comes first, and what is odd about it keeps the dossier back; or it is refused."""
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    document = await scene.document()
    await scene.filled()
    await scene.done(scene.save({"answers": {CODE: {"choice": "chaired_by_head", "evidence": [document]}}}))
    await scene.done(scene.act(LEADER, "approve"))
    etag, version, outcomes = await scene.etag(), 1, set()
    for turn in range(6):
        hurry = [change(scene, document, f"Lần {turn}", version), _handed_in(scene, etag)]
        if turn % 2:
            hurry.reverse()
        answers = await asyncio.gather(*hurry)
        changed, submitted = answers[::-1] if turn % 2 else answers
        outcomes.add((changed.status_code, submitted.status_code))
        if submitted.is_success:
            await scene.done(scene.act(LEADER, "recall"))
        if changed.is_success:  # back to what it was
            caller = await scene.as_(REPORTER)
            body = {"title": None, "issued_on": None}
            headers = {"If-Match": changed.headers["etag"]}
            back = await caller.patch(f"/api/v1/evidence/{document}", json=body, headers=headers)
            version = int(back.headers["etag"].strip('"'))
        etag = await scene.etag()
    assert outcomes <= {(200, 409), (409, 200)}


async def _handed_in(scene: Scene, etag: str) -> httpx.Response:
    return await scene.act(LEADER, "submit", etag=etag)


# --- how much supplementary evidence -------------------------------------------------------------------------


@pytest.mark.parametrize("is_passed", [False, True])
async def test_supplementary_evidence_counts_with_what_the_indicator_has_and_what_waits(
    scene: Scene, clock: Clock, app: FastAPI, is_passed: bool
) -> None:
    documents = [await scene.document(number) for number in (1, 2, 3)]
    await scene.filled()
    await cited(scene, documents[0])
    for one in PASSED if is_passed else CLAIMED:
        await one(scene, clock)
    await scene.done(scene.act(REVIEWER, "supplements", return_body()))
    size = len((await (await scene.as_(REPORTER)).get(f"/api/v1/evidence/{documents[0]}/content")).content)
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"max_indicator_bytes": 2 * size})
    asked = await scene.asked()
    refused = await scene.answer(asked, evidence=documents[1:])
    assert refused.status_code == 422
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/evidence", "documents_too_large")
    ]
    await scene.done(scene.answer(asked, evidence=documents[:2]))
    assert (await scene.answer(asked, evidence=documents[2:])).status_code == 422
    await scene.done(scene.answer(asked))  # words alone are never too much


# --- refused, and come again --------------------------------------------------------------------------------


def refuse(*documents: str) -> dict[str, Any]:
    """Return a decision that these documents do not count."""
    return {
        "indicator": CODE,
        "kind": "evidence",
        "disallowed": list(documents),
        "reason": "Không phải của xã",
    }


async def again(scene: Scene, who: str = REVIEWER) -> list[tuple[str, bool]]:
    """Return where refused documents came again, and whether that is explained."""
    found = await scene.read(who=who, path="/review/readiness")
    return [
        (one["pointer"], one["is_explained"])
        for one in found["warnings"]
        if one["code"] == "document_disallowed_before"
    ]


async def on_the_desk(scene: Scene, clock: Clock) -> list[str]:
    """Bring a dossier with two documents for 1.1 to its reviewer, who has opened 1.1 again."""
    documents = [await scene.document(number) for number in (1, 2)]
    await scene.filled()
    await cited(scene, *documents)
    for one in (*CLAIMED, reopened(CODE), acts(REVIEWER, "adjustments", points("5.4", "5"))):
        await one(scene, clock)
    return documents


async def test_refused_bytes_do_not_come_back_unseen_under_another_id(scene: Scene, clock: Clock) -> None:
    first, second = await on_the_desk(scene, clock)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(first)))
    assert await again(scene) == []
    copy = await scene.document(1)
    assert copy != first
    await cited(scene, second, copy)
    for who in (REVIEWER, REPORTER):
        assert await again(scene, who) == [(f"/answers/{CODE}/evidence/1", False)]
    await scene.done(scene.act(LEADER, "approve"))
    blocked = await scene.act(REVIEWER, "pass")
    assert blocked.json()["code"] == "note_missing"
    assert f"/answers/{CODE}/evidence/1" in [one["pointer"] for one in blocked.json()["errors"]]
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(copy)))
    assert await again(scene) == []


async def test_a_reviewer_who_has_seen_the_copy_has_decided_on_it(scene: Scene, clock: Clock) -> None:
    first, second = await on_the_desk(scene, clock)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(first)))
    await cited(scene, second, await scene.document(1))
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(second)))
    assert await again(scene) == []
    await cited(scene, second, await scene.document(1))  # let pass once, these bytes are no news
    assert await again(scene) == []


async def test_a_decision_on_other_documents_forgets_nothing_and_one_that_allows_all_does(
    scene: Scene, clock: Clock
) -> None:
    first, second = await on_the_desk(scene, clock)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(first)))
    await cited(scene, second)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(second)))
    await cited(scene, second, first)  # the very same, which the last decision has not seen
    assert await again(scene) == [(f"/answers/{CODE}/evidence/1", False)]
    await cited(scene, second)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse()))
    await cited(scene, second, first)
    assert await again(scene) == []


async def test_the_same_bytes_elsewhere_and_other_bytes_here_are_no_news(scene: Scene, clock: Clock) -> None:
    first, second = await on_the_desk(scene, clock)
    await scene.done(scene.act(REVIEWER, "adjustments", refuse(first)))
    await reopened(OTHER)(scene, clock)
    await cited(scene, await scene.document(1), code=OTHER)
    await cited(scene, second, await scene.document(3))
    assert await again(scene) == []
