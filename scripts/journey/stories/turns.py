"""Stories of turns between a unit and its reviewer: a recall, two returns, an exemption that is refused."""

from collections import Counter
from typing import Any

from scripts.journey import declaring
from scripts.journey.books import Json, UnitBook, exact, final_result, self_result, shown
from scripts.journey.figures import lowered
from scripts.journey.stories.play import Play
from scripts.journey.stories.tale import wall

_CHECKED = {"note": "Đã đối chiếu tài liệu lưu tại đơn vị."}


async def recalled_dossier(play: Play) -> None:
    """A commune takes its dossier back while nobody has claimed it, corrects it, and sends it again."""
    await play.opens()
    unit, tardy = play.world.units[:2]
    reporter = f"{unit.key}.reporter"
    await declaring.fill(play.world, unit)
    await play.hands_in(unit)
    recalled = await play.turn(reporter, "takes the dossier back", unit, "recall")
    play.check("its state", "draft", recalled["state"])
    play.check("the approval still holds", True, recalled["approval"]["is_current"])
    code = _a_ratio(unit)
    before, after = (
        unit.answers[code],
        unit.answers[code] | lowered(unit.index_set.by_code(code), unit.answers[code]),
    )
    await play.corrects(unit, f"corrects {code}", {code: after})
    approval = (await play.reads(f"{unit.key}.leader", unit))["approval"]
    play.check("the approval holds no more", False, approval["is_current"])
    changes = [[one["pointer"], one["before"], one["after"]] for one in approval["changes"]]
    play.check("what changed since", _differences(code, before, after), changes)
    body = declaring.EXPLAINED
    await play.denied(reporter, "submits without a new approval", unit, "submit", "approval_missing", body)
    await play.hands_in(unit)
    play.check("its state", "submitted", unit.state)
    play.at("2023-12-18 08:00:00")
    claimed = await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    play.check("what is reviewed", unit.answers, claimed["answers"])
    await play.denied(reporter, "takes the dossier back again", unit, "recall", "wrong_state")
    actions = {one["action"]: one for one in (await play.reads(reporter, unit))["allowed_actions"]}
    said = [actions["recall"]["allowed"], actions["recall"]["reason_code"]]
    play.check("the dossier says so", [False, "wrong_state"], said)
    await _not_after_the_deadline(play, tardy)
    await _pass_and_count(play, unit)


def _a_ratio(unit: UnitBook) -> str:
    """Return an indicator whose lowered figures differ from the declared ones."""
    return next(
        str(row["code"])
        for row in unit.index_set.declared_by_unit
        if row["rule"]["kind"] == "ratio"
        and lowered(row, unit.answers[row["code"]])["figures"] != unit.answers[row["code"]]["figures"]
    )


def _differences(code: str, before: Json, after: Json) -> list[list[Any]]:
    old, new = before["figures"], after["figures"]
    return [
        [f"/answers/{code}/figures/{key}", old[key], new[key]] for key in sorted(old) if old[key] != new[key]
    ]


async def _not_after_the_deadline(play: Play, unit: UnitBook) -> None:
    """What is taken back must be able to be sent again: in the last second yes, a second later no."""
    reporter = f"{unit.key}.reporter"
    await play.declared([unit])
    play.at("2024-01-02 23:59:59")
    await play.turn(reporter, "takes its dossier back in the last second", unit, "recall")
    await play.turn(reporter, "submits it again as it was", unit, "submit", declaring.EXPLAINED)
    play.at("2024-01-03 00:00:00")
    await play.denied(reporter, "takes it back a second later", unit, "recall", "entry_closed")


async def _pass_and_count(play: Play, unit: UnitBook) -> None:
    await play.gives_figures()
    await play.passed([unit])
    review = await play.reads(f"{unit.key}.reporter", unit, "/review")
    play.check("self total", shown(self_result(unit).total, 2), review["self_total"])
    play.check("appraised total", shown(final_result(unit, {}).total, 2), review["appraised_total"])
    ours = {
        "submission.approve": 2,
        "submission.submit": 2,
        "submission.recall": 1,
        "review.claim": 1,
        "review.pass": 1,
    }
    kept = await play.stage.people["auditor"].pages("/audit", object_id=unit.submission_id)
    counted = Counter(one["action"] for one in kept)
    play.check("the audit trail of the dossier", ours, {action: counted[action] for action in ours})
    play.ends()


