"""What becomes of stored bytes: why they stay, and when they may go. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.catalogue.policy_schemas import PolicyFile
from app.periods.rules import end_of, is_late

UNTOUCHED = timedelta(days=1)  # somebody may be uploading the same bytes right now


class Stays(StrEnum):
    """Why bytes stay; of several reasons the first one here is told."""

    RESULT_LEANS = "a_result_leans_on_it"
    HELD = "on_hold"
    CITED = "cited_and_kept_for_ever"
    TERM_RUNS = "cited_and_its_term_runs"
    IN_GRACE = "not_cited_but_young"
    TOUCHED = "uploaded_within_a_day"


class Goes(StrEnum):
    """Why bytes may go."""

    NO_DOCUMENT = "no_document"
    NEVER_CITED = "never_cited"
    TERM_OVER = "term_over"


Fate = Stays | Goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a document stands; `kept_until` is the first instant after its term, None where it is kept for ever.

    `idle_from` is when its grace begins, if nothing cites it: once it was there and the period's review should be over.

    A result leans on it if one that was ever announced or published, or may be yet, was made from what cites it.
    """

    idle_from: datetime
    is_held: bool = False
    is_cited: bool = False
    is_leaned_on: bool = False
    kept_until: datetime | None = None


def kept_until(policy: PolicyFile, year: int) -> datetime | None:
    """Return the first instant after the term of a year's evidence, None where it is kept for ever."""
    term = policy.keep_evidence
    return None if term is None else end_of(date(year + term.years, 12, 31))


def fate_of(document: Standing, now: datetime, grace: timedelta) -> Fate:
    """Return what may become of a document's bytes, as far as this document goes."""
    if document.is_leaned_on:
        return Stays.RESULT_LEANS
    if document.is_held:
        return Stays.HELD
    if not document.is_cited:
        return Goes.NEVER_CITED if is_late(now, document.idle_from + grace) else Stays.IN_GRACE
    if document.kept_until is None:
        return Stays.CITED
    return Goes.TERM_OVER if is_late(now, document.kept_until) else Stays.TERM_RUNS


def fate_of_file(documents: Sequence[Fate], touched_at: datetime, now: datetime) -> Fate:
    """Return what becomes of bytes: they go when all documents that have them let them go."""
    for why in Stays:
        if why in documents:
            return why
    if not is_late(now, touched_at + UNTOUCHED):
        return Stays.TOUCHED
    return documents[0] if documents else Goes.NO_DOCUMENT
