"""The method of an index set as one page for the public: in Vietnamese, self-contained, printable. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from html import escape

from app.catalogue.rules import counted_in_group, counted_in_set, differences
from app.catalogue.schemas import (
    Counted,
    Declared,
    Difference,
    FigureRule,
    GroupRow,
    IndexSetFile,
    IndicatorRow,
    SumRule,
)
from app.catalogue.scored import scored_rule, scored_set
from app.scoring.model import Checklist, Option, Options, Part, Parts, Rule, Tiers
from app.scoring.words import Voice, rule_in_words

Fact = tuple[str, str | None]

_VOICE = Voice("vi")
_STATES = {
    "draft": "Bản dự thảo: chưa được công bố, chưa dùng để đánh giá, còn có thể thay đổi",
    "published": "Đã công bố",
    "retired": "Hết áp dụng: không dùng cho kỳ đánh giá mới",
}
_WHAT = {"groups": "nhóm", "indicators": "chỉ số", "points": "điểm"}
_NUMBERS = {
    "text": "chữ",
    "count": "số nguyên",
    "amount": "số, tối đa 6 chữ số thập phân",
    "yes_no": "1 là có, 0 là không",
}
_STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1b1f24; --soft: #4d5763; --line: #c3ccd6; --fill: #f3f6f9;
  --link: #0b5394 }
@media (prefers-color-scheme: dark) { :root { --back: #12171d; --ink: #e7ebf0; --soft: #b3bdc9; --line: #46505c;
  --fill: #1d242c; --link: #8fc1f5 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif;
  overflow-wrap: anywhere }
main { max-width: 56rem; margin: 0 auto; padding: 1rem }
h1, h2, h3, h4, h5, h6 { line-height: 1.3; margin: 0 0 .5rem }
h1 { font-size: 1.7rem } h2 { font-size: 1.35rem; margin-top: 2.5rem } h3 { font-size: 1.1rem }
h4, h5, h6 { font-size: 1rem }
p, ul, dl, table, blockquote { margin: .5rem 0 }
a { color: var(--link) } nav li { padding: .15rem 0 }
.state { border: 2px solid; border-radius: .4rem; padding: .4rem .75rem; font-weight: bold }
.row { border: 1px solid var(--line); border-radius: .4rem; padding: 1rem; margin: 1rem 0 }
.part { border-left: .25rem solid var(--line); padding-left: .75rem; margin: .75rem 0 }
caption, dt { color: var(--soft) }
blockquote { background: var(--fill); border-left: .25rem solid var(--line); padding: .5rem .75rem;
  white-space: pre-line }
dl { display: grid; grid-template-columns: 12rem 1fr; gap: .25rem 1rem } dd { margin: 0 }
table { border-collapse: collapse; width: 100% } caption { text-align: left; padding: .25rem 0 }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top;
  font-weight: normal }
thead th { background: var(--fill); font-weight: bold; overflow-wrap: normal }
@media (max-width: 40rem) { main, .row { padding: .6rem } dl { display: block } dd { margin-bottom: .5rem } }
@media print {
  :root { color-scheme: light; --back: #fff; --ink: #000; --soft: #333; --line: #888; --fill: #fff; --link: #000 }
  body { font-size: 10pt } main { max-width: none; padding: 0 } nav { display: none }
  h2, h3, h4, h5, caption { break-after: avoid } tr { break-inside: avoid }
}
"""


def method_page(file: IndexSetFile, sha256: str, state: str, names: Mapping[str, str] | None = None) -> str:
    """Write a version of a set as an HTML page; `state` is draft, published or retired.

    `names` are those of the agencies, by key; a key nobody bears stays as it is.
    """
    file = _with_names(file, names or {})
    title = escape(file.title.vi)
    sections = [
        ("tu-neu", "Văn bản tự nêu và kết quả đếm", _declarations(file)),
        ("ghi-chu", "Ghi chú khi đọc văn bản", _list(file.notes)),
        *((f"nhom-{group.code}", _title(group), _group(group)) for group in file.groups),
        ("thong-tin-chung", "Thông tin chung", _information(file)),
        ("lien-he", "Người liên hệ", _contacts(file)),
        ("thay-doi", f"Thay đổi ở phiên bản {file.version}", _list(file.changes or [])),
    ]
    present = [section for section in sections if section[2]]
    links = "".join(f'<li><a href="#{anchor}">{escape(heading)}</a></li>' for anchor, heading, _ in present)
    bodies = [
        f'<section id="{anchor}"><h2>{escape(heading)}</h2>{body}</section>'
        for anchor, heading, body in present
    ]
    lines = [
        '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title} (phiên bản {file.version})</title><style>{_STYLE}</style></head>",
        f'<body><main><h1>{title}</h1><p class="state">{escape(_STATES[state])}</p>',
        _facts(_about(file, sha256)),
        f'<nav aria-labelledby="muc-luc"><h2 id="muc-luc">Mục lục</h2><ul>{links}</ul></nav>',
        *bodies,
        "</main></body></html>\n",
    ]
    return "\n".join(lines)


