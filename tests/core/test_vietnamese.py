"""Search without accents and the order of the Vietnamese alphabet. Pure."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.vietnamese import searchable, sort_key

_VIETNAMESE = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
_words = st.text(alphabet=_VIETNAMESE + " 0123456789", max_size=12)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Cà Mau", "ca mau"),
        ("  Đầm   Dơi ", "dam doi"),
        ("NĂM CĂN", "nam can"),
        ("Huyện Trần Văn Thời", "huyen tran van thoi"),
        ("", ""),
    ],
)
def test_a_name_is_found_without_its_accents(text: str, plain: str) -> None:
    assert searchable(text) == plain


@given(_words)
def test_what_is_searchable_is_the_same_for_composed_and_decomposed_letters(text: str) -> None:
    assert searchable(unicodedata.normalize("NFD", text)) == searchable(unicodedata.normalize("NFC", text))


@given(st.text())
def test_making_text_searchable_twice_changes_nothing(text: str) -> None:
    assert searchable(searchable(text)) == searchable(text)


def test_letters_stand_in_the_order_of_the_alphabet() -> None:
    alphabet = list("aăâbcdđeêghiklmnoôơpqrstuưvxy")
    assert sorted({*alphabet}, key=sort_key) == alphabet


def test_tones_of_one_syllable_stand_in_the_order_of_the_dictionary() -> None:
    tones = ["ma", "mà", "mả", "mã", "má", "mạ"]
    assert sorted({*tones}, key=sort_key) == tones


def test_letters_count_before_tones() -> None:
    """ "mạ" comes before "mai": the second word has one more letter, whatever the tones are."""
    words = ["mạ", "mai", "mái", "mau", "mẩu", "năm"]
    assert sorted({*words}, key=sort_key) == words


def test_a_shorter_name_comes_before_a_longer_one_that_begins_with_it() -> None:
    names = ["An", "An Xuyên", "Ăn", "Đầm", "Đầm Dơi", "Phường 1", "Phường 8", "Tân", "Tân Ân", "Tân Thành"]
    assert sorted({*names}, key=sort_key) == names


@given(_words)
def test_the_order_is_the_same_for_composed_and_decomposed_letters(text: str) -> None:
    assert sort_key(unicodedata.normalize("NFD", text)) == sort_key(unicodedata.normalize("NFC", text))


@given(st.text())
def test_any_text_has_a_place_in_the_order(text: str) -> None:
    assert b"\x00" in sort_key(text)


@given(_words, _words)
def test_two_different_names_never_share_a_place(one: str, other: str) -> None:
    assert (sort_key(one) == sort_key(other)) is (one == other)
