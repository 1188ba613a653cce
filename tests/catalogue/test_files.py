"""Catalogue files: what is read, what is refused, and where the documents contradict themselves."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from app.catalogue.check import main as check
from app.catalogue.files import catalogue, content_sha256, load_policy, load_set
from app.catalogue.policy_schemas import PolicyFile
from app.catalogue.reading import CatalogueFault, CatalogueFaulty
from app.catalogue.schemas import Difference, IndexSetFile
from app.catalogue.scored import scored_set
from app.scoring.model import Option, Options, Peers, Ratio, Variable
from tests.catalogue.languages import require_both

SMALL = (Path(__file__).parent / "small.yaml").read_text(encoding="utf-8")
POLICY = """\
key: small
version: 1
title: {vi: "Quy định", en: "Policy"}
source: {document: 004.txt, decision: 3710/QĐ-UBND, lines: "91-99"}
rounding: indicator
digits: 1
not_applicable: peer_average
missing_evidence: zero
bands:
  - {key: good, title: {vi: "Tốt", en: "Good"}, from: "90"}
  - {key: weak, title: {vi: "Yếu", en: "Weak"}, from: "0"}
submission: {calendar_days: 15, roll_to_working_day: true, source: "000:83"}
review_working_days: {department: 20}
ranking_scopes: {department: all, commune: parent}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1, f"{old!r} must stand once in the file"
    return SMALL.replace(old, new)


def faults(path: Path) -> list[CatalogueFault]:
    with pytest.raises(CatalogueFaulty) as caught:
        load_set(path)
    require_both(caught.value.faults)
    return caught.value.faults


def test_a_set_is_read_into_what_is_scored(tmp_path: Path) -> None:
    scored = load_set(written(tmp_path, SMALL)).scored
    assert (scored.key, scored.version, scored.unit_kind) == ("small", 1, "department")
    choice, ratio, peers = scored.indicators
    assert choice.rule == Options(
        (
            Option("yes", "Có", Fraction(1)),
            Option("half", "Một nửa", Fraction(1, 2)),
            Option("no", "Không", Fraction(0)),
        )
    )
    variables = (Variable("a", "Tử số", "count"), Variable("b", "Mẫu số", "amount"))
    assert ratio.rule == Ratio(variables, ("a",), ("b",), Fraction(4, 5))
    assert peers.rule == Peers((Variable("x", "Số lượng", "count"),), ("x",))
    assert (ratio.max_points, ratio.declared_by) == (Fraction(35, 2), "so-tttt")
    assert ratio.citation == "QĐ 1/QĐ-UBND, Phụ lục I, 1.2, dòng 20"
    assert choice.declared_by == "unit"


def test_a_set_is_shown_with_what_was_counted_and_what_the_document_counts_differently(
    tmp_path: Path,
) -> None:
    out = load_set(written(tmp_path, SMALL)).out
    assert (out.counted.groups, out.counted.indicators, out.counted.points) == (1, 3, "30")
    assert (out.counted_by_group["1"].indicators, out.counted_by_group["1"].points) == (3, "30")
    assert out.differences == [
        Difference(group=None, what="indicators", declared="4", counted="3", line=2),
        Difference(
            group="1", what="points", declared="25", counted="30", line=7, why="D-002: văn bản ghi 25"
        ),
    ]
    assert out.source.signed_on == date(2023, 6, 19)


def test_a_group_row_that_differs_from_the_sum_of_its_rows_is_a_difference(tmp_path: Path) -> None:
    text = changed('max_points: "30"', 'max_points: "40"\n    differs: "D-010"')
    out = load_set(written(tmp_path, text)).out
    assert (
        Difference(group="1", what="points", declared="40", counted="30", line=10, why="D-010")
        in out.differences
    )


def test_the_fingerprint_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    first = load_set(written(tmp_path, SMALL)).out.sha256
    laid_out = SMALL.replace("key: small\nversion: 1\n", "# a comment\nversion: 1\nkey: 'small'\n")
    assert load_set(written(tmp_path, laid_out)).out.sha256 == first
    assert load_set(written(tmp_path, changed('share: "1/2"', 'share: "0.5"'))).out.sha256 != first


