"""Checks catalogue files (all that ship, or those named) and prints where a document contradicts itself.

    python -m app.catalogue.check [FILE …]

Exit 1 if a file has a fault. A difference between what a document declares and what it holds is no fault.
"""

import sys
from pathlib import Path

from app.catalogue.files import (
    LoadedPolicy,
    LoadedSet,
    catalogue,
    load_policy,
    load_set,
    policy_paths,
    set_paths,
)
from app.catalogue.plausibility import load_plausibility, plausibility_paths
from app.catalogue.reading import CatalogueFaulty
from app.catalogue.schemas import Counted


def main(arguments: list[str]) -> int:
    """Check files, print a summary of each, and give the exit status."""
    status = 0
    paths = [*set_paths(), *policy_paths(), *plausibility_paths()]
    for path in map(Path, arguments) if arguments else paths:
        try:
            lines = _checked(path)
        except CatalogueFaulty as error:
            sys.stderr.write(f"{error}\n")
            status = 1
        else:
            sys.stdout.write("\n".join(lines) + "\n")
    return status


def _checked(path: Path) -> list[str]:
    """Load a file, whichever kind it is, and sum it up."""
    match path.parent.name:
        case "policies":
            return _summary(load_policy(path))
        case "plausibility":
            found = load_plausibility(path, catalogue())
            return [f"{path.stem}: {len(found.checks)} cross-checks, a jump is more than {found.jump}"]
        case _:
            return _summary(load_set(path))


def _summary(loaded: LoadedSet | LoadedPolicy) -> list[str]:
    name = f"{loaded.out.key} v{loaded.out.version}"
    if isinstance(loaded, LoadedPolicy):
        return [f"{name}: policy, sha256 {loaded.sha256}"]
    out = loaded.out
    lines = [
        f"{name}: {out.counted.groups} groups, {out.counted.indicators} indicators{_nested(out.counted)}, "
        f"{_points(out.counted)}, sha256 {out.sha256}"
    ]
    for row in out.differences:
        where = f"group {row.group}" if row.group else "the set"
        said = f"declares {row.declared} {row.what} (line {row.line}), counted {row.counted}"
        lines.append(f"  difference: {where} {said}")
    return lines


def _nested(counted: Counted) -> str:
    return f" and {counted.nested_rows} nested rows" if counted.nested_rows else ""


def _points(counted: Counted) -> str:
    if counted.points is not None:
        return f"{counted.points} points"
    return f"{counted.listed_points} points listed, some rows without: tracked, not ranked"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
