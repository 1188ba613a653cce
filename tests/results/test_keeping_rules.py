"""Why bytes stay, and when they may go: the decisions alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.catalogue.files import catalogue
from app.catalogue.policy_schemas import PolicyFile
from app.results.keeping_rules import Fate, Goes, Standing, Stays, fate_of, fate_of_file, kept_until
from tests.conftest import START

GRACE = timedelta(days=30)
SECOND = timedelta(seconds=1)
LATER = START + timedelta(days=400)


def standing(**changes: Any) -> Standing:
    """Return how an uncited document stands that was uploaded at the start."""
    return Standing(**{"idle_from": START} | changes)


@pytest.mark.parametrize(
    ("seconds", "fate"), [(-1, Stays.IN_GRACE), (0, Goes.NEVER_CITED), (1, Goes.NEVER_CITED)]
)
def test_what_nothing_cites_goes_when_its_grace_has_ended(seconds: int, fate: Fate) -> None:
    assert fate_of(standing(), START + GRACE + seconds * SECOND, GRACE) is fate


@pytest.mark.parametrize(
    ("seconds", "fate"), [(-1, Stays.TERM_RUNS), (0, Goes.TERM_OVER), (1, Goes.TERM_OVER)]
)
def test_what_was_cited_goes_when_its_term_has_ended(seconds: int, fate: Fate) -> None:
    cited = standing(is_cited=True, kept_until=LATER)
    assert fate_of(cited, LATER + seconds * SECOND, GRACE) is fate


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ({"is_cited": True}, Stays.CITED),
        ({"is_held": True}, Stays.HELD),
        ({"is_held": True, "is_cited": True, "kept_until": START}, Stays.HELD),
        ({"is_leaned_on": True, "is_cited": True, "kept_until": START}, Stays.RESULT_LEANS),
        ({"is_leaned_on": True, "is_cited": True, "is_held": True}, Stays.RESULT_LEANS),
    ],
)
def test_a_term_a_hold_or_a_result_keeps_it_however_old_it_is(changes: dict[str, Any], fate: Fate) -> None:
    assert fate_of(standing(**changes), LATER, GRACE) is fate


@pytest.mark.parametrize(
    ("documents", "fate"),
    [
        ([], Goes.NO_DOCUMENT),
        ([Goes.NEVER_CITED, Goes.TERM_OVER], Goes.NEVER_CITED),
        ([Goes.NEVER_CITED, Stays.IN_GRACE], Stays.IN_GRACE),
        ([Goes.TERM_OVER, Stays.CITED, Stays.HELD], Stays.HELD),
    ],
)
def test_bytes_go_only_when_every_document_lets_them_go(documents: list[Fate], fate: Fate) -> None:
    assert fate_of_file(documents, START, LATER) is fate


@pytest.mark.parametrize(
    ("seconds", "fate"), [(-1, Stays.TOUCHED), (0, Goes.NO_DOCUMENT), (1, Goes.NO_DOCUMENT)]
)
def test_nothing_goes_within_a_day_of_its_last_upload(seconds: int, fate: Fate) -> None:
    assert fate_of_file([], START, START + timedelta(days=1) + seconds * SECOND) is fate


def test_a_term_is_counted_from_the_end_of_the_year() -> None:
    policy = catalogue().policies["camau-2023"].out
    assert kept_until(policy, 2023) is None
    term = {"keep_evidence": {"years": 5, "source": "ví dụ"}}
    kept = PolicyFile.model_validate(policy.model_dump(mode="json") | term)
    assert kept_until(kept, 2023) == datetime(2028, 12, 31, 17, tzinfo=UTC)


@pytest.mark.parametrize("years", [0, 201, "5", 2.5, None])
def test_a_term_is_a_number_of_years(years: Any) -> None:
    written = catalogue().policies["camau-2023"].out.model_dump(mode="json")
    with pytest.raises(ValueError, match="keep_evidence"):
        PolicyFile.model_validate(written | {"keep_evidence": {"years": years, "source": "ví dụ"}})


@pytest.mark.parametrize(
    ("key", "sha256"),
    [
        ("camau-2023", "8377e4b15d8bc1785444ea8b81df1ff22306d48bf5de55e72e6175efc89cdef0"),
        ("brvt-2022", "175c507ac7b4d6ad2e573a51c402a3da6905ff39dfcbb21fa2194f3eef58734c"),
    ],
)
def test_a_policy_without_a_term_has_the_fingerprint_it_had_before_there_were_terms(
    key: str, sha256: str
) -> None:
    policy = catalogue().policies[key]
    assert (policy.out.keep_evidence, policy.sha256) == (None, sha256)
