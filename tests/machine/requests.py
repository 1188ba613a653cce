"""Turns as requests: where they go, and what is sent."""

from typing import Any

from tests.machine.bodies import NOTE, REASON

_PATHS = {
    "edit": "",
    "call_in": "/call-in",
    "take_over": "/take-over",
    "ask_for_more": "/supplements",
    "adjust": "/adjustments",
    "reopen_review": "/reopen-review",
    "reopen_entry": "/reopen-entry",
    "answer": "/clarifications/{to}/answers",
    "reply": "/adjustments/{to}/replies",
}
# Turns whose answer is the dossier as it has become.
SHOWS_DOSSIER = frozenset(
    {"edit", "approve", "submit", "recall", "claim", "call_in", "take_over", "pass", "reopen_review"}
)
PLAYED = (*SHOWS_DOSSIER, "return", "adjust", "answer", "reply", "reopen_entry", "ask_for_more")

_DOSSIER = {"submission", "audit_event", "idempotency_record", "outbox_event"}
# The tables an acknowledged turn writes, and those it may write as well.
WRITES: dict[str, tuple[set[str], set[str]]] = {
    **dict.fromkeys(PLAYED, (_DOSSIER, set())),
    "edit": ({"submission", "submission_revision", "audit_event"}, {"outbox_event"}),
    "submit": (_DOSSIER, {"readiness_note"}),
    "pass": (_DOSSIER, {"readiness_note", "adjustment"}),
    "call_in": (_DOSSIER, {"submission_revision"}),
    "reopen_review": (_DOSSIER, {"submission_revision"}),
    "return": (_DOSSIER | {"clarification"}, set()),
    "ask_for_more": (_DOSSIER | {"clarification"}, set()),
    "answer": (_DOSSIER | {"clarification_answer"}, {"submission_revision"}),
    "adjust": (_DOSSIER | {"adjustment"}, set()),
    "reopen_entry": (_DOSSIER | {"entry_reopening"}, set()),
    "reply": ((_DOSSIER - {"submission"}) | {"adjustment_reply"}, set()),
}


def path(turn: str, submission_id: str, body: Any) -> str:
    """Return where a turn is sent."""
    verb = _PATHS.get(turn, f"/{turn}")
    return f"/submissions/{submission_id}" + (verb.format(**body) if "{" in verb else verb)


def sent(turn: str, body: Any) -> Any:
    """Return the JSON of a turn; None: nothing is sent."""
    match turn:
        case "submit" | "pass":
            return {"note": body} if body else None
        case "call_in" | "take_over" | "reopen_review":
            return {"reason": REASON}
        case "return" | "ask_for_more":
            return body | {"reason": REASON, "due_on": body["due_on"].isoformat()}
        case "answer":
            return {"item": body["item"], "evidence": body["evidence"], "text": NOTE}
        case "reply":
            return {"text": NOTE}
        case "reopen_entry":
            return body | {"reason": REASON}
    return body
