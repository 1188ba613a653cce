"""What was played: how often each turn was allowed or refused, and from which states it was tried."""

import time
from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

STATES = ("draft", "submitted", "under_review", "returned", "resubmitted", "passed")


@dataclass
class Tally:
    """Counts of a run; a turn is one request that would change something."""

    lives: int = 0
    turns: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    tried: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def count(self, turn: str, state: str, outcome: str) -> None:
        """Count a turn; the outcome is "done", or why it was refused."""
        self.turns += 1
        self.outcomes[turn, outcome] += 1
        self.tried[turn, state, outcome == "done"] += 1

    def allowed(self) -> set[str]:
        """Return the turns that were taken at least once."""
        return {turn for turn, outcome in self.outcomes if outcome == "done"}

    def show(self, title: str) -> None:
        """Print everything."""
        console, seconds = Console(width=150), time.monotonic() - self.began
        console.rule(title)
        console.print(
            f"{self.lives:,} lives · {self.turns:,} turns · {seconds:.0f} s · "
            f"{self.turns / max(seconds, 0.1):.0f} turns/s · "
            + " · ".join(f"{count:,} {what}" for what, count in sorted(self.seen.items()))
        )
        turns = sorted({turn for turn, _ in self.outcomes})
        console.print(self._by_state(turns))
        console.print(self._by_outcome(turns))

    def _by_state(self, turns: list[str]) -> Table:
        table = Table("turn", *STATES, title="taken / tried, by the state of the dossier")
        for turn in turns:
            cells = []
            for state in STATES:
                done, refused = self.tried[turn, state, True], self.tried[turn, state, False]
                cells.append(f"{done} / {done + refused}" if done + refused else "·")
            table.add_row(turn, *cells)
        return table

    def _by_outcome(self, turns: list[str]) -> Table:
        table = Table("turn", "done", "refused", "why (times)", title="by what came of it")
        for turn in turns:
            found = {outcome: count for (one, outcome), count in self.outcomes.items() if one == turn}
            done = found.pop("done", 0)
            why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.items()))
            table.add_row(turn, str(done), str(sum(found.values())), why)
        return table
