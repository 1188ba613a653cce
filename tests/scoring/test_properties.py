"""What must hold for every set, unit and answer; the slow oracle is the truth."""

from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.scoring.answers import canonical, faults
from app.scoring.engine import Scores, UnitInput, score
from app.scoring.exact import exact, plain, shown
from app.scoring.model import (
    Band,
    Checklist,
    Count,
    IndexSet,
    Manual,
    Measured,
    Option,
    Options,
    Part,
    Parts,
    Peers,
    Policy,
    Ratio,
    Rule,
    Tiers,
)
from app.scoring.ranking import band_of
from app.scoring.values import answer_of, value_of
from tests.scoring import oracle
from tests.scoring.examples import (
    EXACT,
    YES_NO,
    answers,
    assessments,
    best_of,
    counts,
    points_of,
    policies,
    set_of,
    shown_points_of,
    unit,
    values,
)
from tests.scoring.examples import rules as any_rule

Assessment = tuple[IndexSet, list[UnitInput]]

FAULT_CODES = {
    "unknown_indicator",
    "unknown_option",
    "unknown_part",
    "missing_part",
    "not_yes_or_no",
    "wrong_kind",
    "unknown_variable",
    "missing_variable",
    "not_a_number",
    "not_whole",
    "negative",
    "too_large",
    "zero_denominator",
    "reason_missing",
    "malformed",
}
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.sampled_from(
        ["yes", "12", "-0", "-1", "0.5", "1e5", "\ud800", "\0", Decimal("1E+999999"), Decimal("sNaN")]
    )
)
_keys = st.text() | st.sampled_from(
    [
        "1.1",
        "1.2",
        "1.3",
        "choice",
        "checks",
        "figures",
        "parts",
        "not_applicable",
        "reason",
        "note",
        "evidence",
        "a",
        "b",
        "x",
        "p",
        "q",
    ]
)
_json = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(_keys, inner), max_leaves=12)
_figures = st.dictionaries(st.sampled_from(["a", "b", "x", "z"]), _scalars)
_checks = st.lists(st.sampled_from(["one", "two", "three", "z"]), max_size=4)
_part = st.fixed_dictionaries(
    {},
    optional={"choice": _scalars, "checks": _json | _checks, "figures": _json | _figures, "note": _scalars},
)
_answer_like = st.fixed_dictionaries(
    {},
    optional={
        "choice": _json,
        "checks": _json | _checks,
        "figures": _json | _figures,
        "parts": _json | st.dictionaries(st.sampled_from(["p", "q", "z"]), _part),
        "not_applicable": _scalars,
        "reason": _scalars,
        "note": _scalars,
        "evidence": _json,
    },
)
_answers_like = _json | st.dictionaries(
    st.sampled_from([*(f"1.{n}" for n in range(1, 7)), "9.9"]), _json | _answer_like
)
_CHECKS = Checklist(tuple(Option(key, key, Fraction(1, 3)) for key in ("one", "two", "three")))
_A_OF_B = Ratio(counts("a", "b"), ("a",), ("b",))
_PARTS = Parts((Part("p", "p", Fraction(1, 3), _CHECKS), Part("q", "q", Fraction(2, 3), _A_OF_B)))
_JUDGED = set_of(YES_NO, _A_OF_B, best_of("x"), _CHECKS, _PARTS, Manual(counts("a", "b")))


def total_of(scores: Scores, i: int) -> Fraction:
    """Give the total of a unit, which a set with maxima has."""
    total = scores.total(i)
    assert total is not None
    return total


@given(assessments(), policies)
def test_the_engine_gives_what_the_slow_oracle_gives(assessment: Assessment, policy: Policy) -> None:
    index_set, units = assessment
    scores = score(index_set, policy, units)
    for i, expected in enumerate(oracle.truth(index_set, policy, units)):
        card = scores.card(i)
        assert [(line.points, line.max_points) for line in card.lines] == expected.cells
        assert (card.total, card.maximum, card.dti, card.rank) == (
            expected.total,
            expected.maximum,
            expected.dti,
            expected.rank,
        )
        assert points_of(scores, i) == [exact(points) for points, _ in expected.cells]
        assert shown_points_of(scores, i) == [shown(points, policy.digits) for points, _ in expected.cells]
        assert scores.shown_total(i) == shown(expected.total, policy.digits)
        assert scores.shown_dti(i) == (None if expected.dti is None else shown(expected.dti, policy.digits))