@pytest.mark.parametrize(
    ("old", "new", "row", "message"),
    [
        ('code: "1.2"', 'code: "1.1"', "1.1", "appears twice"),
        ('code: "1.2"', 'code: "2.2"', "2.2", "does not belong to 1"),
        ("numerator: [a]", "numerator: [z]", "1.2", "unknown variable z"),
        ("denominator: [b]", "denominator: [a]", "1.2", "b is not used"),
        ("numerator: [a]", "numerator: [a, a]", "1.2", "a appears 2 times"),
        ("variable: x", "variable: y", "1.3", "unknown variable y"),
        (
            'full_mark: "0.8"',
            'full_mark: "0.8"\n          full_if_zero: infected',
            "1.2",
            "unknown variable infected",
        ),
        ('full_mark: "0.8"', 'full_mark: "0"', "1.2", "the full mark is 0"),
        ('full_mark: "0.8"', "full_mark: 0.8", "1.2", "valid string"),
        ('share: "1/2"', 'share: "3/2"', "1.1", "the share 3/2 of half is above 1"),
        ('share: "1/2"', 'share: "-1/2"', "1.1", "pattern"),
        ('share: "1/2"', 'share: "1/0"', "1.1", "pattern"),
        ('key: "no"', 'key: "yes"', "1.1", "yes appears 2 times"),
        ('key: "no"', "key: no", "1.1", "valid string"),
        ('max_points: "17.5"', 'max_points: "0"', "1.2", "the maximum is 0"),
        ('max_points: "17.5"', "max_points: 17.5", "1.2", "valid string"),
        ('note: "D-035"', 'remark: "D-035"', "1.2", "Extra inputs"),
        ("kind: peers", "kind: median", "1.3", "median"),
        ("number: amount", "number: money", "1.2", "'count', 'amount' or 'yes_no'"),
        ("        line: 20\n", "", "1.2", "Field required"),
        ("key: small", "key: other", "other", "differs from the name of the file"),
        ("signed_on: 2023-06-19", "signed_on: 2023-06-31", None, "day"),
        ("notes: []", "notes: []\nnotes: []", None, "the key notes is repeated"),
        (
            "measure: share_of_best",
            "measure: share_of_best\n          measure: min_max",
            None,
            "measure is repeated",
        ),
        ("verified_by: [so-tttt]", "verified_by: &who [so-tttt]", None, "anchors and aliases"),
        ("verified_by: [so-tttt]", "verified_by: *who", None, "anchors and aliases"),
        ("verified_by: [so-tttt]", "verified_by: !!python/name:os.system ''", None, "python"),
        ("verified_by: [so-tttt]", "verified_by: " + "[" * 40 + "]" * 40, None, "nested deeper"),
        ("verified_by: [so-tttt]", "verified_by: [so-tttt", None, ""),
        ("verified_by: [so-tttt]", "verified_by: {[a]: b}", None, "unhashable"),
    ],
)
def test_a_fault_names_the_file_the_row_and_what_is_wrong(
    tmp_path: Path, old: str, new: str, row: str | None, message: str
) -> None:
    found = faults(written(tmp_path, changed(old, new)))
    assert any(fault.row == row and message in fault.message.en for fault in found), found
    assert {fault.file for fault in found} == {"small.yaml"}


def test_a_fault_names_its_line_and_all_rows_are_judged_at_once(tmp_path: Path) -> None:
    text = changed('max_points: "17.5"', "max_points: 17.5").replace(
        "measure: share_of_best", "measure: best"
    )
    lines = [line.strip() for line in text.splitlines()]
    found = faults(written(tmp_path, text))
    assert [(fault.line, fault.row) for fault in found] == [
        (lines.index("max_points: 17.5") + 1, "1.2"),
        (lines.index("measure: best") + 1, "1.3"),
    ]
    assert str(found[0]).startswith(f"small.yaml:{found[0].line}: [1.2] ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no mapping"),
        (b"- 1\n", "no mapping"),
        (b"key: \xff\n", "UTF-8"),
        (b"key: \x07\n", "not allowed"),
        (b"#" * (1024 * 1024 + 1), "larger than"),
        (b"a: 1\n---\nb: 2\n", "another document"),
    ],
)
def test_what_is_no_catalogue_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(content)
    (fault,) = faults(path)
    assert message in fault.message.en


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert "No such file" in faults(tmp_path / "none.yaml")[0].message.en


