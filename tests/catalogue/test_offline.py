"""Scoring offline: the forms of the input, exact numbers, faults and the description of a set."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.files import catalogue
from app.catalogue.offline import main, read_units
from app.scoring.engine import ENGINE_VERSION
from app.scoring.model import Peers

COMMUNES = "camau-2023-xa"
DEPARTMENTS = "camau-2023-so"


def run(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], text: str, *arguments: str
) -> tuple[int, Any]:
    """Run the command on a text and give its status and its parsed output."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    status = main(list(arguments))
    out = capsysbinary.readouterr().out
    return status, json.loads(out) if out else None


def figures(**values: Any) -> dict[str, Any]:
    return {"figures": values}


UNITS: list[dict[str, Any]] = [
    {"unit": "b", "answers": {"3.1": figures(a=1, b=3)}},
    {
        "unit": "a",
        "answers": {"3.1": figures(a="1", b=2)},
        "points": {"1.1": "2.5"},
        "not_applicable": ["1.2"],
    },
    {"unit": "left-out", "ranked": False, "answers": {"3.1": figures(a=3, b=3)}},
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"units": UNITS}),
        json.dumps(UNITS),
        json.dumps({str(row["unit"]): {key: row[key] for key in row if key != "unit"} for row in UNITS}),
    ],
)
def test_every_form_of_the_input_gives_the_same_ranked_list(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], text: str
) -> None:
    status, scored = run(monkeypatch, capsysbinary, text, COMMUNES)
    assert status == 0
    assert (scored["set"], scored["version"], scored["engine"], scored["policy"]) == (
        COMMUNES,
        1,
        ENGINE_VERSION,
        "camau-2023",
    )
    assert scored["sha256"] == catalogue().sets[COMMUNES].out.sha256
    assert [(row["unit"], row["rank"], row["total"]) for row in scored["units"]] == [
        ("a", 1, "7.50"),
        ("b", 2, "3.33"),
        ("left-out", None, "10.00"),
    ]
    first, second = scored["units"][:2]
    assert (first["points"], first["maximum"], first["dti"]) == ("15/2", "525", "10/7")
    assert (second["points"], second["dti"], second["dti_shown"]) == ("10/3", "100/159", "0.63")
    line = next(line for line in second["lines"] if line["code"] == "3.1")
    assert (line["points"], line["shown"], line["max_points"]) == ("10/3", "3.33", "10")
    assert "a/b = 1/3 ≈ 33,33 %" in line["explanation"]


