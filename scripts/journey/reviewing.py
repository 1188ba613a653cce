"""The reviewing units work through their queues; the agency gives the figures that units may not declare."""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from random import Random

from scripts.journey.books import MEANS, Best, Json, UnitBook, exact, final_result, self_result, shown
from scripts.journey.declaring import EXPLAINED, claimed_codes, hand_in, is_claim_accepted, save, upload
from scripts.journey.figures import Declarer, lowered
from scripts.journey.world import World

_LOOKED_AT: Json = {"note": "Đã đối chiếu tài liệu lưu tại đơn vị; các cảnh báo đã được giải trình."}
LOWERED = "Theo số liệu kiểm tra."
_WAITING = ("submitted", "resubmitted", "under_review")


async def check_queues(world: World) -> None:
    """Compare every reviewer's queue with the books; nobody finds his own unit in it."""
    for name in sorted({unit.reviewer for unit in world.units}):
        home = (await world.people[name].get("/me"))["unit_id"]
        parents = {unit.parent_key for unit in world.units if unit.reviewer == name}
        ours = {
            unit.submission_id
            for unit in world.units
            if unit.parent_key in parents and unit.unit_id != home and unit.state in _WAITING
        }
        period_id = world.period["id"]
        queue = await world.people[name].pages("/submissions", period_id=period_id, to_review=True)
        world.differences.same(f"queue of {name}", ours, {row["id"] for row in queue})


async def claim(world: World, unit: UnitBook) -> None:
    """Take a dossier up for review."""
    reviewer, path = world.reviewer(unit), f"/submissions/{unit.submission_id}"
    unit.version = await reviewer.etag(path)
    dossier = await world.move(reviewer, unit, "claim", act="review.claim")
    unit.state = "under_review"
    world.differences.same(f"{unit.key} state", unit.state, dossier["state"])


async def try_before_the_agency(world: World) -> None:
    """Try to pass without the agency's figures, to review one's own unit, and to finalize too early."""
    unit = world.units[0]
    path = f"/submissions/{unit.submission_id}/pass"
    await world.reviewer(unit).call("POST", path, if_match=unit.version, refused=(409, "review_incomplete"))
    for unit in world.units:
        if unit.reviewer == "reviewer2":  # the home unit of the other reviewer
            path = f"/submissions/{unit.submission_id}/claim"
            own = (409, "action_not_allowed")
            await world.people["reviewer"].call("POST", path, if_match=unit.version, refused=own)


async def give_official_figures(world: World, units: Sequence[UnitBook]) -> None:
    """Push the figures of the indicators that an agency declares (ruling 20), by its service where it has one."""
    pushes: dict[str, list[Json]] = {}
    for unit in units:
        declarer = Declarer.of(unit, world.options.seed + 1)
        for row in unit.index_set.indicators:
            if row["declared_by"] == "unit":
                continue
            unit.official[row["code"]] = declarer.infected(row)
            figure = {"unit": {"key": unit.key}, "indicator": row["code"], **unit.official[row["code"]]}
            pushes.setdefault(row["declared_by"], []).append(figure)
    for agency, figures in pushes.items():
        giver = world.people.giver(agency)
        body = {"period_id": world.period["id"], "figures": figures}
        tried = await giver.call("POST", "/official-figures", json=body | {"dry_run": True})
        given = await giver.call("POST", "/official-figures", json=body)
        again = await giver.call("POST", "/official-figures", json=body)
        for what, answer, created in (
            ("tried", tried, len(figures)),
            ("given", given, len(figures)),
            ("again", again, 0),
        ):
            world.differences.same(f"official figures {what}", created, answer.json()["created"])
        world.acts["figure.give"] += len(figures)
        world.say(f"{agency} gave {len(figures)} official figures.")


async def review(world: World, unit: UnitBook) -> None:
    """Return some dossiers, decide what there is to decide, and pass."""
    rng = Random(f"{world.options.seed}:review:{unit.key}")
    if unit.place % 6 == 1:
        await return_and_correct(world, unit, rng)
    for code in claimed_codes(unit):
        await _decide_claim(world, unit, code)
    rows = [row for row in unit.index_set.declared_by_unit if code_is_open(unit, row["code"])]
    first, second, third = rng.sample(rows, 3)
    if unit.place % 4 == 2:
        await lower(world, unit, first)
    if unit.place % 5 == 3:
        await set_points(world, unit, second, rng)
    if unit.place % 7 == 4:
        await lower(world, unit, third)
        unit.take_back(third["code"])
        await _adjust(
            world, unit, {"indicator": third["code"], "kind": "as_declared"}, "Đơn vị đã chứng minh."
        )
    await pass_on(world, unit)


def code_is_open(unit: UnitBook, code: str) -> bool:
    """Answer whether an indicator has a value that a reviewer may replace."""
    return "not_applicable" not in unit.answers[code]


