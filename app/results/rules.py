"""The life of a result, and of the appeals against it. Pure; served as documentation.

The other two axes, entry and review, are in `app.submissions.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from app.accounts.permissions import Permission
from app.periods.rules import is_late
from app.results.models import AppealState as A
from app.results.models import Result
from app.results.models import ResultState as R

P = Permission
S = TypeVar("S", R, A)
Words = tuple[str, str]  # Vietnamese, English


class Action(StrEnum):
    """What can be done with the result of a ranking scope."""

    FINALIZE = "finalize"
    ANNOUNCE = "announce"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"


class AppealAction(StrEnum):
    """What can be done with an appeal."""

    LODGE = "lodge_appeal"
    DECIDE = "decide"
    WITHDRAW = "withdraw"


class By(StrEnum):
    """Whose people do it: those of the unit that finalizes the scope, or those of a unit that is ranked in it."""

    FINALIZER = "finalizer"
    UNIT = "unit"


class Condition(StrEnum):
    """What must hold beside state, role and unit."""

    REVIEWED = "reviewed"
    CHANGED = "changed"
    NEWEST = "newest"
    UP_TO_DATE = "up_to_date"
    NO_OPEN_APPEALS = "no_open_appeals"
    APPEALS_OVER = "appeals_over"
    RESULT_HOLDS = "result_holds"
    IN_TIME = "in_time"
    NOT_OWN_UNIT = "not_own_unit"


STATE_TEXT: dict[R, Words] = {
    R.PROVISIONAL: ("Đã chốt, chưa công bố", "Provisional: finalized, seen by those above the units"),
    R.ANNOUNCED: ("Công bố sơ bộ", "Announced to the units of the scope"),
    R.PUBLISHED: ("Công bố chính thức", "Published: final, by a decision"),
    R.SUPERSEDED: ("Đã thay bằng phiên bản mới", "Superseded by a newer version"),
    R.WITHDRAWN: ("Đã thu hồi", "Withdrawn"),
}

APPEAL_STATE_TEXT: dict[A, Words] = {
    A.LODGED: ("Đã gửi", "Lodged"),
    A.ACCEPTED: ("Được chấp nhận", "Accepted"),
    A.REFUSED: ("Bị từ chối", "Refused"),
    A.WITHDRAWN: ("Đã rút", "Taken back"),
}

BY_TEXT: dict[By, Words] = {
    By.FINALIZER: ("Đơn vị chốt điểm", "The unit that finalizes the scope"),
    By.UNIT: ("Đơn vị được xếp hạng", "The unit that is ranked"),
}

CONDITION_TEXT: dict[Condition, Words] = {
    Condition.REVIEWED: ("Không còn hồ sơ phải chờ", "No dossier is waited for"),
    Condition.CHANGED: ("Có thay đổi so với phiên bản trước", "Something has changed since the last version"),
    Condition.NEWEST: ("Là phiên bản mới nhất", "It is the newest version"),
    Condition.UP_TO_DATE: (
        "Chưa hồ sơ nào thay đổi sau khi chốt",
        "No dossier has changed since it was finalized",
    ),
    Condition.NO_OPEN_APPEALS: ("Mọi đề nghị phúc tra đã giải quyết", "Every appeal is decided"),
    Condition.APPEALS_OVER: ("Đã hết thời hạn phúc tra", "The time for appeals has ended"),
    Condition.RESULT_HOLDS: (
        "Kết quả đã được công bố sơ bộ hoặc chính thức",
        "The result is announced or published, and holds",
    ),
    Condition.IN_TIME: ("Còn thời hạn phúc tra", "The time for appeals has not ended"),
    Condition.NOT_OWN_UNIT: ("Không phải đơn vị của mình", "It is not one's own unit"),
}


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """From these states to those, by people of `by` who hold the permission; None: there is nothing yet.

    `otherwise` is where a decision leads that goes the other way; `supersedes` are the states in which earlier versions
    of the scope are superseded by it.
    """

    moves: Mapping[S | None, S]
    by: By
    permission: P
    title: Words
    follows: Words
    needs: tuple[Condition, ...] = ()
    otherwise: S | None = None
    supersedes: frozenset[R] = frozenset()


_C = Condition

TRANSITIONS: dict[Action, Transition[R]] = {
    Action.FINALIZE: Transition(
        {None: R.PROVISIONAL},
        By.FINALIZER,
        P.RESULT_FINALIZE,
        ("Chốt điểm, xếp hạng", "Finalize: score and rank"),
        (
            "Phiên bản mới được giữ nguyên; chỉ cấp trên của các đơn vị thấy",
            "A new version is kept for ever; only those above the units see it",
        ),
        (_C.REVIEWED, _C.CHANGED),
        supersedes=frozenset({R.PROVISIONAL}),
    ),
    Action.ANNOUNCE: Transition(
        {R.PROVISIONAL: R.ANNOUNCED},
        By.FINALIZER,
        P.RESULT_PUBLISH,
        ("Công bố sơ bộ cho các đơn vị", "Announce it to the units"),
        (
            "Các đơn vị trong phạm vi thấy kết quả; thời hạn đề nghị phúc tra bắt đầu",
            "The units of the scope see the result; the time for appeals begins",
        ),
        (_C.NEWEST,),
        supersedes=frozenset({R.ANNOUNCED}),
    ),
    Action.PUBLISH: Transition(
        {R.PROVISIONAL: R.PUBLISHED, R.ANNOUNCED: R.PUBLISHED},
        By.FINALIZER,
        P.RESULT_PUBLISH,
        ("Công bố chính thức theo quyết định", "Publish it by a decision"),
        (
            "Mọi người đọc được; báo cáo lên cấp trên của đơn vị chốt điểm",
            "Everybody may read it; it is reported to the units above",
        ),
        (_C.NEWEST, _C.REVIEWED, _C.UP_TO_DATE, _C.NO_OPEN_APPEALS, _C.APPEALS_OVER),
        supersedes=frozenset({R.ANNOUNCED, R.PUBLISHED}),
    ),
    Action.WITHDRAW: Transition(
        {R.ANNOUNCED: R.WITHDRAWN, R.PUBLISHED: R.WITHDRAWN},
        By.FINALIZER,
        P.RESULT_PUBLISH,
        ("Thu hồi kết quả", "Withdraw it"),
        (
            "Công khai chỉ còn việc thu hồi và lý do; phạm vi có thể chốt lại",
            "In public only the withdrawal and its reason remain; the scope can be finalized again",
        ),
    ),
}

APPEAL_TRANSITIONS: dict[AppealAction, Transition[A]] = {
    AppealAction.LODGE: Transition(
        {None: A.LODGED},
        By.UNIT,
        P.APPEAL_LODGE,
        ("Đề nghị phúc tra một chỉ số", "Appeal against the points of an indicator"),
        (
            "Chưa giải quyết xong thì chưa công bố chính thức được",
            "Nothing is published before it has been decided",
        ),
        (_C.RESULT_HOLDS, _C.IN_TIME),
    ),
    AppealAction.DECIDE: Transition(
        {A.LODGED: A.ACCEPTED},
        By.FINALIZER,
        P.RESULT_FINALIZE,
        ("Giải quyết đề nghị phúc tra", "Decide an appeal"),
        (
            "Chấp nhận kèm một điều chỉnh, có hiệu lực ở phiên bản kết quả sau; từ chối nêu lý do",
            "Accepted with a decision that counts in the next version of the result, or refused with a reason",
        ),
        (_C.NOT_OWN_UNIT,),
        otherwise=A.REFUSED,
    ),
    AppealAction.WITHDRAW: Transition(
        {A.LODGED: A.WITHDRAWN},
        By.UNIT,
        P.APPEAL_LODGE,
        ("Rút đề nghị phúc tra", "Take an appeal back"),
        ("Không giải quyết nữa", "It is not decided any more"),
    ),
}


class Denial(StrEnum):
    """Why an action is not possible now."""

    NOT_YOUR_ROLE = "not_your_role"
    OWN_UNIT = "own_unit"
    WRONG_STATE = "wrong_state"
    NOT_NEWEST = "not_newest"
    SCOPE_NOT_REVIEWED = "scope_not_reviewed"
    NOTHING_CHANGED = "nothing_changed"
    CHANGED_SINCE = "changed_since"
    APPEALS_UNDECIDED = "appeals_undecided"
    APPEALS_RUNNING = "appeals_running"
    NO_APPEALS = "no_appeals"
    APPEALS_OVER = "appeals_over"
    APPEALED_ALREADY = "appealed_already"


DENIAL_TEXT: dict[Denial, Words] = {
    Denial.NOT_YOUR_ROLE: (
        "Vai trò của bạn không làm việc này với kết quả này",
        "Not your role for this result",
    ),
    Denial.OWN_UNIT: ("Không ai giải quyết đề nghị của chính đơn vị mình", "Nobody decides for his own unit"),
    Denial.WRONG_STATE: ("Đang ở bước khác", "It is at another step"),
    Denial.NOT_NEWEST: ("Đã có phiên bản mới hơn", "There is a newer version"),
    Denial.SCOPE_NOT_REVIEWED: (
        "Còn hồ sơ chưa thẩm định xong",
        "Some dossiers have not passed their review",
    ),
    Denial.NOTHING_CHANGED: (
        "Không có gì thay đổi so với lần chốt trước",
        "Nothing has changed since it was finalized",
    ),
    Denial.CHANGED_SINCE: (
        "Có hồ sơ đã thay đổi sau khi chốt; chốt lại trước đã",
        "A dossier has changed since: finalize again first",
    ),
    Denial.APPEALS_UNDECIDED: ("Còn đề nghị phúc tra chưa giải quyết", "Some appeals are undecided"),
    Denial.APPEALS_RUNNING: ("Còn thời hạn đề nghị phúc tra", "The units may still appeal"),
    Denial.NO_APPEALS: (
        "Không quy định thời hạn phúc tra cho kết quả này",
        "No time for appeals was given for this result",
    ),
    Denial.APPEALS_OVER: ("Đã hết hạn đề nghị phúc tra", "The time for appeals has ended"),
    Denial.APPEALED_ALREADY: (
        "Chỉ số này đang có đề nghị phúc tra chưa giải quyết",
        "There is an undecided appeal on this indicator",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a result, or a scope that is to be finalized (`state` None), stands now.

    `is_reviewed`: no dossier is waited for. `is_changed`: finalizing would give another content than the newest
    version has. `is_outdated`: a dossier has passed with another content than this result was scored from.
    `appeals_run_until`: the end of the time for appeals against an announced version of the scope.
    """

    now: datetime
    state: R | None = None
    is_reviewed: bool = True
    is_changed: bool = True
    is_newest: bool = True
    is_outdated: bool = False
    open_appeals: int = 0
    appeals_run_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealStanding:
    """How an appeal stands now (`state` None: it is to be lodged); `due_at` is the first instant that is too late."""

    now: datetime
    state: A | None = None
    is_own_unit: bool = False
    result_state: R = R.PUBLISHED
    due_at: datetime | None = None


