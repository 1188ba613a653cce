"""What a result stores: the inputs, scores and fingerprints of a scope. Pure; for threads, as it takes seconds.

A line's document is JSON without spaces in UTF-8, its keys in this order:
    {"input": {"unit": {"id", "key", "gso", "name"}, "ranked", "revision": {"number", "content_hash"},
               "answers", "points", "not_applicable"},
     "scorecard": {"points": [exact text in the set's order], "total", "maximum", "dti", "rank", "band"}}
Answers stand in the set's order, without the notes and evidence that never score; their figures in the order of
jsonb, which depends on nothing but the keys. What differs in a byte differs in what was scored.
A result's sha256 is over its header (scope, set, policy, engine, peers) and the lines' sha256 in the order of the
units' ids, one per line of text.
"""

import gc
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from app.reviews.adopted import Dossier, adopted
from app.scoring.cells import extremes_of, field_of, rows_of
from app.scoring.engine import ENGINE_VERSION, Scorecard, Scores
from app.scoring.exact import exact, exact_quotient
from app.scoring.model import IndexSet, Policy, UnitInput
from app.scoring.rules import Extremes
from app.submissions.models import ReviewState

Document = dict[str, Any]
_KEEPS_LOCK_BYTES = 2047


@dataclass(frozen=True, slots=True)
class Basis:
    """What a scope is measured by; the fingerprints are those of the stored set and policy."""

    scope_id: UUID
    index_set: IndexSet
    index_set_sha256: str
    policy: Policy
    policy_sha256: str


class Line(NamedTuple):
    """A row of `result_line` without its result."""

    unit_id: UUID
    unit_key: str
    gso_code: str | None
    unit_name: str
    is_ranked: bool
    rank: int | None
    total: str
    maximum: str
    dti: str | None
    band: str | None
    document: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scored scope: the extremes of the peers, the lines by unit id and the fingerprint of it all."""

    peers: Document
    lines: list[Line]
    sha256: str


class Seen(NamedTuple):
    """A dossier of the scope and whose turn it is with it."""

    unit_id: UUID
    unit_name: str
    is_ranked: bool
    state: ReviewState


class Taking:
    """A snapshot in the making: dossiers are added in the order of their units' ids."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self.seen: list[Seen] = []
        self._inputs: list[UnitInput] = []
        self._heads: list[Document] = []

    @property
    def waiting(self) -> list[Seen]:
        """The dossiers that have not passed their review."""
        return [one for one in self.seen if one.state is not ReviewState.PASSED]

    def add(self, dossiers: Iterable[Dossier]) -> None:
        """Take dossiers in; their JSON is read here."""
        for dossier in dossiers:
            self.seen.append(Seen(dossier.unit_id, dossier.unit_name, dossier.is_ranked, dossier.state))
            self._inputs.append(adopted(self.basis.index_set, dossier))
            self._heads.append(_head(dossier))

    def finish(self) -> Snapshot:
        """Score what was added, once.

        Raises: ValueError if a reviewer's points lie outside 0..maximum.
        """
        return scored(self.basis, self._heads, self._inputs)


def retake(basis: Basis, documents: Iterable[Document]) -> Snapshot:
    """Score again what a result stored, given in the order of the units' ids."""
    heads, inputs = [], []
    for document in documents:
        stored = document["input"]
        heads.append({key: stored[key] for key in ("unit", "revision")})
        inputs.append(input_of(document))
    return scored(basis, heads, inputs)


def input_of(document: Document) -> UnitInput:
    """Return what a stored line was scored from."""
    stored = document["input"]
    return UnitInput(
        key=stored["unit"]["id"],
        is_ranked=stored["ranked"],
        answers=stored["answers"],
        points={code: Fraction(points) for code, points in stored["points"].items()},
        not_applicable=frozenset(stored["not_applicable"]),
    )


def scored(basis: Basis, heads: list[Document], inputs: list[UnitInput]) -> Snapshot:
    """Score units; `heads` say who they are and which revision counted. Empties both lists."""
    extremes = extremes_of(basis.index_set, inputs)
    rows = rows_of(basis.index_set, basis.policy, inputs, extremes)
    scores = Scores(basis.index_set, basis.policy, inputs, rows, extremes)
    fields = [(row.code, field_of(row)) for row in basis.index_set.indicators]
    lines = []
    for i, (head, unit, row) in enumerate(zip(heads, inputs, rows, strict=True)):
        lines.append(_line(head, unit, scores, i, fields, [exact_quotient(*cell) for cell in row]))
    peers = {code: asdict(found) for code, found in extremes.items()}
    # Freed one by one: to free a million objects at once would keep every other thread waiting.
    for emptied in (rows, inputs, heads):
        while emptied:
            emptied.pop()
    return Snapshot(peers, lines, fingerprint(basis, peers, (line.sha256 for line in lines)))


