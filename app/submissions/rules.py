"""The life of a dossier: which action leads where, when, and why not. Pure; served as documentation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.accounts.permissions import Permission
from app.periods.rules import is_late
from app.submissions.models import ReviewState as S


class Action(StrEnum):
    """What can be done with a dossier."""

    EDIT = "edit"
    APPROVE = "approve"
    SUBMIT = "submit"
    CLAIM = "claim"
    RETURN = "return"
    ADJUST = "adjust"
    PASS = "pass"  # noqa: S105
    REOPEN = "reopen_review"


@dataclass(frozen=True, slots=True)
class Transition:
    """From these states to that one (None: the state stays), by holders of this permission."""

    before: frozenset[S]
    after: dict[S, S]
    permission: Permission
    by_reviewer: bool


_ENTRY = frozenset({S.DRAFT, S.RETURNED})

TRANSITIONS: dict[Action, Transition] = {
    Action.EDIT: Transition(_ENTRY, {}, Permission.SUBMISSION_EDIT, by_reviewer=False),
    Action.APPROVE: Transition(_ENTRY, {}, Permission.SUBMISSION_APPROVE, by_reviewer=False),
    Action.SUBMIT: Transition(
        _ENTRY,
        {S.DRAFT: S.SUBMITTED, S.RETURNED: S.RESUBMITTED},
        Permission.SUBMISSION_SUBMIT,
        by_reviewer=False,
    ),
    Action.CLAIM: Transition(
        frozenset({S.SUBMITTED, S.RESUBMITTED}),
        {S.SUBMITTED: S.UNDER_REVIEW, S.RESUBMITTED: S.UNDER_REVIEW},
        Permission.REVIEW_ACT,
        by_reviewer=True,
    ),
    Action.RETURN: Transition(
        frozenset({S.UNDER_REVIEW}), {S.UNDER_REVIEW: S.RETURNED}, Permission.REVIEW_ACT, by_reviewer=True
    ),
    Action.ADJUST: Transition(frozenset({S.UNDER_REVIEW}), {}, Permission.REVIEW_ACT, by_reviewer=True),
    Action.PASS: Transition(
        frozenset({S.UNDER_REVIEW}), {S.UNDER_REVIEW: S.PASSED}, Permission.REVIEW_ACT, by_reviewer=True
    ),
    Action.REOPEN: Transition(
        frozenset({S.PASSED}), {S.PASSED: S.UNDER_REVIEW}, Permission.REVIEW_ACT, by_reviewer=True
    ),
}


class Denial(StrEnum):
    """Why an action is not possible now."""

    WRONG_STATE = "wrong_state"
    ENTRY_CLOSED = "entry_closed"
    NOT_YOUR_ROLE = "not_your_role"
    OWN_UNIT = "own_unit"
    CLAIMED_BY_ANOTHER = "claimed_by_another"


DENIAL_TEXT: dict[Denial, tuple[str, str]] = {
    Denial.WRONG_STATE: ("Hồ sơ đang ở bước khác", "The dossier is at another step"),
    Denial.ENTRY_CLOSED: ("Đã hết hạn nhập số liệu", "The time to enter figures has ended"),
    Denial.NOT_YOUR_ROLE: (
        "Vai trò của bạn không làm việc này với đơn vị này",
        "Not your role for this unit",
    ),
    Denial.OWN_UNIT: ("Không ai thẩm định đơn vị của chính mình", "Nobody reviews his own unit"),
    Denial.CLAIMED_BY_ANOTHER: (
        "Người thẩm định khác đã nhận hồ sơ",
        "Another reviewer has claimed the dossier",
    ),
}


def denial(
    action: Action,
    state: S,
    *,
    now: datetime,
    entry_due_at: datetime,
    holds_role: bool,
    is_own_unit: bool,
    is_claimant: bool,
) -> Denial | None:
    """Return why the action is impossible now, or None if it is possible.

    The one lock function of the API. A draft may be edited and submitted until the deadline, a returned dossier until
    the due date of its return; both are in `entry_due_at`. Approval by the leader is part of the entry.
    """
    transition = TRANSITIONS[action]
    if not holds_role:
        return Denial.NOT_YOUR_ROLE
    if transition.by_reviewer and is_own_unit:
        return Denial.OWN_UNIT
    if state not in transition.before:
        return Denial.WRONG_STATE
    if not transition.by_reviewer and is_late(now, entry_due_at):
        return Denial.ENTRY_CLOSED
    if action in (Action.RETURN, Action.ADJUST, Action.PASS) and not is_claimant:
        return Denial.CLAIMED_BY_ANOTHER
    return None


def after(action: Action, state: S) -> S:
    """Return the state an allowed action leads to."""
    return TRANSITIONS[action].after.get(state, state)