def _with_names(file: IndexSetFile, names: Mapping[str, str]) -> IndexSetFile:
    groups = [
        group.model_copy(update={"indicators": [_named(row, names) for row in group.indicators]})
        for group in file.groups
    ]
    return file.model_copy(update={"groups": groups})


def _named(row: IndicatorRow, names: Mapping[str, str]) -> IndicatorRow:
    changed = {
        "verified_by": [names.get(key, key) for key in row.verified_by],
        "declared_by": names.get(row.declared_by, row.declared_by),
        "rows": row.rows and [_named(below, names) for below in row.rows],
    }
    return row.model_copy(update=changed)


# --- the set as a whole -------------------------------------------------------------------------------------


def _about(file: IndexSetFile, sha256: str) -> list[Fact]:
    source = file.source
    return [
        ("Trích dẫn", source.cited.vi if source.cited else None),
        ("Số, ký hiệu", source.decision or "văn bản không ghi"),
        ("Ngày ký", _day(source.signed_on) if source.signed_on else "văn bản không ghi đủ ngày"),
        ("Nơi ban hành", source.issued_by),
        ("Phụ lục", source.annex),
        ("Tệp văn bản", f"{source.document} (số dòng ghi ở trang này là dòng của tệp đó)"),
        ("Mã, phiên bản", f"{file.key}, phiên bản {file.version}"),
        ("SHA-256 của nội dung", sha256),
        ("Gồm có", _counts(counted_in_set(file))),
        ("Xếp hạng", _ranked(file)),
    ]


def _ranked(file: IndexSetFile) -> str:
    """Say whether units can be ranked by a set or only tracked (ruling 6)."""
    scored = scored_set(file)
    if scored.is_ranked:
        return "Dùng để chấm điểm và xếp hạng"
    missing = [row.code for row in scored.indicators if row.max_points is None]
    which = ", ".join(missing) if len(missing) <= 10 else f"{len(missing)} chỉ số"
    return f"Chỉ theo dõi, không xếp hạng: văn bản không cho điểm tối đa của {which}"


def _declarations(file: IndexSetFile) -> str:
    """Show what the document says of itself, and where its rows do not bear it out."""
    said = f"<p>Cả bộ, văn bản nêu: {escape(_declared(file.declared))}.</p>" if file.declared else ""
    found = _list(_difference(row) for row in differences(file))
    if found:
        return f"{said}<p>Những chỗ văn bản tự nêu khác với các dòng của bảng:</p>{found}"
    if file.declared or any(group.declared or group.max_points for group in file.groups):
        return f"{said}<p>Những gì văn bản tự nêu khớp với các dòng của bảng.</p>"
    return "<p>Văn bản không tự nêu số nhóm, số chỉ số, số điểm.</p>"


def _difference(row: Difference) -> str:
    where = f"Nhóm {row.group}" if row.group else "Cả bộ"
    why = f". {row.why}" if row.why else ""
    declared, counted = _amount(row.what, row.declared), _amount(row.what, row.counted)
    return f"{where}: văn bản nêu {declared} (dòng {row.line}), đếm được {counted}{why}"


def _information(file: IndexSetFile) -> str:
    rows = [(row.code, row.name, _NUMBERS[row.input], str(row.line)) for row in file.general_information]
    return _table("Được thu thập, không tính điểm", ("Mã", "Nội dung", "Kiểu", "Dòng"), rows)


def _contacts(file: IndexSetFile) -> str:
    asked = ", ".join(field.name for field in file.contact_fields)
    rows = [(row.code, row.name, str(row.line)) for row in file.contacts]
    caption = f"Mỗi người khai: {asked}" if asked else "Hồ sơ nêu tên"
    return _table(caption, ("Mã", "Người", "Dòng"), rows)


# --- groups and their rows ----------------------------------------------------------------------------------


def _title(group: GroupRow) -> str:
    return f"Nhóm {group.code}. {group.name or '(văn bản không ghi tên)'}"


def _group(group: GroupRow) -> str:
    other_name = group.declared_name if group.declared_name != group.name else None
    facts = [
        ("Điểm tối đa", _points(group.max_points)),
        ("Gồm có", _counts(counted_in_group(group))),
        ("Văn bản nêu", _declared(group.declared)),
        ("Tên ở phần nêu", other_name),
        ("Điểm không khớp", group.differs),
        ("Dòng", str(group.line)),
    ]
    return _facts(facts) + "".join(_row(row, 3) for row in group.indicators)


def _row(row: IndicatorRow, level: int) -> str:
    """Write a row and the rows below it; `level` is that of its heading."""
    heading = f"h{min(level, 6)}"
    below = "".join(_row(one, level + 1) for one in row.rows or [])
    method = row.rule.method
    quoted = f"<p>Nguyên văn cách tính:</p><blockquote>{escape(method)}</blockquote>" if method else ""
    return (
        f'<section class="row" id="chi-so-{row.code}"><{heading}>{row.code}. {escape(row.name)}</{heading}>'
        f"{_scoring(row)}{quoted}{_facts([*_asked(row), *_tracked(row)])}{below}</section>\n"
    )