def fingerprint(basis: Basis, peers: Document, line_hashes: Iterable[str]) -> str:
    """Return the sha256 of a result."""
    header = json.dumps(
        {
            "scope": str(basis.scope_id),
            "index_set": basis.index_set_sha256,
            "policy": basis.policy_sha256,
            "engine": ENGINE_VERSION,
            "peers": peers,
        },
        sort_keys=True,
    )
    return sha256("\n".join([header, *line_hashes]).encode()).hexdigest()


def card_of(basis: Basis, peers: Document, document: Document, lang: str) -> Scorecard:
    """Explain one stored line: its points are the stored ones, the words are made by the engine.

    The rank of the card means nothing: the unit stands alone here.
    """
    extremes = {code: _extremes(stored) for code, stored in peers.items()}
    points = [Fraction(text).as_integer_ratio() for text in document["scorecard"]["points"]]
    return Scores(basis.index_set, basis.policy, [input_of(document)], [points], extremes).card(0, lang)


def _head(dossier: Dossier) -> Document:
    return {
        "unit": {
            "id": str(dossier.unit_id),
            "key": dossier.unit_key,
            "gso": dossier.gso_code,
            "name": dossier.unit_name,
        },
        "revision": {"number": dossier.revision_number, "content_hash": dossier.content_hash},
    }


def _line(
    head: Document, unit: UnitInput, scores: Scores, i: int, fields: list[tuple[str, str]], points: list[str]
) -> Line:
    total, maximum, band = scores.total(i), scores.maximum(i), scores.band(i)
    dti = total / maximum * 100 if maximum else None
    card: Document = {
        "points": points,
        "total": exact_quotient(*total.as_integer_ratio()),
        "maximum": exact_quotient(*maximum.as_integer_ratio()),
        "dti": None if dti is None else exact_quotient(*dti.as_integer_ratio()),
        "rank": scores.rank(i),
        "band": band.key if band else None,
    }
    who = head["unit"]
    stored = {
        "unit": who,
        "ranked": unit.is_ranked,
        "revision": head["revision"],
        "answers": _scored_answers(unit.answers, fields),
        "points": {code: exact(unit.points[code]) for code in sorted(unit.points)},
        "not_applicable": sorted(unit.not_applicable),
    }
    document = to_json({"input": stored, "scorecard": card})
    return Line(
        UUID(who["id"]),
        who["key"],
        who["gso"],
        who["name"],
        unit.is_ranked,
        card["rank"],
        card["total"],
        card["maximum"],
        card["dti"],
        card["band"],
        document.decode(),
        _sha256(document),
    )


def _sha256(document: bytes) -> str:
    """Hash in pieces for which hashlib keeps the interpreter's lock.

    Letting it go for microseconds, thousands of times, keeps every other thread from ever getting it.
    """
    hashed = sha256()
    for start in range(0, len(document), _KEEPS_LOCK_BYTES):
        hashed.update(document[start : start + _KEEPS_LOCK_BYTES])
    return hashed.hexdigest()


def _scored_answers(answers: Mapping[str, Mapping[str, Any]], fields: list[tuple[str, str]]) -> Document:
    """Return what scoring reads of the answers: the value of the rule's field, then claims that there is none."""
    found: Document = {
        code: {field: answers[code][field]}
        for code, field in fields
        if code in answers and field in answers[code]
    }
    if len(found) < len(answers):
        found |= {code: {"not_applicable": True} for code in sorted(answers.keys() - found.keys())}
    return found


@contextmanager
def not_collecting() -> Iterator[None]:
    """Keep the garbage collector from going through half a million new objects again and again.

    It would find nothing, take longer than the scoring, and keep every other thread waiting each time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _extremes(stored: Document) -> Extremes:
    return Extremes(
        stored["best"], stored["lowest"], tuple(stored["best_units"]), tuple(stored["lowest_units"])
    )