@given(assessments(), policies)
def test_no_points_lie_below_zero_or_above_the_maximum(assessment: Assessment, policy: Policy) -> None:
    index_set, units = assessment
    # Maxima of the drawn sets have one decimal: rounded to whole points, a full 12.5 would show as 13.
    precise = replace(policy, digits=max(policy.digits, 1))
    for i in range(len(units)):
        card = score(index_set, precise, units).card(i)
        for line in card.lines:
            assert line.points is not None and line.max_points is not None
            assert 0 <= line.points <= line.max_points
            assert 0 <= (line.share or 0) <= 1
        assert card.total is not None and card.maximum is not None
        assert 0 <= card.total <= card.maximum
        assert card.dti is None or 0 <= card.dti <= 100


@given(assessments(), policies, st.randoms(use_true_random=False))
def test_the_order_of_units_and_of_their_answers_does_not_matter(
    assessment: Assessment, policy: Policy, random: Any
) -> None:
    index_set, units = assessment
    shuffled = []
    for one in units:
        entries = list(one.answers.items())
        random.shuffle(entries)
        shuffled.append(replace(one, answers=dict(entries)))
    random.shuffle(shuffled)
    scores, again = score(index_set, policy, units), score(index_set, policy, shuffled)
    cards = {again.card(i).unit_key: again.card(i) for i in range(len(units))}
    assert all(cards[one.key] == scores.card(i) for i, one in enumerate(units))
    assert scores.peers == again.peers


@given(st.data(), st.sampled_from(["a", "x", "min_max"]), st.integers(0, 50), st.integers(0, 50))
def test_more_of_a_good_thing_never_lowers_the_points(
    data: st.DataObject, kind: str, less: int, more: int
) -> None:
    less, more = sorted((less, more))
    others = data.draw(st.lists(st.integers(0, 50), max_size=4))
    if kind == "a":
        index_set = set_of(Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5)))
        figures: list[dict[str, int]] = [{"a": less, "b": 30}, {"a": more, "b": 30}]
    else:
        index_set = set_of(best_of("x", kind))
        figures = [{"x": less}, {"x": more}]
    rest = [unit(f"o{n}", {"1.1": {"figures": {"x": x, "a": x, "b": 60}}}) for n, x in enumerate(others)]
    before, after = (
        total_of(score(index_set, EXACT, [unit("u", {"1.1": {"figures": given}}), *rest]), 0)
        for given in figures
    )
    assert before <= after


@given(st.data())
def test_more_in_an_answer_of_any_kind_never_lowers_the_points(data: st.DataObject) -> None:
    rule = data.draw(any_rule())
    assume(not isinstance(rule, Manual))
    less = data.draw(values(rule))
    more = _improved(data, rule, less)
    rest = [unit(f"o{n}", {"1.1": data.draw(values(rule))}) for n in range(2)]
    before, after = (
        total_of(score(set_of(rule), EXACT, [unit("u", {"1.1": given}), *rest]), 0) for given in (less, more)
    )
    assert before <= after


def _improved(data: st.DataObject, rule: Rule, answer: dict[str, Any]) -> dict[str, Any]:
    """Add to an answer what is good: a better option, more items, a greater numerator."""
    if isinstance(rule, Options):
        now = next(option.share for option in rule.options if option.key == answer["choice"])
        better = [option.key for option in rule.options if option.share >= now]
        return {"choice": data.draw(st.sampled_from(better))}
    if isinstance(rule, Checklist):
        held = {*answer["checks"], *(item.key for item in rule.items if data.draw(st.booleans()))}
        return {"checks": [item.key for item in rule.items if item.key in held]}
    if isinstance(rule, Parts):
        return {"parts": {one.key: _improved(data, one.rule, answer["parts"][one.key]) for one in rule.parts}}
    figures = dict(answer["figures"])
    if isinstance(rule, Tiers) and rule.requires and data.draw(st.booleans()):
        figures[rule.requires] = 1
    assert isinstance(rule, Measured)
    if not rule.denominator or any(Fraction(figures[key]) for key in rule.denominator):
        for key in rule.numerator:
            greater = Fraction(figures[key]) + data.draw(st.integers(0, 50))
            figures[key] = int(greater) if greater.denominator == 1 else plain(greater)
    return {"figures": figures}


@given(assessments(), policies)
def test_units_scored_together_get_what_each_gets_alone_where_no_peers_count(
    assessment: Assessment, policy: Policy
) -> None:
    index_set, units = assessment
    alone_too = replace(policy, not_applicable="exclude_from_maximum")
    together = score(index_set, alone_too, units)
    own = [j for j, row in enumerate(index_set.indicators) if not isinstance(row.rule, Peers)]
    for i, one in enumerate(units):
        lines, alone = together.card(i).lines, score(index_set, alone_too, [one]).card(0).lines
        assert [lines[j] for j in own] == [alone[j] for j in own]


