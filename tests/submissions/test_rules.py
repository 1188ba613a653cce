"""The life of a dossier: every state with every action, and in which order refusals are told. Pure."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.submissions.models import ReviewState as S
from app.submissions.rules import DENIAL_TEXT, TRANSITIONS, Action, Denial, after, denial

DUE = datetime(2024, 1, 2, 17, 0, tzinfo=UTC)
ENTRY = {Action.EDIT, Action.APPROVE, Action.SUBMIT}
CLAIMANTS = {Action.RETURN, Action.ADJUST, Action.PASS}

# The whole life: the state each action leads to; what is not here is refused.
LIFE: dict[tuple[S, Action], S] = {
    (S.DRAFT, Action.EDIT): S.DRAFT,
    (S.DRAFT, Action.APPROVE): S.DRAFT,
    (S.DRAFT, Action.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, Action.CLAIM): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, Action.RETURN): S.RETURNED,
    (S.UNDER_REVIEW, Action.ADJUST): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, Action.PASS): S.PASSED,
    (S.RETURNED, Action.EDIT): S.RETURNED,
    (S.RETURNED, Action.APPROVE): S.RETURNED,
    (S.RETURNED, Action.SUBMIT): S.RESUBMITTED,
    (S.RESUBMITTED, Action.CLAIM): S.UNDER_REVIEW,
    (S.PASSED, Action.REOPEN): S.UNDER_REVIEW,
}


def denied(action: Action, state: S, **changes: Any) -> Denial | None:
    """Return the refusal, by default for the right person in time."""
    given: dict[str, Any] = {
        "now": DUE - timedelta(seconds=1),
        "entry_due_at": DUE,
        "holds_role": True,
        "is_own_unit": False,
        "is_claimant": True,
    }
    return denial(action, state, **(given | changes))


@pytest.mark.parametrize(("state", "action"), list(product(S, Action)))
def test_every_state_with_every_action(state: S, action: Action) -> None:
    if (state, action) in LIFE:
        assert denied(action, state) is None
        assert after(action, state) is LIFE[state, action]
    else:
        assert denied(action, state) is Denial.WRONG_STATE


def test_every_state_is_reached_and_can_be_left() -> None:
    moves = {(before, then) for (before, _), then in LIFE.items() if before is not then}
    assert {then for _, then in moves} == set(S) - {S.DRAFT}
    assert {before for before, _ in moves} == set(S)


@pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("state", [S.DRAFT, S.RETURNED])
@pytest.mark.parametrize("action", sorted(ENTRY))
def test_entry_closes_at_the_exact_second(action: Action, state: S, seconds: int, open_: bool) -> None:
    why = denied(action, state, now=DUE + timedelta(seconds=seconds))
    assert why is (None if open_ else Denial.ENTRY_CLOSED)


@pytest.mark.parametrize("action", sorted(set(Action) - ENTRY))
def test_the_deadline_of_entry_does_not_stop_the_reviewer(action: Action) -> None:
    state = next(state for state, verb in LIFE if verb is action)
    assert denied(action, state, now=DUE + timedelta(days=365)) is None


@pytest.mark.parametrize("action", sorted(Action))
def test_nobody_reviews_his_own_unit_but_everybody_declares_it(action: Action) -> None:
    state = next(state for state, verb in LIFE if verb is action)
    assert denied(action, state, is_own_unit=True) is (None if action in ENTRY else Denial.OWN_UNIT)


@pytest.mark.parametrize("action", sorted(Action))
def test_only_the_claimant_goes_on_with_what_he_claimed(action: Action) -> None:
    state = next(state for state, verb in LIFE if verb is action)
    expected = Denial.CLAIMED_BY_ANOTHER if action in CLAIMANTS else None
    assert denied(action, state, is_claimant=False) is expected


@given(
    st.sampled_from(Action),
    st.sampled_from(S),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(-2, 2),
)
def test_refusals_are_told_in_one_order(
    action: Action, state: S, holds_role: bool, own: bool, claimant: bool, seconds: int
) -> None:
    """Role, own unit, step, deadline, claimant: the first that holds is told, none of them opens a door alone."""
    reasons = [
        (Denial.NOT_YOUR_ROLE, not holds_role),
        (Denial.OWN_UNIT, own and action not in ENTRY),
        (Denial.WRONG_STATE, (state, action) not in LIFE),
        (Denial.ENTRY_CLOSED, action in ENTRY and seconds >= 0),
        (Denial.CLAIMED_BY_ANOTHER, action in CLAIMANTS and not claimant),
    ]
    why = denied(
        action,
        state,
        now=DUE + timedelta(seconds=seconds),
        holds_role=holds_role,
        is_own_unit=own,
        is_claimant=claimant,
    )
    assert why is next((reason for reason, holds in reasons if holds), None)


def test_every_action_has_a_transition_and_every_refusal_is_told_in_both_languages() -> None:
    assert set(TRANSITIONS) == set(Action)
    assert set(DENIAL_TEXT) == set(Denial)
    assert all(vi and en and vi != en for vi, en in DENIAL_TEXT.values())
