"""What must hold for every set, unit and answer; the slow oracle is the truth."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.scoring.answers import canonical, faults
from app.scoring.engine import UnitInput, score
from app.scoring.exact import exact, shown
from app.scoring.model import IndexSet, Peers, Policy, Ratio
from tests.scoring import oracle
from tests.scoring.examples import EXACT, YES_NO, answers, assessments, counts, policies, set_of, unit
from tests.scoring.examples import rules as any_rule

Assessment = tuple[IndexSet, list[UnitInput]]

FAULT_CODES = {
    "unknown_indicator",
    "unknown_option",
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
    ["1.1", "1.2", "1.3", "choice", "figures", "not_applicable", "reason", "note", "evidence", "a", "b", "x"]
)
_json = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(_keys, inner), max_leaves=12)
_answer_like = st.fixed_dictionaries(
    {},
    optional={
        "choice": _json,
        "figures": _json | st.dictionaries(st.sampled_from(["a", "b", "x", "z"]), _scalars),
        "not_applicable": _scalars,
        "reason": _scalars,
        "note": _scalars,
        "evidence": _json,
    },
)
_answers_like = _json | st.dictionaries(st.sampled_from(["1.1", "1.2", "1.3", "9.9"]), _json | _answer_like)
_JUDGED = set_of(YES_NO, Ratio(counts("a", "b"), ("a",), ("b",)), Peers(counts("x"), "x"))


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
        assert scores.points(i) == [exact(points) for points, _ in expected.cells]
        assert scores.shown_points(i) == [shown(points, policy.digits) for points, _ in expected.cells]
        assert scores.shown_total(i) == shown(expected.total, policy.digits)
        assert scores.shown_dti(i) == (None if expected.dti is None else shown(expected.dti, policy.digits))


@given(assessments(), policies)
def test_no_points_lie_below_zero_or_above_the_maximum(assessment: Assessment, policy: Policy) -> None:
    index_set, units = assessment
    # Maxima of the drawn sets have one decimal: rounded to whole points, a full 12.5 would show as 13.
    precise = replace(policy, digits=max(policy.digits, 1))
    for i in range(len(units)):
        card = score(index_set, precise, units).card(i)
        assert all(line.points is not None and 0 <= line.points <= line.max_points for line in card.lines)
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
        other = UnitInput(
            one.key, one.is_ranked, dict(entries), one.points, one.not_applicable, one.is_reviewed
        )
        shuffled.append(other)
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
        index_set = set_of(Peers(counts("x"), "x", "min_max" if kind == "min_max" else "share_of_best"))
        figures = [{"x": less}, {"x": more}]
    rest = [unit(f"o{n}", {"1.1": {"figures": {"x": x, "a": x, "b": 60}}}) for n, x in enumerate(others)]
    before, after = (
        score(index_set, EXACT, [unit("u", {"1.1": {"figures": given}}), *rest]).total(0) for given in figures
    )
    assert before <= after


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
        assert 0 <= score(_JUDGED, EXACT, [unit("u", once)]).total(0) <= 30
    else:
        assert all(fault.code in FAULT_CODES for fault in found)
