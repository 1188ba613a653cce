"""Scores any number of units offline: answers on standard input, a scored list on standard output.

    python -m app.catalogue.offline SET [--policy KEY] [--lang vi|en] < answers.json
    python -m app.catalogue.offline --describe SET

Input: {"units": [{"unit": "key", "answers": {…}, "ranked": true, "reviewed": true, "points": {"1.2": "5"},
"not_applicable": ["6.9"], "without_evidence": ["2.1"]}]}; `points` were set by the reviewer, `not_applicable` lists
the accepted claims, `without_evidence` what nothing proves: it earns nothing where the policy says so. Only unit and
answers are needed. A bare list of units, one unit, or {unit key: answers} will do as well.
Exit 1: faults, as a JSON list, and nothing is scored. Exit 2: no such set or policy.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.catalogue.files import Catalogue, LoadedPolicy, LoadedSet, catalogue
from app.scoring import answers, engine
from app.scoring.exact import exact
from app.scoring.model import IndexSet, Indicator

DEFAULT_POLICY = "camau-2023"

_UNIT_KEYS = ("unit", "answers", "ranked", "reviewed", "points", "not_applicable", "without_evidence")
_FRACTION = re.compile(r"[0-9]{1,15}/[1-9][0-9]{0,14}")


def main(arguments: list[str]) -> int:
    """Describe a set or score the units on standard input; give the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/score", description="Score units of one set offline.")
    parser.add_argument("set", help="key of the index set")
    parser.add_argument("--describe", action="store_true", help="print the set as the API shows it")
    parser.add_argument("--policy", default=DEFAULT_POLICY, help="key of the policy (%(default)s)")
    parser.add_argument("--lang", choices=("vi", "en"), default="vi", help="language of the explanations")
    chosen = parser.parse_args(arguments)
    known = catalogue()
    if chosen.set not in known.sets or chosen.policy not in known.policies:
        sys.stderr.write(_choice(known))
        return 2
    index_set, policy = known.sets[chosen.set], known.policies[chosen.policy]
    if chosen.describe:
        _print(index_set.out.model_dump(mode="json"))
        return 0
    units, faults = read_units(index_set.scored, sys.stdin.buffer.read())
    if faults:
        _print(faults)
        sys.stderr.write(f"{len(faults)} faults: nothing was scored\n")
        return 1
    _print(result(index_set, policy, units, chosen.lang))
    return 0


def read_units(
    index_set: IndexSet, text: bytes
) -> tuple[list[engine.UnitInput], list[dict[str, str | None]]]:
    """Read the units and list every fault (unit, pointer, code, message); numbers are never made floats.

    A pointer starts at the unit's answers ("/6.10/figures/a"), or at another of its keys ("/points/1.2").
    """
    try:
        payload = json.loads(
            text, parse_int=_whole, parse_float=Decimal, object_pairs_hook=_without_repetition
        )
    except (ValueError, RecursionError) as error:
        return [], [_fault(None, "", "malformed", f"the input is no usable JSON: {error}")]
    rows = _rows(payload)
    if not rows:
        return [], [_fault(None, "", "malformed", "the input holds no units")]
    units: list[engine.UnitInput] = []
    faults: list[dict[str, str | None]] = []
    seen: set[str] = set()
    for place, row in enumerate(rows):
        found = _faults_of_unit(index_set, row, place)
        if not found and row["unit"] in seen:
            found = [_fault(row["unit"], "/unit", "repeated", "the unit appears twice")]
        if not found:
            seen.add(row["unit"])
            units.append(_unit(index_set, row))
        faults += found
    return units, faults


def result(
    index_set: LoadedSet, policy: LoadedPolicy, units: list[engine.UnitInput], lang: str
) -> dict[str, Any]:
    """Score the units and give them in rank order, those without a rank last; points are exact text."""
    scores = engine.score(index_set.scored, policy.applied, units)
    order = sorted(range(len(units)), key=lambda i: (scores.rank(i) is None, scores.rank(i), units[i].key))
    return {
        "set": index_set.out.key,
        "version": index_set.out.version,
        "sha256": index_set.out.sha256,
        "engine": engine.ENGINE_VERSION,
        "policy": policy.out.key,
        "policy_sha256": policy.sha256,
        "peers": {code: asdict(extremes) for code, extremes in scores.peers.items()},
        "units": [_unit_result(scores, i, lang) for i in order],
    }


def _unit_result(scores: engine.Scores, i: int, lang: str) -> dict[str, Any]:
    card = scores.card(i, lang)
    return {
        "unit": card.unit_key,
        "points": exact(card.total),
        "total": scores.shown_total(i),
        "maximum": exact(card.maximum),
        "dti": exact(card.dti),
        "dti_shown": scores.shown_dti(i),
        "rank": card.rank,
        "band": card.band.key if card.band else None,
        "lines": [
            {
                "code": line.code,
                "share": exact(line.share),
                "points": exact(line.points),
                "shown": line.shown,
                "max_points": exact(line.max_points),
                "warnings": line.warnings,
                "explanation": line.explanation.text,
                "steps": [asdict(step) for step in line.explanation.steps],
            }
            for line in card.lines
        ],
        "subtotals": [
            {
                "code": row.code,
                "name": row.name,
                "share": exact(row.share),
                "points": exact(row.points),
                "max_points": exact(row.max_points),
            }
            for row in card.subtotals
        ],
    }


