"""The life of a dossier on two axes: may the unit enter figures, and whose turn it is. Pure; served as documentation.

The third axis, the result's, is in `app.results.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.accounts.permissions import Permission
from app.submissions.models import ReviewState as S

P = Permission
Words = tuple[str, str]  # Vietnamese, English


# --- entry --------------------------------------------------------------------------------------------------


class Closed(StrEnum):
    """Why the unit cannot enter figures now."""

    HANDED_IN = "handed_in"
    PASSED = "passed"
    DEADLINE = "entry_closed"


class OpenFor(StrEnum):
    """Why the unit can enter figures now."""

    IN_TIME = "in_time"
    REOPENED = "reopened"


ENTRY_TEXT: dict[Closed | OpenFor, Words] = {
    Closed.HANDED_IN: ("Hồ sơ đã gửi, đang ở đơn vị thẩm định", "The dossier is with its reviewer"),
    Closed.PASSED: ("Hồ sơ đã thẩm định xong", "The review has ended"),
    Closed.DEADLINE: ("Đã hết hạn nhập số liệu", "The time to enter figures has ended"),
    OpenFor.IN_TIME: ("Đang trong thời hạn nhập số liệu", "Figures can be entered"),
    OpenFor.REOPENED: ("Một số chỉ số được mở lại", "Some indicators were opened again"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Whether the unit may enter figures now, why, and until when.

    `indicators` None is all of them; `until` is the first instant at which it is closed, None while it is closed.
    """

    reason: Closed | OpenFor
    until: datetime | None = None
    indicators: frozenset[str] | None = None

    @property
    def is_open(self) -> bool:
        """Answer whether anything may be entered."""
        return self.until is not None

    def opens(self, indicator: str | None) -> bool:
        """Answer whether one indicator may be answered; None asks for what belongs to no indicator."""
        return self.is_open and (self.indicators is None or indicator in self.indicators)


WITH_UNIT = frozenset({S.DRAFT, S.RETURNED})


class Door(StrEnum):
    """The two states of the entry axis."""

    OPEN = "open"
    CLOSED = "closed"


# What opens and closes entry: the state follows from `entry`, this table says it in words, tests hold both together.
DOOR_MOVES: tuple[tuple[str, Door, Door, Words], ...] = (
    (
        "open_period",
        Door.CLOSED,
        Door.OPEN,
        ("Kỳ mở: đến hết hạn nộp", "The period opens: until the deadline"),
    ),
    ("deadline", Door.OPEN, Door.CLOSED, ("Hết hạn: tự đóng", "The deadline passes: it closes by itself")),
    ("submit", Door.OPEN, Door.CLOSED, ("Gửi hồ sơ", "The dossier is handed in")),
    (
        "recall",
        Door.CLOSED,
        Door.OPEN,
        ("Rút hồ sơ: đến hết hạn nộp", "It is taken back: until the deadline"),
    ),
    (
        "return",
        Door.CLOSED,
        Door.OPEN,
        ("Trả lại: đến hạn giải trình", "It is returned: until the day that was set"),
    ),
    (
        "reopen_entry",
        Door.CLOSED,
        Door.OPEN,
        (
            "Mở lại N ngày cho đơn vị hoặc vài chỉ số",
            "Opened again for N days, for the unit or some indicators",
        ),
    ),
    (
        "reopening_ends",
        Door.OPEN,
        Door.CLOSED,
        ("Hết N ngày: tự đóng", "The N days end: it closes by itself"),
    ),
    ("pass", Door.OPEN, Door.CLOSED, ("Thông qua", "The dossier passes")),
)


