"""Two hands on one dossier, for real: one wins, the other is told to look again, and the trail tells what happened."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.core.audit import AuditEvent
from app.submissions.models import Submission
from tests.conftest import Clock, logged_in
from tests.scene import NOTE, REVIEWER, SIBLING, UNIT, UNPROVED, Scene, points, return_body

UNITS = [UNIT, SIBLING]
EDIT: dict[str, Any] = {"answers": {"1.4": {"figures": {"a": 1, "b": 500}, "note": NOTE}}}


@pytest.fixture
async def scene(own_app: FastAPI, clock: Clock) -> Scene:
    """Give the open year in a database of this test alone."""
    return await Scene.opened(partial(logged_in, own_app, clock))


async def trail(app: FastAPI, url: str) -> tuple[int, list[str]]:
    """Return the version of a dossier and everything that was done with it."""
    submission_id = UUID(url.rsplit("/", 1)[1])
    async with app.state.database.session() as session:
        events = select(AuditEvent.action).where(AuditEvent.object_id == submission_id)
        version = await session.scalar(select(Submission.version).where(Submission.id == submission_id))
        return version, list(await session.scalars(events.order_by(AuditEvent.id)))


async def raced(app: FastAPI, url: str, first: str, **rivals: Awaitable[httpx.Response]) -> str:
    """Let all act at once and return who won: one alone, whose change is the only one in the row and in the trail.

    `first` is the one who starts a little earlier.
    """
    version, done = await trail(app, url)
    names = sorted(rivals, key=lambda name: name != first)
    answers = dict(zip(names, await asyncio.gather(*(rivals[name] for name in names)), strict=True))
    (winner,) = [name for name, answer in answers.items() if answer.is_success]
    assert {answer.status_code for name, answer in answers.items() if name != winner} <= {409, 412}
    after, then = await trail(app, url)
    assert (after, len(then), then[:-1]) == (version + 1, len(done) + 1, done)
    assert answers[winner].headers["etag"] == f'"{after}"'
    return winner


async def test_of_reviewers_who_claim_at_once_exactly_one_has_it(own_app: FastAPI, scene: Scene) -> None:
    unit = "so-noi-vu"
    await scene.submitted(unit, "camau-2023-so")
    etag, url = await scene.etag(unit), await scene.url(unit)
    people = ["reviewer", "reviewer2"]
    for who in people:
        await scene.as_(who)
    winner = await raced(
        own_app, url, people[1], **{who: scene.act(who, "claim", unit=unit, etag=etag) for who in people}
    )
    me = (await (await scene.as_(winner)).get("/api/v1/me")).json()
    assert (await scene.read(unit))["claimed_by"] == me["id"]


async def test_a_dossier_is_taken_back_or_claimed_but_not_both(own_app: FastAPI, scene: Scene) -> None:
    for unit, first in zip(UNITS, ("recall", "claim"), strict=True):
        await scene.submitted(unit)
        etag, url = await scene.etag(unit), await scene.url(unit)
        await scene.as_(REVIEWER)
        winner = await raced(
            own_app,
            url,
            first,
            recall=scene.act(f"{unit}.reporter", "recall", unit=unit, etag=etag),
            claim=scene.act(REVIEWER, "claim", unit=unit, etag=etag),
        )
        dossier = await scene.read(unit)
        assert dossier["state"] == {"recall": "draft", "claim": "under_review"}[winner]
        assert (dossier["claimed_by"] is not None) is (winner == "claim")
        late = await scene.act(f"{unit}.reporter", "recall", unit=unit)
        assert (late.status_code, late.json()["reason_code"]) == (409, "wrong_state")


async def test_an_approval_never_covers_what_was_saved_at_the_same_time(
    own_app: FastAPI, scene: Scene
) -> None:
    for unit, first in zip(UNITS, ("approve", "save"), strict=True):
        await scene.filled(unit)
        etag, url = await scene.etag(unit), await scene.url(unit)
        await scene.as_(f"{unit}.leader")
        winner = await raced(
            own_app,
            url,
            first,
            approve=scene.act(f"{unit}.leader", "approve", unit=unit, etag=etag),
            save=scene.save(EDIT, unit, etag=etag),
        )
        dossier = await scene.read(unit)
        assert (dossier["approval"] is not None) is (winner == "approve")
        assert dossier["answers"]["1.4"]["figures"]["b"] == (500 if winner == "save" else 4)
        revisions: Any = await scene.read(unit, path="/revisions")
        assert len(revisions) == dossier["revision_number"] == (3 if winner == "save" else 2)


async def test_a_dossier_passes_without_what_comes_at_the_same_time_or_not_at_all(
    own_app: FastAPI, scene: Scene
) -> None:
    for unit, first in zip(UNITS, ("passing", "answer"), strict=True):
        await scene.claimed(unit)
        await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0"), unit=unit))
        await scene.done(scene.act(REVIEWER, "supplements", return_body(), unit=unit))
        document, asked = await scene.document(unit=unit), await scene.asked(unit)
        etag, url = await scene.etag(unit), await scene.url(unit)
        body = {"item": 0, "text": "Đã bổ sung", "evidence": [document]}
        verb = f"clarifications/{asked['id']}/answers"
        winner = await raced(
            own_app,
            url,
            first,
            passing=scene.act(REVIEWER, "pass", UNPROVED, unit=unit, etag=etag),
            answer=scene.act(f"{unit}.reporter", verb, body, unit=unit, etag=etag),
        )
        dossier = await scene.read(unit)
        assert dossier["state"] == ("passed" if winner == "passing" else "under_review")
        assert ("evidence" in dossier["answers"]["1.1"]) is (winner == "answer")
        if winner == "answer":  # what nobody has approved does not pass the second time either
            again = await scene.act(REVIEWER, "pass", UNPROVED, unit=unit)
            assert again.json()["code"] == "approval_missing"


async def test_an_indicator_opened_again_is_saved_or_passed_over(own_app: FastAPI, scene: Scene) -> None:
    opened = {"days": 3, "indicators": ["1.4"], "reason": "Đơn vị nhập nhầm"}
    for unit, first in zip(UNITS, ("passing", "save"), strict=True):
        await scene.claimed(unit)
        await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0"), unit=unit))
        await scene.done(scene.act(REVIEWER, "reopen-entry", opened, unit=unit))
        etag, url = await scene.etag(unit), await scene.url(unit)
        winner = await raced(
            own_app,
            url,
            first,
            passing=scene.act(REVIEWER, "pass", UNPROVED, unit=unit, etag=etag),
            save=scene.save(EDIT, unit, etag=etag),
        )
        dossier = await scene.read(unit)
        assert dossier["state"] == ("passed" if winner == "passing" else "under_review")
        assert (dossier["answers"]["1.4"]["figures"]["b"] == 500) is (winner == "save")


async def test_the_same_turn_sent_twice_at_once_is_taken_once(own_app: FastAPI, scene: Scene) -> None:
    """A client that repeats itself with the same Idempotency-Key gets the same answer."""
    await scene.submitted()
    etag, url = await scene.etag(), await scene.url()
    caller = await scene.as_(REVIEWER)
    before = await trail(own_app, url)
    headers = {"If-Match": etag, "Idempotency-Key": "claim-1"}
    both = await asyncio.gather(*(caller.post(f"{url}/claim", headers=headers) for _ in range(2)))
    assert [one.status_code for one in both] == [200, 200]
    assert both[0].json() == both[1].json()
    after = await trail(own_app, url)
    assert (after[0], after[1]) == (before[0] + 1, [*before[1], "review.claim"])
