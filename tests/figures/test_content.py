"""Reading a push, without a database."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.files import catalogue
from app.figures.content import Measured, givers, read_rows
from app.figures.schemas import FigureIn
from app.units.models import Unit, UnitKind

COMMUNES = catalogue().sets["camau-2023-xa"]
TTTT, IT_CENTRE = UUID(int=1), UUID(int=2)
MEASURED = {UnitKind.COMMUNE: Measured(COMMUNES.scored, givers(COMMUNES.out, {"so-tttt": TTTT}))}


def test_an_agency_is_named_by_the_indicators_it_declares_or_verifies() -> None:
    named = givers(COMMUNES.out, {"so-tttt": TTTT})
    assert "5.4" in named  # declared_by
    assert "3.8" in named  # verified_by
    assert "8.2" not in named  # Công an tỉnh
    assert set(named.values()) == {TTTT}


def test_who_acts_for_two_agencies_gives_the_figures_of_the_one_that_declares_them() -> None:
    named = givers(COMMUNES.out, {"tt-cntt-tt": IT_CENTRE, "so-tttt": TTTT})
    assert (named["5.4"], named["5.1"]) == (TTTT, IT_CENTRE)


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_values = st.recursive(
    _scalars, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2)
)


@given(
    figures=st.none() | st.dictionaries(st.sampled_from(["a", "b", "infected", "z"]), _values, max_size=4),
    choice=st.none() | st.text(max_size=5),
    indicator=st.sampled_from(["5.4", "3.7", "3.8", "8.2", "", "x/~"]),
)
def test_whatever_a_row_says_it_is_read_or_its_faults_point_into_it(
    figures: dict[str, object] | None, choice: str | None, indicator: str
) -> None:
    row = FigureIn.model_validate(
        {"unit": {"key": "xa"}, "indicator": indicator, "figures": figures, "choice": choice}
    )
    unit = Unit(id=uuid4(), key="xa", kind=UnitKind.COMMUNE, is_ranked=True)
    read, faults = read_rows([row], [unit], MEASURED)
    assert all(fault.pointer == "/figures/0" or fault.pointer.startswith("/figures/0/") for fault in faults)
    assert faults or (len(read) == 1 and read[0].agency_unit_id == TTTT)