def entry(state: S, now: datetime, *, due_at: datetime, reopened: Mapping[str, datetime]) -> Entry:
    """Return whether a dossier is open for entry: the one lock function of the API, imports and exports.

    `due_at` ends the unit's turn: the deadline of all units, or a later one by a return or a reopening. `reopened`
    holds the indicators that were opened again and until when each: they are open whoever's turn it is, until the
    dossier has passed. A deadline is the first instant that is late (rulings 14 to 16).
    """
    if state is S.PASSED:
        return Entry(Closed.PASSED)
    if state in WITH_UNIT and now < due_at:
        return Entry(OpenFor.IN_TIME, due_at)
    still = {code: until for code, until in reopened.items() if now < until}
    if still:
        return Entry(OpenFor.REOPENED, max(still.values()), frozenset(still))
    return Entry(Closed.DEADLINE if state in WITH_UNIT else Closed.HANDED_IN)


# --- review -------------------------------------------------------------------------------------------------


class Action(StrEnum):
    """What can be done with a dossier."""

    EDIT = "edit"
    APPROVE = "approve"
    SUBMIT = "submit"
    RECALL = "recall"
    ANSWER = "answer"
    REPLY = "reply"
    CLAIM = "claim"
    CALL_IN = "call_in"
    TAKE_OVER = "take_over"
    RETURN = "return"
    ADJUST = "adjust"
    CHECK_GROUP = "check_group"
    PASS = "pass"  # noqa: S105
    REOPEN = "reopen_review"
    REOPEN_ENTRY = "reopen_entry"
    ASK = "ask_for_more"


class By(StrEnum):
    """Whose people do it: the unit's own, those of the unit that reviews it, or of any unit above (R-102)."""

    UNIT = "unit"
    REVIEWER = "reviewer"
    ABOVE = "above"


class Condition(StrEnum):
    """What must hold beside state, role and unit."""

    ENTRY_OPEN = "entry_open"
    IN_TIME = "in_time"
    RECALLABLE = "recallable"
    ANSWERED = "answered"
    LATE = "late"
    NOT_APPROVED = "not_approved"
    CLAIMANT = "claimant"
    NOT_CLAIMANT = "not_claimant"
    DECIDES = "decides"
    HAS_SEAT = "has_seat"


BY_TEXT: dict[By, Words] = {
    By.UNIT: ("Đơn vị lập hồ sơ", "The unit whose dossier it is"),
    By.REVIEWER: ("Đơn vị thẩm định", "The unit that reviews it"),
    By.ABOVE: ("Đơn vị thẩm định hoặc cấp trên của nó", "The reviewing unit, or one above it"),
}

CONDITION_TEXT: dict[Condition, Words] = {
    Condition.ENTRY_OPEN: ("Còn được nhập số liệu", "Entry is open"),
    Condition.IN_TIME: ("Nếu đang ở đơn vị thì còn thời hạn", "While it is the unit's turn: entry is open"),
    Condition.RECALLABLE: ("Chưa hết hạn nộp", "The deadline has not passed"),
    Condition.ANSWERED: ("Mọi nội dung trả lại đã được trả lời", "Every item of the return is answered"),
    Condition.LATE: ("Đã hết hạn của đơn vị", "The unit's time has ended"),
    Condition.NOT_APPROVED: ("Nội dung chưa được phê duyệt", "The content is not approved yet"),
    Condition.CLAIMANT: ("Là người đã nhận hồ sơ", "By whoever has claimed the dossier"),
    Condition.NOT_CLAIMANT: ("Không phải người đang giữ hồ sơ", "Not by whoever has claimed the dossier"),
    Condition.DECIDES: (
        "Người đã nhận hồ sơ; có hội đồng thì thành viên được giao nhóm",
        "By whoever has claimed it; where a council reviews, by the members of the group",
    ),
    Condition.HAS_SEAT: ("Thành viên hội đồng được giao nhóm", "By a council member who has the group"),
}

STATE_TEXT: dict[S, Words] = {
    S.DRAFT: ("Đang lập", "Draft"),
    S.SUBMITTED: ("Đã gửi", "Handed in"),
    S.UNDER_REVIEW: ("Đang thẩm định", "Under review"),
    S.RETURNED: ("Trả lại, chờ giải trình", "Returned for clarification"),
    S.RESUBMITTED: ("Đã gửi lại", "Handed in again"),
    S.PASSED: ("Đã thông qua", "Passed"),
}


