"""One line per indicator that says how its points came about, in Vietnamese or English.

a/b = 25/30 ≈ 83,33 % ≥ 80 % ⇒ 20/20 điểm (QĐ 1072/QĐ-UBND, Phụ lục II, 6.10, dòng 974)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from app.scoring.exact import millionths, shown
from app.scoring.model import Indicator, Options, Peers, Ratio
from app.scoring.rules import Extremes, Figures, amount_of

_WORDS = {
    "points": ("điểm", "points"),
    "pending": ("chưa tính điểm", "no points yet"),
    "not_reviewed": ("hồ sơ không được thẩm định", "the dossier was not reviewed"),
    "left_out": ("không áp dụng, không tính vào điểm tối đa", "not applicable, left out of the maximum"),
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
    "depends_on_peers": (
        "phụ thuộc số liệu của các đơn vị khác",
        "depends on the figures of the other units",
    ),
    "undefined": ("không xác định", "undefined"),
    "best": ("cao nhất", "best"),
    "lowest": ("thấp nhất", "lowest"),
}
_SPECIAL = (
    "not_reviewed",
    "not_applicable",
    "set_by_reviewer",
    "not_applicable_not_accepted",
    "no_answer",
    "depends_on_peers",
)


_MOST_DIGITS = 12  # what still looks alike then is alike for a reader
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class _Voice:
    """How a language says words and numbers; `digits` are the decimals of rounded numbers."""

    lang: str
    digits: int

    def word(self, key: str) -> str:
        vi, en = _WORDS[key]
        return en if self.lang == "en" else vi

    def number(self, value: Fraction, *apart_from: Fraction) -> str:
        """Write a number rounded, with more digits where it would else look like another one that matters."""
        digits = self.digits
        while digits < _MOST_DIGITS and any(
            value != other and shown(value, digits) == shown(other, digits) for other in apart_from
        ):
            digits += 1
        text = shown(value, digits)
        return self.comma(text.rstrip("0").rstrip(".") if "." in text else text)

    def comma(self, text: str) -> str:
        return text if self.lang == "en" else text.replace(".", ",")

    def percent(self, share: Fraction, *apart_from: Fraction) -> str:
        others = (other * 100 for other in apart_from)
        return self.number(share * 100, *others) + ("%" if self.lang == "en" else " %")


def explain(
    indicator: Indicator,
    answer: Mapping[str, Any],
    *,
    points: Fraction | None,
    max_points: Fraction,
    warnings: tuple[str, ...],
    extremes: Extremes | None,
    digits: int = 2,
    lang: str = "vi",
) -> str:
    """Explain one cell: what was declared, what follows, and the place in the decision that says so.

    `max_points` is 0 where the indicator leaves the unit's maximum; `points` is None while peers are unknown.
    """
    voice = _Voice(lang, digits)
    special = next((key for key in _SPECIAL if key in warnings), None)
    if special:
        reason = voice.word("left_out" if special == "not_applicable" and not max_points else special)
    else:
        reason = _reason(indicator, answer, extremes, voice)
    if points is None:
        result = voice.word("pending")
    else:
        result = (
            f"{voice.number(points, max_points, _NOTHING)}/{voice.number(max_points)} {voice.word('points')}"
        )
    citation = indicator.citation_en if lang == "en" else indicator.citation
    source = f" ({citation})" if citation else ""
    return f"{reason} ⇒ {result}{source}"


def _reason(indicator: Indicator, answer: Mapping[str, Any], extremes: Extremes | None, voice: _Voice) -> str:
    rule, max_points = indicator.rule, indicator.max_points
    if isinstance(rule, Options):
        option = next(option for option in rule.options if option.key == answer["choice"])
        return f"“{option.label}”: {voice.comma(str(option.share))} × {voice.number(max_points)}"
    if isinstance(rule, Ratio):
        return _ratio(rule, max_points, answer["figures"], voice)
    return _peers(rule, max_points, answer["figures"], extremes, voice)


def _ratio(rule: Ratio, max_points: Fraction, figures: Figures, voice: _Voice) -> str:
    if rule.full_if_zero and not figures[rule.full_if_zero]:
        return f"{rule.full_if_zero} = 0"
    names = f"{_sum(rule.numerator)}/{_sum(rule.denominator)}"
    values = "/".join(
        _sum(tuple(voice.comma(str(figures[key])) for key in keys))
        for keys in (rule.numerator, rule.denominator)
    )
    numerator, denominator = (amount_of(rule, keys)(figures) for keys in (rule.numerator, rule.denominator))
    if not denominator:
        return f"{names} = {values}: {voice.word('undefined')}"
    ratio = Fraction(numerator, denominator)
    percent, mark = voice.percent(ratio, rule.full_mark, _NOTHING), voice.percent(rule.full_mark)
    is_short = (ratio * 100 * 10**voice.digits).denominator == 1
    said = f"{names} = {values} {'=' if is_short else '≈'} {percent}"
    if ratio >= rule.full_mark:
        return said if ratio == rule.full_mark == 1 else f"{said} ≥ {mark}"
    if rule.full_mark == 1:
        return f"{said} ⇒ {percent} × {voice.number(max_points)}"
    return f"{said} < {mark} ⇒ {percent} ÷ {mark} × {voice.number(max_points)}"


def _peers(
    rule: Peers, max_points: Fraction, figures: Figures, extremes: Extremes | None, voice: _Voice
) -> str:
    x = voice.comma(str(figures[rule.variable]))
    if extremes is None or extremes.best is None or extremes.lowest is None:
        return f"{rule.variable} = {x}, {voice.word('best')}: {voice.word('undefined')}"
    best, low, maximum = voice.comma(extremes.best), voice.comma(extremes.lowest), voice.number(max_points)
    has_place = millionths(figures[rule.variable]) < millionths(extremes.best)
    if rule.measure == "share_of_best":
        said = f"{rule.variable} = {x}, {voice.word('best')} = {best}"
        return f"{said} ⇒ {x}/{best} × {maximum}" if has_place else said
    said = f"{rule.variable} = {x}, {voice.word('lowest')} = {low}, {voice.word('best')} = {best}"
    has_place = has_place and millionths(figures[rule.variable]) > millionths(extremes.lowest)
    return f"{said} ⇒ ({x} − {low})/({best} − {low}) × {maximum}" if has_place else said


def _sum(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
