"""No call that the document allows, and none that it forbids, gets an answer that the document does not declare."""

import pytest

from tests.contracts.world import Caller
from tests.hostile.driving import Place, Totals, drive, role_callers


@pytest.mark.parametrize("caller", role_callers(), ids=str)
def test_made_up_calls_get_declared_answers(where: Place, caller: Caller) -> None:
    totals = Totals()
    drive(where, caller, "examples", cases=1, totals=totals)
    drive(where, caller, "fuzzing", cases=1, totals=totals)
    assert not totals.failures, "\n".join(f"{what}\n  {how}" for what, how in totals.failures.items())
    assert totals.cases["fuzzing"] > 100