@given(assessments(), policies)
def test_names_change_no_number(assessment: Assessment, policy: Policy) -> None:
    index_set, units = assessment
    renamed_set = replace(index_set, key="other", indicators=_renamed(index_set.indicators))
    renamed = [replace(one, key=f"{len(units) - n}-{one.key}") for n, one in enumerate(units)]
    scores, again = score(index_set, policy, units), score(renamed_set, policy, renamed)
    for i in range(len(units)):
        assert _numbers(scores, i) == _numbers(again, i)


def _numbers(scores: Scores, i: int) -> tuple[Any, ...]:
    card = scores.card(i)
    lines = [(line.code, line.share, line.points, line.max_points, line.warnings) for line in card.lines]
    return lines, points_of(scores, i), card.total, card.maximum, card.dti, card.rank, scores.shown_total(i)


def _renamed(value: Any) -> Any:
    """Replace every name and text by another one."""
    if isinstance(value, tuple):
        return tuple(map(_renamed, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {
        field.name: "khác" if field.name in _TEXTS else _renamed(getattr(value, field.name))
        for field in fields(value)
    }
    return replace(value, **changes)


_TEXTS = {"label", "name", "citation", "citation_en", "method"}


@given(assessments(), st.sampled_from(["exclude_from_maximum", "peer_average"]))
def test_a_set_gives_the_same_shares_without_its_maxima(assessment: Assessment, reading: Any) -> None:
    """Ruling 6; only what is counted needs a maximum."""
    index_set, drawn = assessment
    policy = Policy("p", not_applicable=reading)
    units = [replace(one, points={}) for one in drawn]
    tracked = replace(
        index_set, indicators=tuple(replace(row, max_points=None) for row in index_set.indicators)
    )
    scores, without = score(index_set, policy, units), score(tracked, policy, units)
    same = [j for j, row in enumerate(index_set.indicators) if not isinstance(row.rule, Count)]
    for i in range(len(units)):
        lines, others = scores.card(i).lines, without.card(i).lines
        assert [lines[j].share for j in same] == [others[j].share for j in same]
        assert [line.points for line in others] == [None] * len(others)
        assert (without.total(i), without.dti(i), without.rank(i)) == (None, None, None)


@given(assessments(), policies, st.fractions(0, Fraction(1, 10**20)))
def test_a_band_is_that_of_the_exact_result(assessment: Assessment, policy: Policy, little: Fraction) -> None:
    """Ruling 10: also where a result meets the start of a band, or misses it by next to nothing."""
    index_set, units = assessment
    met = [dti for dti in map(score(index_set, policy, units).dti, range(len(units))) if dti is not None]
    starts = sorted({Fraction(0), *met, *(start + little for start in met)})
    bands = tuple(Band(str(start), "", "", start) for start in starts)
    scores = score(index_set, replace(policy, bands=bands), units)
    for i in range(len(units)):
        dti = scores.dti(i)
        assert scores.band(i) == (None if dti is None else band_of(dti, bands))


@given(st.data())
def test_a_value_is_written_as_the_answer_it_was_read_from(data: st.DataObject) -> None:
    rule = data.draw(any_rule())
    answer = data.draw(values(rule))
    assert answer_of(rule, value_of(rule, answer)) == answer


@given(st.data())
def test_canonical_answers_stay_as_they_are_and_have_no_faults(data: st.DataObject) -> None:
    rule = data.draw(any_rule())
    index_set = set_of(rule)
    answer = data.draw(answers(rule))
    raw = {"1.1": answer} if answer else {}
    once = canonical(index_set, raw)
    assert faults(index_set, raw) == faults(index_set, once) == []
    assert canonical(index_set, once) == once == raw


@given(_answers_like)
@settings(max_examples=300)
def test_judging_answers_never_raises_and_what_it_passes_can_be_scored(raw: Any) -> None:
    found = faults(_JUDGED, raw)
    for fault in found:
        (fault.pointer + fault.vi + fault.en).encode()
    if not found:
        once = canonical(_JUDGED, raw)
        assert canonical(_JUDGED, once) == once
        assert faults(_JUDGED, once) == []
        assert 0 <= total_of(score(_JUDGED, EXACT, [unit("u", once)]), 0) <= 60
    else:
        assert all(fault.code in FAULT_CODES for fault in found)
