"""How the points of one indicator came about, in Vietnamese or English: one line, and step by step.

a/b = 25/30 ≈ 83,33 % ≥ 80 % ⇒ 20/20 điểm (QĐ 1072/QĐ-UBND, Phụ lục II, 6.10, dòng 974)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from app.scoring.exact import fraction
from app.scoring.model import (
    Checklist,
    Count,
    Decision,
    Indicator,
    Manual,
    Measured,
    Options,
    Parts,
    Peers,
    Ratio,
    Rule,
    Tiers,
)
from app.scoring.rules import PeerFacts, quotients_of
from app.scoring.values import unit_of, value_of
from app.scoring.words import Voice, formula_of, rule_in_words, sum_of

StepKey = Literal["rule", "declared", "calculation", "peers", "decision", "result", "source"]

_SPECIAL = {
    "not_reviewed": ("hồ sơ không được thẩm định", "the dossier was not reviewed"),
    "not_applicable": (
        "không áp dụng, lấy điểm trung bình của các đơn vị cùng cấp",
        "not applicable, takes the mean of the units of the same level",
    ),
    "set_by_reviewer": ("điểm do người thẩm định quyết định", "points set by the reviewer"),
    "not_applicable_not_accepted": (
        "đề nghị không áp dụng chưa được chấp nhận",
        "the claim that it does not apply was not accepted",
    ),
    "no_answer": ("chưa có câu trả lời", "no answer"),
    "no_evidence": (
        "không có tài liệu kiểm chứng đúng quy định nên mặc định 0 điểm",
        "nothing proves it as required, so it earns nothing",
    ),
    "awaits_reviewer": ("người thẩm định chưa cho điểm", "the reviewer has not given points yet"),
    "no_maximum": (
        "văn bản không nêu điểm tối đa nên không tính được tỷ lệ",
        "the document gives no maximum, so there is no share of it",
    ),
    "depends_on_peers": (
        "phụ thuộc số liệu của các đơn vị khác",
        "depends on the figures of the other units",
    ),
}
_LEFT_OUT = ("không áp dụng, không tính vào điểm tối đa", "not applicable, left out of the maximum")
_NOBODY = (
    "không áp dụng, không có đơn vị cùng cấp nào được đánh giá để lấy trung bình",
    "not applicable, and no unit of the same level was assessed to take the mean of",
)
_ACCEPTED = ("chấp nhận không áp dụng", "it was accepted that it does not apply")
_REFUSED = ("không chấp nhận đề nghị không áp dụng", "the claim that it does not apply was refused")
_AS_DECLARED = ("giữ như đơn vị kê khai", "left as declared")
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation: what it tells, and its text."""

    key: StepKey
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """An explanation: `text` says it in one line, `steps` one thing after the other."""

    text: str
    steps: tuple[Step, ...]


def explain(
    indicator: Indicator,
    value: Any,
    *,
    share: Fraction | None,
    points: Fraction | None,
    max_points: Fraction | None,
    is_left_out: bool,
    warnings: tuple[str, ...],
    peers: PeerFacts | None,
    decisions: Sequence[Decision] = (),
    digits: int = 2,
    lang: str = "vi",
) -> Explanation:
    """Explain one cell: what was declared, what follows, and the place in the document that says so.

    `value` is what was declared (see `values`). `max_points` is None where there is none, and 0 where the indicator
    leaves the unit's maximum (`is_left_out`); `points` and `share` are None while they are not known.
    """
    voice = Voice(lang, digits)
    special = next((key for key in _SPECIAL if key in warnings), None)
    if is_left_out:
        reason = voice.of(*_LEFT_OUT)
    elif special == "not_applicable" and points == 0 and (peers is None or peers.mean is None):
        reason = voice.of(*_NOBODY)
    elif special:
        reason = voice.of(*_SPECIAL[special])
    else:
        reason = _calculation(indicator.rule, max_points, value, peers, voice)
    is_uncounted = is_left_out and max_points is None
    result = voice.word("not_counted") if is_uncounted else _result(share, points, max_points, voice)
    citation = voice.of(indicator.citation, indicator.citation_en)
    steps = [Step("rule", rule_in_words(indicator.rule, voice))]
    if value is not None:
        steps.append(Step("declared", _declared(indicator.rule, value, voice)))
    if isinstance(indicator.rule, Peers) and peers is not None:
        steps.append(Step("peers", _peers_used(indicator.rule, peers, voice)))
    if special == "not_applicable" and not is_left_out and peers is not None and peers.mean is not None:
        mean = voice.equals_percent(fraction(peers.mean), _NOTHING, Fraction(1))
        steps.append(Step("peers", f"{voice.of('trung bình', 'mean')} {mean} {voice.word('of_maximum')}"))
    steps += [Step("decision", _decision(indicator.rule, decision, voice)) for decision in decisions]
    steps += [Step("calculation", reason), Step("result", result)]
    if citation:
        steps.append(Step("source", citation))
    return Explanation(f"{reason} ⇒ {result}" + (f" ({citation})" if citation else ""), tuple(steps))