def test_a_policy_is_read_into_what_is_applied(tmp_path: Path) -> None:
    loaded = load_policy(written(tmp_path, POLICY))
    applied = loaded.applied
    assert (applied.rounding, applied.digits, applied.not_applicable) == ("indicator", 1, "peer_average")
    assert applied.missing_evidence == "zero"
    assert [(band.key, band.title_vi, band.from_percent) for band in applied.bands] == [
        ("good", "Tốt", Fraction(90)),
        ("weak", "Yếu", Fraction(0)),
    ]
    assert loaded.out.model_dump(mode="json")["bands"][0]["from"] == "90"
    assert PolicyFile.model_validate(loaded.out.model_dump(mode="json")) == loaded.out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("digits: 1", "digits: 7", "less than or equal to 6"),
        ("rounding: indicator", "rounding: bankers", "'result' or 'indicator'"),
        ("missing_evidence: zero", "missing_evidence: forgive", "'explain_or_block' or 'zero'"),
        ("department: all", "department: some", "'all' or 'parent'"),
        ("calendar_days: 15", "calendar_days: 0", "greater than or equal to 1"),
        ("ranking_scopes: {department: all, commune: parent}\n", "", "Field required"),
    ],
)
def test_a_faulty_policy_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CatalogueFaulty, match=message):
        load_policy(written(tmp_path, POLICY.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{department: 20}", "20", "phải gồm các cặp khóa: giá trị"),
        ("working_day: true", "working_day: []", "phải là true hoặc false"),
        ("working_day: true", "working_day: maybe", "phải là true hoặc false"),
    ],
)
def test_a_fault_of_a_policy_is_said_in_vietnamese(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(CatalogueFaulty) as caught:
        load_policy(written(tmp_path, POLICY.replace(old, new)))
    assert [fault.message.vi.split(": ", 1)[1] for fault in caught.value.faults] == [said]


@pytest.mark.parametrize(
    ("good", "weak", "line", "row", "message"),
    [
        ("90", "90.0", 11, "weak", "two bands begin at 90.0 %: they overlap"),
        ("90", "0.1", 10, "small", "no band covers the results below 0.1 %"),
        ("100.5", "0", 10, "good", "a band from 100.5 % can never be reached"),
        ("90", "-1", 11, "weak", "match pattern"),
    ],
)
def test_bands_cover_every_result_once(
    tmp_path: Path, good: str, weak: str, line: int, row: str, message: str
) -> None:
    """Ruling 10: from 0 to 100 %, without gaps and overlaps."""
    text = POLICY.replace('from: "90"', f'from: "{good}"').replace('from: "0"', f'from: "{weak}"')
    with pytest.raises(CatalogueFaulty) as caught:
        load_policy(written(tmp_path, text))
    require_both(caught.value.faults)
    assert any(
        (fault.line, fault.row) == (line, row) and message in fault.message.en
        for fault in caught.value.faults
    ), caught.value.faults


def test_late_evidence_costs_points_only_where_missing_evidence_does(tmp_path: Path) -> None:
    text = POLICY.replace("missing_evidence: zero", "missing_evidence: explain_or_block\nlate_evidence: zero")
    with pytest.raises(CatalogueFaulty, match="only where missing evidence does"):
        load_policy(written(tmp_path, text))
    assert load_policy(written(tmp_path, f"{POLICY}late_evidence: zero\n")).out.late_evidence == "zero"


def test_two_bands_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFaulty, match="good appears 2 times"):
        load_policy(written(tmp_path, POLICY.replace("key: weak", "key: good")))


def test_the_sets_of_ca_mau_hold_what_their_decision_lists() -> None:
    """Decision 1072/QĐ-UBND: R-013..R-015; D-001, D-002, D-004."""
    sets = catalogue().sets
    counted = {
        key: (one.out.counted.groups, one.out.counted.indicators, one.out.counted.points)
        for key, one in sets.items()
    }
    assert counted["camau-2023-so"] == (6, 34, "330")
    assert counted["camau-2023-huyen"] == (8, 62, "650")
    assert counted["camau-2023-xa"] == (8, 50, "530")
    differing = {
        key: [(d.group, d.what, d.declared, d.counted) for d in one.out.differences]
        for key, one in sets.items()
    }
    assert differing["camau-2023-so"] == []
    assert differing["camau-2023-huyen"] == [
        (None, "indicators", "61", "62"),
        ("6", "indicators", "11", "12"),
    ]
    assert differing["camau-2023-xa"] == [(None, "indicators", "40", "50")]


def test_the_other_sets_hold_what_their_documents_list() -> None:
    """Kon Tum 2024 gives no points (D-006); Lạc Đạo 2024 adds up; 11/2022 lists 985 of 1000 (D-008..D-010)."""
    counted = {
        key: (
            one.out.counted.groups,
            one.out.counted.indicators,
            one.out.counted.nested_rows,
            one.out.counted.points,
            one.out.counted.listed_points,
        )
        for key, one in catalogue().sets.items()
    }
    assert counted["kontum-2024-tinh"] == (8, 95, 25, None, "0")
    assert counted["lacdao-2024-xa"] == (8, 40, 0, "1000", "1000")
    assert counted["unnamed-2022-huyen"] == (8, 64, 0, None, "985")
    ranked = {key for key, one in catalogue().sets.items() if one.scored.is_ranked}
    assert ranked == {"camau-2023-so", "camau-2023-huyen", "camau-2023-xa", "lacdao-2024-xa"}
    assert all(difference.why for difference in catalogue().sets["unnamed-2022-huyen"].out.differences)


def test_every_set_survives_being_stored_and_read_again() -> None:
    for loaded in catalogue().sets.values():
        stored = loaded.out.model_dump(mode="json", exclude_none=True, include=set(IndexSetFile.model_fields))
        file = IndexSetFile.model_validate(stored)
        assert content_sha256(file) == loaded.out.sha256
        assert scored_set(file) == loaded.scored


def test_the_check_prints_differences_and_fails_only_on_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check([]) == 0
    shown = capsys.readouterr().out
    assert "the set declares 40 indicators (line 72), counted 50" in shown
    assert "group 6 declares 11 indicators (line 68), counted 12" in shown
    assert "camau-2023 v1: policy" in shown
    assert check([str(written(tmp_path, changed("variable: x", "variable: y")))]) == 1
    assert (
        "[1.3] groups.indicators.rule.variable: the variable names the unknown variable y"
        in capsys.readouterr().err
    )
