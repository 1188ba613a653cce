"""The story of who did what: accounts, programs, limits, the trail, a person erased, and a backup of the year."""

from scripts.journey import declaring
from scripts.journey.books import Json
from scripts.journey.stories import accounts, programs, trail
from scripts.journey.stories.cast import Cast
from scripts.journey.stories.play import Play


async def who_did_what(play: Play) -> None:
    """Accounts are made, proved, locked and erased around a year; the trail tells who did what, and a backup all."""
    scope = await play.opens()
    cast = Cast(play)
    await accounts.in_bulk(cast)
    await accounts.first_log_ins(cast)
    await accounts.second_factor(cast)
    await accounts.locked(cast)
    await accounts.log_ins(cast)
    await accounts.remits(cast)
    await programs.service_account(cast)
    published = await _the_year(cast, scope)
    await trail.audited(cast)
    await trail.erased(cast, published)
    await programs.measured(cast)
    await trail.given_back(cast, published)
    await programs.flood(cast)
    play.ends()


async def _the_year(cast: Cast, scope: Json) -> str:
    """Live through the year with the new people in their turns; return the result that is published."""
    play, unit = cast.play, cast.unit
    play.at("2023-12-18 09:00:00")
    await declaring.fill(play.world, unit)
    await play.turn(cast.leader, "approves the content, with his second factor", unit, "approve")
    await play.turn(cast.reporter, "submits the dossier", unit, "submit", declaring.EXPLAINED)
    await play.declared(play.world.units[1:])
    await play.gives_figures()
    await play.passed(play.world.units)
    play.at("2024-01-25 10:00:00")
    result = await play.finalizes(scope)
    await play.publishes(scope, result)
    return str(result["id"])
