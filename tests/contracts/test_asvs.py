"""The table of the ASVS names every requirement of its levels once, and only tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/asvs.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| V")
]
LEVELS_1_AND_2 = 253


def numbers(cell: str) -> list[str]:
    """Return the requirements of a cell: "V1.2.1–3, V1.3.1"."""
    found: list[str] = []
    for part in cell.split(", "):
        first, _, last = part.partition("–")
        section, number = first.rsplit(".", 1)
        found += [f"{section}.{one}" for one in range(int(number), int(last or number) + 1)]
    return found


def test_every_requirement_stands_in_one_row() -> None:
    named = [one for row in ROWS for one in numbers(row[0])]
    assert len(named) == len(set(named))
    assert len(named) == LEVELS_1_AND_2


def test_every_test_that_the_table_names_exists() -> None:
    for row in ROWS:
        for path, name in re.findall(r"`(tests/[^:`]+)(?:::(\w+))?`", row[3]):
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
