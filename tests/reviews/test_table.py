"""Every action in every situation by everybody, on the real database: what is promised is what happens."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.accounts.permissions import Role
from app.submissions.rules import Action
from tests.conftest import Clock
from tests.scene import REVIEWER, UNIT, UNPROVED, Scene, account, photograph, points, return_body

A = Action
OPENED = "6.10"  # the indicator that is opened again
NOBODY = str(UUID(int=0))

# Everybody, by how he stands to the commune's dossier.
WHO = {
    "reporter": f"{UNIT}.reporter",
    "leader": f"{UNIT}.leader",
    "claimant": REVIEWER,
    "colleague": "huyen-964.second",
    "insider": f"{UNIT}.insider",  # reviews for the district, but is at home in the commune
    "sibling": "huyen-966.reviewer",
    "province": "reviewer",
    "chairman": "huyen-964.chairman",
    "admin": "admin",
    "auditor": "auditor",
    "agency": "cong-an-tinh.agency",
}
REVIEWERS = {"claimant", "colleague", "insider", "sibling", "province"}
# Whose role does it at all; the others are turned away before anything is looked at.
HELD: dict[Action, set[str]] = {
    A.EDIT: {"reporter"},
    A.ANSWER: {"reporter"},
    A.REPLY: {"reporter"},
    A.APPROVE: {"leader"},
    A.SUBMIT: {"reporter", "leader"},
    A.RECALL: {"reporter", "leader"},
}
ABOVE = {A.ASK, A.REOPEN_ENTRY}  # the province does these too
CREATES = {A.ANSWER, A.REPLY, A.ADJUST, A.ASK, A.REOPEN_ENTRY}
COUNCILS = A.CHECK_GROUP  # tests/reviews/test_groups.py calls it

OK = "ok"
_UNIT_ENTERS = {A.EDIT: OK, A.ANSWER: OK, A.REOPEN_ENTRY: OK, A.CALL_IN: "not_late"}
_UNIT_IS_LATE = {A.EDIT: "entry_closed", A.APPROVE: "entry_closed", A.SUBMIT: "entry_closed"}
_OVERDUE = {**_UNIT_IS_LATE, A.ANSWER: OK, A.REOPEN_ENTRY: OK, A.CALL_IN: OK}
_HANDED_IN = {
    A.EDIT: "handed_in",
    A.APPROVE: "approved_already",
    A.RECALL: OK,
    A.ANSWER: OK,
    A.CLAIM: OK,
    A.ASK: OK,
    A.REOPEN_ENTRY: OK,
}
_ON_THE_DESK = {
    A.EDIT: "handed_in",
    A.APPROVE: "approved_already",
    A.ANSWER: OK,
    A.REPLY: OK,
    A.TAKE_OVER: OK,
    A.RETURN: OK,
    A.ADJUST: OK,
    A.PASS: OK,
    A.ASK: OK,
    A.REOPEN_ENTRY: OK,
    A.CHECK_GROUP: "no_council",
}
# What happens to whoever's turn it is; what is not here: the dossier is at another step.
EXPECTED: dict[str, dict[Action, str]] = {
    "draft": {**_UNIT_ENTERS, A.APPROVE: "approved_already", A.SUBMIT: OK},
    "draft, changed": {**_UNIT_ENTERS, A.APPROVE: OK, A.SUBMIT: "approval_missing"},
    "draft, overdue": _OVERDUE,
    "submitted": _HANDED_IN,
    "submitted, changed": {**_HANDED_IN, A.EDIT: OK, A.APPROVE: OK},
    "submitted, overdue": {**_HANDED_IN, A.RECALL: "entry_closed"},
    "under_review": _ON_THE_DESK,
    "under_review, changed": {**_ON_THE_DESK, A.EDIT: OK, A.APPROVE: OK, A.PASS: "approval_missing"},
    "returned": {**_UNIT_ENTERS, A.REPLY: OK, A.APPROVE: "approved_already", A.SUBMIT: OK},
    "returned, unanswered": {
        **_UNIT_ENTERS,
        A.REPLY: OK,
        A.APPROVE: "approved_already",
        A.SUBMIT: "items_open",
    },
    "returned, overdue": {**_OVERDUE, A.REPLY: OK},
    "resubmitted": {**_HANDED_IN, A.REPLY: OK},
    "passed": {A.ANSWER: OK, A.REPLY: OK, A.ASK: OK, A.REOPEN: OK},
}
# The content refuses these, not the table: who may act is told by allowed_actions, what is lacking by readiness.
BY_CONTENT = {"approval_missing"}


def expected(situation: str, action: Action, who: str) -> str:
    """Return what happens: ok, 403, 404 or the reason."""
    if who not in HELD.get(action, REVIEWERS):
        return "403"
    if who == "sibling":
        return "404"
    if action not in HELD and who == "province" and action not in ABOVE:
        return "not_your_role"
    if who == "insider":
        return "own_unit"
    found = EXPECTED[situation].get(action, "passed" if situation == "passed" else "wrong_state")
    if situation.startswith("under_review") and who != "claimant" and action in {A.RETURN, A.ADJUST, A.PASS}:
        return "claimed_by_another"
    if situation.startswith("under_review") and who == "claimant" and action is A.TAKE_OVER:
        return "claimed_by_you"
    return found


@dataclass(frozen=True, slots=True)
class Situation:
    """A dossier brought somewhere by real turns, with what can be answered and replied to there."""

    scene: Scene
    etag: str
    asked: str
    decided: str

    async def turn(self, who: str, action: Action) -> httpx.Response:
        """Let somebody try something."""
        if action is A.EDIT:
            edit = {"answers": {OPENED: {"figures": {"a": 1, "b": 4}, "note": "Đã sửa"}}}
            return await self.scene.save(edit, who=WHO[who], etag=self.etag)
        verb, body = self._call(action)
        return await self.scene.act(WHO[who], verb, body, etag=self.etag)

    def _call(self, action: Action) -> tuple[str, Any]:
        why = {"reason": "Theo phân công"}
        calls: dict[Action, tuple[str, Any]] = {
            A.ANSWER: (f"clarifications/{self.asked}/answers", {"item": 0, "text": "Đã bổ sung"}),
            A.REPLY: (f"adjustments/{self.decided}/replies", {"text": "Đơn vị không đồng ý"}),
            A.CALL_IN: ("call-in", why),
            A.TAKE_OVER: ("take-over", why),
            A.RETURN: ("return", return_body()),
            A.ADJUST: ("adjustments", points("1.4", "1")),
            A.PASS: ("pass", UNPROVED),
            A.REOPEN: ("reopen-review", why),
            A.REOPEN_ENTRY: ("reopen-entry", {"days": 3, "indicators": [OPENED], **why}),
            A.ASK: ("supplements", return_body()),
        }
        return calls.get(action, (action.value, None))


async def brought(scene: Scene, clock: Clock, situation: str) -> Situation:
    """Bring the dossier into a situation."""
    state, _, more = situation.partition(", ")
    turns: Sequence[Callable[[Scene], Awaitable[None]]] = {
        "draft": [_asked, _recalled],
        "submitted": [_asked],
        "under_review": [_asked, _decided],
        "returned": [_asked, _decided, _returned],
        "resubmitted": [_asked, _decided, _returned, _resubmitted],
        "passed": [_asked, _decided, _passed],
    }[state]
    await scene.submitted()
    for turn in turns:
        await turn(scene)
    if situation in ("returned", "returned, overdue"):
        await scene.answered()
    if more == "changed":
        await _changed(scene)
    if more == "overdue":
        clock.now = datetime.fromisoformat((await scene.read())["entry_due_at"])
    review = await scene.read(path="/review")
    kind = "return" if state == "returned" and more != "overdue" else "supplement"
    asked = next(one["id"] for one in review["clarifications"] if one["kind"] == kind)
    decided = [line["decision"]["id"] for line in review["lines"] if line["decision"]]
    assert (await scene.read())["state"] == state
    return Situation(scene, await scene.etag(), asked, (decided or [NOBODY])[0])


async def _asked(scene: Scene) -> None:
    """Let the province ask for more, for longer than the unit's own time."""
    await scene.done(scene.act("reviewer", "supplements", return_body(due_on="2024-02-28")))


