"""The page of a method: whole, well-formed, harmless, and readable without any help from elsewhere."""

from collections import defaultdict
from fractions import Fraction
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from app.catalogue.files import catalogue
from app.catalogue.method import method_page
from app.catalogue.rules import all_rows, differences, scored_rows
from app.catalogue.schemas import IndexSetFile, IndicatorRow
from app.catalogue.scored import scored_rule
from app.scoring.model import Checklist, Options, Parts, Rule, Variable
from app.scoring.words import Voice, rule_in_words

VI = Voice("vi")


def variables_of(rule: Rule) -> tuple[Variable, ...]:
    """List the figures a rule asks for, those of its parts included."""
    if isinstance(rule, Parts):
        return tuple(variable for part in rule.parts for variable in part.rule.variables)
    return rule.variables


HASH = "ab" * 32
KEYS = sorted(catalogue().sets)
VOID = {"meta"}
FREE_TEXT = {
    *("name", "label", "method", "evidence", "collected_from", "note", "notes", "changes", "differs"),
    *("declared_name", "document", "decision", "issued_by", "annex", "vi"),
    *("result", "target", "deadline", "lead", "coordinating"),
}
NASTY = "<script>alert('x')</script><img src=\"https://x.vn/\" onerror=y>&amp;"


class Page(HTMLParser):
    """A page as a browser would take it: its tags in order, and the text of every section by id."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = defaultdict(str)
        self.feed(text)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.append((tag, named))
        if tag not in VOID:
            self.open.append((tag, named.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = {self.open[-1][0], *(named for _, named in self.open if named)} if self.open else set()
        for name in inside:
            self.texts[name] += data
        self.texts["page"] += data

    def with_tag(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def shipped(key: str) -> IndexSetFile:
    return catalogue().sets[key].out


def page_of(file: IndexSetFile, state: str = "published") -> Page:
    return Page(method_page(file, HASH, state))


def text_of(page: Page, row: IndicatorRow) -> str:
    return page.texts[f"chi-so-{row.code}"]


def changed(file: IndexSetFile, **fields: Any) -> IndexSetFile:
    """Return a set with other fields, read anew as from a file."""
    content = file.model_dump(include=set(IndexSetFile.model_fields))
    return IndexSetFile.model_validate(content | fields)


def spoilt(value: Any, key: str = "") -> Any:
    """Put markup into every text that a file is free to choose."""
    if isinstance(value, dict):
        return {name: spoilt(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [spoilt(one, key) for one in value]
    return NASTY + value if isinstance(value, str) and key in FREE_TEXT else value


@pytest.mark.parametrize("key", KEYS)
def test_every_row_shows_its_code_its_name_and_its_maximum(key: str) -> None:
    file = shipped(key)
    page = page_of(file)
    for group in file.groups:
        assert f"Nhóm {group.code}. {group.name or '(văn bản không ghi tên)'}" in page.texts["h2"]
    for row in all_rows(file):
        text = text_of(page, row)
        assert text.startswith(f"{row.code}. {row.name}")
        assert f"Dòng{row.line}" in text
        if row.max_points is not None:
            assert f"Điểm tối đa: {VI.exactly(Fraction(row.max_points))}" in text
        elif row.rule.kind != "figure":
            assert "Điểm tối đa: văn bản không cho" in text


@pytest.mark.parametrize("key", KEYS)
def test_every_rule_is_said_with_its_figures_its_options_and_the_words_of_the_document(key: str) -> None:
    file = shipped(key)
    page = page_of(file)
    for row in scored_rows(row for group in file.groups for row in group.indicators):
        text = text_of(page, row)
        rule = scored_rule(row.rule)
        assert said_of(rule, text)
        assert all(figure_said(variable) in text for variable in variables_of(rule))
        assert (row.rule.method or "") in text
        assert all(wanted in text for wanted in (row.evidence, row.collected_from, *row.verified_by))
        assert (row.note or "") in text
        assert ("đơn vị được đánh giá" if row.declared_by == "unit" else row.declared_by) in text
        tracked = row.tracking.model_dump(exclude_none=True) if row.tracking else {}
        assert all(value in text for value in tracked.values())


def said_of(rule: Rule, text: str) -> bool:
    """Tell whether a text says a rule: in words, or option by option with its share."""
    match rule:
        case Options(options) | Checklist(options):
            return all(f"{one.label}{VI.percent_exactly(one.share)}" in text for one in options)
        case Parts(parts):
            return all(
                f"{part.name}: {VI.percent_exactly(part.share)}" in text and said_of(part.rule, text)
                for part in parts
            )
    return rule_in_words(rule, VI) in text


def figure_said(variable: Variable) -> str:
    kinds = {"count": "số nguyên", "amount": "số, tối đa 6 chữ số thập phân", "yes_no": "1 là có, 0 là không"}
    return f"{variable.key}{variable.label}{kinds[variable.number]}"


@pytest.mark.parametrize("key", KEYS)
def test_a_page_asks_nothing_from_elsewhere_and_its_links_lead_somewhere(key: str) -> None:
    page = page_of(shipped(key))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.with_tag("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert not page.with_tag("script", "link", "img", "iframe", "object", "form", "base")
    assert not [attributes for _, attributes in page.tags if "src" in attributes or "style" in attributes]
    assert "url(" not in page.texts["style"]
    assert "@import" not in page.texts["style"]


@pytest.mark.parametrize("key", KEYS)
def test_headings_go_down_one_level_at_a_time_and_tables_name_their_columns_and_rows(key: str) -> None:
    page = page_of(shipped(key))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.with_tag("caption")) == len(page.with_tag("table"))
    assert all(heading["scope"] in {"col", "row"} for heading in page.with_tag("th"))
    assert page.with_tag("html") == [{"lang": "vi"}]
    assert {"charset": "utf-8"} in page.with_tag("meta")


@pytest.mark.parametrize("key", KEYS)
def test_markup_in_a_file_stays_text(key: str) -> None:
    file = shipped(key)
    content = spoilt(file.model_dump(mode="json", include=set(IndexSetFile.model_fields)))
    page = page_of(IndexSetFile.model_validate(content | {"changes": [NASTY]}))
    plain_page = page_of(file)
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain_page.tags}
    assert {name for _, attributes in page.tags for name in attributes} <= {
        *("lang", "charset", "name", "content", "class", "id", "href", "scope", "aria-labelledby")
    }
    first = file.groups[0].indicators[0]
    assert text_of(page, first).startswith(f"{first.code}. {NASTY}{first.name}")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("draft", "Bản dự thảo: chưa được công bố"),
        ("published", "Đã công bố"),
        ("retired", "Hết áp dụng"),
    ],
)
def test_the_state_of_a_version_is_said(state: str, said: str) -> None:
    text = page_of(shipped("camau-2023-so"), state).texts["page"]
    words = ("Bản dự thảo", "Đã công bố", "Hết áp dụng")
    assert said in text
    assert [word for word in words if word in text] == [word for word in words if said.startswith(word)]


def test_the_document_the_version_and_the_fingerprint_are_named() -> None:
    text = page_of(shipped("camau-2023-huyen")).texts["page"]
    for said in (
        "Số, ký hiệu1072/QĐ-UBND",
        "Ngày ký19/06/2023",
        "Nơi ban hànhChủ tịch UBND tỉnh Cà Mau",
        "Phụ lụcII",
        "camau-2023-huyen, phiên bản 1",
        f"SHA-256 của nội dung{HASH}",
        "Gồm có8 nhóm, 62 chỉ số, 650 điểm",
        "Dùng để chấm điểm và xếp hạng",
        "Tên ở phần nêuHoạt động kinh tế số",
    ):
        assert said in text


def test_a_document_without_number_and_date_is_cited_as_what_it_is() -> None:
    text = page_of(shipped("lacdao-2024-xa")).texts["page"]
    assert "Trích dẫnKế hoạch /KH-UBND xã Lạc Đạo (4/2024), Phụ lục" in text
    assert "Số, ký hiệuvăn bản không ghi" in text
    assert "Ngày kývăn bản không ghi đủ ngày" in text


def test_a_set_with_rows_without_maximum_is_only_tracked() -> None:
    one = page_of(shipped("unnamed-2022-huyen")).texts["page"]
    assert "Chỉ theo dõi, không xếp hạng: văn bản không cho điểm tối đa của 3.11" in one
    assert "985 điểm ở những dòng có điểm tối đa" in one
    many = page_of(shipped("kontum-2024-tinh")).texts["page"]
    assert "Chỉ theo dõi, không xếp hạng: văn bản không cho điểm tối đa của 111 chỉ số" in many


def test_what_a_document_says_of_itself_is_shown_with_where_its_rows_differ() -> None:
    file = shipped("unnamed-2022-huyen")
    text = page_of(file).texts["tu-neu"]
    assert "Cả bộ, văn bản nêu: 8 nhóm (dòng 11), 63 chỉ số (dòng 11), 1000 điểm (dòng 11)" in text
    assert "Cả bộ: văn bản nêu 63 chỉ số (dòng 11), đếm được 64 chỉ số. D-003" in text
    assert "Nhóm 5: văn bản nêu 100 điểm (dòng 19), đếm được 95 điểm. D-009" in text
    assert text.count("đếm được") == len(differences(file))
    assert "khớp với các dòng" in page_of(shipped("camau-2023-so")).texts["tu-neu"]
    assert "Văn bản không tự nêu" in page_of(shipped("kontum-2024-tinh")).texts["tu-neu"]


def test_options_are_shown_in_points_too_and_those_of_a_part_in_points_of_the_part() -> None:
    page = page_of(shipped("camau-2023-huyen"))
    assert "không đầy đủ các phiên họp của BCĐCĐS tỉnh về Chuyển đổi số50 %2,5" in page.texts["chi-so-1.2"]
    content = shipped("kontum-2024-tinh").model_dump(mode="json", include=set(IndexSetFile.model_fields))
    content["groups"][2]["indicators"][4]["max_points"] = "10"
    text = page_of(IndexSetFile.model_validate(content)).texts["chi-so-3.5"]
    assert "Triển khai: 50 % điểm tối đa của chỉ số (5 điểm)" in text
    assert "nhưng chưa đạt tiêu chuẩn50 %2,5" in text


def test_nested_rows_stand_inside_the_row_above_and_figures_are_not_scored() -> None:
    page = page_of(shipped("kontum-2024-tinh"))
    whole = page.texts["chi-so-5.12"]
    assert "cộng điểm các dòng dưới; các dòng đó tính như nhau" in whole
    assert page.texts["chi-so-5.12.1.a"] in page.texts["chi-so-5.12.1"]
    assert page.texts["chi-so-5.12.1"] in whole
    assert "Số liệu a của dòng trên, không chấm riêng" in page.texts["chi-so-5.12.1.a"]


def test_general_information_contacts_and_notes_are_shown_where_there_are_any() -> None:
    file = shipped("camau-2023-huyen")
    page = page_of(file)
    assert all(row.name in page.texts["thong-tin-chung"] for row in file.general_information)
    assert all(row.name in page.texts["lien-he"] for row in file.contacts)
    assert "Họ tên, Đơn vị công tác, Chức vụ, Điện thoại liên hệ, Email" in page.texts["lien-he"]
    assert all(note in page.texts["ghi-chu"] for note in file.notes)
    without = page_of(shipped("kontum-2024-tinh"))
    assert not {"thong-tin-chung", "lien-he", "thay-doi"} & without.texts.keys()


def test_a_new_version_says_what_changed() -> None:
    page = page_of(changed(shipped("camau-2023-so"), version=2, changes=["1.1: điểm tối đa 10 thành 12"]))
    assert page.texts["thay-doi"] == "Thay đổi ở phiên bản 21.1: điểm tối đa 10 thành 12"
    assert "phiên bản 2" in page.texts["title"]
