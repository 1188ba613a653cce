"""Stories of results: an appeal that moves a rank, and a publication that is corrected and withdrawn."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from scripts.journey import declaring, reviewing
from scripts.journey.books import ZERO, Json, Result, UnitBook, exact, final_result, shown
from scripts.journey.publishing import finalizer, signer
from scripts.journey.stories.play import Play
from scripts.journey.stories.tale import wall

_DOUBTED = "Số liệu không có tài liệu kiểm chứng phù hợp."
_GROUNDS = "Tài liệu kiểm chứng đã gửi kèm hồ sơ, đề nghị xem lại."
_ACCEPTED = "Tài liệu bổ sung chứng minh số liệu đã khai."
_AFTER_APPEAL = "Giải quyết phúc tra của đơn vị."
_LOWER = "Kiểm tra lại thấy số liệu thấp hơn số đã công bố."
_WRONG_SIGNATURE = "Quyết định công bố ghi sai số hiệu văn bản."


# --- an appeal --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dispute:
    """A unit, the indicator that costs it a place, and the unit that takes the place."""

    unit: UnitBook
    code: str
    rival: UnitBook


async def appeal_moves_a_rank(play: Play) -> None:
    """A commune loses a place by one decision, appeals in the last second, and wins the place back."""
    scope = await play.opens(policy="default", submit_until="2024-01-02")
    await play.declared(play.world.units)
    await play.gives_figures()
    dispute = _find(play)
    unit, code, rival = dispute.unit, dispute.code, dispute.rival
    await play.turn(unit.reviewer, f"claims the dossier of {unit.name}", unit, "claim")
    decision = {"indicator": code, "kind": "points", "points": "0", "reason": _DOUBTED}
    await play.turn(unit.reviewer, f"gives no points for {code}", unit, "adjustments", decision)
    unit.points[code] = ZERO
    await play.passed(play.world.units)
    play.at("2024-01-25 10:00:00")
    first = await play.finalizes(scope)
    place = play.world.places[rival.key]
    play.check(
        f"the books: {unit.name} stands behind {rival.name}",
        True,
        (play.world.places[unit.key] or 0) > (place or 0),
    )
    await _announced(play, scope, first, unit)
    appeal = await _lodged(play, first, dispute)
    await _decided(play, scope, first, appeal, dispute)
    before = _Version.kept(play)
    second = await play.finalizes(scope, _AFTER_APPEAL)
    ranks = [play.world.places[one.key] for one in (unit, rival)]
    play.check(f"the books: {unit.name} has its place again", [place, (place or 0) + 1], ranks)
    await _compare_changes(play, scope, second, before, unit)
    await play.publishes(scope, second)
    changes = await play.stage.people.public.get(f"/public/results/{second['id']}/changes")
    play.check("changes since what was never public", [None, []], [changes["against"], changes["units"]])
    public = await play.stage.people.public.get(f"/public/results/{second['id']}")
    in_public = {line["unit_key"]: line["rank"] for line in public["ranked"]}
    play.check("ranks in public", play.world.places, in_public)
    state = (await finalizer(play.world, scope).get(f"/results/{first['id']}"))["state"]
    play.check("the version that was announced", "superseded", state)
    play.ends()


def _find(play: Play) -> _Dispute:
    """Find a unit that one indicator less would put behind the next one, by the books."""
    units = play.world.units
    results = {unit.key: final_result(unit, {}) for unit in units}
    ordered = sorted(units, key=lambda unit: results[unit.key].dti or ZERO, reverse=True)
    for unit, rival in pairwise(ordered):
        gap = results[unit.key].total - results[rival.key].total
        for row in unit.index_set.declared_by_unit:
            if (results[unit.key].points[row["code"]] or ZERO) > gap > 0:
                return _Dispute(unit, row["code"], rival)
    raise LookupError("no indicator decides between two neighbours: choose another seed")


async def _announced(play: Play, scope: Json, first: Json, unit: UnitBook) -> None:
    """Announce a result: its units see it, the public does not; five working days to appeal (policy "default")."""
    leader, people, path = f"{unit.key}.leader", play.stage.people, f"/results/{first['id']}"
    refused = await people[leader].send("GET", path)
    play.refusal(leader, "reads the provisional result", refused, "result_not_found")
    chairman = signer(play.world, scope)
    etag = await chairman.etag(path)
    answer = (await chairman.call("POST", f"{path}/announce", if_match=etag, json={})).json()
    play.tells(f"{unit.parent_key}.chairman", "announces the result to the units", answer["state"])
    # Friday 26/01, then Monday 29/01 to Thursday 01/02.
    play.check("appeals are possible until", "2024-02-02 00:00:00", wall(answer["appeals_due_at"]))
    lines = (await people[leader].get(path))["lines"]
    play.check("lines the unit sees", len(play.world.units), len(lines))
    refused = await people.public.send("GET", f"/public{path}")
    play.refusal("somebody", "reads it without log-in", refused, "result_not_found")
    await _not_published(play, scope, first, "while appeals are possible", "appeals_running")


async def _not_published(play: Play, scope: Json, result: Json, when: str, why: str) -> None:
    chairman, path = signer(play.world, scope), f"/results/{result['id']}"
    decision = {
        "decision_number": "12/QĐ-UBND",
        "decision_date": "2024-01-25",
        "signer": "Chủ tịch UBND huyện",
    }
    etag = await chairman.etag(path)
    refused = await chairman.send("POST", f"{path}/publish", if_match=etag, json=decision)
    play.refusal("the chairman", f"publishes {when}", refused, why)


async def _lodged(play: Play, first: Json, dispute: _Dispute) -> str:
    """Appeal in the last second; a second later nobody can, and no other unit sees the appeal."""
    unit, rival, people = dispute.unit, dispute.rival, play.stage.people
    play.at("2024-02-01 23:59:59")
    document = await declaring.upload(play.world, unit, "Tài liệu phúc tra", 9)
    body = {"indicator": dispute.code, "grounds": _GROUNDS, "evidence": [document]}
    path = f"/results/{first['id']}/appeals"
    appeal = (await people[f"{unit.key}.leader"].call("POST", path, json=body)).json()
    play.tells(f"{unit.key}.leader", f"appeals against the points for {dispute.code}", appeal["state"])
    said = [appeal["unit_name"], appeal["indicator_code"], appeal["state"]]
    play.check("the appeal: unit, indicator, state", [unit.name, dispute.code, "lodged"], said)
    play.check("its evidence", [document], appeal["evidence"])
    again = await people[f"{unit.key}.leader"].send("POST", path, json=body)
    play.refusal(f"{unit.key}.leader", "appeals against it once more", again, "appealed_already")
    refused = await people[f"{rival.key}.leader"].send("GET", f"/appeals/{appeal['id']}")
    play.refusal(f"{rival.key}.leader", "reads the other unit's appeal", refused, "appeal_not_found")
    play.at("2024-02-02 00:00:00")
    late = await people[f"{rival.key}.leader"].send("POST", path, json=body | {"evidence": []})
    play.refusal(f"{rival.key}.leader", "appeals a second too late", late, "appeals_over")
    return str(appeal["id"])


async def _decided(play: Play, scope: Json, first: Json, appeal: str, dispute: _Dispute) -> None:
    """Accept the appeal: what the unit declared counts again, in the next version."""
    unit, code = dispute.unit, dispute.code
    await _not_published(play, scope, first, "while an appeal is undecided", "appeals_undecided")
    by, path = finalizer(play.world, scope), f"/appeals/{appeal}"
    adjustment = {"indicator": code, "kind": "as_declared", "reason": _ACCEPTED}
    body = {"accepted": True, "reason": _ACCEPTED, "adjustment": adjustment}
    answer = (await by.call("POST", f"{path}/decide", if_match=await by.etag(path), json=body)).json()
    play.tells(unit.reviewer, "accepts the appeal", answer["state"])
    unit.take_back(code)
    read = await play.stage.people[f"{unit.key}.leader"].get(path)
    play.check("what the unit reads", ["accepted", _ACCEPTED], [read["state"], read["decision_reason"]])
    preview = await by.get(f"/scopes/{scope['id']}/preview")
    play.check("finalizing would change something", True, preview["would_change"])
    await _not_published(play, scope, first, "the version that the appeal changed", "changed_since")


# --- what a version changed -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Version:
    """The books of a version, kept while the next one is worked out."""

    results: dict[str, Result]
    places: dict[str, int | None]

    @classmethod
    def kept(cls, play: Play) -> "_Version":
        """Return the books as they are now."""
        return cls(dict(play.world.results), dict(play.world.places))


async def _compare_changes(play: Play, scope: Json, result: Json, before: _Version, unit: UnitBook) -> None:
    """Compare the list of what moved, and why, with the books of both versions: one unit was decided anew."""
    after, path = _Version.kept(play), f"/results/{result['id']}/changes"
    changes = await finalizer(play.world, scope).get(path)
    listed = {one["unit_key"]: one for one in changes["units"]}
    keys = sorted({unit.key} | {key for key in after.places if before.places[key] != after.places[key]})
    places = {key: [before.places[key], after.places[key]] for key in keys}
    theirs = {key: [listed[key][side]["rank"] for side in ("before", "after")] for key in sorted(listed)}
    play.check("who moved, from which rank to which", places, theirs)
    totals = {key: [version.results[key].total for version in (before, after)] for key in keys}
    found = {
        key: [exact(one[side]["total"]["exact"]) for side in ("before", "after")]
        for key, one in listed.items()
    }
    play.check("their points are exactly those of the books", True, totals == found)
    mine = listed.pop(unit.key)
    old, new = before.results[unit.key].points, after.results[unit.key].points
    points = {code: [_shown(old[code]), _shown(new[code])] for code in new if old[code] != new[code]}
    moved = {one["code"]: [one["before"], one["after"]] for one in mine["indicators"]}
    play.check(f"the indicators of {unit.name} that moved", points, moved)
    play.check("why they moved", {"inputs"}, {one["why"] for one in mine["indicators"]})
    play.check(
        "why the others moved", [["others_moved"]] * len(listed), [one["why"] for one in listed.values()]
    )
    reasons = {decision["reason"] for one in mine["indicators"] for decision in one["decisions"]}
    play.check("the decisions behind it, by their reasons", 1, len(reasons))
    public = await play.stage.people.public.send("GET", f"/public{path}")
    play.check("in public before the publication", 404, public.status_code)


async def _compare_public_changes(play: Play, result: Json, unit: UnitBook, reason: str) -> None:
    """Read what moved as everybody does: units and points, no reasons of reviewers."""
    found = await play.stage.people.public.get(f"/public/results/{result['id']}/changes")
    play.check("what moved, in public", True, unit.key in {one["unit_key"] for one in found["units"]})
    play.check("the reviewer's reasons are there too", False, reason in str(found["units"]))


def _shown(points: Fraction | None) -> str:
    return shown(points or ZERO, 2)


# --- a publication that is corrected ------------------------------------------------------------------------------


async def corrected_publication(play: Play) -> None:
    """A published result is corrected by a second version, which is withdrawn for a third; nothing is overwritten."""
    scope = await play.opens()
    await play.declared(play.world.units)
    await play.gives_figures()
    await play.passed(play.world.units)
    play.at("2024-01-25 10:00:00")
    first = await play.finalizes(scope)
    await play.publishes(scope, first)
    public = play.stage.people.public
    first_shown = await public.get(f"/public/results/{first['id']}")
    before = _Version.kept(play)
    unit = next(one for one in play.world.units if before.places[one.key] == 1)
    await _taken_up_again(play, scope, unit)
    second = await play.finalizes(scope, _LOWER)
    play.check(f"the books: {unit.name} is first no more", True, (play.world.places[unit.key] or 0) > 1)
    await _compare_changes(play, scope, second, before, unit)
    await play.publishes(scope, second)
    await _compare_public_changes(play, second, unit, reviewing.LOWERED)
    await _first_stays(play, first_shown, second)
    await _withdrawn(play, scope, second)
    play.ends()


async def _taken_up_again(play: Play, scope: Json, unit: UnitBook) -> None:
    """Correct six figures of the first unit; the published result stays what it was meanwhile."""
    await play.turn(unit.reviewer, "takes the dossier up again", unit, "reopen-review", {"reason": _LOWER})
    for row in unit.index_set.declared_by_unit[:6]:
        await reviewing.lower(play.world, unit, row)
    play.tells(unit.reviewer, "lowers six of its figures")
    (listed,) = await play.stage.people.public.get("/public/results", year=2023)
    play.check("meanwhile in public: version, state", [1, "published"], [listed["number"], listed["state"]])
    await play.passed([unit])
    by, path = finalizer(play.world, scope), f"/scopes/{scope['id']}"
    refused = await by.send("POST", f"{path}/finalize", if_match=await by.etag(f"{path}/preview"), json={})
    play.refusal(unit.reviewer, "finalizes without a reason", refused, "reason_missing")


async def _first_stays(play: Play, first: Json, second: Json) -> None:
    """Read the first version: it says what it said, and where the new one is."""
    public = play.stage.people.public
    old = await public.get(f"/public/results/{first['id']}")
    play.check("the first version", ["superseded", second["id"]], [old["state"], old["superseded_by"]["id"]])
    play.check(
        "its lines are as they were",
        True,
        old["ranked"] == first["ranked"] and old["sha256"] == first["sha256"],
    )
    numbers = [one["number"] for one in await public.get("/public/results", year=2023)]
    play.check("versions that hold", [2], numbers)
    numbers = sorted(one["number"] for one in await public.get("/public/results", year=2023, superseded=True))
    play.check("versions that are readable", [1, 2], numbers)
    reason = (await public.get(f"/public/results/{second['id']}"))["reason"]
    play.check("why there is a second one", _LOWER, reason)


async def _withdrawn(play: Play, scope: Json, second: Json) -> None:
    """Withdraw the second version: in public only the fact and the reason are left; a third one can follow."""
    people, path = play.stage.people, f"/results/{second['id']}"
    chairman = signer(play.world, scope)
    body = {"reason": _WRONG_SIGNATURE}
    answer = (
        await chairman.call("POST", f"{path}/withdraw", if_match=await chairman.etag(path), json=body)
    ).json()
    play.tells("the chairman", "withdraws the second version", answer["state"])
    gone = await people.public.get(f"/public{path}")
    said = [gone["state"], gone["withdrawn_reason"], gone["ranked"], gone["unranked"]]
    play.check("in public: state, reason, lines", ["withdrawn", _WRONG_SIGNATURE, [], []], said)
    unit = play.world.units[0]
    refused = await people.public.send("GET", f"/public{path}/units/{unit.unit_id}")
    play.refusal("somebody", f"reads the points of {unit.name} in it", refused, "result_not_found")
    kept = (await finalizer(play.world, scope).get(path))["lines"]
    play.check("lines the reviewer still reads", len(play.world.units), len(kept))
    third = await play.finalizes(scope, _WRONG_SIGNATURE)
    play.check("the same content once more", second["sha256"], third["sha256"])
    await play.publishes(scope, third)
    (listed,) = await people.public.get("/public/results", year=2023)
    play.check("what holds now", [3, "published"], [listed["number"], listed["state"]])
