"""Which file names, texts and dates are fit to be stored and shown, which documents prove an indicator, when a scan
is tried again. Pure."""

import unicodedata
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from app.core.problems import Fault
from app.core.vietnamese import VIETNAM

MAX_NAME_CHARACTERS = 200

# Control and format characters (bidirectional overrides and zero-width ones among them), half surrogates, private use,
# line and paragraph separators: they make a name look like another one.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def has_hidden_characters(text: str) -> bool:
    """Answer whether text holds characters that cannot be seen or that change how others are shown."""
    return any(unicodedata.category(c) in _UNFIT for c in text)


def tidy(text: str) -> str:
    """Return text without outer spaces, composed (NFC): some systems send "ê" as "e" and a mark."""
    return unicodedata.normalize("NFC", text).strip()


def file_name_faults(name: str, prefix: str = "query") -> list[Fault]:
    """Return what is wrong with a tidied file name."""
    faults = []
    if not name or not name.strip("."):
        faults.append(("file_name_empty", "phải có tên tệp", "must be a file name"))
    if len(name) > MAX_NAME_CHARACTERS:
        vi, en = f"tối đa {MAX_NAME_CHARACTERS} ký tự", f"at most {MAX_NAME_CHARACTERS} characters"
        faults.append(("file_name_too_long", vi, en))
    if "/" in name or "\\" in name:
        vi, en = "chỉ gửi tên tệp, không kèm thư mục", "give the name alone, without folders"
        faults.append(("file_name_has_path", vi, en))
    if has_hidden_characters(name):
        vi, en = "có ký tự điều khiển hoặc ký tự ẩn", "has control or hidden characters"
        faults.append(("file_name_has_hidden_characters", vi, en))
    return [Fault(f"{prefix}/file_name", *fault) for fault in faults]


def date_faults(
    prefix: str, issued_on: date | None, valid_from: date | None, valid_until: date | None, now: datetime
) -> list[Fault]:
    """Return what is wrong with a document's dates: nothing is issued after today (the day in Vietnam)."""
    faults = []
    if issued_on is not None and issued_on > now.astimezone(VIETNAM).date():
        vi, en = "ngày văn bản phải từ hôm nay trở về trước", "must be today or earlier"
        faults.append(Fault(f"{prefix}/issued_on", "in_the_future", vi, en))
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        vi, en = "phải từ ngày có hiệu lực trở đi", "must not be before valid_from"
        faults.append(Fault(f"{prefix}/valid_until", "ends_before_it_begins", vi, en))
    return faults


def citation_faults(
    sizes: Mapping[UUID, int],
    given: Collection[UUID],
    place: str,
    max_bytes: int,
    held: Collection[UUID] = (),
) -> list[Fault]:
    """Return what is wrong with documents that are to prove an indicator beside those it has already (`held`).

    `sizes` are the bytes of the unit's own documents among them; `place` is where `given` stands in the body.
    """
    vi, en = "không có tài liệu này của đơn vị", "no such document of the unit"
    faults = [
        Fault(f"{place}/{i}", "unknown_document", vi, en) for i, one in enumerate(given) if one not in sizes
    ]
    if given and sum(sizes.get(one, 0) for one in {*held, *given}) > max_bytes:
        vi = f"tài liệu của một chỉ số cộng lại tối đa {max_bytes} byte"
        en = f"the documents of an indicator may have {max_bytes} bytes together"
        faults.append(Fault(place, "documents_too_large", vi, en))
    return faults


SCAN_AGAIN_MINUTES = (1, 5, 15, 60)


def next_scan(attempts: int, now: datetime) -> datetime:
    """Return when a scan is tried again after so many failures (at least 1); the last pause repeats, for ever."""
    return now + timedelta(minutes=SCAN_AGAIN_MINUTES[min(attempts, len(SCAN_AGAIN_MINUTES)) - 1])
