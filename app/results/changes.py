"""What moved between two versions of a result, and why: from what each of them stores of a unit. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.results.change_schemas import IndicatorChange, NewDecision, StandingOut, UnitChange, Why
from app.results.schemas import PointsOut
from app.results.snapshot import Document, input_of, stored_points
from app.reviews.settled import settle
from app.scoring.exact import fraction, shown
from app.scoring.model import IndexSet


@dataclass(frozen=True, slots=True)
class Method:
    """What two versions are compared by: the set, how many digits people see, and what the peers were in each."""

    index_set: IndexSet
    digits: int
    peers_before: Mapping[str, Any]
    peers_after: Mapping[str, Any]

    def has_other_peers(self, code: str) -> bool:
        """Answer whether the units were measured against other facts in an indicator."""
        return bool(self.peers_before.get(code) != self.peers_after.get(code))


class Inputs(NamedTuple):
    """What one indicator of one unit was scored from, and every decision on it, the latest last."""

    scored: tuple[Any, ...]
    decisions: list[list[Any]]


class Side(NamedTuple):
    """One unit in one version: its points as people see them, and the inputs, by indicator in the set's order."""

    card: Document
    points: list[str]
    inputs: list[Inputs]


def changes(method: Method, documents: Iterable[tuple[Document, Document]]) -> list[UnitChange]:
    """Return every unit that moved between its two documents, in the order of the later version."""
    found = []
    for before, after in documents:
        unit = after["input"]["unit"]
        if change := _change(method, unit, _side(method, before), _side(method, after)):
            found.append(change)
    return sorted(found, key=lambda one: (one.after.rank is None, one.after.rank or 0, one.unit_key))


def _side(method: Method, document: Document) -> Side:
    card, stored = document["scorecard"], document["input"]
    points = [shown(stored_points(one, method.digits), method.digits) for one in card["points"]]
    return Side({**card, "points": points}, points, _inputs(method.index_set, stored))


def _inputs(index_set: IndexSet, stored: Document) -> list[Inputs]:
    settled = stored.get("settled") or json.loads(settle(index_set, input_of(index_set, stored)))
    is_reviewed = stored.get("reviewed", True)
    return [
        Inputs(
            (
                is_reviewed,
                value,
                settled["points"].get(row.code),
                row.code in settled["not_applicable"],
                row.code in settled["without_evidence"],
            ),
            settled["decisions"].get(row.code, []),
        )
        for row, value in zip(index_set.indicators, settled["values"], strict=True)
    ]


def _change(method: Method, unit: Document, before: Side, after: Side) -> UnitChange | None:
    if before.card == after.card:
        return None
    only_place = {**before.card, "rank": None} == {**after.card, "rank": None}
    indicators = [] if only_place else _indicators(method, before, after)
    why = {Why.OTHERS_MOVED} if only_place else {one.why for one in indicators} or {Why.METHOD}
    ranks = before.card["rank"], after.card["rank"]
    return UnitChange(
        unit_id=unit["id"],
        unit_key=unit["key"],
        unit_name=unit["name"],
        before=_standing(before.card, method.digits),
        after=_standing(after.card, method.digits),
        places=None if None in ranks else ranks[0] - ranks[1],
        why=[one for one in Why if one in why],
        indicators=indicators,
    )


def _standing(card: Document, digits: int) -> StandingOut:
    values = {name: card[name] and PointsOut.of(fraction(card[name]), digits) for name in _NUMBERS}
    return StandingOut(**values, rank=card["rank"], band=card["band"])


_NUMBERS = ("total", "maximum", "dti")


def _indicators(method: Method, before: Side, after: Side) -> list[IndicatorChange]:
    """Return the indicators whose points or inputs differ.

    Where people see no difference in any single one, the total moved by less: then those with other peers.
    """
    every = [
        _indicator(method, row.code, *[(one.points[i], one.inputs[i]) for one in (before, after)])
        for i, row in enumerate(method.index_set.indicators)
    ]
    differing = [one for one in every if one.before != one.after or one.why is Why.INPUTS]
    return differing or [one for one in every if one.why is Why.PEERS]


def _indicator(
    method: Method, code: str, before: tuple[str, Inputs], after: tuple[str, Inputs]
) -> IndicatorChange:
    (points, known), (points_after, given) = before, after
    why = Why.PEERS if method.has_other_peers(code) else Why.METHOD
    if known.scored != given.scored:
        why = Why.INPUTS
    new = given.decisions[len(known.decisions) :]  # none is ever taken away
    return IndicatorChange(
        code=code,
        before=points,
        after=points_after,
        why=why,
        decisions=[NewDecision(kind=kind, reason=reason) for kind, _, reason in new],
    )
