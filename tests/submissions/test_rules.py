"""The life of a dossier on its two axes: every state with every action under every condition. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.accounts.permissions import ROLE_PERMISSIONS, Role
from app.submissions.models import ReviewState as S
from app.submissions.rules import (
    DENIAL_TEXT,
    ENTRY_TEXT,
    TRANSITIONS,
    Action,
    Closed,
    Condition,
    Denial,
    Entry,
    OpenFor,
    Standing,
    after,
    denial,
    entry,
)

A, D = Action, Denial
DUE = datetime(2024, 1, 2, 17, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WITH_UNIT = {S.DRAFT, S.RETURNED}

# The whole life: the state each action leads to; what is not here is refused.
LIFE: dict[tuple[S, Action], S] = {
    (S.DRAFT, A.EDIT): S.DRAFT,
    (S.DRAFT, A.APPROVE): S.DRAFT,
    (S.DRAFT, A.SUBMIT): S.SUBMITTED,
    (S.DRAFT, A.ANSWER): S.DRAFT,  # of one that was recalled after it was asked for more
    (S.DRAFT, A.CALL_IN): S.UNDER_REVIEW,
    (S.DRAFT, A.REOPEN_ENTRY): S.DRAFT,
    (S.SUBMITTED, A.EDIT): S.SUBMITTED,
    (S.SUBMITTED, A.APPROVE): S.SUBMITTED,
    (S.SUBMITTED, A.RECALL): S.DRAFT,
    (S.SUBMITTED, A.ANSWER): S.SUBMITTED,
    (S.SUBMITTED, A.CLAIM): S.UNDER_REVIEW,
    (S.SUBMITTED, A.REOPEN_ENTRY): S.SUBMITTED,
    (S.SUBMITTED, A.ASK): S.SUBMITTED,
    (S.UNDER_REVIEW, A.EDIT): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.APPROVE): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.ANSWER): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.REPLY): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.TAKE_OVER): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.RETURN): S.RETURNED,
    (S.UNDER_REVIEW, A.ADJUST): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.CHECK_GROUP): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.PASS): S.PASSED,
    (S.UNDER_REVIEW, A.REOPEN_ENTRY): S.UNDER_REVIEW,
    (S.UNDER_REVIEW, A.ASK): S.UNDER_REVIEW,
    (S.RETURNED, A.EDIT): S.RETURNED,
    (S.RETURNED, A.APPROVE): S.RETURNED,
    (S.RETURNED, A.SUBMIT): S.RESUBMITTED,
    (S.RETURNED, A.ANSWER): S.RETURNED,
    (S.RETURNED, A.REPLY): S.RETURNED,
    (S.RETURNED, A.CALL_IN): S.UNDER_REVIEW,
    (S.RETURNED, A.REOPEN_ENTRY): S.RETURNED,
    (S.RESUBMITTED, A.EDIT): S.RESUBMITTED,
    (S.RESUBMITTED, A.APPROVE): S.RESUBMITTED,
    (S.RESUBMITTED, A.RECALL): S.RETURNED,
    (S.RESUBMITTED, A.ANSWER): S.RESUBMITTED,
    (S.RESUBMITTED, A.REPLY): S.RESUBMITTED,
    (S.RESUBMITTED, A.CLAIM): S.UNDER_REVIEW,
    (S.RESUBMITTED, A.REOPEN_ENTRY): S.RESUBMITTED,
    (S.RESUBMITTED, A.ASK): S.RESUBMITTED,
    (S.PASSED, A.ANSWER): S.PASSED,
    (S.PASSED, A.REPLY): S.PASSED,
    (S.PASSED, A.ASK): S.PASSED,
    (S.PASSED, A.REOPEN): S.UNDER_REVIEW,
}
OF_THE_UNIT = {A.EDIT, A.APPROVE, A.SUBMIT, A.RECALL, A.ANSWER, A.REPLY}
# Who does what, wherever he does it.
HOLDERS: dict[Action, frozenset[Role] | set[Role]] = {
    **dict.fromkeys(Action, frozenset({Role.PROVINCE_REVIEWER, Role.DISTRICT_REVIEWER})),
    A.EDIT: {Role.UNIT_REPORTER},
    A.ANSWER: {Role.UNIT_REPORTER},
    A.REPLY: {Role.UNIT_REPORTER},
    A.APPROVE: {Role.UNIT_LEADER},
    A.SUBMIT: {Role.UNIT_REPORTER, Role.UNIT_LEADER},
    A.RECALL: {Role.UNIT_REPORTER, Role.UNIT_LEADER},
}


def the_entry(state: S, *, late: bool, reopened: bool) -> Entry:
    """Return the entry of a dossier whose time is over or not, with an indicator opened again or not."""
    if state is S.PASSED:
        return Entry(Closed.PASSED)
    if state in WITH_UNIT and not late:
        return Entry(OpenFor.IN_TIME, DUE)
    if reopened:
        return Entry(OpenFor.REOPENED, DUE + 5 * SECOND, frozenset({"6.10"}))
    return Entry(Closed.DEADLINE if state in WITH_UNIT else Closed.HANDED_IN)


RIGHT = Standing(
    state=S.DRAFT,
    now=DUE - SECOND,
    entry=Entry(OpenFor.IN_TIME, DUE),
    due_at=DUE,
    is_approved=False,
    is_answered=True,
    is_own_unit=False,
    is_claimant=True,
)
GROUPS: tuple[frozenset[str] | None, ...] = (None, frozenset[str](), frozenset({"6"}))
FLAGS: tuple[tuple[bool, ...], ...] = tuple(product((True, False), repeat=7))


def expected(action: Action, at: Standing, *, late: bool, reopened: bool, holds_role: bool) -> Denial | None:
    """Return the refusal as people would say it, in the order in which it is told."""
    if not holds_role:
        return D.NOT_YOUR_ROLE
    if at.is_own_unit and action not in OF_THE_UNIT:
        return D.OWN_UNIT
    if (at.state, action) not in LIFE:
        return D.PASSED if at.state is S.PASSED else D.WRONG_STATE
    returned = at.state in WITH_UNIT
    shut = (returned and late and not reopened) or (not returned and not reopened)
    why_shut = D.ENTRY_CLOSED if returned else D.HANDED_IN
    others = None if at.is_claimant else D.CLAIMED_BY_ANOTHER
    my_groups = None if at.groups else D.NOT_YOUR_GROUP
    reasons: dict[Action, list[Denial | bool | None]] = {
        A.EDIT: [shut and why_shut],
        A.APPROVE: [returned and shut and why_shut, at.is_approved and D.APPROVED_ALREADY],
        A.SUBMIT: [shut and why_shut, not at.is_answered and D.ITEMS_OPEN],
        A.RECALL: [late and D.ENTRY_CLOSED],
        A.CALL_IN: [not shut and D.NOT_LATE],
        A.TAKE_OVER: [at.is_claimant and D.CLAIMED_BY_YOU],
        A.RETURN: [others],
        A.PASS: [others],
        A.ADJUST: [others if at.groups is None else my_groups],
        A.CHECK_GROUP: [D.NO_COUNCIL if at.groups is None else my_groups],
    }
    return next((why for why in reasons.get(action, []) if isinstance(why, Denial)), None)


@pytest.mark.parametrize(("state", "action"), list(product(S, Action)))
def test_every_state_with_every_action_under_every_condition(state: S, action: Action) -> None:
    allowed = 0
    for flags, groups in product(FLAGS, GROUPS):
        late, reopened, holds_role, own, claimant, approved, answered = flags
        at = Standing(
            state=state,
            now=DUE if late else DUE - SECOND,
            entry=the_entry(state, late=late, reopened=reopened),
            due_at=DUE,
            is_approved=approved,
            is_answered=answered,
            is_own_unit=own,
            is_claimant=claimant,
            groups=groups,
        )
        why = expected(action, at, late=late, reopened=reopened, holds_role=holds_role)
        assert denial(action, holds_role, at) == why, (at, late, reopened, holds_role)
        allowed += why is None
    assert (allowed > 0) is ((state, action) in LIFE)
    if allowed:
        assert after(action, state) is LIFE[state, action]


def test_every_state_is_reached_and_can_be_left() -> None:
    moves = {(before, then) for (before, _), then in LIFE.items() if before is not then}
    assert {then for _, then in moves} == set(S)
    assert {before for before, _ in moves} == set(S)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("seconds", [-1, 0, 1])
@pytest.mark.parametrize("opened", [None, -1, 0, 1])
def test_entry_is_open_until_the_exact_second(state: S, seconds: int, opened: int | None) -> None:
    """`opened`: how long before or after the end of its reopening the indicator is looked at."""
    now = DUE + seconds * SECOND
    until = None if opened is None else now - opened * SECOND
    found = entry(state, now, due_at=DUE, reopened={"6.10": until} if until else {})
    if state is S.PASSED:
        assert found == Entry(Closed.PASSED)
    elif state in WITH_UNIT and seconds < 0:
        assert found == Entry(OpenFor.IN_TIME, DUE)
    elif opened == -1:
        assert found == Entry(OpenFor.REOPENED, until, frozenset({"6.10"}))
    else:
        assert found == Entry(Closed.DEADLINE if state in WITH_UNIT else Closed.HANDED_IN)
    assert found.is_open is (found.until is not None)


def test_of_several_indicators_each_closes_by_itself() -> None:
    reopened = {"6.10": DUE + SECOND, "6.9": DUE + 2 * SECOND, "6.8": DUE}
    found = [entry(S.UNDER_REVIEW, DUE + n * SECOND, due_at=DUE, reopened=reopened) for n in (-1, 0, 1, 2)]
    assert [one.indicators for one in found] == [{"6.10", "6.9", "6.8"}, {"6.10", "6.9"}, {"6.9"}, None]
    assert [one.until for one in found] == [DUE + 2 * SECOND] * 3 + [None]


@pytest.mark.parametrize(
    ("given", "opens"),
    [
        (Entry(OpenFor.IN_TIME, DUE), {"6.10": True, "1.1": True, None: True}),
        (Entry(OpenFor.REOPENED, DUE, frozenset({"6.10"})), {"6.10": True, "1.1": False, None: False}),
        (Entry(Closed.DEADLINE), {"6.10": False, "1.1": False, None: False}),
    ],
)
def test_an_entry_opens_all_some_or_nothing(given: Entry, opens: dict[str | None, bool]) -> None:
    assert {code: given.opens(code) for code in opens} == opens


@pytest.mark.parametrize("action", Action)
def test_an_action_is_held_by_exactly_these_roles(action: Action) -> None:
    permission = TRANSITIONS[action].permission
    assert {role for role in Role if permission in ROLE_PERMISSIONS[role]} == HOLDERS[action]


@pytest.mark.parametrize("action", sorted(set(Action) - OF_THE_UNIT - {A.CALL_IN}))
def test_the_deadline_of_entry_does_not_stop_the_reviewer(action: Action) -> None:
    state = next(state for state, verb in LIFE if verb is action)
    at = replace(
        RIGHT,
        state=state,
        now=DUE + timedelta(days=365),
        entry=the_entry(state, late=True, reopened=False),
        is_claimant=action is not A.TAKE_OVER,
        groups=frozenset({"6"}) if action is A.CHECK_GROUP else None,
    )
    assert denial(action, True, at) is None


def test_every_transition_refusal_and_lock_is_told_in_both_languages() -> None:
    assert set(TRANSITIONS) == set(Action)
    assert set(DENIAL_TEXT) == set(Denial)
    assert set(ENTRY_TEXT) == {*Closed, *OpenFor}
    texts = [*DENIAL_TEXT.values(), *ENTRY_TEXT.values()]
    texts += [words for one in TRANSITIONS.values() for words in (one.title, one.follows)]
    assert all(vi and en and vi != en for vi, en in texts)
    assert len({one.title for one in TRANSITIONS.values()}) == len(Action)


def test_every_condition_is_asked_by_some_action_and_every_lock_is_a_refusal() -> None:
    assert {need for one in TRANSITIONS.values() for need in one.needs} == set(Condition)
    assert {one.value for one in Closed} < {one.value for one in Denial}