def denial(action: Action, holds_role: bool, at: Standing) -> Denial | None:
    """Return why an action is impossible now, or None if it is possible."""
    transition = TRANSITIONS[action]
    if not holds_role:
        return Denial.NOT_YOUR_ROLE
    if at.state not in transition.moves:
        return Denial.WRONG_STATE
    return next((why for need in transition.needs if (why := _unmet(need, at))), None)


def _unmet(condition: Condition, at: Standing) -> Denial | None:
    runs_until = at.appeals_run_until
    denied = {
        _C.REVIEWED: (not at.is_reviewed, Denial.SCOPE_NOT_REVIEWED),
        _C.CHANGED: (not at.is_changed, Denial.NOTHING_CHANGED),
        _C.NEWEST: (not at.is_newest, Denial.NOT_NEWEST),
        _C.UP_TO_DATE: (at.is_outdated, Denial.CHANGED_SINCE),
        _C.NO_OPEN_APPEALS: (at.open_appeals > 0, Denial.APPEALS_UNDECIDED),
        _C.APPEALS_OVER: (
            runs_until is not None and not is_late(at.now, runs_until),
            Denial.APPEALS_RUNNING,
        ),
    }
    is_denied, why = denied[condition]
    return why if is_denied else None


def appeal_denial(action: AppealAction, holds_role: bool, at: AppealStanding) -> Denial | None:
    """Return why an action is impossible now, or None if it is possible."""
    transition = APPEAL_TRANSITIONS[action]
    if not holds_role:
        return Denial.NOT_YOUR_ROLE
    if at.state not in transition.moves:
        return Denial.WRONG_STATE
    return next((why for need in transition.needs if (why := _appeal_unmet(need, at))), None)


def _appeal_unmet(condition: Condition, at: AppealStanding) -> Denial | None:
    if condition is _C.NOT_OWN_UNIT:
        return Denial.OWN_UNIT if at.is_own_unit else None
    if condition is _C.RESULT_HOLDS:
        return None if at.result_state in (R.ANNOUNCED, R.PUBLISHED) else Denial.WRONG_STATE
    if at.due_at is None:
        return Denial.NO_APPEALS
    return Denial.APPEALS_OVER if is_late(at.now, at.due_at) else None


def is_changed(newest: Result, sha256: str) -> bool:
    """Answer whether a scope may be finalized again: with another content, or after it was withdrawn."""
    return newest.state is R.WITHDRAWN or newest.sha256 != sha256
