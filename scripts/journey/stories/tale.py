"""What a story says as it goes: who did what and what came of it, and every outcome that was checked."""

from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console
from rich.text import Text

from scripts.journey.world import VIETNAM

_LONG = 90


def wall(moment: datetime | str | None) -> str | None:
    """Return an instant as the clock on the wall in Vietnam shows it; the API writes them as text."""
    if moment is None:
        return None
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Tale:
    """One story as it is told; `wrong` are the outcomes that are not as the story worked them out."""

    screen: Console
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def checked(self) -> int:
        """Return how many outcomes were checked."""
        return self.right + len(self.wrong)

    def goes_on(self, now: datetime, who: str, what: str, outcome: str) -> None:
        """Tell a step: when, who, what, and what came of it."""
        at = now.astimezone(VIETNAM).strftime("%d/%m %H:%M:%S")
        line = Text.assemble(
            "  ", (at, "dim"), "  ", (who, "bold"), f" {what} ", ("→ ", "dim"), (outcome, "cyan")
        )
        self.screen.print(line, soft_wrap=True)

    def check(self, what: str, ours: object, theirs: object) -> None:
        """Compare an outcome with what the story worked out, and tell it with a tick or a cross."""
        if ours == theirs:
            self.right += 1
            line = Text.assemble("      ", ("✓ ", "green"), f"{what}: {_short(theirs)}")
            self.screen.print(line, soft_wrap=True)
        else:
            self.fails(f"{what}: expected {ours}, found {theirs}")

    def fails(self, what: str) -> None:
        """Tell what went wrong."""
        self.wrong.append(what)
        self.screen.print(Text.assemble("      ", ("✗ ", "bold red"), (what, "red")), soft_wrap=True)


def _short(value: object) -> str:
    said = str(value)
    if len(said) <= _LONG:
        return said
    return f"{len(value)} of them" if isinstance(value, list | set) else f"{said[: _LONG - 1]}…"
