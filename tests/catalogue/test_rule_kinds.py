"""Every fault a catalogue file can have, by kind: each names the file, the line, the row and the reason."""

from fractions import Fraction
from pathlib import Path

import pytest

from app.catalogue.files import LoadedSet, load_set, parse_set
from app.catalogue.reading import MAX_BYTES, CatalogueFault, CatalogueFaulty
from app.scoring import model
from tests.catalogue.languages import require_both

KINDS = (Path(__file__).parent / "kinds.yaml").read_text(encoding="utf-8")


def changed(*changes: tuple[str, str]) -> str:
    """Change the file at places that stand in it once."""
    text = KINDS
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} must stand once in the file"
        text = text.replace(old, new)
    return text


def loaded(text: str) -> LoadedSet:
    return parse_set("kinds.yaml", text.encode())


def faults(content: bytes) -> list[CatalogueFault]:
    """Return what is wrong with a file; whatever it is, it is said in both languages."""
    with pytest.raises(CatalogueFaulty) as caught:
        parse_set("kinds.yaml", content)
    require_both(caught.value.faults)
    return caught.value.faults


def refuse(old: str, new: str, line: int, row: str, message: str) -> None:
    """Expect a fault in this line of the changed file, of this row, with this reason."""
    found = faults(changed((old, new)).encode())
    assert any((one.line, one.row) == (line, row) and message in one.message.en for one in found), found
    assert {one.file for one in found} == {"kinds.yaml"}


def test_every_kind_of_rule_is_read_into_what_is_scored() -> None:
    scored = loaded(KINDS).scored
    assert {row.code: type(row.rule) for row in scored.indicators} == {
        "1.1": model.Options,
        "1.2": model.Checklist,
        "1.3": model.Ratio,
        "1.4": model.Tiers,
        "1.5": model.Tiers,
        "1.6": model.Count,
        "1.7": model.Peers,
        "1.8": model.Parts,
        "1.9.1": model.Manual,
        "1.9.a": model.Manual,
        "2.1": model.Manual,
    }
    assert [(row.code, row.rows, row.is_row) for row in scored.subtotals] == [
        ("1.9", ("1.9.1", "1.9.a"), True),
        ("1", tuple(f"1.{number}" for number in range(1, 10)), False),
        ("2", ("2.1",), False),
    ]
    assert scored.is_ranked
    ratio, tiers, peers = (scored.by_code[code].rule for code in ("1.3", "1.5", "1.7"))
    assert isinstance(ratio, model.Ratio) and (ratio.floor, ratio.full_if_zero) == (
        Fraction(3, 5),
        "infected",
    )
    assert isinstance(tiers, model.Tiers) and (tiers.numerator, tiers.denominator, tiers.requires) == (
        ("articles",),
        (),
        "section",
    )
    assert isinstance(peers, model.Peers) and (peers.denominator, peers.measure) == (("budget",), "min_max")


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        ('code: "1.2"\n', 'code: "1.1"\n', 41, "1.1", "1.1 appears twice"),
        ('code: "1.9.a"', 'code: "1.9.1"', 201, "1.9.1", "appears twice"),
        ('code: "2.1"\n', 'code: "1.9"\n', 214, "1.9", "the code 1.9 appears twice"),
        ('code: "1.6"', 'code: "2.6"', 119, "2.6", "2.6 does not belong to 1"),
        ('code: "1.6"', 'code: "10.6"', 119, "10.6", "10.6 does not belong to 1"),
        ('code: "1.3.1"', 'code: "1.4.1"', 74, "1.4.1", "1.4.1 does not belong to 1.3"),
        ('code: "1.6"', 'code: "1.6.A"', 119, "1.6.A", "match pattern"),
        ('  - code: "2"\n', '  - code: "1"\n', 21, "kinds", "1 appears 2 times"),
        ('code: "1.2", name', 'code: "1.1", name', 12, "kinds", "1.1 appears 2 times"),
        ("key: focal", "key: leader", 15, "kinds", "leader appears 2 times"),
        ("key: phone", "key: email", 18, "kinds", "email appears 2 times"),
        ("key: draft", "key: issued", 39, "1.1", "issued appears 2 times"),
        ("key: https", "key: ipv6", 52, "1.2", "ipv6 appears 2 times"),
        ("key: use\n", "key: portal\n", 160, "1.8", "portal appears 2 times"),
        ("key: none", "key: has", 167, "1.8", "has appears 2 times"),
    ],
)
def test_a_code_or_key_stands_once_and_in_its_own_place(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        ('value: "100"', 'value: "99"', 8, "kinds", "99 points are declared, the rows add up to 100"),
        (
            'max_points: "85"',
            'max_points: "84.5"',
            23,
            "1",
            "84.5 points are declared, the rows add up to 85",
        ),
        ('value: "85"', 'value: "86"', 26, "1", "86 points are declared, the rows add up to 85"),
        ('"2.50"', '"2.4"', 182, "1.9", "the rows below add up to 4.9, the row has 5"),
        ('            max_points: "2.50"\n', "", 182, "1.9", "the rows below add up to 2.5, the row has 5"),
        ('        max_points: "5"\n', "", 180, "1.9", "the rows below add up to 5, the row has no points"),
        ('        max_points: "15"\n', "", 8, "kinds", "the rows add up to 85"),
        ('max_points: "15"', 'max_points: "0"', 216, "2.1", "the maximum is 0"),
        ('max_points: "15"', 'max_points: "0.00"', 216, "2.1", "the maximum is 0"),
        ('max_points: "15"', 'max_points: "-15"', 216, "2.1", "match pattern"),
        ('max_points: "15"', 'max_points: "1e1"', 216, "2.1", "match pattern"),
        ('max_points: "15"', "max_points: 15", 216, "2.1", "valid string"),
    ],
)
def test_points_that_do_not_add_up_are_refused(old: str, new: str, line: int, row: str, message: str) -> None:
    refuse(old, new, line, row, message)


