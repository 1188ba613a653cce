"""Cross-checks of declared figures: what the files say, what is refused in them, and what contradicts what."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.check import main as check
from app.catalogue.files import catalogue
from app.catalogue.plausibility import (
    Plausibility,
    Term,
    load_plausibility,
    plausibilities,
    plausibility_paths,
)
from app.catalogue.reading import CatalogueFaulty
from tests.catalogue.languages import require_both

KEY = "camau-2023-so"
HEAD = f"""\
key: {KEY}
jump: {{share: "1/2", note: "Của hệ thống"}}
checks:
"""
GOOD = '  - {indicator: "3.3", variable: b, at_most: {information: ["1.5", "1.6"]}, source: "000:261", note: "n"}\n'


def written(folder: Path, text: str, key: str = KEY) -> Path:
    path = folder / "plausibility" / f"{key}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, rows: str, key: str = KEY) -> Plausibility:
    return load_plausibility(written(folder, HEAD + rows, key), catalogue())


def of(key: str) -> Plausibility:
    return plausibilities()[catalogue().sets[key].out.sha256]


# --- the files ----------------------------------------------------------------------------------------------


def test_every_ca_mau_set_has_its_cross_checks_and_no_other_set_has() -> None:
    with_checks = {key for key, one in catalogue().sets.items() if one.out.sha256 in plausibilities()}
    assert with_checks == {"camau-2023-so", "camau-2023-huyen", "camau-2023-xa"}
    assert {path.stem for path in plausibility_paths()} == with_checks


@pytest.mark.parametrize("path", plausibility_paths(), ids=lambda path: path.stem)
def test_every_row_says_where_each_compared_figure_stands(path: Path) -> None:
    def figures(term: Term) -> int:
        return 1 if term.information is None else len(term.information)

    for row in load_plausibility(path, catalogue()).checks:
        assert len(row.source.split(", ")) == figures(row) + figures(row.other), row


def test_no_pair_is_compared_twice() -> None:
    for one in plausibilities().values():
        pairs = [(Term(**_plain(row)), row.other) for row in one.checks]
        assert len({repr(pair) for pair in pairs}) == len(pairs)


def _plain(row: Term) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Term.model_fields}


# --- faults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (GOOD.replace('"3.3"', '"3.9"'), "there is no indicator 3.9"),
        (GOOD.replace("variable: b", "variable: z"), "indicator 3.3 has no figure z"),
        (GOOD.replace('"3.3"', '"1.1"'), "indicator 1.1 has no figure b"),
        (GOOD.replace('"3.3"', '"5.7"'), "the figures of indicator 5.7 are given by somebody else"),
        (GOOD.replace('"1.6"', '"1.99"'), "the general information has no figure 1.99"),
        (GOOD.replace('"1.6"', '"1.1"'), "the general information has no figure 1.1"),
        (GOOD.replace('"1.5", "1.6"', '"1.10"'), "a count is compared with an amount"),
        (GOOD.replace("at_most: ", "equals: {information: [\"1.9\"]}, at_most: "), "exactly one of at_most and equals"),
        (GOOD.replace('at_most: {information: ["1.5", "1.6"]}, ', ""), "exactly one of at_most and equals"),
        (GOOD.replace("variable: b, ", ""), "either information, or indicator with variable"),
        (GOOD.replace('information: ["1.5", "1.6"]', 'variable: b, information: ["1.5"]'), "either information, or"),
        (GOOD.replace('{information: ["1.5", "1.6"]}', "{}"), "either information, or indicator with variable"),
        (GOOD.replace('["1.5", "1.6"]', "[]"), "at least 1 item"),
        (GOOD.replace('"000:261"', '"line 261"'), "should match pattern"),
        (GOOD.replace(", note", ", share: 1, note"), "Extra inputs"),
    ],
)  # fmt: skip
def test_a_row_that_fits_nothing_is_a_fault_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(CatalogueFaulty) as caught:
        loaded(tmp_path, GOOD + row)
    require_both(caught.value.faults)
    assert all(str(fault).startswith(f"{KEY}.yaml:5: ") for fault in caught.value.faults), caught.value
    assert any(said in fault.message.en for fault in caught.value.faults), caught.value


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [("other", HEAD + GOOD, "differs from the name"), ("no-set", f"key: no-set\n{HEAD[19:]}{GOOD}", "no index set")],
)  # fmt: skip
def test_a_file_belongs_to_the_set_of_its_name(tmp_path: Path, key: str, text: str, said: str) -> None:
    with pytest.raises(CatalogueFaulty, match=said) as caught:
        load_plausibility(written(tmp_path, text, key), catalogue())
    require_both(caught.value.faults)


def test_the_check_of_the_catalogue_reads_them_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check([]) == 0
    assert "camau-2023-xa: 45 cross-checks" in capsys.readouterr().out
    assert check([str(written(tmp_path, HEAD + GOOD.replace("3.3", "3.9")))]) == 1
    assert f"{KEY}.yaml:4" in capsys.readouterr().err


# --- what contradicts what ----------------------------------------------------------------------------------


def test_an_absent_row_of_those_that_may_be_absent_counts_as_none(tmp_path: Path) -> None:
    """Servers "(nếu có)": without the row there are none; without the other one nothing is known."""
    row = GOOD.replace('"3.3"', '"3.4"').replace('"1.5", "1.6"', '"1.7", "1.8"')
    checks = loaded(tmp_path, row)
    answers = {"3.4": {"figures": {"a": 1, "b": 5}}}
    assert len([*checks.contradictions({"1.8": 4}, answers)]) == 1
    assert len([*checks.contradictions({"1.8": 4, "1.7": 0}, answers)]) == 1
    assert not [*checks.contradictions({"1.8": 4, "1.7": 1}, answers)]
    assert not [*checks.contradictions({"1.7": 1}, answers)]
    assert not [*checks.contradictions({}, answers)]


def test_what_does_not_apply_contradicts_nothing() -> None:
    answers = {code: {"not_applicable": True, "reason": "Không phát sinh"} for code in ("4.2", "5.1", "6.9")}
    assert not [*of(KEY).contradictions({"1.5": 1, "1.6": 0, "1.9": 3}, answers)]


# Every form in which a figure may come, of the same number of quarters.
FORMS: list[Callable[[int], Any]] = [
    lambda quarters: Fraction(quarters, 4),
    lambda quarters: Decimal(quarters) / 4,
    lambda quarters: str(Decimal(quarters) / 4),
    lambda quarters: quarters // 4 if quarters % 4 == 0 else str(Decimal(quarters) / 4),
]
FIGURE = st.tuples(st.integers(0, 12), st.sampled_from(FORMS)) | st.none()


@given(key=st.sampled_from(["camau-2023-so", "camau-2023-huyen", "camau-2023-xa"]), data=st.data())
def test_exactly_the_figures_that_cannot_all_be_right_contradict_each_other(
    key: str, data: st.DataObject
) -> None:
    checks = of(key)
    drawn: dict[tuple[str, ...], Any] = {}
    for place in dict.fromkeys(
        place for row in checks.checks for place in (*_places(row), *_places(row.other))
    ):
        drawn[place] = data.draw(FIGURE, label=str(place))
    given_ = {place: figure[1](figure[0]) for place, figure in drawn.items() if figure is not None}
    information = {place[0]: figure for place, figure in given_.items() if len(place) == 1}
    answers: dict[str, Any] = {}
    for place, figure in given_.items():
        if len(place) == 2:
            answers.setdefault(place[0], {"figures": {}})["figures"][place[1]] = figure

    def quarters(term: Term) -> int | None:
        found = [(place, drawn[place]) for place in _places(term)]
        known = [figure[0] for _, figure in found if figure is not None]
        unknown = [place[0] for place, figure in found if figure is None]
        return sum(known) if known and all(code in checks.may_be_absent for code in unknown) else None

    expected: list[tuple[Any, ...]] = []
    for row in checks.checks:
        left, right = quarters(row), quarters(row.other)
        if left is not None and right is not None and (left > right or (row.equals and left < right)):
            expected.append((row, left, right))
    found = [*checks.contradictions(information, answers)]
    assert [(one.check, int(one.value * 4), int(one.other * 4)) for one in found] == expected


def _places(term: Term) -> list[tuple[str, ...]]:
    if term.information is not None:
        return [(code,) for code in term.information]
    return [(str(term.indicator), str(term.variable))]
