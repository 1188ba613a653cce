"""What random turns, and a reading of them, have found: each as short as it could be made."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.accounts.permissions import Principal
from app.core.db import new_id
from app.reviews.actions import correct_passed
from app.reviews.models import AdjustmentKind
from app.reviews.schemas import AdjustmentIn
from app.submissions.models import Submission
from tests.machine import bodies
from tests.machine.calendar import day_of
from tests.machine.machine import ReviewChain
from tests.machine.people import COMMUNES
from tests.machine.tally import Tally
from tests.machine.world import World

UNIT, REVIEWER = COMMUNES[0], "huyen-964.reviewer"
REASON = {"reason": "Theo hồ sơ kiểm chứng"}


@pytest.fixture
def chain(world: World) -> Iterator[ReviewChain]:
    """Give a life to act in."""
    held = ReviewChain(world, Tally())
    yield held
    held.end()


def _answers_after_the_pass(chain: ReviewChain, code: str) -> None:
    item = {"indicator": code, "kind": "missing_evidence", "text": "Bổ sung"}
    asking = {"due_on": day_of(chain.life.now) + timedelta(3), "items": [item]}
    chain.play("ask_for_more", UNIT, REVIEWER, asking)
    d = chain.life.dossiers[UNIT]
    answer = {"to": d.asked[0].id, "item": 0, "evidence": [d.documents[1]]}
    chain.play("answer", UNIT, f"{UNIT}.reporter", answer)


@pytest.mark.parametrize("world", ["camau-2023"], indirect=True)
def test_a_result_names_the_content_it_was_scored_from(world: World, chain: ReviewChain) -> None:
    """Evidence that is sent after the pass makes a new content; what was settled at the pass is scored."""
    chain.begin(("passed", "passed", "empty"))
    passed = len(chain.life.dossiers[UNIT].contents)
    _answers_after_the_pass(chain, "1.1")
    scope = f"/scopes/{world.scopes[UNIT]}"
    etag = world.call(REVIEWER, "GET", f"{scope}/preview").headers["etag"]
    headers = {"If-Match": etag, "Idempotency-Key": "finalize"}
    made = world.call(REVIEWER, "POST", f"{scope}/finalize", json={"reason": None}, headers=headers)
    assert made.status_code == 201, made.text
    row = (
        "SELECT document::jsonb #>> '{input,revision,number}' AS number FROM result_line WHERE unit_key = $1"
    )
    assert [int(one["number"]) for one in world.fetch(row, UNIT)] == [passed]


@pytest.mark.parametrize("world", ["brvt-2022"], indirect=True)  # there missing evidence costs points
def test_correcting_one_indicator_of_a_passed_dossier_leaves_the_others_as_they_were_settled(
    world: World, chain: ReviewChain
) -> None:
    """An appeal about 1.1 must not give 2.2 the points that its want of evidence cost it: nobody has looked at it."""
    unproved = {"answers": {"2.2": {"choice": "full"}}}
    chain.play("edit", UNIT, f"{UNIT}.reporter", bodies.complete(chain.life.dossiers[UNIT]))
    chain.play("edit", UNIT, f"{UNIT}.reporter", unproved)
    chain.play("approve", UNIT, f"{UNIT}.leader")
    chain.play("submit", UNIT, f"{UNIT}.reporter", bodies.NOTE)
    chain._bring_to_an_end(UNIT)
    assert _settled(world)["without_evidence"] == ["2.2"]
    _answers_after_the_pass(chain, "2.2")
    world.run(_corrected(world))
    assert _settled(world)["without_evidence"] == ["2.2"]


def _settled(world: World) -> Any:
    (row,) = world.fetch("SELECT settled FROM submission WHERE id = $1::text::uuid", world.ids[UNIT])
    return json.loads(row["settled"])


async def _corrected(world: World) -> None:
    """Decide 1.1 as an accepted appeal does."""
    by = Principal(
        id=new_id(),
        name=REVIEWER,
        acting_for=None,
        request_id="-",
        unit_id=world.units["huyen-964"],
        grants=frozenset(),
    )
    body = AdjustmentIn(indicator="1.1", kind=AdjustmentKind.POINTS, points="4", **REASON)
    async with world.app.state.database.session() as session, session.begin():
        submission = await session.get_one(Submission, UUID(world.ids[UNIT]))
        await correct_passed(session, submission, body, by=by, now=world.clock.now)


@pytest.mark.parametrize("world", ["camau-2023"], indirect=True)
def test_opening_an_indicator_again_never_takes_days_away(world: World, chain: ReviewChain) -> None:
    """A return and a reopening of the whole unit only ever give time; so should this: its until-when was promised."""
    chain.begin(("handed in", "empty", "empty"))
    for days in (30, 1):
        body = {"days": days, "indicators": ["1.2"]}
        chain.play("reopen_entry", UNIT, REVIEWER, body)
    shown = world.call(f"{UNIT}.reporter", "GET", f"/submissions/{world.ids[UNIT]}").json()["entry"]
    assert shown["until"] == max(one["until_at"] for one in shown["reopenings"])


@pytest.mark.parametrize("world", ["camau-2023"], indirect=True)
def test_documents_join_no_indicator_that_is_closed(world: World, chain: ReviewChain) -> None:
    """A returned unit let its time pass; only 1.2 was opened again: 1.1 stays as it was, as a save would find."""
    chain.begin(("handed in", "empty", "empty"))
    d = chain.life.dossiers[UNIT]
    chain.play("claim", UNIT, REVIEWER)
    item = {"indicator": "1.1", "kind": "missing_evidence", "text": "Bổ sung"}
    chain.play("return", UNIT, REVIEWER, {"due_on": day_of(chain.life.now), "items": [item]})
    chain.life.now = chain.world.clock.now = d.due
    chain.play("reopen_entry", UNIT, REVIEWER, {"days": 3, "indicators": ["1.2"]})
    saved = {"answers": {"1.1": {"choice": "full", "evidence": [*d.documents]}}}
    chain.play("edit", UNIT, f"{UNIT}.reporter", saved)  # refused: not_opened
    before = d.content["answers"]["1.1"]
    answer = {"to": d.asked[0].id, "item": 0, "evidence": [d.documents[1]]}
    chain.play("answer", UNIT, f"{UNIT}.reporter", answer)
    shown = world.call(REVIEWER, "GET", f"/submissions/{world.ids[UNIT]}").json()
    assert shown["answers"]["1.1"] == before


@pytest.mark.parametrize("world", ["camau-2023"], indirect=True)
def test_a_refused_document_that_is_back_must_be_explained(world: World, chain: ReviewChain) -> None:
    """The last decision saw other documents: the one before it still says what it said of this one."""
    chain.begin(("handed in", "empty", "empty"))
    d = chain.life.dossiers[UNIT]
    one, other = d.documents
    chain.play("claim", UNIT, REVIEWER)
    chain.play("reopen_entry", UNIT, REVIEWER, {"days": 3, "indicators": ["1.1"]})
    for cited, refused in (([one, other], one), ([other], other), ([other, one], None)):
        answer = d.content["answers"]["1.1"] | {"evidence": cited}
        chain.play("edit", UNIT, f"{UNIT}.reporter", {"answers": {"1.1": answer}})
        if refused:
            decision = {"indicator": "1.1", "kind": "evidence", "disallowed": [refused], **REASON}
            chain.play("adjust", UNIT, REVIEWER, decision)
    assert "1.1" in chain.life.to_explain(d)
    found = world.call(REVIEWER, "GET", f"/submissions/{world.ids[UNIT]}/review/readiness").json()["warnings"]
    unexplained = [warning["code"] for warning in found if not warning["is_explained"]]
    assert "document_disallowed_before" in unexplained
    chain.play("pass", UNIT, REVIEWER)
