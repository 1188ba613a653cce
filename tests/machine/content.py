"""What dossiers say, in the small set of `set.yaml`: what is complete, what must be explained, what is undecided."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
CODES = ("1.1", "1.2", "1.3", "2.1", "2.2")
DECLARED = ("1.1", "1.2", "2.1", "2.2")  # 1.3 is the agency's
MANUAL, OWED, RATIO = "2.1", "1.3", "1.2"
VERIFIED = frozenset({"1.3", "2.2"})
VALUES = ("choice", "figures", "not_applicable")
EMPTY: Json = {"general_information": {}, "contacts": {}, "answers": {}}
PERSON = {
    "full_name": "Người phụ trách",
    "workplace": "Ủy ban nhân dân",
    "position": "Công chức",
    "phone": "0290 000 0000",
    "email": "lien-he@example.vn",
}


def merged(content: Json, patch: Json) -> Json:
    """Return content with given entries in the place of the present ones; null removes one."""
    return {
        part: {k: v for k, v in {**content[part], **(patch.get(part) or {})}.items() if v is not None}
        for part in EMPTY
    }


def is_faulty(patch: Json) -> bool:
    """Answer whether a change names what the set does not have, or what others declare."""
    answers = patch.get("answers") or {}
    return any(code not in CODES or (code == OWED and answers[code]) for code in answers)


def value(answer: Mapping[str, Any] | None) -> Json:
    """Return what an answer declares, without what only explains or proves it."""
    return {key: one for key, one in (answer or {}).items() if key in VALUES}


class Reading:
    """How one content is judged under a policy: `proof_counts` where nothing counts without evidence (004:73).

    There documents must bear two signatures too (004:57), and those of the machine bear none.
    """

    def __init__(self, content: Json, *, proof_counts: bool) -> None:
        self.content, self.answers = content, content["answers"]
        self.proof_counts = proof_counts

    def _is_answered(self, code: str) -> bool:
        answer = self.answers.get(code, {})
        if code == MANUAL:  # nothing is computed: a note or evidence says something
            return bool(value(answer) or answer.get("note") or answer.get("evidence"))
        return bool(value(answer))

    def _earns_unproved(self, code: str) -> bool:
        """Answer whether an answer claims points that no document proves."""
        answer = self.answers.get(code, {})
        if answer.get("evidence") or answer.get("not_applicable") or not self._is_answered(code):
            return False
        if self.proof_counts:
            return False  # it has 0 points already
        if code == MANUAL:
            return True
        return bool(answer["figures"]["a"]) if code == RATIO else answer["choice"] != "none"

    @property
    def is_incomplete(self) -> bool:
        """Answer whether something keeps it from being handed in (ruling 11)."""
        lacking = any(
            not self._is_answered(code) or (self._earns_unproved(code) and not self.answers[code].get("note"))
            for code in DECLARED
        )
        contact = self.content["contacts"].get("leader") or {}
        return lacking or not self.content["general_information"] or not all(contact.get(k) for k in PERSON)

    @property
    def odd(self) -> set[str]:
        """Return the indicators that look wrong without being impossible: figures (rulings 2, 3), signatures (12)."""
        unsigned = {code for code, one in self.answers.items() if self.proof_counts and one.get("evidence")}
        answer = self.answers.get(RATIO, {})
        figures = answer.get("figures")
        if not figures or (self.proof_counts and not answer.get("evidence")):
            return unsigned
        return unsigned | ({RATIO} if figures["a"] > figures["b"] or not figures["b"] else set())

    @property
    def unproved(self) -> set[str]:
        """Return the answers that claim points which no document proves."""
        return {code for code in DECLARED if self._earns_unproved(code)}

    def unexplained(self) -> set[str]:
        """Return what is odd and has no note beside it."""
        return {code for code in self.odd if not self.answers[code].get("note")}
