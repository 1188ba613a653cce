"""What can be done with a hold on evidence, and why not. Pure."""

from enum import StrEnum

Words = tuple[str, str]  # Vietnamese, English


class Action(StrEnum):
    """What can be done with a hold."""

    RELEASE = "release"


class Denial(StrEnum):
    """Why an action is not possible now."""

    NOT_YOUR_ROLE = "not_your_role"
    RELEASED = "hold_released"


DENIAL_TEXT: dict[Denial, Words] = {
    Denial.NOT_YOUR_ROLE: ("Chỉ quản trị tỉnh gỡ được", "Only administrators of the province release it"),
    Denial.RELEASED: ("Lệnh giữ đã được gỡ", "It was released already"),
}


def denial(action: Action, holds_role: bool, *, is_released: bool) -> Denial | None:
    """Return why the action is impossible now, or None if it is possible."""
    forbidden = {Action.RELEASE: Denial.RELEASED if is_released else None}
    return forbidden[action] if holds_role else Denial.NOT_YOUR_ROLE
