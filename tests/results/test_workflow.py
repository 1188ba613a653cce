"""The workflow as documentation: it is public, complete, in two languages, and says what the rules do."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from app.results import rules as results
from app.results.models import AppealState, ResultState
from app.results.workflow import workflow
from app.submissions.models import ReviewState
from app.submissions.rules import DOOR_MOVES, ENTRY_TEXT, Action, Door, entry
from tests.client import CheckedClient

NOW = datetime(2024, 1, 2, 17, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AXES = {axis.key: axis for axis in workflow().axes}


async def test_everybody_reads_the_workflow_and_its_picture(client: CheckedClient) -> None:
    told = await client.get("/api/v1/meta/workflow")
    assert told.status_code == 200
    assert [axis["key"] for axis in told.json()["axes"]] == ["entry", "review", "result", "appeal"]
    drawn = await client.get("/api/v1/meta/workflow.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    words = {
        text.text for text in ElementTree.fromstring(drawn.text).iter("{http://www.w3.org/2000/svg}text")
    }
    for axis in AXES.values():
        assert {axis.title.vi, *(state.vi for state in axis.states)} <= words


def test_every_state_and_action_of_the_rules_is_in_it() -> None:
    states = {key: {state.key for state in axis.states} for key, axis in AXES.items()}
    assert states == {
        "entry": set(Door),
        "review": set(ReviewState),
        "result": set(ResultState),
        "appeal": set(AppealState),
    }
    actions = {key: {one.action.key for one in axis.transitions} for key, axis in AXES.items()}
    assert actions["review"] == set(Action)
    assert actions["result"] == set(results.Action)
    assert actions["appeal"] == set(results.AppealAction)


@pytest.mark.parametrize("key", AXES)
def test_every_state_is_reached_and_everything_is_said_in_both_languages(key: str) -> None:
    axis = AXES[key]
    first = {"entry": set[str](), "review": {"draft"}, "result": set[str](), "appeal": set[str]()}[key]
    reached = {move.after for one in axis.transitions for move in one.moves if move.before != move.after}
    assert reached | first == {state.key for state in axis.states}
    for one in axis.transitions:
        for words in (one.action, one.by, one.follows, *one.conditions):
            assert words is None or (words.vi and words.en and words.vi != words.en)
        assert one.permission is None or one.roles, f"nobody may {one.action.key}"


def test_the_moves_of_the_door_are_those_of_the_one_lock_function() -> None:
    """Each row of the table is played: the state before and after it as `entry` gives them."""

    def door(state: ReviewState, *, due: datetime, reopened: datetime | None = None) -> Door:
        opened = {} if reopened is None else {"1.1": reopened}
        return Door.OPEN if entry(state, NOW, due_at=due, reopened=opened).is_open else Door.CLOSED

    s = ReviewState
    ahead, over = NOW + SECOND, NOW
    played = {
        "open_period": (Door.CLOSED, door(s.DRAFT, due=ahead)),  # before, there was no dossier
        "deadline": (door(s.DRAFT, due=ahead), door(s.DRAFT, due=over)),
        "submit": (door(s.DRAFT, due=ahead), door(s.SUBMITTED, due=ahead)),
        "recall": (door(s.SUBMITTED, due=ahead), door(s.DRAFT, due=ahead)),
        "return": (door(s.UNDER_REVIEW, due=over), door(s.RETURNED, due=ahead)),
        "reopen_entry": (door(s.UNDER_REVIEW, due=over), door(s.UNDER_REVIEW, due=over, reopened=ahead)),
        "reopening_ends": (
            door(s.UNDER_REVIEW, due=over, reopened=ahead),
            door(s.UNDER_REVIEW, due=over, reopened=over),
        ),
        "pass": (
            door(s.UNDER_REVIEW, due=over, reopened=ahead),
            door(s.PASSED, due=over, reopened=ahead),
        ),
    }
    assert {key: (before, after) for key, before, after, _ in DOOR_MOVES} == played
    assert all(vi and en for vi, en in ENTRY_TEXT.values())
