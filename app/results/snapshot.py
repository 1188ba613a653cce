"""What a result stores: the inputs, scores and fingerprints of a scope. Pure; for threads, as it takes seconds.

Canonical JSON: keys sorted, no spaces, UTF-8. A line's document:
    {"input": {"unit": {"id", "key", "gso", "name"}, "ranked", "revision": {"number", "content_hash"},
               "answers", "points", "not_applicable"},
     "scorecard": {"points": [exact text in the set's order], "total", "maximum", "dti", "rank", "band"}}
A result's sha256 is over its header (scope, set, policy, engine, peers) and the lines' sha256 in the order of the
units' ids, one per line of text.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from math import gcd
from typing import Any, NamedTuple
from uuid import UUID

from app.reviews.adopted import Dossier, adopted
from app.scoring.cells import extremes_of, rows_of
from app.scoring.engine import ENGINE_VERSION, Scorecard, Scores
from app.scoring.exact import exact
from app.scoring.model import IndexSet, Policy, UnitInput
from app.scoring.rules import Extremes

canonical = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode

Document = dict[str, Any]


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


def take(basis: Basis, dossiers: Iterable[Dossier]) -> Snapshot:
    """Score dossiers, given in the order of their units' ids.

    Raises: ValueError if a reviewer's points lie outside 0..maximum.
    """
    inputs: list[UnitInput] = []
    heads: list[Document] = []
    for dossier in dossiers:
        unit = adopted(basis.index_set, dossier)
        inputs.append(unit)
        heads.append(_head(dossier))
    return scored(basis, heads, inputs)


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


def scored(basis: Basis, heads: Sequence[Document], inputs: Sequence[UnitInput]) -> Snapshot:
    """Score units; `heads` say who they are and which revision counted."""
    extremes = extremes_of(basis.index_set, inputs)
    rows = rows_of(basis.index_set, basis.policy, inputs, extremes)
    scores = Scores(basis.index_set, basis.policy, inputs, rows, extremes)
    lines = []
    for i, (head, unit, row) in enumerate(zip(heads, inputs, rows, strict=True)):
        lines.append(_line(head, unit, scores, i, [_written(*cell) for cell in row]))
    peers = {code: asdict(found) for code, found in extremes.items()}
    return Snapshot(peers, lines, fingerprint(basis, peers, (line.sha256 for line in lines)))


def fingerprint(basis: Basis, peers: Document, line_hashes: Iterable[str]) -> str:
    """Return the sha256 of a result."""
    header = canonical(
        {
            "scope": str(basis.scope_id),
            "index_set": basis.index_set_sha256,
            "policy": basis.policy_sha256,
            "engine": ENGINE_VERSION,
            "peers": peers,
        }
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


def _line(head: Document, unit: UnitInput, scores: Scores, i: int, points: list[str]) -> Line:
    total, maximum, band = scores.total(i), scores.maximum(i), scores.band(i)
    dti = total / maximum * 100 if maximum else None
    card: Document = {
        "points": points,
        "total": _written(*total.as_integer_ratio()),
        "maximum": _written(*maximum.as_integer_ratio()),
        "dti": None if dti is None else _written(*dti.as_integer_ratio()),
        "rank": scores.rank(i),
        "band": band.key if band else None,
    }
    stored = head | {
        "ranked": unit.is_ranked,
        "answers": unit.answers,
        "points": {code: exact(decided) for code, decided in unit.points.items()},
        "not_applicable": sorted(unit.not_applicable),
    }
    document = canonical({"input": stored, "scorecard": card})
    who = head["unit"]
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
        document,
        sha256(document.encode()).hexdigest(),
    )


def _written(numerator: int, denominator: int) -> str:
    """Write a cell as `exact` does, without a Fraction for each of half a million."""
    common = gcd(numerator, denominator)
    try:
        if denominator == common:
            return str(numerator // common)
        return f"{numerator // common}/{denominator // common}"
    except ValueError:  # more digits than Python writes at once
        return exact(Fraction(numerator, denominator))


def _extremes(stored: Document) -> Extremes:
    return Extremes(
        stored["best"], stored["lowest"], tuple(stored["best_units"]), tuple(stored["lowest_units"])
    )