def _result(
    share: Fraction | None, points: Fraction | None, max_points: Fraction | None, voice: Voice
) -> str:
    if max_points is None:
        if share is None:
            return voice.word("pending")
        return f"{voice.percent(share, _NOTHING, Fraction(1))} {voice.word('of_maximum')}"
    if points is None:
        return voice.word("pending")
    return f"{voice.number(points, max_points, _NOTHING)}/{voice.exactly(max_points)} {voice.word('points')}"


def _calculation(
    rule: Rule, max_points: Fraction | None, value: Any, peers: PeerFacts | None, voice: Voice
) -> str:
    maximum = voice.word("maximum") if max_points is None else voice.exactly(max_points)
    match rule:
        case Options():
            option = next(option for option in rule.options if option.key == value)
            return f"“{option.label}”: {voice.exactly(option.share)} × {maximum}"
        case Checklist():
            held = [item for item in rule.items if item.key in value]
            said = " + ".join(f"“{item.label}”: {voice.exactly(item.share)}" for item in held)
            return f"({said}) × {maximum}" if held else voice.word("none_of_these")
        case Ratio():
            return _ratio(rule, maximum, value, voice)
        case Tiers():
            return _tiers(rule, maximum, value, voice)
        case Count():
            each = voice.exactly(rule.points_each)
            count = _written(rule, value, rule.numerator, voice)
            return f"{formula_of(rule)} = {count} ⇒ {count} × {each}, {voice.word('at_most')} {maximum}"
        case Peers():
            return _peers(rule, maximum, value, peers, voice)
        case Parts():
            said = " + ".join(
                f"{voice.exactly(part.share)} × {{{_calculation(part.rule, Fraction(1), one, None, voice)}}}"
                for part, one in zip(rule.parts, value, strict=True)
            )
            return f"({said}) × {maximum}"
        case Manual():
            raise ValueError("nothing is computed of a manual indicator")


def _ratio(rule: Ratio, maximum: str, value: Sequence[Any], voice: Voice) -> str:
    if rule.full_if_zero and not value[_keys(rule).index(rule.full_if_zero)]:
        return f"{rule.full_if_zero} = 0"
    said, ratio = _quotient(rule, value, voice, rule.full_mark, rule.floor or _NOTHING)
    if ratio is None:
        return said
    mark = voice.percent_exactly(rule.full_mark)
    if ratio >= rule.full_mark:
        return said if ratio == rule.full_mark == 1 else f"{said} ≥ {mark}"
    if rule.floor is not None and ratio < rule.floor:
        return f"{said} < {voice.percent_exactly(rule.floor)}"
    percent = voice.percent(ratio, rule.full_mark, rule.floor or _NOTHING)
    if rule.full_mark == 1:
        return f"{said} ⇒ {percent} × {maximum}"
    return f"{said} < {mark} ⇒ {percent} ÷ {mark} × {maximum}"


def _tiers(rule: Tiers, maximum: str, value: Sequence[Any], voice: Voice) -> str:
    if rule.requires and not value[_keys(rule).index(rule.requires)]:
        return f"{rule.requires}: {voice.word('no')}"
    said, measured = _quotient(rule, value, voice, *(tier.start for tier in rule.tiers))
    if measured is None:
        return said
    tier = next(tier for tier in rule.tiers if measured >= tier.start)
    return f"{said}: “{tier.label}” ⇒ {voice.exactly(tier.share)} × {maximum}"


def _peers(rule: Peers, maximum: str, value: Sequence[Any], peers: PeerFacts | None, voice: Voice) -> str:
    if peers is None or peers.best is None or peers.lowest is None:
        said, measured = _quotient(rule, value, voice)
        return said if measured is None else f"{said}, {voice.word('best')}: {voice.word('undefined')}"
    best, low = fraction(peers.best), fraction(peers.lowest)
    said, measured = _quotient(rule, value, voice, best, low)
    if measured is None:
        return said
    best_said, low_said = _extreme(rule, best, voice, measured), _extreme(rule, low, voice, measured)
    x = _extreme(rule, measured, voice, best, low)
    best_is = f"{voice.word('best')} {_equals(rule, best, voice, measured)}"
    if rule.measure == "share_of_best":
        said = f"{said}, {best_is}"
        return f"{said} ⇒ {x}/{best_said} × {maximum}" if measured < best else said
    said = f"{said}, {voice.word('lowest')} {_equals(rule, low, voice, measured)}, {best_is}"
    has_place = low < measured < best
    return f"{said} ⇒ ({x} − {low_said})/({best_said} − {low_said}) × {maximum}" if has_place else said