async def _recalled(scene: Scene) -> None:
    await scene.done(scene.act(f"{UNIT}.reporter", "recall"))


async def _decided(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "claim"))
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "5")))


async def _returned(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "return", return_body()))


async def _resubmitted(scene: Scene) -> None:
    await scene.resubmitted()


async def _passed(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "pass", UNPROVED))


async def _changed(scene: Scene) -> None:
    """Let an indicator be changed that was opened again."""
    body = {"days": 3, "indicators": [OPENED], "reason": "Đơn vị nhập nhầm"}
    await scene.done(scene.act(REVIEWER, "reopen-entry", body))
    await scene.done(scene.save({"answers": {OPENED: {"figures": {"a": 2, "b": 4}, "note": "Sửa"}}}))


@pytest.mark.parametrize("situation", EXPECTED)
async def test_everybody_tries_everything(
    app: FastAPI,
    scene: Scene,
    session: AsyncSession,
    connection: AsyncConnection,
    clock: Clock,
    situation: str,
) -> None:
    for who in ("colleague", "insider"):
        home = "huyen-964" if who == "colleague" else UNIT
        await account(app, WHO[who], Role.DISTRICT_REVIEWER, home, "huyen-964")
    here = await brought(scene, clock, situation)
    for name in WHO.values():
        await scene.as_(name)
    before = await photograph(session)
    done = []
    for who in WHO:
        outcomes = {action: expected(situation, action, who) for action in Action}
        promised = {action: _promised(outcome) for action, outcome in outcomes.items()}
        assert await _told(here, who) == (None if who == "sibling" else promised), who
        del outcomes[COUNCILS]
        for action, outcome in outcomes.items():
            if outcome == OK:
                done.append((who, action))
                continue
            refused = await here.turn(who, action)
            assert _said(refused) == _refusal(here, action, outcome), (who, action, refused.text)
    assert await photograph(session) == before
    for who, action in done:
        async with connection.begin_nested() as tried:
            answer = await here.turn(who, action)
            assert answer.status_code == (201 if action in CREATES else 200), (who, action, answer.text)
            await tried.rollback()
    assert (
        await photograph(session) == before
    )  # whatever was done was taken back: nobody's turn changed another's


def _promised(outcome: str) -> str | None:
    """Return the reason with which allowed_actions denies what ends like this; None: it allows it."""
    return "not_your_role" if outcome == "403" else None if outcome in {OK, *BY_CONTENT} else outcome


def _said(refused: httpx.Response) -> tuple[int, str]:
    """Return the status and the most telling code of a refusal."""
    problem = refused.json()
    return refused.status_code, problem.get("reason_code") or problem["code"]


def _refusal(here: Situation, action: Action, outcome: str) -> tuple[int, str]:
    if outcome in ("403", "404"):
        return int(outcome), {"403": "not_permitted", "404": "submission_not_found"}[outcome]
    if action is A.REPLY and here.decided == NOBODY:
        return 404, "adjustment_not_found"  # nothing has been decided yet
    return 409, outcome


async def _told(here: Situation, who: str) -> dict[Action, str | None] | None:
    """Return what somebody reads of what he may do; None where he sees nothing."""
    caller = await here.scene.as_(WHO[who])
    read = await caller.get(await here.scene.url())
    if read.status_code == 404:
        return None
    return {Action(one["action"]): one["reason_code"] for one in read.json()["allowed_actions"]}
