"""Catalogue files as YAML: plain values only, and every fault with its line.

Aliases, tags, merge keys, repeated keys, deep nesting, long numbers and big files are refused: a catalogue needs none
of them, and each can hide what is read or how much.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
_LONGEST = 300  # characters of a text in a fault
MAX_DIGITS = 20
MAX_KEYS = 1000
MAX_FAULTS = 500

_MERGE = "tag:yaml.org,2002:merge"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

# The C reader is ten times as fast; it comes with PyYAML on every usual platform.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Said(NamedTuple):
    """A message in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class CatalogueFault:
    """One thing wrong in a catalogue file: which file, line and row (its code, or else its key), and what.

    `pointer` is where it lies as a JSON pointer: "/groups/0/max_points", or "" for the whole file.
    """

    file: str
    line: int | None
    row: str | None
    message: Said
    pointer: str = ""

    def __post_init__(self) -> None:
        """Cut what a file may make as long as it likes: it would be repeated in every fault."""
        for name, text in (("row", self.row), ("pointer", self.pointer)):
            object.__setattr__(self, name, text and _cut(text))
        object.__setattr__(self, "message", Said(*map(_cut, self.message)))

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {f'[{self.row}] ' if self.row else ''}{self.message.en}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class CatalogueFaulty(ValueError):
    """A catalogue file cannot be used; `faults` lists what is wrong with it."""

    def __init__(self, faults: list[CatalogueFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a file, and where each part of it stands."""

    name: str
    root: yaml.Node
    content: Any

    def fault(self, path: tuple[str | int, ...], message: Said) -> CatalogueFault:
        """Build the fault of the value at a path of keys and places; steps that are not there are skipped."""
        node, names, found, steps = self.root, [_names(self.root)], [], ""
        for step in path:
            if isinstance(node, yaml.MappingNode):
                value = next((value for key, value in node.value if key.value == step), None)
                if value is not None or step == path[-1]:
                    found.append(step)
                    steps += "/" + str(step).replace("~", "~0").replace("/", "~1")
                node = value or node
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                steps += f"/{step}"
            names.append(_names(node))
        row = next((name[kind] for kind in ("code", "key") for name in reversed(names) if kind in name), None)
        where = ".".join(map(str, found)) + ": " if found else ""
        said = Said(where + message.vi, where + message.en)
        return CatalogueFault(self.name, node.start_mark.line + 1, row, said, steps)

    def faulty(self, wrong: Sequence[tuple[tuple[str | int, ...], Said]]) -> CatalogueFaulty:
        """Build the refusal that lists everything wrong with the file; of a file without end, only how much more."""
        faults = [self.fault(path, message) for path, message in wrong[:MAX_FAULTS]]
        if (more := len(wrong) - MAX_FAULTS) > 0:
            faults.append(self.fault((), Said(f"còn {more} lỗi nữa", f"{more} more faults")))
        return CatalogueFaulty(faults)


def read(path: Path) -> YamlFile:
    """Read one YAML file.

    Raises:
        CatalogueFaulty: as `parse`, or the file cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(path.name)
        content = path.read_bytes()
    except OSError as error:
        raise _faulty(path.name, None, Said(f"không đọc được: {error}", str(error))) from None
    return parse(path.name, content)


def parse(name: str, content: bytes) -> YamlFile:
    """Read the content of a YAML file that is called `name` in its faults.

    Raises:
        CatalogueFaulty: it is no UTF-8, no YAML, too big, too deep, or holds aliases or repeated keys.
    """
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    try:
        text = content.decode("utf-8")
        _refuse_structure(name, text)
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError:
        raise _faulty(name, None, Said("không dùng mã UTF-8", "the file is not UTF-8")) from None
    except yaml.MarkedYAMLError as error:
        raise _faulty(name, error.problem_mark, _no_yaml(error.problem)) from None
    except yaml.YAMLError as error:
        raise _faulty(name, None, _no_yaml(error)) from None
    if not isinstance(root, yaml.MappingNode):
        message = Said("không gồm các cặp khóa: giá trị", "the file holds no mapping")
        raise _faulty(name, None, message)
    return YamlFile(name, root, _content(name, root))


def _content(name: str, root: yaml.MappingNode) -> Any:
    unfit = [_fault(name, node.start_mark, message) for node, message in islice(_unfit(root), MAX_FAULTS)]
    if unfit:
        raise CatalogueFaulty(unfit)
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _faulty(name, error.problem_mark, _no_yaml(error.problem)) from None
    except ValueError as error:  # a date such as 2023-13-01
        raise _faulty(name, None, Said(f"có giá trị không hợp lệ: {error}", str(error))) from None


def _refuse_structure(name: str, text: str) -> None:
    """Judge the events before anything is built of them: the builder recurses, and follows aliases."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            message = Said("không được dùng neo (&) và bí danh (*)", "anchors and aliases are not allowed")
            raise _faulty(name, event.start_mark, message)
        if tag := getattr(event, "tag", None):
            message = Said(f"không được dùng thẻ {tag}", f"the tag {tag} is not allowed")
            raise _faulty(name, event.start_mark, message)
        if "\0" in getattr(event, "value", ""):
            vi = "văn bản có ký tự U+0000, không lưu được"
            en = "the text holds the character U+0000, which cannot be stored"
            raise _faulty(name, event.start_mark, Said(vi, en))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            message = Said(f"lồng nhau quá {MAX_DEPTH} cấp", f"nested deeper than {MAX_DEPTH} levels")
            raise _faulty(name, event.start_mark, message)


def _unfit(node: yaml.Node) -> Iterator[tuple[yaml.Node, Said]]:
    """Find the keys that stand twice in one mapping (a plain reader would silently keep the last), and what no set
    needs and takes long to read or cannot be written: numbers such as 1:59:59…, mappings without end."""
    if isinstance(node, yaml.MappingNode):
        if len(node.value) > MAX_KEYS:
            yield node, Said(f"có quá {MAX_KEYS} khóa", f"more than {MAX_KEYS} keys")
            return
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key, Said(f"khóa {key.value} bị lặp lại", f"the key {key.value} is repeated")
                seen.add(key.value)
            if key.tag == _MERGE:
                yield key, Said("không được dùng khóa gộp (<<)", "merge keys are not allowed")
            yield from _unfit(key)
            yield from _unfit(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _unfit(child)
    elif node.tag in _NUMBERS and len(node.value) > MAX_DIGITS:
        message = Said(f"số có quá {MAX_DIGITS} chữ số", f"the number has more than {MAX_DIGITS} digits")
        yield node, message


def _names(node: yaml.Node) -> dict[str, str]:
    """Find what a row calls itself."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    scalars = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return {kind: scalars[kind] for kind in ("code", "key") if kind in scalars}


def _too_large(name: str) -> CatalogueFaulty:
    message = Said(f"lớn hơn {MAX_BYTES} byte", f"the file is larger than {MAX_BYTES} bytes")
    return _faulty(name, None, message)


def _no_yaml(problem: object) -> Said:
    """Say what the YAML reader says, which it knows in English only."""
    return Said(f"không phải YAML hợp lệ: {problem}", str(problem))


def _fault(name: str, mark: Any, message: Said) -> CatalogueFault:
    return CatalogueFault(name, mark.line + 1 if mark else None, None, message)


def _faulty(name: str, mark: Any, message: Said) -> CatalogueFaulty:
    return CatalogueFaulty([_fault(name, mark, message)])
