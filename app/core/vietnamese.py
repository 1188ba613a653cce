"""Vietnamese text and time: search that ignores accents, the order of the Vietnamese alphabet, the time zone.

PostgreSQL cannot do the first two without extensions that small servers lack, so both keys are stored with the row.
"""

import unicodedata
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

_ALPHABET = "aăâbcdđeêghiklmnoôơpqrstuưvxy"
_LATIN_EXTRA = {"f": "eê", "j": "i", "w": "v", "z": "y"}  # foreign letters sort just after these
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền hỏi ngã sắc nặng
_LETTER_MARKS = {"\u0306", "\u0302", "\u031b"}  # breve, circumflex, horn make another letter, not a tone


def searchable(text: str) -> str:
    """Return text in lower case without accents and with single spaces: "Cà Mau" gives "ca mau"."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).replace("đ", "d")
    return " ".join(bare.split())


def sort_key(text: str) -> bytes:
    """Return bytes whose order is the Vietnamese dictionary order: letters first, then tones."""
    letters, tones = bytearray(), bytearray()
    for char in unicodedata.normalize("NFC", text.casefold()):
        base, tone = _split(char)
        letters += _weight(base)
        tones.append(tone)
    return bytes(letters) + b"\x00" + bytes(tones)


def _split(char: str) -> tuple[str, int]:
    """Split one character into its letter (ă, â, ê, ô, ơ, ư are letters) and its tone 0..5."""
    base, tone = "", 0
    for part in unicodedata.normalize("NFD", char):
        if part in _TONES:
            tone = _TONES[part]
        elif part in _LETTER_MARKS or not unicodedata.combining(part):
            base += part
    return unicodedata.normalize("NFC", base), tone


def _weight(letter: str) -> bytes:
    if letter in _ALPHABET:
        return bytes([100 + 2 * _ALPHABET.index(letter)])
    if letter in _LATIN_EXTRA:
        return bytes([101 + 2 * _ALPHABET.index(_LATIN_EXTRA[letter][-1])])
    if letter.isascii():
        return (
            bytes([max(1, ord(letter[:1] or " ") // 2)])
            if not letter.isdigit()
            else bytes([64 + int(letter)])
        )
    return b"\xfe" + letter.encode("utf-8", "replace")