async def returned_twice(play: Play) -> None:
    """A dossier is returned with two items, and once more with a third, before it passes."""
    await play.opens()
    unit = play.world.units[0]
    reporter = f"{unit.key}.reporter"
    await declaring.fill(play.world, unit)
    await play.hands_in(unit)
    play.check("its state", "submitted", unit.state)
    first = (await play.reads(reporter, unit))["revision_number"]
    await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    wrong, unproved = _a_ratio(unit), unit.index_set.declared_by_unit[0]["code"]
    declared = dict(unit.answers)
    asked = await _return(play, unit, "2024-01-05", [(wrong, "wrong_figure"), (unproved, "missing_evidence")])
    play.check(
        "time to answer", "2024-01-06 00:00:00", wall((await play.reads(reporter, unit))["entry"]["until"])
    )
    corrected = declared[wrong] | lowered(unit.index_set.by_code(wrong), declared[wrong])
    await play.corrects(unit, f"corrects {wrong}", {wrong: corrected})
    await _answer(play, unit, asked, 0, wrong)
    await play.turn(f"{unit.key}.leader", "approves the content", unit, "approve")
    body = declaring.EXPLAINED
    await play.denied(reporter, "sends it with an item unanswered", unit, "submit", "items_open", body)
    play.at("2024-01-05 23:59:59")
    await _answer(
        play, unit, asked, 1, unproved, await declaring.upload(play.world, unit, "Tài liệu bổ sung", 9)
    )
    await play.hands_in(unit)
    play.check("its state", "resubmitted", unit.state)
    play.at("2024-01-08 09:00:00")
    await play.turn(unit.reviewer, "claims it again", unit, "claim")
    again = await _return(play, unit, "2024-01-10", [(wrong, "explain")])
    await play.denied(reporter, "sends it without an answer", unit, "submit", "items_open", body)
    await _answer(play, unit, again, 0, wrong)
    sent = await play.turn(reporter, "sends it again as it was approved", unit, "submit", body)
    play.check("state, approval", ["resubmitted", True], [sent["state"], sent["approval"]["is_current"]])
    await play.turn(unit.reviewer, "claims it a third time", unit, "claim")
    await _what_changed(play, unit, first, declared)
    await _pass_after_returns(play, unit)


async def _return(play: Play, unit: UnitBook, due_on: str, asked: list[tuple[str, str]]) -> str:
    items = [
        {"indicator": code, "kind": kind, "text": f"Đề nghị rà soát chỉ số {code}."} for code, kind in asked
    ]
    body = {"reason": "Đề nghị giải trình các nội dung dưới đây.", "due_on": due_on, "items": items}
    answer = await play.turn(unit.reviewer, "returns the dossier", unit, "return", body)
    unit.state = "returned"
    state = (await play.reads(unit.reviewer, unit))["state"]
    play.check("state, items", ["returned", len(asked)], [state, len(answer["items"])])
    return str(answer["id"])


async def _answer(
    play: Play, unit: UnitBook, asked: str, item: int, code: str, document: str | None = None
) -> None:
    """Answer one item of a return; a document joins those of its indicator."""
    body: Json = {"item": item, "text": f"Đơn vị giải trình chỉ số {code}."}
    if document is not None:
        body["evidence"] = [document]
        held = unit.answers[code]
        unit.answers[code] = held | {"evidence": [*held["evidence"], document]}
    verb = f"clarifications/{asked}/answers"
    await play.turn(f"{unit.key}.reporter", f"answers item {item + 1}", unit, verb, body)


async def _what_changed(play: Play, unit: UnitBook, first: int, declared: Json) -> None:
    """Compare the first content handed in with the present one."""
    changed = {code for code, answer in unit.answers.items() if answer != declared[code]}
    found = (await play.reads(unit.reviewer, unit, "/changes", **{"from": first, "to": "submitted"}))[
        "changes"
    ]
    play.check("changed since it was first sent", changed, {one["pointer"].split("/")[2] for one in found})
    play.check("its answers", unit.answers, (await play.reads(unit.reviewer, unit))["answers"])


