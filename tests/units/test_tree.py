"""The path from a unit to the top, over any number of levels. Pure."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import path_to

Tree = dict[UUID, tuple[Unit, UnitVersion]]


def tree_of(parents: dict[int, int | None]) -> Tree:
    """Return a tree from numbers: unit → parent."""
    tree: Tree = {}
    for number, parent in parents.items():
        unit = Unit(
            id=UUID(int=number),
            key=f"u{number}",
            kind=UnitKind.COMMUNE,
            is_ranked=True,
            exists_from=date(2021, 1, 1),
            exists_to=None,
        )
        version = UnitVersion(unit_id=unit.id, parent_id=None if parent is None else UUID(int=parent))
        tree[unit.id] = (unit, version)
    return tree


@given(st.integers(1, 60))
def test_the_path_has_as_many_steps_as_there_are_levels(levels: int) -> None:
    tree = tree_of({n: n + 1 if n < levels else None for n in range(1, levels + 1)})
    assert path_to(tree, UUID(int=1)) == [UUID(int=n) for n in range(1, levels + 1)]


def test_the_top_is_its_own_path() -> None:
    assert path_to(tree_of({1: None}), UUID(int=1)) == [UUID(int=1)]


@pytest.mark.parametrize("parents", [{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 3, 3: 2}])
def test_a_circle_of_parents_is_refused(parents: dict[int, int | None]) -> None:
    with pytest.raises(ValueError, match="own ancestor"):
        path_to(tree_of(parents), UUID(int=1))


def test_a_parent_that_no_longer_exists_ends_the_path() -> None:
    assert path_to(tree_of({1: 2}), UUID(int=1)) == [UUID(int=1)]
