"""CSV that opens with its Vietnamese intact and runs nothing."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sheets import cell, csv_stream

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.mark.parametrize("start", FORMULA)
def test_text_that_could_be_a_formula_stands_behind_an_apostrophe(start: str) -> None:
    assert cell(f'{start}HYPERLINK("x")') == f'\'{start}HYPERLINK("x")'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (-5, "-5"),
        (Decimal("-0.50"), "-0.50"),
        (Decimal("412.50"), "412.50"),
        (True, "true"),
        (None, ""),
        ("a=b", "a=b"),
    ],
)
def test_numbers_and_harmless_text_stay_as_they_are(value: object, written: str) -> None:
    assert cell(value) == written


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5)
)
def test_what_is_written_is_read_back_and_no_cell_is_a_formula(rows: list[list[str]]) -> None:
    text = b"".join(csv_stream(["tên", "xã"], rows)).decode("utf-8-sig")
    head, *read = csv.reader(io.StringIO(text, newline=""))
    assert head == ["tên", "xã"]
    assert [[one.removeprefix("'") for one in row] for row in read] == [
        [one.removeprefix("'") for one in row] for row in rows
    ]
    assert not any(one.startswith(FORMULA) for row in read for one in row)


def test_a_file_comes_in_blocks_and_its_byte_order_mark_once() -> None:
    blocks = list(csv_stream(["n"], ([n] for n in range(1200))))
    assert len(blocks) == 3
    whole = b"".join(blocks)
    assert whole.startswith(b"\xef\xbb\xbfn\r\n0\r\n")
    assert whole.count(b"\xef\xbb\xbf") == 1
    assert whole.count(b"\r\n") == 1201
