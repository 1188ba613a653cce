"""What a result stores: the inputs, scores and fingerprints of a scope. Pure; for threads, as it takes seconds.

A line's document is JSON without spaces in UTF-8, its keys in this order:
    {"input": {"unit": {"id", "key", "gso", "name"}, "ranked", "reviewed", "revision": {"number", "content_hash"},
               "settled"},
     "scorecard": {"points", "total", "maximum", "dti", "rank", "band"}}
`settled` is what was scored (see `app.reviews.settled`). The points of the scorecard are those people see, counted in
the last digit they see; total, maximum and DTI are exact text. What differs in a byte differs in what was scored.
A result's sha256 is over its header (scope, set, policy, engine, peers) and the lines' sha256 in the order of the
units' ids, one per line of text.
"""

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json, to_json

from app.reviews.adopted import Dossier, adopted
from app.reviews.settled import columns_from, scored_input, settle, whole_input
from app.scoring.engine import ENGINE_VERSION, Scorecard, Scores, score_against, score_columns
from app.scoring.exact import exact, shown
from app.scoring.model import IndexSet, Policy, UnitInput
from app.scoring.rules import PeerFacts
from app.submissions.models import ReviewState

Document = dict[str, Any]
_KEEPS_LOCK_BYTES = 2047
_BATCH = 256  # lines made at a time


@dataclass(frozen=True, slots=True)
class Basis:
    """What a scope is measured by; the fingerprints are those of the stored set and policy.

    `defaults_unreviewed`: dossiers that nobody reviewed in time count, with 0 points (D-112).
    """

    scope_id: UUID
    index_set: IndexSet
    index_set_sha256: str
    policy: Policy
    policy_sha256: str
    defaults_unreviewed: bool = False


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


class Named(NamedTuple):
    """Who a unit is, how it takes part, and which revision of its dossier counted."""

    id: str
    key: str
    gso: str | None
    name: str
    is_ranked: bool
    is_reviewed: bool
    revision: Document


class Inputs(NamedTuple):
    """What is scored, unit by unit and column by column, and the text of it that is stored."""

    names: list[Named]
    texts: list[bytes]
    columns: list[list[Any]]
    units: list[UnitInput]


class Seen(NamedTuple):
    """A dossier of the scope, whose turn it is with it, and whether it has ever passed its review."""

    unit_id: UUID
    unit_name: str
    is_ranked: bool
    state: ReviewState
    was_reviewed: bool


class Taking:
    """A snapshot in the making: dossiers are added in the order of their units' ids.

    What is scored of the answers, and the text of it that is stored, are made as the dossiers come: afterwards the
    answers would have to be fetched from all over the memory again, and would fill it meanwhile.
    """

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self.seen: list[Seen] = []
        self._taken = Inputs([], [], [[] for _ in basis.index_set.indicators], [])

    @property
    def waiting(self) -> list[Seen]:
        """The dossiers that finalization waits for: not passed, and not given 0 points for it by the policy.

        A review that was taken up again did take place: it is waited for in any case.
        """
        return [one for one in self._open if one.was_reviewed or not self.basis.defaults_unreviewed]

    @property
    def defaulted(self) -> list[Seen]:
        """The dossiers that nobody reviewed in time, and that count with 0 points."""
        return [one for one in self._open if self.basis.defaults_unreviewed and not one.was_reviewed]

    @property
    def _open(self) -> list[Seen]:
        return [one for one in self.seen if one.state is not ReviewState.PASSED]

    def add(self, dossiers: Iterable[Dossier]) -> None:
        """Take dossiers in; their JSON is read here."""
        dossiers = list(dossiers)
        self.seen += [
            Seen(one.unit_id, one.unit_name, one.is_ranked, one.state, one.was_reviewed) for one in dossiers
        ]
        self.put([(_named(one), self._settled(one)) for one in dossiers])

    def put(self, settled: list[tuple[Named, bytes]]) -> None:
        """Take in who units are, and what is settled about each."""
        taken = self._taken
        rows = []
        for named, text in settled:
            read = from_json(text)
            rows.append(read["values"] if named.is_reviewed else [None] * len(read["values"]))
            taken.names.append(named)
            taken.texts.append(text)
            taken.units.append(
                scored_input(read, named.id, is_ranked=named.is_ranked, is_reviewed=named.is_reviewed)
            )
        for column, some in zip(taken.columns, columns_from(self.basis.index_set, rows), strict=True):
            column.extend(some)

    def _settled(self, dossier: Dossier) -> bytes:
        """Return what the review of a dossier ended with; where it has not, what counts as things stand."""
        if dossier.settled is not None:
            return dossier.settled.encode()
        index_set, policy = self.basis.index_set, self.basis.policy
        return settle(index_set, adopted(index_set, policy, dossier))

    def finish(self) -> "Snapshot":
        """Score what was added, once.

        Raises: ValueError if a reviewer's points lie outside 0..maximum.
        """
        return Snapshot(self.basis, self._taken)


class Snapshot:
    """A scored scope. Its lines are made batch by batch, once, and its fingerprint is known after the last of them.

    So they can be stored while the next ones are made, and are never all there at once.
    """

    def __init__(self, basis: Basis, taken: Inputs) -> None:
        self._basis, self._taken = basis, taken
        self._scores = score_columns(basis.index_set, basis.policy, taken.units, taken.columns)
        self._hashes: list[str] = []
        self.peers: Document = {code: asdict(facts) for code, facts in self._scores.peers.items()}

    def batches(self) -> Iterator[list[Line]]:
        """Make the lines by unit id, some hundred at a time; afterwards the scores are gone."""
        taken = self._taken
        inputs = [*zip(taken.names, taken.texts, strict=True)]
        for start in range(0, len(inputs), _BATCH):
            some = enumerate(inputs[start : start + _BATCH], start)
            lines = [_line(*one, self._scores, i) for i, one in some]
            self._hashes += [line.sha256 for line in lines]
            yield lines
        # Freed one by one: to free a million objects at once would keep every other thread waiting.
        held: list[list[Any]] = [inputs, taken.names, taken.texts, taken.units, *taken.columns]
        for emptied in (*held, *self._scores.cells()):
            while emptied:
                emptied.pop()

    @property
    def units(self) -> int:
        """Return how many lines have been made."""
        return len(self._hashes)

    @property
    def sha256(self) -> str:
        """Return the fingerprint of the result, once all lines have been made."""
        return fingerprint(self._basis, self.peers, self._hashes)


