"""The workflow as the API shows it."""

from pydantic import Field

from app.core.http import Schema


class SaidOut(Schema):
    """A key of the API with its words."""

    key: str
    vi: str
    en: str


class MoveOut(Schema):
    """From a state to another, or to itself; `before` null: from nothing."""

    before: str | None
    after: str


class TransitionOut(Schema):
    """An action: where it leads, who does it, under which conditions, and what follows."""

    action: SaidOut
    moves: list[MoveOut]
    by: SaidOut | None = Field(description="whose people; null: it follows from time and other actions")
    permission: str | None
    roles: list[str] = Field(description="that hold the permission")
    conditions: list[SaidOut]
    follows: SaidOut | None


class AxisOut(Schema):
    """One axis of the workflow: an object is in exactly one of its states."""

    key: str
    title: SaidOut
    states: list[SaidOut]
    transitions: list[TransitionOut]
    reasons: list[SaidOut] = Field(description="why an action is denied, or the state is as it is")


class WorkflowOut(Schema):
    """The whole workflow."""

    axes: list[AxisOut]