@dataclass(frozen=True, slots=True)
class Transition:
    """From these states to those (the same one: it stays), by people of `by` who hold the permission."""

    moves: Mapping[S, S]
    by: By
    permission: P
    title: Words
    follows: Words
    needs: tuple[Condition, ...] = ()


def _stays(*states: S) -> dict[S, S]:
    return {state: state for state in states}


_HANDED_IN = (S.SUBMITTED, S.RESUBMITTED, S.UNDER_REVIEW)
_C = Condition

TRANSITIONS: dict[Action, Transition] = {
    Action.EDIT: Transition(
        _stays(S.DRAFT, S.RETURNED, *_HANDED_IN),
        By.UNIT,
        P.SUBMISSION_EDIT,
        ("Nhập, sửa số liệu", "Enter or change figures"),
        (
            "Nội dung cũ được giữ; phê duyệt cũ hết hiệu lực",
            "The old content is kept; an approval of it is stale",
        ),
        (_C.ENTRY_OPEN,),
    ),
    Action.APPROVE: Transition(
        _stays(S.DRAFT, S.RETURNED, *_HANDED_IN),
        By.UNIT,
        P.SUBMISSION_APPROVE,
        ("Lãnh đạo đơn vị phê duyệt", "The unit's leader approves"),
        ("Phê duyệt gắn với đúng nội dung này", "The approval is bound to exactly this content"),
        (_C.IN_TIME, _C.NOT_APPROVED),
    ),
    Action.SUBMIT: Transition(
        {S.DRAFT: S.SUBMITTED, S.RETURNED: S.RESUBMITTED},
        By.UNIT,
        P.SUBMISSION_SUBMIT,
        ("Gửi hồ sơ", "Hand the dossier in"),
        ("Đơn vị thẩm định được báo; hồ sơ chỉ đọc", "The reviewing unit is told; the dossier is read-only"),
        (_C.IN_TIME, _C.ANSWERED),
    ),
    Action.RECALL: Transition(
        {S.SUBMITTED: S.DRAFT, S.RESUBMITTED: S.RETURNED},
        By.UNIT,
        P.SUBMISSION_SUBMIT,
        ("Rút hồ sơ khi chưa ai nhận", "Take the dossier back while nobody has claimed it"),
        ("Đơn vị sửa rồi gửi lại trước hạn", "The unit changes it and hands it in again before the deadline"),
        (_C.RECALLABLE,),
    ),
    Action.ANSWER: Transition(
        # A draft too: one that was taken back after it was asked for more.
        _stays(S.DRAFT, S.RETURNED, *_HANDED_IN, S.PASSED),
        By.UNIT,
        P.SUBMISSION_EDIT,
        (
            "Trả lời từng nội dung được hỏi, bổ sung tài liệu",
            "Answer what was asked, item by item, with evidence",
        ),
        ("Người hỏi được báo", "Whoever asked is told"),
    ),
    Action.REPLY: Transition(
        _stays(S.UNDER_REVIEW, S.RETURNED, S.RESUBMITTED, S.PASSED),
        By.UNIT,
        P.SUBMISSION_EDIT,
        ("Ý kiến về một điều chỉnh", "Reply to a decision"),
        ("Người thẩm định được báo", "The reviewer is told"),
    ),
    Action.CLAIM: Transition(
        {S.SUBMITTED: S.UNDER_REVIEW, S.RESUBMITTED: S.UNDER_REVIEW},
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Nhận hồ sơ để thẩm định", "Claim the dossier for review"),
        ("Đơn vị không rút được nữa", "The unit can no longer take it back"),
    ),
    Action.CALL_IN: Transition(
        {S.DRAFT: S.UNDER_REVIEW, S.RETURNED: S.UNDER_REVIEW},
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Thu hồ sơ quá hạn", "Call in a dossier that is overdue"),
        (
            "Nội dung gửi gần nhất được thẩm định",
            "The content handed in last is reviewed; without one, nothing",
        ),
        (_C.LATE,),
    ),
    Action.TAKE_OVER: Transition(
        _stays(S.UNDER_REVIEW),
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Nhận thay người thẩm định khác", "Take the review over from another reviewer"),
        ("Người nhận trước được báo", "Whoever had claimed it is told"),
        (_C.NOT_CLAIMANT,),
    ),
    Action.RETURN: Transition(
        {S.UNDER_REVIEW: S.RETURNED},
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Trả lại, yêu cầu giải trình", "Return it for clarification"),
        (
            "Đơn vị trả lời từng nội dung, sửa và gửi lại",
            "The unit answers every item, corrects and hands it in again",
        ),
        (_C.CLAIMANT,),
    ),
    Action.ADJUST: Transition(
        _stays(S.UNDER_REVIEW),
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Điều chỉnh, quyết định một chỉ số", "Decide an indicator"),
        ("Đơn vị thấy quyết định và lý do", "The unit sees the decision and its reason"),
        (_C.DECIDES,),
    ),
    Action.CHECK_GROUP: Transition(
        _stays(S.UNDER_REVIEW),
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Thành viên hội đồng xác nhận xong một nhóm", "A council member has checked a group"),
        ("Đủ các nhóm thì hồ sơ được thông qua", "The dossier can pass when every group is checked"),
        (_C.HAS_SEAT,),
    ),
    Action.PASS: Transition(
        {S.UNDER_REVIEW: S.PASSED},
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Thông qua", "Pass the dossier"),
        ("Điểm thẩm định được chốt cho hồ sơ", "What counts of the dossier is settled"),
        (_C.CLAIMANT,),
    ),
    Action.REOPEN: Transition(
        {S.PASSED: S.UNDER_REVIEW},
        By.REVIEWER,
        P.REVIEW_ACT,
        ("Thẩm định lại", "Take a passed dossier up again"),
        ("Kết quả đã công bố chỉ đổi bằng phiên bản mới", "A published result changes only by a new version"),
    ),
    Action.REOPEN_ENTRY: Transition(
        _stays(S.DRAFT, S.RETURNED, *_HANDED_IN),
        By.ABOVE,
        P.REVIEW_ACT,
        (
            "Mở lại việc nhập cho một đơn vị hoặc vài chỉ số",
            "Open entry again for the unit or some indicators",
        ),
        ("Tự đóng khi hết hạn; ghi vào kết quả", "Closes by itself; noted in the result"),
    ),
    Action.ASK: Transition(
        _stays(*_HANDED_IN, S.PASSED),
        By.ABOVE,
        P.REVIEW_ACT,
        ("Yêu cầu bổ sung tài liệu", "Ask for supplementary evidence"),
        (
            "Hồ sơ ở nguyên bước; quá hạn theo chính sách",
            "The dossier stays where it is; late evidence as the policy says",
        ),
    ),
}


