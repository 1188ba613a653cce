"""Which documents count in the end, decision after decision. Pure."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.catalogue.files import catalogue
from app.reviews.adopted import Dossier, adopted
from app.reviews.settled import settle, whole_input
from app.scoring.model import IndexSet, Policy
from app.submissions.models import ReviewState

CODE = "1.1"
ANSWER = {"choice": "chaired_by_head", "evidence": ["a", "b"]}
ALL: dict[str, Any] = {"disallowed": ["a", "b"]}
ONE: dict[str, Any] = {"disallowed": ["a"]}
NONE: dict[str, Any] = {"disallowed": []}
LATE: dict[str, Any] = {"late": True}
REPLACED = ("answer", {"choice": "chaired_by_head"})
KEPT: tuple[str, dict[str, Any]] = ("as_declared", {})
STRICT = Policy("strict", missing_evidence="zero")


def index_set() -> IndexSet:
    return catalogue().sets["camau-2023-xa"].scored


def dossier(decisions: list[tuple[str, Any]], answer: dict[str, Any] = ANSWER) -> Dossier:
    """Return a dossier with one answer and what was decided about it, the latest last."""
    return Dossier(
        unit_id=UUID(int=1),
        unit_key="u",
        gso_code=None,
        unit_name="U",
        is_ranked=True,
        state=ReviewState.UNDER_REVIEW,
        was_reviewed=False,
        revision_number=1,
        content_hash="-",
        settled=None,
        answers=json.dumps({CODE: answer}),
        decisions=json.dumps([[CODE, kind, value, "lý do"] for kind, value in decisions]),
        official=None,
    )


@pytest.mark.parametrize(
    ("decisions", "is_proved"),
    [
        ([], True),
        ([("evidence", ALL)], False),
        ([("evidence", ONE)], True),
        ([("evidence", ALL), ("evidence", NONE)], True),
        ([("evidence", NONE), ("evidence", ALL)], False),
        ([("evidence", LATE)], False),
        ([("evidence", LATE), ("evidence", NONE)], True),
        ([("evidence", ONE), ("evidence", LATE)], False),
        ([("evidence", ALL), REPLACED], True),
        ([REPLACED, ("evidence", ALL)], False),
        ([("evidence", LATE), REPLACED], True),
        ([("evidence", ALL), KEPT], False),
        ([("evidence", ALL), REPLACED, KEPT], False),
        ([("evidence", {"disallowed": ["x"]})], True),
    ],
)
def test_the_latest_decision_on_documents_holds_until_the_reviewer_answers_himself(
    decisions: list[tuple[str, Any]], is_proved: bool
) -> None:
    found = adopted(index_set(), STRICT, dossier(decisions))
    assert (CODE not in found.without_evidence) is is_proved
    assert [one.kind for one in found.decisions.get(CODE, ())] == [kind for kind, _ in decisions]


def test_a_document_added_since_counts_but_nothing_added_to_what_was_late() -> None:
    more = ANSWER | {"evidence": ["a", "b", "c"]}
    assert not adopted(index_set(), STRICT, dossier([("evidence", ALL)], more)).without_evidence
    assert adopted(index_set(), STRICT, dossier([("evidence", LATE)], more)).without_evidence == {CODE}


def test_a_decision_on_documents_takes_no_other_decision_back() -> None:
    found = adopted(index_set(), STRICT, dossier([("points", {"points": "7/2"}), ("evidence", NONE)]))
    assert found.points == {CODE: 7 / 2}
    accepted = ("not_applicable", {"accepted": True})
    claimed = dossier([accepted, ("evidence", NONE)], {"not_applicable": True, "reason": "Không phát sinh"})
    assert adopted(index_set(), STRICT, claimed).not_applicable == {CODE}


def test_elsewhere_the_want_of_documents_is_not_counted() -> None:
    assert not adopted(index_set(), Policy("plain"), dossier([("evidence", ALL)])).without_evidence


def test_what_is_settled_is_read_again_as_it_was_written() -> None:
    found = adopted(index_set(), STRICT, dossier([("evidence", ALL), REPLACED, ("evidence", LATE)]))
    settled = json.loads(settle(index_set(), found))
    again = whole_input(index_set(), settled, found.key, is_ranked=True, is_reviewed=True)
    assert (again.without_evidence, again.decisions) == (found.without_evidence, found.decisions)
