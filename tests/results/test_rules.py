"""The life of a result and of an appeal: every state, action and condition of the tables."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from app.results.models import AppealState as A
from app.results.models import ResultState as R
from app.results.rules import (
    APPEAL_TRANSITIONS,
    DENIAL_TEXT,
    TRANSITIONS,
    Action,
    AppealAction,
    AppealStanding,
    Denial,
    Standing,
    Transition,
    appeal_denial,
    denial,
)

NOW = datetime(2024, 2, 6, 3, 0, tzinfo=UTC)
MOVES: dict[Action, dict[R | None, R]] = {
    Action.FINALIZE: {None: R.PROVISIONAL},
    Action.ANNOUNCE: {R.PROVISIONAL: R.ANNOUNCED},
    Action.PUBLISH: {R.PROVISIONAL: R.PUBLISHED, R.ANNOUNCED: R.PUBLISHED},
    Action.WITHDRAW: {R.ANNOUNCED: R.WITHDRAWN, R.PUBLISHED: R.WITHDRAWN},
}


@pytest.mark.parametrize(("action", "state"), [*product(Action, [None, *R])])
def test_an_action_is_possible_in_exactly_its_states(action: Action, state: R | None) -> None:
    at = Standing(now=NOW, state=state)
    assert (denial(action, True, at) is None) == (state in MOVES[action])
    assert denial(action, False, at) is Denial.NOT_YOUR_ROLE
    if state in MOVES[action]:
        assert TRANSITIONS[action].moves[state] is MOVES[action][state]
    else:
        assert denial(action, True, at) is Denial.WRONG_STATE


@pytest.mark.parametrize(
    ("action", "state", "standing", "why"),
    [
        (Action.FINALIZE, None, {"is_reviewed": False}, Denial.SCOPE_NOT_REVIEWED),
        (Action.FINALIZE, None, {"is_changed": False}, Denial.NOTHING_CHANGED),
        (Action.ANNOUNCE, R.PROVISIONAL, {"is_newest": False}, Denial.NOT_NEWEST),
        (Action.ANNOUNCE, R.PROVISIONAL, {"open_appeals": 1}, None),
        (Action.PUBLISH, R.ANNOUNCED, {"is_newest": False}, Denial.NOT_NEWEST),
        (Action.PUBLISH, R.PROVISIONAL, {"is_reviewed": False}, Denial.SCOPE_NOT_REVIEWED),
        (Action.PUBLISH, R.PROVISIONAL, {"is_outdated": True}, Denial.CHANGED_SINCE),
        (Action.PUBLISH, R.ANNOUNCED, {"open_appeals": 1}, Denial.APPEALS_UNDECIDED),
        (
            Action.PUBLISH,
            R.ANNOUNCED,
            {"appeals_run_until": NOW + timedelta(seconds=1)},
            Denial.APPEALS_RUNNING,
        ),
        (Action.PUBLISH, R.ANNOUNCED, {"appeals_run_until": NOW}, None),
        (Action.WITHDRAW, R.PUBLISHED, {"is_newest": False, "open_appeals": 3, "is_outdated": True}, None),
    ],
)
def test_a_condition_denies_with_its_own_reason(
    action: Action, state: R | None, standing: dict[str, Any], why: Denial | None
) -> None:
    assert denial(action, True, Standing(now=NOW, state=state, **standing)) is why


@pytest.mark.parametrize(("result_state", "seconds"), [*product(R, (-1, 0, 1))])
def test_an_appeal_is_lodged_in_time_against_what_the_units_have_been_told(
    result_state: R, seconds: int
) -> None:
    due = NOW - timedelta(seconds=seconds)
    why = appeal_denial(
        AppealAction.LODGE, True, AppealStanding(now=NOW, result_state=result_state, due_at=due)
    )
    if result_state not in (R.ANNOUNCED, R.PUBLISHED):
        assert why is Denial.WRONG_STATE
    else:
        assert why is (None if seconds < 0 else Denial.APPEALS_OVER)


def test_without_a_term_nobody_appeals() -> None:
    assert appeal_denial(AppealAction.LODGE, True, AppealStanding(now=NOW)) is Denial.NO_APPEALS


@pytest.mark.parametrize(("action", "state"), [*product([AppealAction.DECIDE, AppealAction.WITHDRAW], A)])
def test_an_appeal_is_decided_or_withdrawn_once(action: AppealAction, state: A) -> None:
    at = AppealStanding(now=NOW, state=state)
    assert appeal_denial(action, True, at) is (None if state is A.LODGED else Denial.WRONG_STATE)
    assert appeal_denial(action, False, at) is Denial.NOT_YOUR_ROLE


def test_nobody_decides_for_his_own_unit() -> None:
    at = AppealStanding(now=NOW, state=A.LODGED, is_own_unit=True)
    assert appeal_denial(AppealAction.DECIDE, True, at) is Denial.OWN_UNIT
    assert appeal_denial(AppealAction.WITHDRAW, True, at) is None


def test_everything_is_said_in_both_languages() -> None:
    assert set(DENIAL_TEXT) == set(Denial)
    transitions: list[Transition[Any]] = [*TRANSITIONS.values(), *APPEAL_TRANSITIONS.values()]
    assert (set(TRANSITIONS), set(APPEAL_TRANSITIONS)) == (set(Action), set(AppealAction))
    for vi, en in [*DENIAL_TEXT.values(), *(w for one in transitions for w in (one.title, one.follows))]:
        assert vi and en and vi != en
