"""Every scope is finalized, signed and published; then one published result is corrected."""

from scripts.journey import reviewing
from scripts.journey.books import (
    MEANS,
    Json,
    best_of_peers,
    exact,
    final_result,
    means_of_peers,
    ranks,
    shown,
)
from scripts.journey.client import Caller
from scripts.journey.world import World

_CORRECTION = "Đơn vị đề nghị xem lại; tài liệu bổ sung cho thấy số liệu thấp hơn."


def finalizer(world: World, scope: Json) -> Caller:
    """Return who finalizes a scope: the reviewer of the unit that ranks it."""
    return world.people[f"{_district(world, scope)}.reviewer" if scope["parent_id"] else "reviewer"]


def signer(world: World, scope: Json) -> Caller:
    """Return whose decision publishes a scope: the chairman of the district, or the province's leader."""
    return world.people[f"{_district(world, scope)}.chairman" if scope["parent_id"] else "leader"]


def _district(world: World, scope: Json) -> str:
    return next(unit.parent_key for unit in world.units if unit.scope_id == scope["id"])


async def try_too_early(world: World) -> None:
    """Try to finalize while dossiers are under review, and somebody else's scope."""
    scope = world.scopes[0]
    by = finalizer(world, scope)
    path, etag = f"/scopes/{scope['id']}", await by.etag(f"/scopes/{scope['id']}/preview")
    early = (409, "scope_not_reviewed")
    await by.call("POST", f"{path}/finalize", if_match=etag, json={}, refused=early)
    other = next(
        unit.parent_key for unit in world.everybody if unit.kind == "commune" and unit.scope_id != scope["id"]
    )
    stranger = world.people[f"{other}.reviewer"]
    await stranger.call("POST", f"{path}/finalize", if_match=etag, json={}, refused=(404, "scope_not_found"))


async def finalize_and_publish(world: World) -> None:
    """Finalize and publish every scope whose units all took part."""
    for scope in world.whole_scopes():
        reckon(world, scope)
        result = await finalize(world, scope, {})
        await publish(world, scope, result)
    if len(world.published) < len(world.scopes):
        world.say("The other scopes wait: some of their units take no part in this short run.")


def reckon(world: World, scope: Json) -> None:
    """Work out a scope's results and ranks in the books."""
    units = world.units_of(scope)
    best = best_of_peers(units)
    means = means_of_peers(units, best) if world.period["policy"] in MEANS else None
    results = {unit.key: final_result(unit, best, means) for unit in units}
    world.results |= results
    world.places |= ranks(units, results)


async def finalize(world: World, scope: Json, body: Json) -> Json:
    """Preview and finalize a scope, and compare every line with the books; sending it twice does it once."""
    by, path = finalizer(world, scope), f"/scopes/{scope['id']}"
    preview = await by.call("GET", f"{path}/preview")
    world.differences.same(f"{scope['name']} waiting", [], preview.json()["waiting"])
    etag = preview.headers["etag"]
    world.differences.same(f"{scope['name']} would change", True, preview.json()["would_change"])
    await by.call("POST", f"{path}/finalize", if_match='"999"', json=body, refused=(412, "stale_version"))
    key = {"Idempotency-Key": f"finalize {scope['id']} {etag}"}
    both = [
        (await by.call("POST", f"{path}/finalize", if_match=etag, json=body, headers=key)).json()
        for _ in ("sent", "sent again, as after a lost answer")
    ]
    finalized = both[0]
    world.differences.same(f"{scope['name']} finalized once", finalized["id"], both[1]["id"])
    world.acts["result.finalize"] += 1
    again = await by.etag(f"{path}/preview")
    await by.call("POST", f"{path}/finalize", if_match=again, json=body, refused=(409, "nothing_changed"))
    result: Json = await by.get(f"/results/{finalized['id']}")
    compare_lines(world, scope, result["lines"], f"{scope['name']} version {result['number']}")
    return result