class Denial(StrEnum):
    """Why an action is not possible now."""

    NOT_YOUR_ROLE = "not_your_role"
    OWN_UNIT = "own_unit"
    WRONG_STATE = "wrong_state"
    HANDED_IN = "handed_in"
    PASSED = "passed"
    ENTRY_CLOSED = "entry_closed"
    NOT_OPENED = "not_opened"
    ITEMS_OPEN = "items_open"
    NOT_LATE = "not_late"
    APPROVED_ALREADY = "approved_already"
    CLAIMED_BY_ANOTHER = "claimed_by_another"
    CLAIMED_BY_YOU = "claimed_by_you"
    NOT_YOUR_GROUP = "not_your_group"
    NO_COUNCIL = "no_council"


DENIAL_TEXT: dict[Denial, Words] = {
    Denial.NOT_YOUR_ROLE: (
        "Vai trò của bạn không làm việc này với đơn vị này",
        "Not your role for this unit",
    ),
    Denial.OWN_UNIT: ("Không ai thẩm định đơn vị của chính mình", "Nobody reviews his own unit"),
    Denial.WRONG_STATE: ("Hồ sơ đang ở bước khác", "The dossier is at another step"),
    **{Denial(why.value): ENTRY_TEXT[why] for why in Closed},
    Denial.NOT_OPENED: ("Chỉ một số chỉ số được mở lại", "Only some indicators were opened again"),
    Denial.ITEMS_OPEN: (
        "Còn nội dung được yêu cầu giải trình chưa trả lời",
        "Some items of the return have no answer yet",
    ),
    Denial.NOT_LATE: ("Đơn vị còn thời hạn", "The unit still has time"),
    Denial.APPROVED_ALREADY: ("Nội dung này đã được phê duyệt", "This content is approved already"),
    Denial.CLAIMED_BY_ANOTHER: (
        "Người thẩm định khác đã nhận hồ sơ",
        "Another reviewer has claimed the dossier",
    ),
    Denial.CLAIMED_BY_YOU: ("Bạn đang giữ hồ sơ này", "You have claimed the dossier"),
    Denial.NOT_YOUR_GROUP: (
        "Hội đồng giao nhóm này cho thành viên khác",
        "The council gave this group to others",
    ),
    Denial.NO_COUNCIL: ("Hồ sơ này không do hội đồng thẩm định", "No council reviews this dossier"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the caller stands to a dossier now: everything a denial depends on.

    `groups` are the groups of indicators the council gave the caller; None where no council reviews the dossier.
    """

    state: S
    now: datetime
    entry: Entry
    due_at: datetime
    is_approved: bool
    is_answered: bool
    is_own_unit: bool
    is_claimant: bool
    groups: frozenset[str] | None = None


def denial(action: Action, holds_role: bool, standing: Standing) -> Denial | None:
    """Return why the action is impossible now, or None if it is possible."""
    transition = TRANSITIONS[action]
    if not holds_role:
        return Denial.NOT_YOUR_ROLE
    if transition.by is not By.UNIT and standing.is_own_unit:
        return Denial.OWN_UNIT
    if standing.state not in transition.moves:
        return Denial.PASSED if standing.state is S.PASSED else Denial.WRONG_STATE
    return next((why for need in transition.needs if (why := _unmet(need, standing))), None)


def _unmet(condition: Condition, at: Standing) -> Denial | None:
    """Return the denial where a condition does not hold."""
    closed = None if at.entry.is_open else Denial(at.entry.reason.value)
    groups = at.groups
    match condition:
        case Condition.ENTRY_OPEN:
            return closed
        case Condition.IN_TIME:  # asked only while it is the unit's turn
            return closed if at.state in WITH_UNIT else None
        case Condition.RECALLABLE:  # what is recalled must be able to be handed in again
            return Denial.ENTRY_CLOSED if at.now >= at.due_at else None
        case Condition.ANSWERED:
            return None if at.is_answered else Denial.ITEMS_OPEN
        case Condition.LATE:
            return Denial.NOT_LATE if at.entry.is_open else None
        case Condition.NOT_APPROVED:
            return Denial.APPROVED_ALREADY if at.is_approved else None
        case Condition.CLAIMANT:
            return None if at.is_claimant else Denial.CLAIMED_BY_ANOTHER
        case Condition.NOT_CLAIMANT:
            return Denial.CLAIMED_BY_YOU if at.is_claimant else None
        case (
            Condition.DECIDES
        ):  # with a council its members decide, without one whoever has claimed the dossier
            if groups is None:
                return None if at.is_claimant else Denial.CLAIMED_BY_ANOTHER
            return None if groups else Denial.NOT_YOUR_GROUP
        case Condition.HAS_SEAT:
            if groups is None:
                return Denial.NO_COUNCIL
            return None if groups else Denial.NOT_YOUR_GROUP


def after(action: Action, state: S) -> S:
    """Return the state an allowed action leads to."""
    return TRANSITIONS[action].moves[state]
