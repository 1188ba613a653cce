"""The administrator opens the year; the journey chooses its units and opens a book for each."""

from collections import Counter
from typing import Any

from scripts.journey.books import IndexSet, Json, UnitBook
from scripts.journey.world import World

_SETS = "camau-2023-"
_PROVINCE_REVIEWERS = ("reviewer", "reviewer2")


class YearAlreadyThere(Exception):
    """The server has a period of this year: the story cannot begin again in the same database."""


async def open_year(world: World, **chosen: Any) -> None:
    """Prepare and open the period, and open the books of the units that take part; `chosen` as POST /periods has it.

    Raises: YearAlreadyThere.
    """
    admin, year = world.people["admin"], world.options.year
    if any(period["year"] == year for period in await admin.get("/periods")):
        raise YearAlreadyThere(
            f"there is already a period {year}: start the server with a fresh ./var, or give another --year"
        )
    listed = await world.people.public.get("/index-sets")
    sets = {row["unit_kind"]: row["key"] for row in listed if row["key"].startswith(_SETS)}
    body: Json = {"year": year, "guidance_on": world.today().isoformat(), "sets": sets} | chosen
    prepared = await admin.call("POST", "/periods", json=body)
    path = f"/periods/{prepared.json()['id']}"
    await admin.call("POST", f"{path}/open", if_match='"999"', refused=(412, "stale_version"))
    opened = await admin.call("POST", f"{path}/open", if_match=prepared.headers["etag"])
    world.acts.update({"period.prepare": 1, "period.open": 1})
    world.period = await admin.get(path)
    world.scopes = await admin.get(f"{path}/scopes")
    await _open_books(world, body["sets"])
    world.differences.same("dossiers created", len(world.everybody), opened.json()["submissions"])
    world.say(
        f"Period [bold]{year}[/bold] is open: {len(world.everybody)} dossiers in {len(world.scopes)} ranking scopes, "
        f"to be submitted before {world.period['submission_due_at']}; {len(world.units)} units take part."
    )


async def _open_books(world: World, set_keys: dict[str, str]) -> None:
    admin = world.people["admin"]
    sets = {
        kind: IndexSet.of(await world.people.public.get(f"/index-sets/{key}"))
        for kind, key in set_keys.items()
    }
    dossiers = {
        row["unit_id"]: row for row in await admin.pages("/submissions", period_id=world.period["id"])
    }
    units = {row["id"]: row for row in await admin.pages("/units", on=world.period["ends_on"])}
    measured = {unit_id for unit_id, row in units.items() if row["kind"] in sets}
    world.differences.same("units with a dossier", measured, set(dossiers))
    homes = {(await world.people[name].get("/me"))["unit_id"]: name for name in _PROVINCE_REVIEWERS}
    places: Counter[str] = Counter()
    for unit_id in sorted(measured, key=lambda one: str(units[one]["key"])):
        scope_id = dossiers[unit_id]["scope_id"]
        reviewer = _reviewer(units[unit_id], units, homes)
        book = _book(units[unit_id], dossiers[unit_id], units, sets, places[scope_id], reviewer)
        world.everybody.append(book)
        places[scope_id] += 1
    _choose(world)


def _book(
    unit: Json, dossier: Json, units: dict[str, Json], sets: dict[str, IndexSet], place: int, reviewer: str
) -> UnitBook:
    return UnitBook(
        key=unit["key"],
        unit_id=unit["id"],
        name=unit["name"],
        kind=unit["kind"],
        is_ranked=unit["is_ranked"],
        parent_key=units[unit["parent_id"]]["key"],
        index_set=sets[unit["kind"]],
        submission_id=dossier["id"],
        scope_id=dossier["scope_id"],
        place=place,
        reviewer=reviewer,
    )


def _reviewer(unit: Json, units: dict[str, Json], homes: dict[str, str]) -> str:
    """Return the account that reviews a unit: of the unit above it, and nobody reviews his own unit."""
    parent = units[unit["parent_id"]]
    if parent["parent_id"] is not None:
        return f"{parent['key']}.reviewer"
    return next(name for home, name in homes.items() if home != unit["id"])


def _choose(world: World) -> None:
    """Keep the units of a short run: whole scopes where possible, the smallest commune scope first."""
    smallest = min(scope["units"] for scope in world.scopes if scope["unit_kind"] == "commune")
    order = {"commune": 3, "district": 1, "department": 2}
    first = next(s for s in world.scopes if s["unit_kind"] == "commune" and s["units"] == smallest)
    places = {
        scope["id"]: (0 if scope is first else order[scope["unit_kind"]], scope["units"], scope["name"])
        for scope in world.scopes
    }
    world.scopes.sort(key=lambda scope: places[scope["id"]])
    ordered = sorted(world.everybody, key=lambda unit: (places[unit.scope_id], unit.place))
    world.units = ordered[: world.options.units]
