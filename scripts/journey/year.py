"""The story of one year, from the opening of the period to the correction of a published result."""

import time

from scripts.journey import closing, declaring, opening, publishing, reviewing
from scripts.journey.tables import print_rankings, print_summary
from scripts.journey.world import World


async def live_through(world: World) -> bool:
    """Live through the year and print what came of it; return whether server and books agree on everything.

    Raises: YearAlreadyThere, UnexpectedAnswer, httpx.TransportError.
    """
    began = time.monotonic()
    audited = await closing.audited(world)
    await opening.open_year(world)
    await world.each("Units declare and submit", world.units, declaring.declare)
    await reviewing.check_queues(world)
    await world.each("Reviewers claim", world.units, reviewing.claim)
    await reviewing.try_before_the_agency(world)
    await publishing.try_too_early(world)
    await reviewing.give_official_figures(world, world.units)
    await world.each("Reviewers return, adjust and pass", world.units, reviewing.review)
    await publishing.finalize_and_publish(world)
    await publishing.correct_one(world)
    await world.each("Dossiers are read again", world.units, closing.compare_dossier)
    await world.each("Results are compared", world.units, closing.compare_final)
    await closing.compare_feeds(world)
    await closing.compare_audit(world, audited)
    print_rankings(world)
    print_summary(world, seconds=time.monotonic() - began)
    return not world.differences.found