def compare_lines(world: World, scope: Json, lines: list[Json], where: str) -> None:
    """Compare the lines of a result with the books: exact points, maximum and DTI, what is shown, and the rank."""
    same = world.differences.same
    units = {unit.key: unit for unit in world.units_of(scope)}
    same(f"{where}: units", set(units), {line["unit_key"] for line in lines})
    for line in lines:
        key = line["unit_key"]
        ours = world.results.get(key)
        if ours is None:
            continue
        same(f"{where}: {key} points", ours.total, exact(line["total"]))
        same(f"{where}: {key} maximum", ours.maximum, exact(line["maximum"]))
        same(f"{where}: {key} DTI", ours.dti, exact(line["dti"]))
        same(f"{where}: {key} points shown", shown(ours.total, 2), line["total_shown"])
        same(f"{where}: {key} DTI shown", None if ours.dti is None else shown(ours.dti, 2), line["dti_shown"])
        same(f"{where}: {key} rank", world.places[key], line["rank"])


async def publish(world: World, scope: Json, result: Json) -> None:
    """Publish a result by a decision and read it as the public does."""
    by, path, public = signer(world, scope), f"/results/{result['id']}", world.people.public
    name = scope["name"]
    decision = {
        "decision_number": f"{len(world.published) + 101}/QĐ-UBND",
        "decision_date": result["finalized_at"][:10],  # the server's day, whatever clock it runs on
        "signer": f"Chủ tịch {name}"
        if name.startswith("UBND")
        else f"Chủ tịch UBND {name[0].lower()}{name[1:]}",
    }
    if result["number"] == 1:
        await public.call("GET", f"/public{path}", refused=(404, "result_not_found"))
        reporter = world.reporter(world.units_of(scope)[0])
        refused = (403, "not_permitted")
        await reporter.call("POST", f"{path}/publish", if_match='"1"', json=decision, refused=refused)
    await by.call("POST", f"{path}/publish", if_match=await by.etag(path), json=decision)
    world.acts["result.publish"] += 1
    await read_in_public(world, scope, result["id"])


async def read_in_public(world: World, scope: Json, result_id: str) -> None:
    """Read a ranking without log-in, compare it, and ask again with its ETag."""
    path, public = f"/public/results/{result_id}", world.people.public
    response = await public.call("GET", path)
    ranking: Json = response.json()
    where = f"{scope['name']} in public"
    compare_lines(world, scope, ranking["ranked"] + ranking["unranked"], where)
    world.differences.same(f"{where}: state", "published", ranking["state"])
    known = {"If-None-Match": response.headers["etag"]}
    unchanged = await public.call("GET", path, headers=known)
    world.differences.same(f"{where}: asked again", 304, unchanged.status_code)
    world.published[scope["id"]] = ranking


async def correct_one(world: World) -> None:
    """Correct one commune after publication: its scope gets a second version, the first one stays as it was."""
    scope = next((one for one in world.whole_scopes() if one["unit_kind"] == "commune"), None)
    if scope is None:
        return
    first = world.published[scope["id"]]
    unit = next(one for one in world.units_of(scope) if world.places[one.key] == 1)
    by, path = finalizer(world, scope), f"/submissions/{unit.submission_id}"
    unit.version = await by.etag(path)
    await world.move(by, unit, "reopen-review", {"reason": _CORRECTION}, act="review.reopen")
    unit.state = "under_review"
    for row in unit.index_set.declared_by_unit[:6]:
        await reviewing.lower(world, unit, row)
    await reviewing.pass_on(world, unit)
    reckon(world, scope)
    etag = await by.etag(f"/scopes/{scope['id']}/preview")
    missing = (409, "reason_missing")
    await by.call("POST", f"/scopes/{scope['id']}/finalize", if_match=etag, json={}, refused=missing)
    second = await finalize(world, scope, {"reason": _CORRECTION})
    await publish(world, scope, second)
    world.acts["result.supersede"] += 1
    world.corrected += 1
    after, now = world.places[unit.key], world.published[scope["id"]]["number"]
    world.say(
        f"{unit.name} ({scope['name']}) was corrected: from place 1 to {after}, version {now} is published."
    )
    await _compare_first(world, first, second["id"])


async def _compare_first(world: World, first: Json, second_id: str) -> None:
    """See that the first version still says what it said, and where the new one is."""
    same, where = world.differences.same, f"{first['scope_name']} version 1 afterwards"
    old = await world.people.public.get(f"/public/results/{first['id']}")
    same(f"{where}: state", "superseded", old["state"])
    same(f"{where}: superseded by", second_id, old["superseded_by"]["id"])
    for part in ("ranked", "unranked", "sha256", "decision_number"):
        same(f"{where}: {part}", first[part], old[part])
