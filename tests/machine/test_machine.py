"""Random turns by everybody find no illegal state, no lost edit and no gap in the audit trail.

A short play that is the same every time; `scripts/machine` plays for minutes, differently each time.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.machine.content import Json
from tests.machine.dossier import WITH_REVIEWER, Dossier, Effect
from tests.machine.life import Life
from tests.machine.machine import STEPS, ReviewChain, play
from tests.machine.people import Person
from tests.machine.requests import PLAYED
from tests.machine.tally import Tally
from tests.machine.world import World

STABLE = settings(
    max_examples=7,
    stateful_step_count=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
UNSHRUNK = settings(STABLE, max_examples=20, phases=[Phase.generate])


def test_no_illegal_state_no_lost_edit_no_audit_gap(world: World) -> None:
    tally = Tally()
    play(world, tally, STABLE)
    tally.show(world.policy)
    assert tally.turns > 250
    assert len(tally.allowed() & {*PLAYED}) > len(PLAYED) / 2


# --- the machine can fail -----------------------------------------------------------------------------------


class RecallsAfterAClaim(Life):
    """Believes that a unit may take back what its reviewer has claimed."""

    def denial(self, d: Dossier, who: Person, turn: str) -> str | None:
        why = super().denial(d, who, turn)
        return None if turn == "recall" and why == "wrong_state" and d.state in WITH_REVIEWER else why


class LosesEvidence(Life):
    """Believes that documents sent with an answer change nothing."""

    def _with(self, content: Json, code: str | None, documents: list[str]) -> Json:
        return content


class OneSecondLonger(Life):
    """Believes that the deadline itself is in time."""

    def entry(self, d: Dossier) -> Any:
        found = super().entry(d)
        return ("in_time", d.due, None) if found[0] == "entry_closed" and self.now == d.due else found


class ForgetsTheTrail(Life):
    """Believes that a claim leaves no trace."""

    def take(self, turn: str, who: Person, d: Dossier, body: Any = None) -> Effect:
        effect = super().take(turn, who, d, body)
        if turn == "claim":
            effect.events, d.log = [], d.log[:-1]
        return effect


@pytest.mark.parametrize("world", ["camau-2023"], indirect=True)
@pytest.mark.parametrize("life", [RecallsAfterAClaim, LosesEvidence, OneSecondLonger, ForgetsTheTrail])
def test_a_model_that_differs_from_the_service_is_found_out(world: World, life: type[Life]) -> None:
    # Time passes faster, so that deadlines are met soon.
    steps = STEPS | {"wait": 40, "hand_in": 12, "try_a_turn": 4, "read_everything": 0}
    tally, mistaken = Tally(), type("Mistaken", (ReviewChain,), {"life_of": life, "steps": steps})
    with pytest.raises(AssertionError):
        play(world, tally, UNSHRUNK, mistaken)
    print(f"{life.__name__}: found after {tally.turns} turns")
