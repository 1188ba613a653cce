"""Telling stories one after the other, each on a stage of its own, and counting what came true."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.journey.stories.play import BEGINS, Play
from scripts.journey.stories.stage import Theatre, theatre


@dataclass(frozen=True, slots=True)
class Story:
    """A story by its name; `at_least` is how many outcomes must be checked: none may pass by being cut short."""

    name: str
    play: Callable[[Play], Awaitable[None]]
    at_least: int

    @property
    def summary(self) -> str:
        """Return what it is about, in one sentence."""
        return (self.play.__doc__ or "").partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a story."""

    story: Story
    right: int
    wrong: tuple[str, ...]
    seconds: float

    @property
    def is_true(self) -> bool:
        """Answer whether every outcome was checked and right."""
        return not self.wrong and self.right >= self.story.at_least


async def tell(theatre: Theatre, story: Story, screen: Console) -> Told:
    """Tell one story; one that breaks off is wrong."""
    began = time.monotonic()
    screen.rule(f"[bold]{story.name}[/bold]", align="left")
    screen.print(f"  {story.summary}")
    async with theatre.stage(BEGINS) as stage:
        play = Play.on(stage, screen)
        try:
            await story.play(play)
        except Exception as error:
            play.tale.fails(f"the story broke off: {error!r}")
        tale = play.tale
        if tale.checked < story.at_least:
            tale.fails(f"only {tale.checked} of at least {story.at_least} outcomes were checked")
        return Told(story, tale.right, tuple(tale.wrong), time.monotonic() - began)


async def tell_all(theatre: Theatre, stories: Sequence[Story], screen: Console) -> list[Told]:
    """Tell stories one after the other, with a bar that shows how far they are."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    told = []
    with Progress(*columns, console=screen, transient=True) as progress:
        bar = progress.add_task("Stories", total=len(stories))
        for story in stories:
            told.append(await tell(theatre, story, screen))
            progress.advance(bar)
    return told


def print_table(told: Sequence[Told], screen: Console) -> None:
    """Print a line for each story, and every outcome that was wrong."""
    table = Table(title="Stories", title_justify="left")
    table.add_column("Story", no_wrap=True)
    for name in ("Right", "Checked", "At least", "Seconds"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in told:
        counts = (one.right, one.right + len(one.wrong), one.story.at_least)
        verdict = "[green]✓ true[/green]" if one.is_true else "[bold red]✗ false[/bold red]"
        table.add_row(one.story.name, *map(str, counts), f"{one.seconds:.1f}", verdict)
    screen.print(table)
    for one in told:
        for wrong in one.wrong:
            screen.print(f"[red]{one.story.name}: {escape(wrong)}[/red]", soft_wrap=True)


def run(stories: Sequence[Story], screen: Console) -> bool:
    """Tell stories on a database server of their own; return whether all of them came true."""
    with ExitStack() as stack:
        with screen.status("Starting a database, migrating, loading …"):
            ready = stack.enter_context(theatre())
        told = asyncio.run(tell_all(ready, stories, screen))
    print_table(told, screen)
    return len(told) == len(stories) and all(one.is_true for one in told)
