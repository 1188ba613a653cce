"""scripts/year: live through one assessment year on a running server, over HTTP alone; or tell twelve stories.

Opens the period, fills every unit of Cà Mau with plausible seeded figures, uploads evidence, submits, reviews,
returns, adjusts, finalizes, publishes and corrects, and prints the rankings. It keeps books of its own; any
difference between them and the server is printed. The server must use the demo accounts (the embedded default)
and nobody else may act on it meanwhile.

With --stories: twelve short stories of what goes wrong and how it is put right (a late unit, an appeal, a lock, a
forged trail …), each on a server of its own whose clock is moved; nothing needs to run. Every outcome is checked.

Exit status: 0 everything agrees, 1 something differs, 2 the story cannot begin.
"""

import argparse
import asyncio
import sys

import httpx
from rich.console import Console
from rich.markup import escape

from scripts.journey.client import Api, People, UnexpectedAnswer
from scripts.journey.opening import YearAlreadyThere
from scripts.journey.world import Options, World
from scripts.journey.year import live_through

DEMO_PASSWORD = "demo-password-2023"
DEMO_SERVICE = ("lgsp-so-tttt", "demo-service-secret-2023")


def read_options() -> argparse.Namespace:
    """Read the command line; wrong values end with status 2."""
    parser = argparse.ArgumentParser(
        "scripts/year", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the running server (%(default)s)")
    parser.add_argument("--year", type=int, default=2023, help="the year to assess (%(default)s; up to 2024)")
    parser.add_argument("--seed", type=int, default=1072, help="of all figures (%(default)s)")
    parser.add_argument(
        "--units",
        type=int,
        help="take only so many units, the smallest district's communes first; at least 2",
    )
    parser.add_argument("--at-once", type=int, default=8, help="units at work at a time (%(default)s)")
    parser.add_argument("--stories", action="store_true", help="tell the twelve stories instead")
    parser.add_argument("--only", metavar="NAME", help="tell only this story")
    options = parser.parse_args()
    if options.only and not options.stories:
        parser.error("--only: names one of the --stories")
    if not 2022 <= options.year <= 2024:
        parser.error("--year: units and index sets of Cà Mau hold for 2022 to 2024")
    if options.units is not None and options.units < 2:
        parser.error("--units: at least 2")
    if options.at_once < 1:
        parser.error("--at-once: at least 1")
    return options


async def run(given: argparse.Namespace, screen: Console) -> bool:
    """Live through the year on the server at --url."""
    limits = httpx.Limits(max_connections=given.at_once * 2)
    async with httpx.AsyncClient(base_url=given.url, timeout=60, limits=limits) as http:
        api = Api(http)
        people = People(api, password=DEMO_PASSWORD, service=DEMO_SERVICE)
        options = Options(year=given.year, seed=given.seed, units=given.units, at_once=given.at_once)
        return await live_through(World(options, api, people, screen))


def tell_stories(only: str | None, screen: Console) -> int:
    """Tell the stories, or one of them, and return the exit status."""
    # The year is lived through over HTTP alone; only the stories start the service themselves.
    from app.core import log
    from scripts.journey.stories import STORIES
    from scripts.journey.stories.telling import run as tell

    chosen = [story for story in STORIES if only in (None, story.name)]
    if not chosen:
        screen.print(f"[red]Cannot begin:[/red] the stories are {', '.join(story.name for story in STORIES)}")
        return 2
    log.configure("error")
    return 0 if tell(chosen, screen) else 1


def main() -> int:
    """Run the story and return the exit status."""
    given, screen = read_options(), Console(highlight=False)
    if given.stories:
        return tell_stories(given.only, screen)
    try:
        return 0 if asyncio.run(run(given, screen)) else 1
    except YearAlreadyThere as error:
        screen.print(f"[red]Cannot begin:[/red] {error}")
        return 2
    except httpx.ConnectError:
        screen.print(f"[red]Cannot begin:[/red] nobody answers at {given.url}; start scripts/serve first")
        return 2
    except (UnexpectedAnswer, httpx.TransportError) as error:
        screen.print(f"[red]The story broke off:[/red] {escape(str(error) or repr(error))}")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
