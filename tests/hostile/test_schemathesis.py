"""No call that the document allows, and none that it forbids, gets an answer that the document does not declare."""

import pytest

from tests.contracts.world import CALLERS, Caller
from tests.hostile.driving import Place, Totals, drive
from tests.scene import UNIT

# Every role, and every phase at length: scripts/hostile.
SOME = [one for one in CALLERS if str(one) in ("nobody", "admin", f"{UNIT}.reporter")]


@pytest.mark.parametrize("caller", SOME, ids=str)
def test_made_up_calls_get_declared_answers(where: Place, caller: Caller) -> None:
    totals = Totals()
    drive(where, caller, "examples", cases=1, totals=totals)
    drive(where, caller, "fuzzing", cases=1, totals=totals)
    assert not totals.failures, "\n".join(f"{what}\n  {how}" for what, how in totals.failures.items())
    assert totals.cases["fuzzing"] > 100