async def return_and_correct(world: World, unit: UnitBook, rng: Random) -> None:
    """Return a dossier with two items; the unit corrects a figure, answers both, and sends it again."""
    rows = [row for row in unit.index_set.declared_by_unit if code_is_open(unit, row["code"])]
    wrong, unproved = rng.sample(rows, 2)
    items = [
        {"indicator": wrong["code"], "kind": "wrong_figure", "text": "Số liệu khác báo cáo đã gửi."},
        {"indicator": unproved["code"], "kind": "missing_evidence", "text": "Cần thêm tài liệu kiểm chứng."},
    ]
    body = {
        "reason": "Đề nghị rà soát hai chỉ số dưới đây.",
        "due_on": (world.today() + timedelta(days=7)).isoformat(),
        "items": items,
    }
    path = f"/submissions/{unit.submission_id}"
    reply = await world.reviewer(unit).call("POST", f"{path}/return", if_match=unit.version, json=body)
    unit.version, unit.state = reply.headers["etag"], "returned"
    world.acts["review.return"] += 1
    document = await upload(world, unit, "Tài liệu bổ sung", 9)
    declarer = Declarer(unit, rng, ability=0.9)
    corrected = declarer.answer(wrong) | {"note": "Đã rà soát.", "evidence": [document]}
    await save(world, unit, {"answers": {wrong["code"]: corrected}})
    unit.answers[wrong["code"]] = corrected
    asked = reply.json()["id"]
    await _answer_item(world, unit, asked, {"item": 0, "text": "Đã sửa theo báo cáo."})
    unanswered = (409, "action_not_allowed")
    reporter = world.reporter(unit)
    await reporter.call("POST", f"{path}/submit", if_match=unit.version, json=EXPLAINED, refused=unanswered)
    await _answer_item(world, unit, asked, {"item": 1, "text": "Gửi kèm tài liệu.", "evidence": [document]})
    proved = unit.answers[unproved["code"]]
    unit.answers[unproved["code"]] = proved | {"evidence": [*proved.get("evidence", []), document]}
    await hand_in(world, unit)
    await claim(world, unit)


async def _answer_item(world: World, unit: UnitBook, asked: str, body: Json) -> None:
    """Answer one item of a return; its documents join those of the item's indicator."""
    await world.move(world.reporter(unit), unit, f"clarifications/{asked}/answers", body, act="review.answer")


async def _decide_claim(world: World, unit: UnitBook, code: str) -> None:
    accepted = is_claim_accepted(unit)
    if accepted:
        unit.not_applicable.add(code)
    reason = (
        "Đúng: đơn vị không có DVCTT." if accepted else "Không đúng: đơn vị có phát sinh hồ sơ trực tuyến."
    )
    await _adjust(world, unit, {"indicator": code, "kind": "not_applicable", "accepted": accepted}, reason)


async def lower(world: World, unit: UnitBook, row: Json) -> None:
    """Put lower figures, or the worst choice, in place of the declared ones."""
    answer = lowered(row, unit.answers[row["code"]])
    unit.decided[row["code"]] = answer
    await _adjust(world, unit, {"indicator": row["code"], "kind": "answer", **answer}, LOWERED)


async def set_points(world: World, unit: UnitBook, row: Json, rng: Random) -> None:
    """Put points in place of what the rule gives: some quarters of the maximum."""
    points = Fraction(row["max_points"]) * rng.randrange(5) / 4
    unit.points[row["code"]] = points
    body = {"indicator": row["code"], "kind": "points", "points": shown(points, 6)}
    await _adjust(world, unit, body, "Không nhánh nào của quy định mô tả trường hợp này.")


async def _adjust(world: World, unit: UnitBook, body: Json, reason: str) -> None:
    body = body | {"reason": reason}
    await world.move(world.reviewer(unit), unit, "adjustments", body, act="review.adjust")


async def pass_on(world: World, unit: UnitBook) -> None:
    """End the review and compare both sides' points with the books."""
    reviewer, same = world.reviewer(unit), world.differences.same
    view = await reviewer.get(f"/submissions/{unit.submission_id}/review")
    unknown: Best | None = {} if world.period["policy"] in MEANS else None
    declared, adopted = self_result(unit).points, final_result(unit, {}, unknown)
    for line in view["lines"]:
        code = line["code"]
        same(f"{unit.key} {code} self points in review", declared[code], exact(line["self_points"]))
        same(f"{unit.key} {code} appraised points", adopted.points[code], exact(line["appraised_points"]))
    same(f"{unit.key} appraised total", shown(adopted.total, 2), view["appraised_total"])
    found = await reviewer.get(f"/submissions/{unit.submission_id}/review/readiness")
    same(f"{unit.key} undecided", [], found["errors"])
    if not found["is_ready"]:
        path = f"/submissions/{unit.submission_id}/pass"
        await reviewer.call("POST", path, if_match=unit.version, refused=(409, "note_missing"))
    dossier = await world.move(reviewer, unit, "pass", _LOOKED_AT, act="review.pass")
    unit.state = "passed"
    same(f"{unit.key} state", unit.state, dossier["state"])