def _rows(payload: object) -> list[Any] | None:
    """Find the units in any of the accepted forms."""
    if isinstance(payload, list):
        return payload
    if not isinstance(payload, dict):
        return None
    if isinstance(payload.get("units"), list):
        return payload["units"] if payload.keys() == {"units"} else None
    if "unit" in payload or "answers" in payload:
        return [payload]
    return [
        {"unit": key, **row} if isinstance(row, dict) and "answers" in row else {"unit": key, "answers": row}
        for key, row in payload.items()
    ]


def _faults_of_unit(index_set: IndexSet, row: object, place: int) -> list[dict[str, str | None]]:
    """List the faults of one unit; it is named by its place where its key cannot be used."""
    if not isinstance(row, dict):
        return [_fault(f"#{place + 1}", "", "malformed", "a unit must be an object")]
    has_key = answers.is_text(row.get("unit")) and row["unit"].strip()
    key = row["unit"] if has_key else f"#{place + 1}"
    faults = [] if has_key else [_fault(key, "/unit", "malformed", "the unit has no key")]
    faults += [
        _fault(key, "", "malformed", f"unknown key {name!a}") for name in row if name not in _UNIT_KEYS
    ]
    for name in ("ranked", "reviewed"):
        if not isinstance(row.get(name, True), bool):
            faults.append(_fault(key, f"/{name}", "malformed", "must be true or false"))
    for found in answers.faults(index_set, row.get("answers", {}), by=None):
        faults.append(_fault(key, found.pointer, found.code, f"{found.en} | {found.vi}"))
    return faults + _faults_of_review(index_set, key, row)


def _faults_of_review(index_set: IndexSet, key: str, row: Mapping[str, Any]) -> list[dict[str, str | None]]:
    points, claims = row.get("points", {}), row.get("not_applicable", [])
    if not isinstance(points, dict):
        return [_fault(key, "/points", "malformed", "must be an object: points by indicator")]
    lists = {name: row.get(name, []) for name in ("not_applicable", "without_evidence")}
    for name, codes in lists.items():
        if not isinstance(codes, list):
            return [_fault(key, f"/{name}", "malformed", "must be a list of indicators")]
    faults = []
    for code, value in points.items():
        indicator = index_set.by_code.get(code)
        if indicator is None:
            faults.append(_fault(key, "/points", "unknown_indicator", f"the set has no indicator {code!a}"))
        elif _points(indicator, value) is None:
            message = f"the points of {code} must be a number from 0 to {indicator.max_points}"
            faults.append(_fault(key, f"/points/{code}", "out_of_range", message))
        elif code in claims:
            faults.append(
                _fault(key, f"/points/{code}", "malformed", f"{code} has points and does not apply")
            )
    for name, codes in lists.items():
        for place, code in enumerate(codes):
            if not isinstance(code, str) or code not in index_set.by_code:
                message = f"the set has no indicator {code!a}"
                faults.append(_fault(key, f"/{name}/{place}", "unknown_indicator", message))
    return faults


def _unit(index_set: IndexSet, row: Mapping[str, Any]) -> engine.UnitInput:
    """Build a unit from a row without faults."""
    points = {code: _points(index_set.by_code[code], value) for code, value in row.get("points", {}).items()}
    return engine.UnitInput(
        key=row["unit"],
        is_ranked=row.get("ranked", True),
        answers=answers.canonical(index_set, row.get("answers", {})),
        points={code: value for code, value in points.items() if value is not None},
        not_applicable=frozenset(row.get("not_applicable", [])),
        is_reviewed=row.get("reviewed", True),
        without_evidence=frozenset(row.get("without_evidence", [])),
    )


def _points(indicator: Indicator, value: object) -> Fraction | None:
    """Read points a reviewer set ("5", "7.25", "25/3"); None if they are no number from 0 to the maximum."""
    figure, _ = answers.figure_of(value)
    if figure is None and isinstance(value, str) and _FRACTION.fullmatch(value):
        figure = value
    points = None if figure is None else Fraction(figure)
    maximum = indicator.max_points
    return points if points is not None and maximum is not None and points <= maximum else None


def _whole(text: str) -> int | str:
    """Read a whole number; what is far too long for a figure stays text, and is refused as a figure by name."""
    return int(text) if len(text) < 1000 else text


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key is repeated in one object")
    return row


def _fault(unit: str | None, pointer: str, code: str, message: str) -> dict[str, str | None]:
    return {"unit": unit, "pointer": pointer, "code": code, "message": message}


def _choice(known: Catalogue) -> str:
    sets = "".join(f"  {key}: {loaded.out.title.vi}\n" for key, loaded in known.sets.items())
    policies = "".join(f"  {key}: {loaded.out.title.vi}\n" for key, loaded in known.policies.items())
    return f"There is no such set or policy. Sets:\n{sets}Policies:\n{policies}"


def _print(content: object) -> None:
    """Write JSON as UTF-8 whatever the locale is."""
    sys.stdout.buffer.write((json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
