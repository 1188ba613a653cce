"""The stories of `scripts/year --stories` come true; and one that does not is found out."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.core.embedded import EmbeddedPostgres
from scripts.journey.__main__ import tell_stories
from scripts.journey.stories import STORIES
from scripts.journey.stories.play import Play
from scripts.journey.stories.stage import Theatre
from scripts.journey.stories.telling import Story, print_table, tell


@pytest.fixture
def theatre(server: EmbeddedPostgres, tmp_path: Path) -> Theatre:
    """Give the database server of the run as a place to play in."""
    return Theatre(server.url, "dti_template", tmp_path)


@pytest.fixture
def screen() -> Console:
    """Give a screen that can be read."""
    return Console(file=io.StringIO(), width=120)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_there_are_twelve_stories_of_different_names() -> None:
    assert len({story.name for story in STORIES}) == 12
    assert all(story.summary for story in STORIES)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_a_story_comes_true(story: Story, theatre: Theatre, screen: Console) -> None:
    told = await tell(theatre, story, screen)
    assert told.wrong == (), printed(screen)
    assert told.right >= story.at_least
    assert told.is_true


async def _half_told(play: Play) -> None:
    """Check one outcome of two."""
    play.check("one and one", 2, 1 + 1)


async def _untrue(play: Play) -> None:
    """Expect what does not come."""
    play.check("one and one", 3, 1 + 1)


async def _broken_off(play: Play) -> None:
    """Break off after the last check."""
    play.check("one and one", 2, 1 + 1)
    raise LookupError("the plot")


@pytest.mark.parametrize(
    ("story", "wrong"),
    [
        (Story("half", _half_told, 2), "only 1 of at least 2 outcomes were checked"),
        (Story("untrue", _untrue, 1), "one and one: expected 3, found 2"),
        (Story("broken", _broken_off, 1), "the story broke off: LookupError('the plot')"),
    ],
    ids=lambda given: given.name if isinstance(given, Story) else "",
)
async def test_a_story_that_does_not_come_true_is_found_out(
    story: Story, wrong: str, theatre: Theatre, screen: Console
) -> None:
    told = await tell(theatre, story, screen)
    assert told.wrong == (wrong,)
    assert not told.is_true
    print_table([told], screen)
    assert "✗ false" in printed(screen)
    assert f"{story.name}: {wrong}" in printed(screen)


async def test_a_denial_that_does_not_come_is_found_out(theatre: Theatre, screen: Console) -> None:
    async def play_it(play: Play) -> None:
        """Expect a success to be refused."""
        answer = await play.stage.people["admin"].send("GET", "/me")
        play.refusal("admin", "reads his account", answer, "not_permitted")

    told = await tell(theatre, Story("denial", play_it, 1), screen)
    assert told.wrong == ("admin reads his account: expected to be refused with not_permitted, it was done",)


def test_a_story_that_nobody_knows_is_refused(screen: Console) -> None:
    assert tell_stories("nobody", screen) == 2
    assert "late-unit" in printed(screen)
