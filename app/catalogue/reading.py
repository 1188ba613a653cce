"""Catalogue files as YAML: plain values only, and every fault with its line.

Aliases, repeated keys, deep nesting and big files are refused: a catalogue needs none of them, and each can
hide what is read or how much.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20

# The C reader is ten times as fast; it comes with PyYAML on every usual platform.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class CatalogueFault:
    """One thing wrong in a catalogue file: which file, line and row (its code, or else its key), and what."""

    file: str
    line: int | None
    row: str | None
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {f'[{self.row}] ' if self.row else ''}{self.message}"


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

    def fault(self, path: tuple[str | int, ...], message: str) -> CatalogueFault:
        """Build the fault of the value at a path of keys and places; steps that are not there are skipped."""
        node, names, found = self.root, [_names(self.root)], []
        for step in path:
            if isinstance(node, yaml.MappingNode):
                value = next((value for key, value in node.value if key.value == step), None)
                found += [step] if value is not None or step == path[-1] else []
                node = value or node
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
            names.append(_names(node))
        row = next((name[kind] for kind in ("code", "key") for name in reversed(names) if kind in name), None)
        where = ".".join(map(str, found))
        return CatalogueFault(
            self.name, node.start_mark.line + 1, row, f"{where}: {message}" if where else message
        )


def read(path: Path) -> YamlFile:
    """Read one YAML file.

    Raises:
        CatalogueFaulty: it is no UTF-8, no YAML, too big, too deep, or holds aliases or repeated keys.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _faulty(path, None, f"the file is larger than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        _refuse_structure(path, text)
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError:
        raise _faulty(path, None, "the file is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise _faulty(path, error.problem_mark, str(error.problem)) from None
    except (yaml.YAMLError, OSError) as error:
        raise _faulty(path, None, str(error)) from None
    if not isinstance(root, yaml.MappingNode):
        raise _faulty(path, None, "the file holds no mapping")
    return YamlFile(path.name, root, _content(path, root))


def _content(path: Path, root: yaml.MappingNode) -> Any:
    repeated = [_fault(path, key.start_mark, f"the key {key.value} is repeated") for key in _repeated(root)]
    if repeated:
        raise CatalogueFaulty(repeated)
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _faulty(path, error.problem_mark, str(error.problem)) from None
    except ValueError as error:  # a date such as 2023-13-01
        raise _faulty(path, None, str(error)) from None


def _refuse_structure(path: Path, text: str) -> None:
    """Judge the events before anything is built of them: the builder recurses, and follows aliases."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _faulty(path, event.start_mark, "anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _faulty(path, event.start_mark, f"nested deeper than {MAX_DEPTH} levels")


def _repeated(node: yaml.Node) -> Iterator[yaml.Node]:
    """Find the keys that stand twice in one mapping: a plain reader would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key
                seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _repeated(child)


def _names(node: yaml.Node) -> dict[str, str]:
    """Find what a row calls itself."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    scalars = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return {kind: scalars[kind] for kind in ("code", "key") if kind in scalars}


def _fault(path: Path, mark: Any, message: str) -> CatalogueFault:
    return CatalogueFault(path.name, mark.line + 1 if mark else None, None, message)


def _faulty(path: Path, mark: Any, message: str) -> CatalogueFaulty:
    return CatalogueFaulty([_fault(path, mark, message)])
