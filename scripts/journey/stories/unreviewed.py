"""The story of a commune that nobody reviewed in time, under the policy of Bà Rịa - Vũng Tàu."""

from fractions import Fraction

from scripts.journey import declaring
from scripts.journey.books import ZERO, Json, UnitBook, exact
from scripts.journey.publishing import finalizer
from scripts.journey.stories.play import Play
from scripts.journey.stories.tale import wall

_REVIEWED = 4
_DECIDED = "Đơn vị không phát sinh hồ sơ trực tuyến."


async def unreviewed_commune(play: Play) -> None:
    """Under the policy of Bà Rịa - Vũng Tàu a commune that nobody reviews in time has 0 points and the last rank."""
    sets = {"commune": "camau-2023-xa"}
    scope = await play.opens(policy="brvt-2022", sets=sets, submit_until="2024-01-05")
    play.world.units = play.world.everybody  # all communes of the province are ranked together
    reviewed, forgotten = play.world.units[:_REVIEWED], play.world.units[_REVIEWED]
    for unit in play.world.units[_REVIEWED:]:
        unit.was_reviewed = False
    claimant = reviewed[0]
    code = next(row["code"] for row in claimant.index_set.declared_by_unit if "DVCTT" in row["name"])
    await play.declared([*reviewed[1:], forgotten])
    play.check(f"{forgotten.name} is", "submitted", (await play.reads("admin", forgotten))["state"])
    await _claims(play, claimant, code)
    await play.gives_figures(reviewed)
    play.at("2024-01-22 09:00:00")
    await play.passed(reviewed)
    await _the_review_ends(play, scope, forgotten)
    result = await play.finalizes(scope)
    lines = {line["unit_key"]: line for line in result["lines"]}
    last = lines[forgotten.key]
    play.check(
        f"{forgotten.name}: points, DTI, band", ["0", "0", "weak"], [last["total"], last["dti"], last["band"]]
    )
    play.check("its rank, shared with all the others", _REVIEWED + 1, last["rank"])
    ranks = sorted(lines[unit.key]["rank"] for unit in reviewed)
    play.check("the ranks of those reviewed", list(range(1, _REVIEWED + 1)), ranks)
    await _what_the_claimant_gets(play, result, reviewed, code)
    play.ends()


async def _claims(play: Play, unit: UnitBook, code: str) -> None:
    """Let a commune claim that an indicator does not apply, and the reviewer accept it."""
    await declaring.fill(play.world, unit)
    claim = {"not_applicable": True, "reason": _DECIDED}
    await play.corrects(unit, f"claims that {code} does not apply", {code: claim})
    await play.hands_in(unit)
    await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    body = {"indicator": code, "kind": "not_applicable", "accepted": True, "reason": _DECIDED}
    await play.turn(unit.reviewer, f"accepts the claim of {unit.name}", unit, "adjustments", body)
    unit.not_applicable.add(code)


async def _the_review_ends(play: Play, scope: Json, forgotten: UnitBook) -> None:
    """The review ends with 30/01 (004:51, ruling 17): a second earlier the scope waits, then nobody is waited for."""
    (used,) = play.world.period["sets"]
    play.check("the review ends before", "2024-01-31 00:00:00", wall(used["review_due_at"]))
    by, path = finalizer(play.world, scope), f"/scopes/{scope['id']}"
    unreviewed = {unit.unit_id for unit in play.world.units if not unit.was_reviewed}
    play.at("2024-01-30 23:59:59")
    preview = await by.get(f"{path}/preview")
    play.check("units waited for", unreviewed, set(preview["waiting"]))
    response = await by.send("POST", f"{path}/finalize", if_match=await by.etag(f"{path}/preview"), json={})
    play.refusal("reviewer", "finalizes a second too early", response, "scope_not_reviewed")
    play.at("2024-01-31 00:00:00")
    preview = await by.get(f"{path}/preview")
    play.check("units waited for", [], preview["waiting"])
    play.check("units that default to 0", unreviewed, set(preview["defaulted"]))
    play.check(f"{forgotten.name} among them", True, forgotten.unit_id in preview["defaulted"])


async def _what_the_claimant_gets(play: Play, result: Json, reviewed: list[UnitBook], code: str) -> None:
    """What does not apply takes the mean of those assessed in it; who was not reviewed is no part of it (D-114)."""
    claimant, *assessed = reviewed
    points = [play.reckoned(unit).points[code] or ZERO for unit in assessed]
    card = (await play.stage.people["reviewer"].get(f"/results/{result['id']}/units/{claimant.unit_id}"))[
        "scorecard"
    ]
    line = next(line for line in card["lines"] if line["code"] == code)
    mean = sum(points, ZERO) / len(points)
    play.check(f"{claimant.name} has the mean of {len(points)} for {code}", mean, exact(line["points"]))
    with_nothing = sum(points, ZERO) / Fraction(len(play.world.units) - 1)
    play.check("which no unreviewed commune lowers", True, exact(line["points"]) != with_nothing)
    whole = sum((Fraction(row["max_points"]) for row in claimant.index_set.indicators), ZERO)
    play.check("its maximum is the whole", whole, exact(card["maximum"]))
