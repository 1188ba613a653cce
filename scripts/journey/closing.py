"""The end of the year: everything that the server says is compared with the books."""

import csv
import hashlib
import io
from collections import Counter

from scripts.journey.books import UnitBook, exact, shown
from scripts.journey.client import Caller
from scripts.journey.world import World

_AUDITED = (
    "period.prepare",
    "period.open",
    "submission.save",
    "submission.approve",
    "submission.submit",
    "evidence.upload",
    "figure.give",
    "review.claim",
    "review.return",
    "review.answer",
    "review.adjust",
    "review.pass",
    "review.reopen",
    "result.finalize",
    "result.publish",
    "result.supersede",
)
_ALL = "all"


async def audited(world: World) -> Counter[str]:
    """Return how many audit entries there are, by action; those that the looking leaves do not count."""
    auditor = world.people["auditor"]
    found = Counter({action: await _entries(auditor, action=action) for action in _AUDITED})
    seen = -1
    # A reading leaves an entry once an hour: as soon as none has come in between, all belong together.
    while seen != (reads := await _entries(auditor, action="audit.read")):
        seen, found[_ALL] = reads, await _entries(auditor)
    found[_ALL] -= reads
    return found


async def _entries(auditor: Caller, **asked: str) -> int:
    return int((await auditor.get("/audit", page_size=1, **asked))["total"])


async def compare_audit(world: World, before: Counter[str]) -> None:
    """Compare the entries that the run left with what it did, action by action."""
    after = await audited(world)
    for action in _AUDITED:
        left = after[action] - before[action]
        world.differences.same(f"audit entries {action}", world.acts[action], left)
    world.differences.same("audit entries in all", world.acts.total(), after[_ALL] - before[_ALL])


async def compare_dossier(world: World, unit: UnitBook) -> None:
    """Compare a dossier's state and answers as the unit sees them, and the bytes of one of its files."""
    reporter, same = world.reporter(unit), world.differences.same
    dossier = await reporter.get(f"/submissions/{unit.submission_id}")
    same(f"{unit.key} state at the end", unit.state, dossier["state"])
    same(f"{unit.key} answers at the end", unit.answers, dossier["answers"])
    document, sha256 = next(iter(unit.files.items()))
    content = (await reporter.call("GET", f"/evidence/{document}/content")).content
    same(f"{unit.key} sha256 of a file downloaded again", sha256, hashlib.sha256(content).hexdigest())


async def compare_final(world: World, unit: UnitBook) -> None:
    """Compare a unit's published points indicator by indicator, as everybody reads them."""
    ranking, ours, same = (
        world.published.get(unit.scope_id),
        world.results.get(unit.key),
        world.differences.same,
    )
    if ranking is None or ours is None:
        return
    path = f"/public/results/{ranking['id']}/units/{unit.unit_id}"
    card = (await world.people.public.get(path))["scorecard"]
    for line in card["lines"]:
        same(f"{unit.key} {line['code']} final points", ours.points[line["code"]], exact(line["points"]))
    same(f"{unit.key} final total", ours.total, exact(card["total"]))
    mine = await world.reporter(unit).get(f"/submissions/{unit.submission_id}/points")
    for line in mine["lines"]:
        final = exact(line["final_points"]["exact"])
        same(
            f"{unit.key} {line['code']} final points as the unit sees them", ours.points[line["code"]], final
        )
    same(f"{unit.key} rank as the unit sees it", world.places[unit.key], mine["rank"])


async def compare_feeds(world: World) -> None:
    """Compare what dashboards and the public are given of the whole year."""
    await _compare_progress(world)
    dashboard, same, period_id = world.people["dashboard"], world.differences.same, world.period["id"]
    params = {"period_id": period_id, "format": "csv"}
    text = (await dashboard.call("GET", "/feeds/results", params=params)).content.decode("utf-8-sig")
    rows = {row["unit_key"]: row for row in csv.DictReader(io.StringIO(text))}
    same("units in the CSV feed", set(world.results), set(rows))
    same("rows in the JSON feed", len(rows), len(await dashboard.get("/feeds/results", period_id=period_id)))
    for key, ours in world.results.items():
        theirs = [rows.get(key, {}).get(column) for column in ("total", "dti", "rank")]
        rank = world.places[key]
        expected = [shown(ours.total, 2), shown(ours.dti or ours.total, 2), "" if rank is None else str(rank)]
        same(f"{key} in the CSV feed", expected, theirs)
    public, year = world.people.public, world.options.year
    same("results in public", len(world.published), len(await public.get("/public/results", year=year)))
    ever = await public.get("/public/results", year=year, superseded=True)
    same("results in public with earlier versions", len(world.published) + world.corrected, len(ever))


async def _compare_progress(world: World) -> None:
    told = (await world.people["dashboard"].get("/feeds/progress", period_id=world.period["id"]))["whole"]
    states = Counter(unit.state for unit in world.everybody)
    world.differences.same("dossiers in the progress feed", len(world.everybody), told["total"])
    for state, count in told["states"].items():
        world.differences.same(f"dossiers {state} in the progress feed", states[state], count)