def retake(basis: Basis, documents: Iterable[Document]) -> tuple[Snapshot, list[Line]]:
    """Score again what a result stored, given in the order of the units' ids; give all lines."""
    taking = Taking(basis)
    taking.put([_taken_again(basis.index_set, document["input"]) for document in documents])
    snapshot = taking.finish()
    return snapshot, lines_of(snapshot)


def lines_of(snapshot: Snapshot) -> list[Line]:
    """Make all lines of a snapshot."""
    return [line for lines in snapshot.batches() for line in lines]


def input_of(index_set: IndexSet, stored: Document) -> UnitInput:
    """Return what a stored line was scored from; `stored` is the input of its document."""
    key, is_ranked = stored["unit"]["id"], stored["ranked"]
    if "settled" in stored:
        settled, is_reviewed = stored["settled"], stored["reviewed"]
        return whole_input(index_set, settled, key, is_ranked=is_ranked, is_reviewed=is_reviewed)
    return UnitInput(  # of engine 1
        key=key,
        is_ranked=is_ranked,
        answers=stored["answers"],
        points={code: Fraction(points) for code, points in stored["points"].items()},
        not_applicable=frozenset(stored["not_applicable"]),
    )


def _taken_again(index_set: IndexSet, stored: Document) -> tuple[Named, bytes]:
    named = Named(
        **stored["unit"],
        is_ranked=stored["ranked"],
        is_reviewed=stored.get("reviewed", True),
        revision=stored["revision"],
    )
    settled = stored.get("settled")
    return named, to_json(settled) if settled else settle(index_set, input_of(index_set, stored))


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


def card_of(
    basis: Basis, peers: Document, document: Document, lang: str, *, in_public: bool = False
) -> Scorecard:
    """Explain one stored line. The rank of the card means nothing: the unit stands alone here.

    Points are made again, exactly, but what people see is what was stored, should another engine round another way.
    `in_public` leaves out the reasons that people wrote: they may name persons.
    """
    known = {code: PeerFacts(**facts) for code, facts in peers.items()}
    unit = input_of(basis.index_set, document["input"])
    if in_public:
        unit = _without_reasons(unit)
    card = score_against(basis.index_set, basis.policy, [unit], known).card(0, lang)
    digits = basis.policy.digits
    stored = [stored_points(points, digits) for points in document["scorecard"]["points"]]
    lines = (
        line
        if line.shown == shown(points, digits)
        else replace(line, points=points, shown=shown(points, digits))
        for line, points in zip(card.lines, stored, strict=True)
    )
    return replace(card, lines=tuple(lines))


def _without_reasons(unit: UnitInput) -> UnitInput:
    said = {
        code: tuple(replace(one, reason="") for one in decisions)
        for code, decisions in unit.decisions.items()
    }
    return replace(unit, decisions=said)


def stored_points(points: int | str, digits: int) -> Fraction:
    """Read the points of a stored cell: as people see them, or exact text in results of engine 1."""
    return Fraction(points) if isinstance(points, str) else Fraction(points, 10**digits)


def _named(dossier: Dossier) -> Named:
    return Named(
        str(dossier.unit_id),
        dossier.unit_key,
        dossier.gso_code,
        dossier.unit_name,
        dossier.is_ranked,
        dossier.state is ReviewState.PASSED,
        {"number": dossier.revision_number, "content_hash": dossier.content_hash},
    )


def _line(named: Named, settled: bytes, scores: Scores, i: int) -> Line:
    band = scores.band(i)
    total, maximum, dti = _known(scores.total(i)), _known(scores.maximum(i)), exact(scores.dti(i))
    rank, band_key = scores.rank(i), band.key if band else None
    card: Document = {
        "points": scores.rounded_points(i),
        "total": total,
        "maximum": maximum,
        "dti": dti,
        "rank": rank,
        "band": band_key,
    }
    head = {
        "unit": {"id": named.id, "key": named.key, "gso": named.gso, "name": named.name},
        "ranked": named.is_ranked,
        "reviewed": named.is_reviewed,
        "revision": named.revision,
    }
    document = b'{"input":%b,"settled":%b},"scorecard":%b}' % (to_json(head)[:-1], settled, to_json(card))
    return Line(
        UUID(named.id),
        named.key,
        named.gso,
        named.name,
        named.is_ranked,
        rank,
        total,
        maximum,
        dti,
        band_key,
        document.decode(),
        _sha256(document),
    )


def _known(points: Fraction | None) -> str:
    if points is None:
        raise ValueError("a set that can only be tracked has no result")  # no period is opened with one
    return exact(points)


def _sha256(document: bytes) -> str:
    """Hash in pieces for which hashlib keeps the interpreter's lock.

    Letting it go for microseconds, thousands of times, keeps every other thread from ever getting it.
    """
    hashed = sha256()
    for start in range(0, len(document), _KEEPS_LOCK_BYTES):
        hashed.update(document[start : start + _KEEPS_LOCK_BYTES])
    return hashed.hexdigest()


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