@pytest.mark.parametrize(
    ("old", "new", "group", "declared"),
    [
        ('value: "100", line: 3', 'value: "99", line: 3, differs: "D-008"', None, "99"),
        ('max_points: "85"\n', 'max_points: "84"\n    differs: "D-008"\n', "1", "84"),
        ('value: "85", line: 8', 'value: "86", line: 8, differs: "D-008"', "1", "86"),
    ],
)
def test_a_document_may_contradict_itself_when_the_file_says_why(
    old: str, new: str, group: str | None, declared: str
) -> None:
    (difference,) = loaded(changed((old, new))).out.differences
    assert (difference.group, difference.declared, difference.why) == (group, declared, "D-008")


def test_a_row_without_maximum_makes_a_set_that_is_tracked_and_not_ranked() -> None:
    """Ruling 6, D-008: what the document declares must then say why it differs."""
    text = changed(
        ('        max_points: "15"\n', ""),
        ('value: "100", line: 3', 'value: "100", line: 3, differs: "D-008"'),
    )
    out, scored = loaded(text).out, loaded(text).scored
    assert (out.counted.points, out.counted.listed_points) == (None, "85")
    assert [(row.declared, row.counted) for row in out.differences] == [("100", "85")]
    assert not scored.is_ranked and scored.by_code["2.1"].max_points is None


def test_a_row_below_without_points_is_no_row_of_0_points() -> None:
    text = changed(('max_points: "5"', 'max_points: "2.5"'), ('            max_points: "2.50"\n', ""))
    assert ("1.9", True) in [(one.row, "add up to 2.5" in one.message.en) for one in faults(text.encode())]


def test_a_total_cannot_hold_where_a_row_has_no_points() -> None:
    text = changed(('        max_points: "15"\n', ""), ('value: "100"', 'value: "85"'))
    (fault,) = faults(text.encode())
    assert (fault.line, fault.row) == (8, "kinds") and "`differs` must say why" in fault.message.en