def test_one_unit_or_bare_answers_by_unit_will_do(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    one = json.dumps(UNITS[0])
    bare = json.dumps({"b": UNITS[0]["answers"]})
    assert run(monkeypatch, capsysbinary, one, COMMUNES) == run(monkeypatch, capsysbinary, bare, COMMUNES)


def test_numbers_are_read_as_they_are_written() -> None:
    index_set = catalogue().sets[COMMUNES].scored
    money = next(
        row for row in index_set.indicators if row.rule.variables and row.rule.variables[0].number == "amount"
    )
    text = f'{{"u": {{"{money.code}": {{"figures": {{"a": 0.100000, "b": 123456789.123456}}}}}}}}'
    (unit,), faults = read_units(index_set, text.encode())
    assert faults == []
    assert unit.answers[money.code]["figures"] == {"a": "0.1", "b": "123456789.123456"}


def test_faults_are_listed_and_nothing_is_scored(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    units = [
        {"unit": "a", "answers": {"3.1": figures(a=-1, b=1.5), "9.9": {"choice": "yes"}}},
        {
            "unit": "b",
            "answers": {},
            "points": {"1.1": "10.01", "9.9": 1},
            "not_applicable": ["9.9"],
            "rank": 1,
        },
        {"unit": "c", "answers": [], "ranked": "yes", "points": {"1.2": "1"}, "not_applicable": ["1.2"]},
        {"answers": {}},
        {"unit": "d", "answers": {}},
        {"unit": "d", "answers": {}, "points": [], "reviewed": None},
        "e",
    ]
    status, faults = run(monkeypatch, capsysbinary, json.dumps(units), COMMUNES)
    assert status == 1
    assert [(fault["unit"], fault["pointer"], fault["code"]) for fault in faults] == [
        ("a", "/3.1/figures/a", "negative"),
        ("a", "/3.1/figures/b", "not_whole"),
        ("a", "/9.9", "unknown_indicator"),
        ("b", "", "malformed"),
        ("b", "/points/1.1", "out_of_range"),
        ("b", "/points", "unknown_indicator"),
        ("b", "/not_applicable/0", "unknown_indicator"),
        ("c", "/ranked", "malformed"),
        ("c", "", "malformed"),
        ("c", "/points/1.2", "malformed"),
        ("#4", "/unit", "malformed"),
        ("d", "/reviewed", "malformed"),
        ("d", "/points", "malformed"),
        ("#7", "", "malformed"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        '"x"',
        "{",
        '{"u": {}, "u": {}}',
        "[" * 100_000,
        "\ufeffx",
        '[{"unit": "\\ud800", "answers": {}}]',
    ],
)
def test_what_is_no_list_of_units_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], text: str
) -> None:
    status, faults = run(monkeypatch, capsysbinary, text, COMMUNES)
    assert (status, [fault["code"] for fault in faults]) == (1, ["malformed"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e2", "1" * 5000, "-1", "1.0000001"])
def test_a_number_json_allows_may_still_be_no_figure(number: str) -> None:
    index_set = catalogue().sets[COMMUNES].scored
    units, faults = read_units(
        index_set, f'{{"u": {{"3.1": {{"figures": {{"a": {number}, "b": 1}}}}}}}}'.encode()
    )
    assert units == []
    assert [fault["pointer"] for fault in faults] == ["/3.1/figures/a"]


def test_peers_and_unreviewed_units_are_taken_into_account(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    code, variable = next(
        (row.code, row.rule.variables[0].key)
        for row in catalogue().sets[DEPARTMENTS].scored.indicators
        if isinstance(row.rule, Peers)
    )
    units: list[dict[str, Any]] = [
        {"unit": key, "answers": {code: figures(**{variable: x})}} for key, x in (("a", 3), ("b", 9))
    ]
    units.append({"unit": "c", "answers": {code: figures(**{variable: 99})}, "reviewed": False})
    status, scored = run(monkeypatch, capsysbinary, json.dumps(units), DEPARTMENTS, "--lang", "en")
    assert status == 0
    assert scored["peers"][code] == {
        "best": "9",
        "lowest": "3",
        "best_units": ["b"],
        "lowest_units": ["a"],
        "mean": None,
    }
    assert [(row["unit"], row["points"]) for row in scored["units"]] == [
        ("b", "20"),
        ("a", "20/3"),
        ("c", "0"),
    ]
    line = next(line for line in scored["units"][1]["lines"] if line["code"] == code)
    assert line["explanation"].startswith(f"{variable} = 3, best = 9 ⇒ 3/9 × 20 ⇒ 6.67/20 points")


def test_a_set_without_maxima_is_scored_into_shares(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Ruling 6: Kon Tum's set is tracked, nobody is ranked."""
    text = json.dumps({"tinh": {"1.2": {"checks": ["attends_all"]}, "6.14": {"note": "Đã làm"}}})
    status, scored = run(monkeypatch, capsysbinary, text, "kontum-2024-tinh")
    assert status == 0
    (one,) = scored["units"]
    assert [one[key] for key in ("points", "total", "maximum", "dti", "rank", "band")] == [None] * 6
    lines = {line["code"]: line for line in one["lines"]}
    assert (lines["1.2"]["share"], lines["1.2"]["points"], lines["1.2"]["shown"]) == ("1/2", None, "")
    assert (lines["6.14"]["share"], lines["6.14"]["warnings"]) == (None, ["awaits_reviewer"])
    assert {row["code"] for row in one["subtotals"]} >= {"5.12", "8.8", "8.8.1", "1", "8"}


def test_points_of_a_row_without_a_maximum_are_refused() -> None:
    index_set = catalogue().sets["kontum-2024-tinh"].scored
    for points in ("0", "1"):
        units, faults = read_units(
            index_set, json.dumps({"u": {"answers": {}, "points": {"6.14": points}}}).encode()
        )
        assert units == []
        assert [(fault["pointer"], fault["code"]) for fault in faults] == [("/points/6.14", "out_of_range")]


def test_a_set_is_described_as_the_api_shows_it(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    status, shown = run(monkeypatch, capsysbinary, "", "--describe", COMMUNES)
    assert status == 0
    assert shown == catalogue().sets[COMMUNES].out.model_dump(mode="json")
    rules = [row["rule"] for group in shown["groups"] for row in group["indicators"]]
    assert all(
        {"key", "label", "share"} <= option.keys() for rule in rules for option in rule.get("options", [])
    )
    assert all(
        {"key", "label", "number"} <= one.keys() for rule in rules for one in rule.get("variables", [])
    )


@pytest.mark.parametrize("arguments", [["none"], [COMMUNES, "--policy", "none"], ["--describe", "none"]])
def test_an_unknown_set_or_policy_is_answered_with_those_there_are(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and "camau-2023-huyen" in said.err and "camau-2023:" in said.err


def test_the_command_works_as_a_process_whatever_the_locale_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.catalogue.offline", COMMUNES],
        input='{"xã Tân Lộc": {}}'.encode(),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert json.loads(done.stdout.decode())["units"][0]["unit"] == "xã Tân Lộc"