def _equals(rule: Peers, value: Fraction, voice: Voice, *apart_from: Fraction) -> str:
    if rule.denominator:
        return voice.equals_percent(value, _NOTHING, *apart_from)
    return f"= {voice.exactly(value)}"


def _extreme(rule: Peers, value: Fraction, voice: Voice, *apart_from: Fraction) -> str:
    return voice.percent(value, _NOTHING, *apart_from) if rule.denominator else voice.exactly(value)


def _peers_used(rule: Peers, peers: PeerFacts, voice: Voice) -> str:
    if peers.best is None or peers.lowest is None:
        return f"{voice.word('best')}: {voice.word('undefined')}"
    said = f"{voice.word('best')} {_equals(rule, fraction(peers.best), voice)}"
    said += f" ({_units(peers.best_units, voice)})"
    if rule.measure == "share_of_best":
        return said
    low = _equals(rule, fraction(peers.lowest), voice)
    return f"{said}; {voice.word('lowest')} {low} ({_units(peers.lowest_units, voice)})"


def _units(keys: Sequence[str], voice: Voice) -> str:
    return f"{len(keys)} {voice.of('đơn vị', 'unit' if len(keys) == 1 else 'units')}"


def _quotient(
    rule: Measured, value: Sequence[Any], voice: Voice, *apart_from: Fraction
) -> tuple[str, Fraction | None]:
    """Write what is measured, and give it; None where it is 0/0."""
    ((top, bottom),) = quotients_of(rule, [value])
    above = _written(rule, value, rule.numerator, voice)
    if not rule.denominator:
        return f"{formula_of(rule)} = {above}", Fraction(top, bottom)
    values = f"{above}/{_written(rule, value, rule.denominator, voice)}"
    said = f"{formula_of(rule)} = {values}"
    if not bottom:
        return f"{said}: {voice.word('undefined')}", None
    ratio = Fraction(top, bottom)
    return f"{said} {voice.equals_percent(ratio, *apart_from, _NOTHING)}", ratio


def _written(rule: Measured, value: Sequence[Any], keys: Sequence[str], voice: Voice) -> str:
    places = [_keys(rule).index(key) for key in keys]
    return sum_of([voice.exactly(Fraction(value[place], unit_of(rule))) for place in places])


def _declared(rule: Rule, value: Any, voice: Voice) -> str:
    """Say what was declared, each figure with its label."""
    match rule:
        case Options():
            return "; ".join(f"“{option.label}”" for option in rule.options if option.key == value)
        case Checklist():
            held = [f"“{item.label}”" for item in rule.items if item.key in value]
            return "; ".join(held) or voice.word("none_of_these")
        case Parts():
            return "; ".join(
                f"{part.name}: {_declared(part.rule, one, voice)}"
                for part, one in zip(rule.parts, value, strict=True)
            )
        case _:
            return "; ".join(_figures(rule, value, voice)) or voice.word("given")


def _figures(rule: Measured | Manual, value: Sequence[Any], voice: Voice) -> Iterator[str]:
    for variable, figure in zip(rule.variables, value, strict=False):
        is_yes_no = variable.number == "yes_no"
        said = (
            voice.word("yes" if figure else "no")
            if is_yes_no
            else voice.exactly(Fraction(figure, unit_of(rule)))
        )
        yield f"{variable.key} = {said} ({variable.label})"


def _decision(rule: Rule, decision: Decision, voice: Voice) -> str:
    """Say what the reviewer decided, and why."""
    match decision.kind:
        case "answer":
            said = _declared(rule, value_of(rule, decision.value), voice)
            what = f"{voice.of('số liệu được thay bằng', 'the answer was replaced by')} {said}"
        case "points":
            points = voice.exactly(Fraction(decision.value["points"]))
            what = f"{voice.of('điểm được quyết định là', 'the points were set to')} {points}"
        case "not_applicable":
            what = voice.of(*(_ACCEPTED if decision.value["accepted"] else _REFUSED))
        case "as_declared":
            what = voice.of(*_AS_DECLARED)
        case "evidence":
            what = voice.of(*_evidence(decision.value))
    return f"{what}: {decision.reason}" if decision.reason else what


def _evidence(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was decided about the documents of an indicator."""
    if value.get("late"):
        return (
            "tài liệu bổ sung quá thời hạn, không được tính",
            "the evidence asked for came too late to count",
        )
    if count := len(value["disallowed"]):
        return (
            f"không chấp nhận {count} tài liệu kiểm chứng",
            f"{count} documents of evidence were disallowed",
        )
    return "chấp nhận các tài liệu kiểm chứng", "the documents of evidence were allowed"


def _keys(rule: Measured) -> list[str]:
    return [variable.key for variable in rule.variables]