def test_counts_of_rows_that_differ_are_shown_and_no_fault() -> None:
    (difference,) = loaded(changed(('value: "10", line: 2', 'value: "9", line: 2'))).out.differences
    assert (difference.what, difference.declared, difference.counted) == ("indicators", "9", "10")


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        (
            "numerator: [made]",
            "numerator: [done]",
            68,
            "1.3",
            "the numerator names the unknown variable done",
        ),
        (
            "denominator: [due]",
            "denominator: [all]",
            69,
            "1.3",
            "the denominator names the unknown variable all",
        ),
        (
            "full_if_zero: infected",
            "full_if_zero: ill",
            71,
            "1.3",
            "the full_if_zero names the unknown variable ill",
        ),
        ("          full_if_zero: infected\n", "", 67, "1.3", "the variable infected is not used"),
        ("denominator: [files]", "denominator: [online]", 94, "1.4", "the variable files is not used"),
        ("variable: articles", "variable: news", 114, "1.5", "the variable names the unknown variable news"),
        (
            "requires: section",
            "requires: column",
            115,
            "1.5",
            "the requires names the unknown variable column",
        ),
        ("          requires: section\n", "", 112, "1.5", "the variable section is not used"),
        ("variable: models", "variable: model", 131, "1.6", "the variable names the unknown variable model"),
        ("denominator: [budget]", "denominator: [money]", 148, "1.7", "unknown variable money"),
        ("denominator: [v]", "denominator: [w]", 179, "1.8", "the denominator names the unknown variable w"),
        ("key: offline", "key: online", 92, "1.4", "online appears 2 times"),
        ("key: noted", "key: seen", 199, "1.9.1", "seen appears 2 times"),
        ("numerator: [made]", "numerator: [made, made]", 68, "1.3", "made appears 2 times"),
        ("denominator: [due]", "denominator: [due, due]", 69, "1.3", "due appears 2 times"),
        (
            "numerator: [online, offline]",
            "numerator: [online, offline, online]",
            95,
            "1.4",
            "online appears 2 times",
        ),
        ("denominator: [budget]", "denominator: [budget, budget]", 148, "1.7", "budget appears 2 times"),
        ("numerator: [made]", "numerator: []", 68, "1.3", "at least 1 item"),
        (
            "variable: articles\n",
            "variable: articles\n          numerator: [articles]\n",
            109,
            "1.5",
            "either one variable or a numerator",
        ),
        ("          variable: articles\n", "", 109, "1.5", "either one variable or a numerator"),
        ("          denominator: [files]\n", "", 89, "1.4", "a numerator needs a denominator"),
        (
            "          numerator: [spent]\n          denominator: [budget]\n",
            "",
            141,
            "1.7",
            "either one variable or a numerator",
        ),
        ("numerator: [spent]", "variable: spent", 141, "1.7", "a numerator needs a denominator"),
        (
            "variable: models\n",
            "variable: models\n          numerator: [models]\n",
            132,
            "1.6",
            "Extra inputs",
        ),
        (
            'label: "Mô hình", number: count}\n',
            'label: "Mô hình", number: count}\n            - {key: b, label: "b", number: count}\n',
            130,
            "1.6",
            "at most 1 item",
        ),
    ],
)
def test_a_variable_is_known_used_and_named_once(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        (
            'label: "Đã làm", number: count',
            'label: "Đã làm", number: yes_no',
            68,
            "1.3",
            "the variable made of the numerator must be a count or an amount",
        ),
        (
            'label: "Phải làm", number: count',
            'label: "Phải làm", number: yes_no',
            69,
            "1.3",
            "must be a count or an amount",
        ),
        (
            'label: "Máy nhiễm", number: count',
            'label: "Máy nhiễm", number: yes_no',
            71,
            "1.3",
            "must be a count or an amount",
        ),
        (
            'label: "Tin, bài", number: count',
            'label: "Tin, bài", number: yes_no',
            114,
            "1.5",
            "must be a count or an amount",
        ),
        (
            'label: "Mô hình", number: count',
            'label: "Mô hình", number: yes_no',
            131,
            "1.6",
            "must be a count or an amount",
        ),
        (
            'label: "Đã chi", number: amount',
            'label: "Đã chi", number: yes_no',
            147,
            "1.7",
            "must be a count or an amount",
        ),
        (
            'label: "Có chuyên mục", number: yes_no',
            'label: "Có chuyên mục", number: count',
            115,
            "1.5",
            "the variable section of the requires must be a yes_no",
        ),
        ("requires: section", "requires: articles", 115, "1.5", "must be a yes_no"),
        (
            'label: "Mô hình", number: count',
            'label: "Mô hình", number: real',
            130,
            "1.6",
            "'count', 'amount' or 'yes_no'",
        ),
    ],
)
def test_a_yes_or_no_is_no_number_and_a_number_no_yes_or_no(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        (
            '{key: draft, share: "1/3"',
            '{key: draft, share: "4/3"',
            40,
            "1.1",
            "the share 4/3 of draft is above 1",
        ),
        ('{key: draft, share: "1/3"', '{key: draft, share: "1.000001"', 40, "1.1", "above 1"),
        ('{key: draft, share: "1/3"', '{key: draft, share: "1/0"', 40, "1.1", "match pattern"),
        ('{key: draft, share: "1/3"', '{key: draft, share: "-1"', 40, "1.1", "match pattern"),
        ('{key: draft, share: "1/3"', "{key: draft, share: 0.5", 40, "1.1", "valid string"),
        (
            '{key: https, share: "0.5"',
            '{key: https, share: "0.499999"',
            52,
            "1.2",
            "the shares add up to 0.999999, not to 1",
        ),
        (
            '{key: https, share: "0.5"',
            '{key: https, share: "2/3"',
            52,
            "1.2",
            "the shares add up to 7/6, not to 1",
        ),
        (
            '{key: https, share: "0.5"',
            '{key: https, share: "3/2"',
            53,
            "1.2",
            "the share 3/2 of https is above 1",
        ),
        ('share: "3/5"', 'share: "0.5"', 160, "1.8", "the shares add up to 0.9, not to 1"),
        ('share: "3/5"', 'share: "1"', 160, "1.8", "the shares add up to 1.4, not to 1"),
        (
            '- {key: has, share: "1"',
            '- {key: has, share: "5/4"',
            167,
            "1.8",
            "the share 5/4 of has is above 1",
        ),
        ('full_mark: "0.8"', 'full_mark: "0"', 70, "1.3", "the full mark is 0"),
        ('full_mark: "0.8"', 'full_mark: "0.0"', 70, "1.3", "the full mark is 0"),
        ('full_mark: "0.8"', 'full_mark: "80%"', 70, "1.3", "match pattern"),
        ('floor: "0.6"', 'floor: "0.81"', 72, "1.3", "the floor 0.81 lies above the full mark 0.8"),
        ('floor: "0.6"', 'floor: "0"', 72, "1.3", "nothing lies below a floor of 0"),
        ('points_each: "2"', 'points_each: "0"', 132, "1.6", "what is counted earns nothing"),
        ('{from: "0.5", share: "0.7"', '{from: "0.5", share: "1.1"', 99, "1.4", "the share 1.1 is above 1"),
    ],
)
def test_shares_and_marks_that_cannot_be_are_refused(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


def test_a_floor_at_the_full_mark_is_all_or_nothing() -> None:
    rule = loaded(changed(('floor: "0.6"', 'floor: "4/5"'))).scored.by_code["1.3"].rule
    assert isinstance(rule, model.Ratio) and rule.floor == rule.full_mark


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        ('{from: "0.5"', '{from: "0.90"', 99, "1.4", "two tiers begin at 0.9: they overlap"),
        ('{from: "0.5"', '{from: "0.91"', 99, "1.4", "tiers must go down from the highest one"),
        (
            '{from: "0", share: "0"',
            '{from: "0.1", share: "0"',
            98,
            "1.4",
            "no tier covers what lies below 0.1: there is a gap",
        ),
        (
            '{from: "0", share: "0"',
            '{from: "0", share: "0.71"',
            100,
            "1.4",
            "the tier from 0 earns more than the one above it",
        ),
        ('            - {from: "0", share: "1/4", label: "Dưới 20"}\n', "", 117, "1.5", "at least 2 items"),
        ('{from: "20"', '{from: "-20"', 117, "1.5", "match pattern"),
        ('{from: "20"', "{from: 20", 117, "1.5", "valid string"),
    ],
)
def test_tiers_cover_every_value_once_and_never_give_less_for_more(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


@pytest.mark.parametrize(
    ("old", "new", "line", "row", "message"),
    [
        (
            "rule: {kind: figure, variable: made}",
            "rule: {kind: figure, variable: done}",
            80,
            "1.3.1",
            "the rule of 1.3 has no variable done",
        ),
        (
            "rule: {kind: figure, variable: made}",
            "rule: {kind: manual}",
            80,
            "1.3.1",
            "must be a figure of that rule",
        ),
        (
            "rule: {kind: figure, variable: made}",
            "rule: {kind: sum}",
            80,
            "1.3.1",
            "must be a figure of that rule",
        ),
        (
            "rule: {kind: manual}\n",
            "rule: {kind: sum}  # here\n",
            221,
            "2.1",
            "there are no rows below to add up",
        ),
        (
            "            line: 14\n",
            '            line: 14\n            max_points: "1"\n',
            77,
            "1.3.1",
            "no points of its own",
        ),
        ("rule: {kind: manual}\n", "rule: {kind: manual}\n        rows: []\n", 222, "2.1", "at least 1 item"),
        ("rule: {kind: manual}\n", "rule: {kind: figure, variable: x}\n", 221, "2.1", "figure"),
        (
            'rule: {kind: manual, method: "Theo đánh giá"}',
            "rule: {kind: figure, variable: seen}",
            208,
            "1.9.a",
            "figure",
        ),
        ("rule: {kind: sum}", "rule: {kind: sum, variable: x}", 187, "1.9", "Extra inputs"),
        (
            "rule: {kind: manual}\n",
            "rule: {kind: median}\n",
            221,
            "2.1",
            "does not match any of the expected tags",
        ),
        ("rule: {kind: manual}\n", "rule: {}\n", 221, "2.1", "Unable to extract tag"),
        ("measure: min_max", "measure: mean", 143, "1.7", "'share_of_best' or 'min_max'"),
        (
            "kind: ratio\n                method",
            "kind: manual\n                method",
            173,
            "1.8",
            "does not match any of the expected tags",
        ),
        ('          method: "Từ 20 tin: tối đa"\n', "", 109, "1.5", "method: Field required"),
        ('          method: "Đã ban hành: điểm tối đa"\n', "", 36, "1.1", "method: Field required"),
        ('          method: "Mỗi mục 1/2"\n', "", 49, "1.2", "method: Field required"),
        ('          method: "Cộng hai phần"\n', "", 157, "1.8", "method: Field required"),
    ],
)
def test_a_rule_of_no_use_in_its_place_is_refused(
    old: str, new: str, line: int, row: str, message: str
) -> None:
    refuse(old, new, line, row, message)


def test_a_choice_that_earns_nothing_is_refused() -> None:
    text = changed(('{key: issued, share: "1"', '{key: issued, share: "0"'), ('share: "1/3"', 'share: "0"'))
    (fault,) = faults(text.encode())
    assert (fault.line, fault.row, fault.message.en) == (
        39,
        "1.1",
        "groups.indicators.rule.options: no option earns anything",
    )


@pytest.mark.parametrize("changes", ["", "changes: []\n", "changes: null\n"])
def test_a_second_version_says_what_changed(changes: str) -> None:
    (fault,) = faults(changed(('changes: ["Thêm 1.9"]\n', changes)).encode())
    assert fault.row == "kinds" and "version 2 does not say what changed" in fault.message.en


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("notes: []", "notes: &none []", 9, "anchors and aliases are not allowed"),
        ("notes: []", "notes: *none", 9, "anchors and aliases are not allowed"),
        ("notes: []", "notes: !!python/object/apply:os.system [id]", 9, "tag"),
        ("notes: []", "notes: !local []", 9, "tag"),
        ("notes: []", "notes: !!binary aGk=", 9, "tag"),
        ("notes: []", "notes: !!set {}", 9, "tag"),
        ("notes: []", "notes: !!seq []", 9, "tag"),
        ("version: 2", 'version: !!int "2"', 2, "tag"),
        ("notes: []", "notes: []\n<<: {unit_kind: district}", 10, "merge"),
        ("notes: []", "notes: []\nnotes: []", 10, "the key notes is repeated"),
        ("key: draft, share", "key: draft, key: draft, share", 40, "the key key is repeated"),
        ("notes: []", "notes: " + "[" * 21 + "]" * 21, 9, "nested deeper than 20 levels"),
        ("notes: []", "notes: " + "[" * 100_000, 9, "nested deeper than 20 levels"),
        ("notes: []", "notes: " + "{a: " * 21 + "1" + "}" * 21, 9, "nested deeper than 20 levels"),
        ("notes: []", "notes: [", 11, "expected"),
        ("notes: []", "notes: {[a]: b}", 9, "unhashable"),
        ("notes: []", "notes: []\n2: b", 1, "Keys should be strings"),
        ("notes: []", "notes: []\n\tx: b", 10, "token"),
        ("notes: []", 'notes: ["\\0"]', 9, "U+0000"),
        ("line: 31", "line: " + "1" * 21, 217, "more than 20 digits"),
        ("notes: []", "notes: []\n" + "\n".join(f"k{i}: 1" for i in range(1000)), 1, "more than 1000 keys"),
        ("signed_on: null", "signed_on: 2024-02-30", None, "day"),
    ],
)
def test_yaml_that_can_hide_what_is_read_is_refused(
    old: str, new: str, line: int | None, message: str
) -> None:
    found = faults(changed((old, new)).encode())
    assert any(one.line == line and message in one.message.en for one in found), found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file holds no mapping"),
        (b"# only a comment\n", "the file holds no mapping"),
        (b"null\n", "the file holds no mapping"),
        (b"[]\n", "the file holds no mapping"),
        (b"\x00\x01\x02\x03", ""),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not UTF-8"),
        (KINDS.encode("utf-16"), "not UTF-8"),
        (KINDS.encode("cp1258", "replace"), "not UTF-8"),
        (b"key: kinds\n---\nkey: other\n", "another document"),
        (b"#" * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
        (b"key: " + b"x" * (50 * 1024 * 1024), f"larger than {MAX_BYTES} bytes"),
    ],
    ids=[
        "empty", "a comment", "null", "a list", "binary", "a picture", "UTF-16", "cp1258", "two documents",
        "one byte too many", "50 MB",
    ],
)  # fmt: skip
def test_what_is_no_catalogue_file_is_refused(content: bytes, message: str) -> None:
    (fault,) = faults(content)
    assert (fault.file, fault.row) == ("kinds.yaml", None)
    assert message in fault.message.en


