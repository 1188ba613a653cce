"""The words of a notice: templates.yaml filled with what the notice is about, in Vietnamese or English."""

import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from app.core.problems import Lang
from app.core.vietnamese import VIETNAM

Words = tuple[str, str]  # Vietnamese, English


@dataclass(frozen=True, slots=True)
class Template:
    """A title, and sentences that follow each other."""

    title: Words
    text: tuple[Words, ...]

    def fields(self) -> set[str]:
        """Return the names of everything it can show."""
        said = [one for words in (self.title, *self.text) for one in words]
        return {name for one in said for _, name, _, _ in string.Formatter().parse(one) if name}


def _read() -> dict[str, Template]:
    rows = yaml.safe_load(Path(__file__).with_name("templates.yaml").read_text("utf-8"))
    return {
        topic: Template(
            (row["title"]["vi"], row["title"]["en"]), tuple((one["vi"], one["en"]) for one in row["text"])
        )
        for topic, row in rows.items()
    }


TEMPLATES = _read()

_NAMED: dict[str, dict[str, Words]] = {
    "kind": {
        "province": ("tỉnh", "province"),
        "department": ("sở, ban, ngành", "departments"),
        "district": ("huyện", "districts"),
        "commune": ("xã", "communes"),
        "agency": ("cơ quan", "agencies"),
    },
    "role": {
        "province_reviewer": ("người thẩm định cấp tỉnh", "reviewer of the province"),
        "province_leader": ("lãnh đạo tỉnh", "leader of the province"),
        "district_reviewer": ("người thẩm định cấp huyện", "reviewer of the district"),
        "district_leader": ("lãnh đạo huyện", "leader of the district"),
        "unit_leader": ("lãnh đạo đơn vị", "leader of the unit"),
    },
}


def rendered(topic: str, about: Mapping[str, Any], lang: Lang) -> tuple[str, str]:
    """Return the title and the text of a notice: one line each, whatever the names and reasons in it hold.

    A topic that an earlier version of the service knew is shown by its name: nobody's feed fails because of it.
    """
    template = TEMPLATES.get(topic)
    if template is None:
        return topic, ""
    place = 0 if lang == "vi" else 1
    known = {name: shown(name, value, lang) for name, value in about.items() if value not in (None, "", [])}
    title = template.title[place].format_map(_Gaps(known))
    sentences = [words[place] for words in template.text]
    return title, " ".join(filled for one in sentences if (filled := _filled(one, known)))


class _Gaps(dict[str, str]):
    def __missing__(self, _: str) -> str:
        return "…"


def _filled(sentence: str, known: dict[str, str]) -> str | None:
    """Return a sentence with its values, or None where one of them is not known."""
    try:
        said = sentence.format_map(known)
    except KeyError:
        return None
    return said[:-1] if said.endswith(("..", "!.", "?.")) else said


def shown(name: str, value: Any, lang: Lang) -> str:
    """Return a value as people read it, by the name of its field, on one line."""
    place = 0 if lang == "vi" else 1
    if name in _NAMED:
        words = _NAMED[name].get(str(value))
        return words[place] if words else on_one_line(str(value))
    if name == "days":
        return _days(int(value), lang)
    if name.endswith("_at"):
        return _deadline(datetime.fromisoformat(value), lang)
    if name.endswith("_on"):
        return f"{date.fromisoformat(value):%d/%m/%Y}"
    if isinstance(value, list):
        return ", ".join(on_one_line(str(one)) for one in value)
    return on_one_line(str(value))


def _days(left: int, lang: Lang) -> str:
    if left == 0:
        return "hôm nay là ngày cuối" if lang == "vi" else "today is the last day"
    if lang == "vi":
        return f"còn {left} ngày"
    return "1 day left" if left == 1 else f"{left} days left"


def _deadline(instant: datetime, lang: Lang) -> str:
    """Return a deadline: the day of which it is the end, or the minute."""
    local = instant.astimezone(VIETNAM)
    if local.time() == time():
        day = local.date() - timedelta(days=1)
        return f"hết ngày {day:%d/%m/%Y}" if lang == "vi" else f"the end of {day:%d/%m/%Y}"
    return f"{local:%H:%M} ngày {local:%d/%m/%Y}" if lang == "vi" else f"{local:%H:%M on %d/%m/%Y}"


def on_one_line(text: str) -> str:
    """Return text without line breaks and control characters: a name or a reason adds no line of its own to a mail."""
    return "".join(c for c in " ".join(text.split()) if unicodedata.category(c)[0] != "C")
