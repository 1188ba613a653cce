"""Catalogue files: read safely, checked row by row, turned into what is scored and what is shown."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.catalogue import reading, rules
from app.catalogue.reading import CatalogueFaulty, Said
from app.catalogue.schemas import IndexSetFile, IndexSetOut, PolicyFile, Row
from app.catalogue.scored import applied_policy, scored_set
from app.scoring import model

DATA = Path(__file__).parent / "data"

_FIELDS = "phải gồm các cặp khóa: giá trị"
_DAY = "phải là ngày dạng YYYY-MM-DD"

# Messages of the validator in Vietnamese, by its stable error type, over the limits it names.
_VI = {
    "missing": "thiếu trường bắt buộc",
    "extra_forbidden": "trường không được phép",
    "invalid_key": "khóa phải là chuỗi ký tự",
    "model_type": _FIELDS,
    "model_attributes_type": _FIELDS,
    "dict_type": _FIELDS,
    "list_type": "phải là danh sách",
    "too_short": "tối thiểu {min_length} phần tử",
    "too_long": "tối đa {max_length} phần tử",
    "string_type": "phải là chuỗi ký tự, đặt trong dấu nháy",
    "string_too_short": "tối thiểu {min_length} ký tự",
    "string_too_long": "tối đa {max_length} ký tự",
    "string_pattern_mismatch": "phải theo mẫu {pattern}",
    "int_type": "phải là số nguyên",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than_equal": "phải đến {le} là cùng",
    "bool_type": "phải là true hoặc false",
    "bool_parsing": "phải là true hoặc false",
    "date_type": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": f"{_DAY}, không có giờ",
    "literal_error": "phải là một trong: {expected}",
    "union_tag_not_found": "thiếu {discriminator}",
    "union_tag_invalid": "{discriminator} là '{tag}', phải là một trong: {expected_tags}",
}

_File = TypeVar("_File", IndexSetFile, PolicyFile)
_Shape = TypeVar("_Shape", bound=Row)


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """An index set as it is shown and as it is scored."""

    out: IndexSetOut
    scored: model.IndexSet


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as it is shown and as it is applied."""

    out: PolicyFile
    applied: model.Policy
    sha256: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every set and policy that ships with the service, by key."""

    sets: Mapping[str, LoadedSet]
    policies: Mapping[str, LoadedPolicy]


@cache
def catalogue() -> Catalogue:
    """Load all sets and policies that ship with the service, once.

    Raises:
        CatalogueFaulty: with the faults of the first faulty file.
    """
    sets = [load_set(path) for path in set_paths()]
    policies = [load_policy(path) for path in policy_paths()]
    return Catalogue({one.out.key: one for one in sets}, {one.out.key: one for one in policies})


def set_paths(folder: Path = DATA) -> list[Path]:
    """Find the files of the index sets."""
    return sorted(folder.glob("*.yaml"))


def policy_paths(folder: Path = DATA) -> list[Path]:
    """Find the files of the policies."""
    return sorted((folder / "policies").glob("*.yaml"))


def load_set(path: Path) -> LoadedSet:
    """Load one index set.

    Raises:
        CatalogueFaulty: the file cannot be read, or a row of it is wrong.
    """
    file = _load(path, IndexSetFile, rules.faults_of_set)
    return LoadedSet(shown_set(file), scored_set(file))


def parse_set(name: str, content: bytes) -> LoadedSet:
    """Load one index set from the content of a file that is called `name` in its faults.

    Raises:
        CatalogueFaulty: the content cannot be read, or a row of it is wrong.
    """
    file = checked(reading.parse(name, content), IndexSetFile, rules.faults_of_set)
    return LoadedSet(shown_set(file), scored_set(file))


def load_policy(path: Path) -> LoadedPolicy:
    """Load one policy.

    Raises:
        CatalogueFaulty: the file cannot be read, or a row of it is wrong.
    """
    file = _load(path, PolicyFile, rules.faults_of_policy)
    return LoadedPolicy(file, applied_policy(file), content_sha256(file))


def shown_set(file: IndexSetFile) -> IndexSetOut:
    """Describe a set as the API shows it: its rows, what was counted, and where the two differ."""
    return IndexSetOut(
        **dict(file),
        counted=rules.counted_in_set(file),
        counted_by_group={group.code: rules.counted_in_group(group) for group in file.groups},
        differences=rules.differences(file),
        sha256=content_sha256(file),
    )


def content_sha256(file: IndexSetFile | PolicyFile) -> str:
    """Hash what a file says: its layout, comments and the order of its keys do not count."""
    content = file.model_dump(mode="json", exclude_none=True)
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _load(path: Path, kind: type[_File], contradictions: Callable[[_File], Iterator[rules.Fault]]) -> _File:
    read = reading.read(path)
    file = checked(read, kind, contradictions)
    if file.key != path.stem:
        vi, en = f"mã {file.key} khác tên tệp", f"the key {file.key} differs from the name of the file"
        raise CatalogueFaulty([read.fault(("key",), Said(vi, en))])
    return file


def checked(
    read: reading.YamlFile, kind: type[_Shape], contradictions: Callable[[_Shape], Iterator[rules.Fault]]
) -> _Shape:
    """Give what was read its shape.

    Raises:
        CatalogueFaulty: with everything that does not fit the shape, or else every contradiction.
    """
    try:
        file = kind.model_validate(read.content)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise read.faulty([(_in_file(one["loc"]), _said(one)) for one in found]) from None
    if wrong := list(contradictions(file)):
        raise read.faulty(wrong)
    return file


def _in_file(where: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Leave out the kind of a rule, which the validator names after "rule" as if it were a key."""
    return tuple(step for above, step in zip((None, *where), where, strict=False) if above != "rule")


def _said(error: ErrorDetails) -> Said:
    """Say what the validator says; what the table lacks is told in its own words."""
    context = error.get("ctx", {})
    expected = str(context.get("expected", "")).replace(" or ", " hoặc ")
    template = _VI.get(error["type"], "giá trị không hợp lệ: {message}")
    return Said(template.format(**{**context, "expected": expected, "message": error["msg"]}), error["msg"])
