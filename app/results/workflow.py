"""The whole workflow as documentation: the axes with their states, transitions and reasons. Pure."""

from collections.abc import Mapping
from typing import Any

from app.accounts.permissions import ROLE_PERMISSIONS, Permission
from app.results import rules as results
from app.results.models import ResultState
from app.results.workflow_schemas import AxisOut, MoveOut, SaidOut, TransitionOut, WorkflowOut
from app.submissions import rules as dossiers

Words = tuple[str, str]
Texts = Mapping[Any, Words]


def said(key: str, words: Words) -> SaidOut:
    """Return a key with its words in both languages."""
    return SaidOut(key=key, vi=words[0], en=words[1])


def workflow() -> WorkflowOut:
    """Return every axis as the API shows it."""
    return WorkflowOut(axes=[_entry(), _review(), _result(), _appeal()])


def _entry() -> AxisOut:
    """Entry follows from the time and the other axes: nobody sets it, so its moves have no permission."""
    states = {
        dossiers.Door.OPEN: ("Được nhập số liệu", "Figures can be entered"),
        dossiers.Door.CLOSED: ("Đã khóa nhập", "Entry is closed"),
    }
    return AxisOut(
        key="entry",
        title=SaidOut(key="entry", vi="Nhập số liệu", en="Entry"),
        states=[said(key, words) for key, words in states.items()],
        transitions=[
            TransitionOut(
                action=said(key, words),
                moves=[MoveOut(before=before, after=after)],
                by=None,
                permission=None,
                roles=[],
                conditions=[],
                follows=None,
            )
            for key, before, after, words in dossiers.DOOR_MOVES
        ],
        reasons=[said(key, words) for key, words in dossiers.ENTRY_TEXT.items()],
    )


def _review() -> AxisOut:
    return AxisOut(
        key="review",
        title=SaidOut(key="review", vi="Thẩm định hồ sơ", en="Review of a dossier"),
        states=[said(key, words) for key, words in dossiers.STATE_TEXT.items()],
        transitions=_transitions(dossiers.TRANSITIONS, dossiers.BY_TEXT, dossiers.CONDITION_TEXT),
        reasons=[said(key, words) for key, words in dossiers.DENIAL_TEXT.items()],
    )


def _result() -> AxisOut:
    return AxisOut(
        key="result",
        title=SaidOut(key="result", vi="Kết quả", en="Result"),
        states=[said(key, words) for key, words in results.STATE_TEXT.items()],
        transitions=_transitions(results.TRANSITIONS, results.BY_TEXT, results.CONDITION_TEXT),
        reasons=[said(key, words) for key, words in results.DENIAL_TEXT.items()],
    )


def _appeal() -> AxisOut:
    return AxisOut(
        key="appeal",
        title=SaidOut(key="appeal", vi="Phúc tra", en="Appeal"),
        states=[said(key, words) for key, words in results.APPEAL_STATE_TEXT.items()],
        transitions=_transitions(results.APPEAL_TRANSITIONS, results.BY_TEXT, results.CONDITION_TEXT),
        reasons=[],
    )


def _transitions(table: Mapping[Any, Any], by: Texts, conditions: Texts) -> list[TransitionOut]:
    """Return a transition table as the API shows it."""
    return [
        TransitionOut(
            action=said(action, row.title),
            moves=_moves(row),
            by=said(row.by, by[row.by]),
            permission=row.permission,
            roles=_roles(row.permission),
            conditions=[said(need, conditions[need]) for need in row.needs],
            follows=said(action, row.follows),
        )
        for action, row in table.items()
    ]


def _moves(row: Any) -> list[MoveOut]:
    """Return where an action leads: what it is done with, and the earlier results that it supersedes."""
    ends = [*row.moves.items()]
    if getattr(row, "otherwise", None) is not None:
        ends += [(before, row.otherwise) for before in row.moves]
    ends += [(state, ResultState.SUPERSEDED) for state in sorted(getattr(row, "supersedes", ()))]
    return [MoveOut(before=before, after=after) for before, after in ends]


def _roles(permission: Permission) -> list[str]:
    return [role for role, held in ROLE_PERMISSIONS.items() if permission in held]