def test_a_file_of_50_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(CatalogueFaulty, match="larger than"):
        load_set(path)


def test_all_faults_of_a_file_are_named_at_once() -> None:
    text = changed(
        ('code: "1.6"', 'code: "2.6"'),
        ("numerator: [made]", "numerator: [done]"),
        ('full_mark: "0.8"', 'full_mark: "0"'),
        ('{from: "0.5"', '{from: "0.95"'),
        ("key: phone", "key: email"),
    )
    assert [(fault.row, fault.message.en.split(": ", 1)[1]) for fault in faults(text.encode())] == [
        ("kinds", "email appears 2 times"),
        ("1.3", "the numerator names the unknown variable done"),
        ("1.3", "the variable made is not used"),
        ("1.3", "the full mark is 0"),
        ("1.3", "the floor 0.6 lies above the full mark 0"),
        ("1.4", "tiers must go down from the highest one"),
        ("2.6", "the code 2.6 does not belong to 1"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("        line: 12\n", "", "thiếu trường bắt buộc"),
        ("notes: []", "notes: []\nowner: x", "trường không được phép"),
        ("notes: []", "notes: []\n2: x", "khóa phải là chuỗi ký tự"),
        ('{vi: "Mọi loại quy tắc", en: "Every kind of rule"}', "x", "phải gồm các cặp khóa: giá trị"),
        ("rule: {kind: sum}", "rule: 5", "phải gồm các cặp khóa: giá trị"),
        ("notes: []", "notes: x", "phải là danh sách"),
        ("numerator: [made]", "numerator: []", "tối thiểu 1 phần tử"),
        ("            - {key: models", "            - {}\n            - {key: models", "tối đa 1 phần tử"),
        ('max_points: "15"', "max_points: 15", "phải là chuỗi ký tự, đặt trong dấu nháy"),
        ('name: "Đếm"', 'name: ""', "tối thiểu 1 ký tự"),
        ("key: kinds", "key: " + "k" * 65, "tối đa 64 ký tự"),
        ('max_points: "15"', 'max_points: "-15"', r"phải theo mẫu ^[0-9]{1,6}(\.[0-9]{1,6})?$"),
        ("line: 31", "line: x", "phải là số nguyên"),
        ("line: 31", "line: 0", "phải từ 1 trở lên"),
        ("version: 2", "version: 10001", "phải đến 10000 là cùng"),
        ("signed_on: null", "signed_on: []", "phải là ngày dạng YYYY-MM-DD"),
        ("signed_on: null", 'signed_on: "15/1/2024"', "phải là ngày dạng YYYY-MM-DD"),
        ("signed_on: null", "signed_on: 2024-01-15T10:00:00", "phải là ngày dạng YYYY-MM-DD, không có giờ"),
        ("measure: min_max", "measure: mean", "phải là một trong: 'share_of_best' hoặc 'min_max'"),
        ("rule: {kind: sum}", "rule: {}", "thiếu 'kind'"),
        (
            "kind: ratio\n                method",
            "kind: mean\n                method",
            "'kind' là 'mean', phải là một trong: 'options', 'checklist', 'ratio', 'tiers'",
        ),
        ("notes: []", "notes: [", "không phải YAML hợp lệ: did not find expected ',' or ']'"),
        ("signed_on: null", "signed_on: 2024-02-30", "có giá trị không hợp lệ: day is out of range for month"),
    ],
)  # fmt: skip
def test_what_the_libraries_refuse_is_said_in_vietnamese(old: str, new: str, said: str) -> None:
    found = [fault.message.vi for fault in faults(changed((old, new)).encode())]
    assert any(vi == said or vi.endswith(f": {said}") for vi in found), found