async def _pass_after_returns(play: Play, unit: UnitBook) -> None:
    await play.gives_figures()
    await play.passed([unit])
    play.check("its state", "passed", (await play.reads(f"{unit.key}.reporter", unit))["state"])
    review = await play.reads(f"{unit.key}.reporter", unit, "/review")
    answered = [[len(item["answers"]) for item in one["items"]] for one in review["clarifications"]]
    play.check("both returns, the latest first: answers to each item", [[1], [1, 1]], answered)
    play.check("appraised total", shown(final_result(unit, {}).total, 2), review["appraised_total"])
    play.ends()


async def refused_exemption(play: Play) -> None:
    """Two communes claim that an indicator does not apply; the reviewer accepts one claim and refuses the other."""
    scope = await play.opens()
    refused, accepted, *others = play.world.units
    code = next(row["code"] for row in refused.index_set.declared_by_unit if "DVCTT" in row["name"])
    await play.declared(others)
    for unit in (refused, accepted):
        await declaring.fill(play.world, unit)
        reason = {"not_applicable": True, "reason": "Không phát sinh hồ sơ trực tuyến trong năm."}
        await play.corrects(unit, f"claims that {code} does not apply", {code: reason})
        await play.hands_in(unit)
        await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    await play.gives_figures()
    undecided = await play.denied(
        refused.reviewer, "passes it undecided", refused, "pass", "review_incomplete", _CHECKED
    )
    found = [[one["pointer"], one["code"]] for one in undecided["errors"]]
    play.check("what is undecided", [[f"/answers/{code}", "claim_undecided"]], found)
    decision = await _decide(
        play, refused, code, "Đơn vị có phát sinh hồ sơ trực tuyến trong quý III.", accepted=False
    )
    await _decide(play, accepted, code, "Đúng: Cổng dịch vụ công không ghi nhận hồ sơ nào.", accepted=True)
    accepted.not_applicable.add(code)
    await _reply(play, refused, decision, code)
    await play.passed(play.world.units)
    result = await play.finalizes(scope)
    lines = {line["unit_key"]: line for line in result["lines"]}
    whole = sum(exact(row["max_points"]) or 0 for row in refused.index_set.indicators)
    without = whole - (exact(refused.index_set.by_code(code)["max_points"]) or 0)
    maxima = [exact(lines[unit.key]["maximum"]) for unit in (refused, accepted)]
    play.check(f"maximum of {refused.name} and of {accepted.name}", [whole, without], maxima)
    for unit in (refused, accepted):
        total = play.reckoned(unit).total
        of = whole if unit is refused else without
        line = lines[unit.key]
        ours = [shown(total, 2), shown(total / of * 100, 2), play.world.places[unit.key]]
        play.check(
            f"{unit.name}: points, DTI, rank", ours, [line["total_shown"], line["dti_shown"], line["rank"]]
        )
    play.ends()


async def _decide(play: Play, unit: UnitBook, code: str, reason: str, *, accepted: bool) -> str:
    body = {"indicator": code, "kind": "not_applicable", "accepted": accepted, "reason": reason}
    said = f"{'accepts' if accepted else 'refuses'} the claim of {unit.name}"
    return str((await play.turn(unit.reviewer, said, unit, "adjustments", body))["id"])


async def _reply(play: Play, unit: UnitBook, decision: str, code: str) -> None:
    """Let the unit answer the refusal; the reviewer reads it, and the refusal holds."""
    said = "Hồ sơ đó do huyện tiếp nhận thay, đề nghị xem lại."
    await play.turn(
        f"{unit.key}.reporter",
        "replies to the refusal",
        unit,
        f"adjustments/{decision}/replies",
        {"text": said},
    )
    made = (await play.reads(unit.reviewer, unit, "/adjustments"))[0]
    play.check("the decision", [code, {"accepted": False}], [made["indicator_code"], made["value"]])
    play.check("the reply beside it", [said], [one["text"] for one in made["replies"]])
    review = await play.reads(f"{unit.key}.reporter", unit, "/review")
    line = next(line for line in review["lines"] if line["code"] == code)
    play.check(f"points for {code}, as the unit sees them", "0", line["appraised_points"])