def _scoring(row: IndicatorRow) -> str:
    """Say what a row is worth and how that is earned."""
    if isinstance(row.rule, FigureRule):
        return f"<p>Số liệu {escape(row.rule.variable)} của dòng trên, không chấm riêng.</p>"
    maximum = f"<p>Điểm tối đa: <strong>{escape(_points(row.max_points))}</strong></p>"
    if isinstance(row.rule, SumRule):
        alike = "" if row.max_points else "; các dòng đó tính như nhau"
        return f"{maximum}<p>Tính điểm: cộng điểm các dòng dưới{alike}.</p>"
    points = None if row.max_points is None else Fraction(row.max_points)
    return maximum + _rule(scored_rule(row.rule), points)


def _rule(rule: Rule, points: Fraction | None) -> str:
    """Say a rule whose maximum is `points`: in words, or as a table where it is a choice among many."""
    match rule:
        case Options():
            return _shares(f"Tính điểm: {_VOICE.word('one_of')}", rule.options, points)
        case Checklist():
            return _shares(f"Tính điểm: {_VOICE.word('each_that_holds')}", rule.items, points)
        case Parts():
            said = f"Tính điểm: {_VOICE.word('added_parts')}; ở mỗi phần, điểm tối đa là của phần đó."
            return f"<p>{said}</p>" + "".join(_part(part, points) for part in rule.parts)
    said = f"<p>Tính điểm: {escape(rule_in_words(rule, _VOICE))}</p>"
    if isinstance(rule, Tiers):
        tiers = [Option("", tier.label, tier.share) for tier in rule.tiers]
        said += _shares("Các mức", tiers, points)
    figures = [(one.key, one.label, _NUMBERS[one.number]) for one in rule.variables]
    return said + _table("Số liệu cần khai", ("Ký hiệu", "Số liệu", "Kiểu"), figures)


def _part(part: Part, points: Fraction | None) -> str:
    own = None if points is None else points * part.share
    worth = "" if own is None else f" ({_VOICE.exactly(own)} điểm)"
    said = f"{part.name}: {_VOICE.percent_exactly(part.share)} điểm tối đa của chỉ số{worth}"
    return f'<div class="part"><p><strong>{escape(said)}</strong></p>{_rule(part.rule, own)}</div>'


def _shares(caption: str, options: Sequence[Option], points: Fraction | None) -> str:
    """Show options with their share of the maximum, and in points where there is a maximum."""
    rows = [(option.label, _VOICE.percent_exactly(option.share)) for option in options]
    if points is None:
        return _table(caption, ("Nội dung", "Phần điểm tối đa"), rows)
    worth = [_VOICE.exactly(option.share * points) for option in options]
    both = [(*row, value) for row, value in zip(rows, worth, strict=True)]
    return _table(caption, ("Nội dung", "Phần điểm tối đa", "Điểm"), both)


def _asked(row: IndicatorRow) -> list[Fact]:
    agency = None if row.declared_by == "unit" else f"{row.declared_by} (thay cho đơn vị)"
    is_scored = not isinstance(row.rule, SumRule | FigureRule)
    return [
        ("Tài liệu kiểm chứng", row.evidence),
        ("Nguồn dữ liệu", row.collected_from),
        ("Phối hợp xác minh", ", ".join(row.verified_by)),
        ("Bên kê khai", agency or "đơn vị được đánh giá" if is_scored else None),
        ("Ghi chú", row.note),
        ("Dòng", str(row.line)),
    ]


def _tracked(row: IndicatorRow) -> list[Fact]:
    if row.tracking is None:
        return []
    return [
        ("Kết quả năm trước", row.tracking.result),
        ("Mục tiêu", row.tracking.target),
        ("Thời hạn", row.tracking.deadline),
        ("Đơn vị chủ trì", row.tracking.lead),
        ("Đơn vị phối hợp", row.tracking.coordinating),
    ]


# --- words and pieces of the page; every text is escaped here or where it is put in ---------------------------


def _day(day: date) -> str:
    return f"{day.day:02}/{day.month:02}/{day.year}"


def _points(points: str | None) -> str:
    return "văn bản không cho" if points is None else _VOICE.exactly(Fraction(points))


def _amount(what: str, value: str) -> str:
    return f"{_VOICE.exactly(Fraction(value))} {_WHAT[what]}"


def _declared(rows: Iterable[Declared]) -> str:
    return ", ".join(f"{_amount(row.what, row.value)} (dòng {row.line})" for row in rows)


def _counts(counted: Counted) -> str:
    said = [f"{counted.groups} nhóm"] if counted.groups else []
    said.append(f"{counted.indicators} chỉ số")
    if counted.nested_rows:
        said.append(f"{counted.nested_rows} dòng dưới chỉ số")
    if counted.points is not None:
        said.append(_amount("points", counted.points))
    elif Fraction(counted.listed_points):
        said.append(f"{_amount('points', counted.listed_points)} ở những dòng có điểm tối đa")
    return ", ".join(said)


def _facts(facts: Iterable[Fact]) -> str:
    """Write names with what there is to say of them; what the document leaves empty is left out."""
    said = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    return f"<dl>{said}</dl>" if said else ""


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _table(caption: str, heads: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first column names its rows; nothing where there are no rows."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
