"""How a language says numbers, formulas and rules: Vietnamese ("vi") and English ("en")."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.scoring.exact import plain, shown
from app.scoring.model import (
    Checklist,
    Count,
    Manual,
    Option,
    Options,
    Part,
    Parts,
    Peers,
    Ratio,
    Rule,
    Tiers,
)

_WORDS = {
    "points": ("điểm", "points"),
    "maximum": ("điểm tối đa", "the maximum"),
    "of_maximum": ("của điểm tối đa", "of the maximum"),
    "pending": ("chưa tính điểm", "no points yet"),
    "undefined": ("không xác định", "undefined"),
    "best": ("cao nhất", "best"),
    "lowest": ("thấp nhất", "lowest"),
    "not_counted": ("không tính", "not counted"),
    "nothing": ("0 điểm", "nothing"),
    "none_of_these": ("không có mục nào", "none of these"),
    "given": ("đã kê khai", "declared"),
    "yes": ("có", "yes"),
    "no": ("không", "no"),
    "one_of": ("chọn một mức", "one of"),
    "each_that_holds": ("cộng từng mục đạt", "each that holds adds"),
    "and_above": ("trở lên", "and above"),
    "below_it": ("dưới mức đó", "below that"),
    "below": ("dưới", "below"),
    "without": ("không có", "without"),
    "each": ("mỗi đơn vị đếm được", "each counted"),
    "at_most": ("không quá", "at most"),
    "by_reviewer": (
        "văn bản không nêu cách tính: người thẩm định cho điểm kèm lý do",
        "the document gives no method: the reviewer gives points with a reason",
    ),
    "added_parts": ("cộng các phần", "the parts are added"),
}


@dataclass(frozen=True, slots=True)
class Voice:
    """How a language says words and numbers; `digits` are the decimals of rounded numbers."""

    lang: str
    digits: int = 2

    def word(self, key: str) -> str:
        """Say a word."""
        return self.of(*_WORDS[key])

    def of(self, vi: str, en: str) -> str:
        """Choose between two wordings."""
        return en if self.lang == "en" else vi

    def number(self, value: Fraction, *apart_from: Fraction) -> str:
        """Write a number rounded, with more digits where it would else look like another one that matters."""
        most = 24  # what still looks alike then is alike for a reader
        digits = self.digits
        while digits < most and any(
            value != other and shown(value, digits) == shown(other, digits) for other in apart_from
        ):
            digits += 1
        text = shown(value, digits)
        return self.comma(text.rstrip("0").rstrip(".") if "." in text else text)

    def exactly(self, value: Fraction) -> str:
        """Write a number of a rule, which is never rounded."""
        return self.comma(plain(value))

    def comma(self, text: str) -> str:
        """Write the decimal sign."""
        return text if self.lang == "en" else text.replace(".", ",")

    def percent(self, share: Fraction, *apart_from: Fraction) -> str:
        """Write a share as a percentage."""
        return self.number(share * 100, *(other * 100 for other in apart_from)) + self._percent_sign

    def equals_percent(self, share: Fraction, *apart_from: Fraction) -> str:
        """Write "= 83,5 %" where that is all of it, and "≈ 83,33 %" where it is not."""
        text = self.number(share * 100, *(other * 100 for other in apart_from))
        is_all = Fraction(text.replace(",", ".")) == share * 100
        return f"{'=' if is_all else '≈'} {text}{self._percent_sign}"

    def percent_exactly(self, share: Fraction) -> str:
        """Write a share of a rule as a percentage."""
        return self.exactly(share * 100) + self._percent_sign

    @property
    def _percent_sign(self) -> str:
        return "%" if self.lang == "en" else " %"


def formula_of(rule: Ratio | Tiers | Count | Peers) -> str:
    """Write what is measured: "(b + c)/a" or "x"."""
    above = sum_of(rule.numerator)
    return f"{above}/{sum_of(rule.denominator)}" if rule.denominator else above


def sum_of(parts: Sequence[str]) -> str:
    """Write a sum as it stands in a quotient."""
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def rule_in_words(rule: Rule, voice: Voice) -> str:
    """Say a rule in one line: "a/b; 80 % trở lên: điểm tối đa; dưới mức đó: a/b ÷ 80 % × điểm tối đa"."""
    match rule:
        case Options():
            return f"{voice.word('one_of')}: {_options(rule.options, voice)}"
        case Checklist():
            return f"{voice.word('each_that_holds')}: {_options(rule.items, voice)}"
        case Ratio():
            return _ratio(rule, voice)
        case Tiers():
            return _tiers(rule, voice)
        case Count():
            each = f"{voice.exactly(rule.points_each)} {voice.word('points')}"
            return f"{voice.word('each')} ({formula_of(rule)}): {each}, {voice.word('at_most')} {voice.word('maximum')}"
        case Peers():
            return _peers(rule, voice)
        case Parts():
            return f"{voice.word('added_parts')}: " + " + ".join(_part(part, voice) for part in rule.parts)
        case Manual():
            return voice.word("by_reviewer")


def _options(options: Sequence[Option], voice: Voice) -> str:
    return "; ".join(f"“{option.label}”: {voice.percent_exactly(option.share)}" for option in options)


def _ratio(rule: Ratio, voice: Voice) -> str:
    formula, maximum, mark = formula_of(rule), voice.word("maximum"), voice.percent_exactly(rule.full_mark)
    said = [formula]
    if rule.full_if_zero:
        said.append(f"{rule.full_if_zero} = 0: {maximum}")
    points = f"{formula} × {maximum}" if rule.full_mark == 1 else f"{formula} ÷ {mark} × {maximum}"
    if rule.floor == rule.full_mark:
        said += [
            f"{mark} {voice.word('and_above')}: {maximum}",
            f"{voice.word('below_it')}: {voice.word('nothing')}",
        ]
    elif rule.floor is not None:
        floor = voice.percent_exactly(rule.floor)
        said += [
            f"{mark} {voice.word('and_above')}: {maximum}",
            f"{floor} {voice.word('and_above')}: {points}",
            f"{voice.word('below')} {floor}: {voice.word('nothing')}",
        ]
    elif rule.full_mark == 1:
        said.append(points)
    else:
        said += [f"{mark} {voice.word('and_above')}: {maximum}", f"{voice.word('below_it')}: {points}"]
    return "; ".join(said)


def _tiers(rule: Tiers, voice: Voice) -> str:
    write = voice.percent_exactly if rule.denominator else voice.exactly
    said = [formula_of(rule)]
    if rule.requires:
        said.append(f"{voice.word('without')} {rule.requires}: {voice.word('nothing')}")
    for tier in rule.tiers:
        start = f"{write(tier.start)} {voice.word('and_above')}" if tier.start else voice.word("below_it")
        said.append(f"{start}: {voice.percent_exactly(tier.share)} {voice.word('of_maximum')}")
    return "; ".join(said)


def _peers(rule: Peers, voice: Voice) -> str:
    x, best, maximum = formula_of(rule), voice.word("best"), voice.word("maximum")
    if rule.measure == "share_of_best":
        return f"{x} ÷ {best} × {maximum}"
    low = voice.word("lowest")
    return f"({x} − {low}) ÷ ({best} − {low}) × {maximum}"


def _part(part: Part, voice: Voice) -> str:
    return f"{voice.percent_exactly(part.share)} {part.name} ({rule_in_words(part.rule, voice)})"
