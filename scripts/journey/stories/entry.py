"""Stories of time: a unit that is late, and an indicator that was opened again."""

from scripts.journey import declaring
from scripts.journey.books import Json, UnitBook, shown
from scripts.journey.figures import halved
from scripts.journey.stories.play import Play
from scripts.journey.stories.tale import wall

_CALLED_IN = "Đơn vị không gửi hồ sơ trong thời hạn."
_MORE_TIME = "Trụ sở đơn vị bị ngập, có văn bản đề nghị gia hạn."
_MISTYPED = "Đơn vị nhập nhầm số liệu, có văn bản đề nghị sửa."


async def late_unit(play: Play) -> None:
    """Two communes miss the deadline: one is called in and has nothing, one is given three more days."""
    scope = await play.opens()
    # 15 days after 15/12 is Saturday 30/12; Sunday and New Year's Day follow.
    play.check("the deadline", "2024-01-03 00:00:00", wall(play.world.period["submission_due_at"]))
    silent, late, *others = play.world.units
    await play.declared(others)
    await declaring.fill(play.world, late)
    play.tells(f"{late.key}.reporter", "fills in the dossier and forgets to submit it")
    await _the_deadline_passes(play, silent, late)
    given = {"days": 3, "reason": _MORE_TIME}
    opened = await play.turn(late.reviewer, "gives 3 more days", late, "reopen-entry", given)
    # Saturday 06/01 moves to Monday 08/01 (ruling 15).
    play.check("entry is open until", "2024-01-09 00:00:00", wall(opened["until_at"]))
    why = {"reason": _CALLED_IN}
    called = await play.turn(
        silent.reviewer, f"calls the dossier of {silent.name} in", silent, "call-in", why
    )
    play.check("its state", "under_review", called["state"])
    play.check("what is reviewed of it", {}, called["answers"])
    play.at("2024-01-08 23:59:59")
    await play.hands_in(late)
    play.check("its state", "submitted", late.state)
    await _what_it_comes_to(play, scope, silent, late)


async def _the_deadline_passes(play: Play, silent: UnitBook, late: UnitBook) -> None:
    why: Json = {"reason": _CALLED_IN}
    play.at("2024-01-02 23:59:59")
    entry = (await play.reads(f"{late.key}.reporter", late))["entry"]
    play.tells(f"{late.key}.reporter", "reads whether entry is open", entry["reason"])
    play.check("open, why, until", [True, "in_time", "2024-01-03 00:00:00"], _entry(entry))
    await play.denied(
        silent.reviewer, f"calls {silent.name} in too early", silent, "call-in", "not_late", why
    )
    play.at("2024-01-03 00:00:00")
    entry = (await play.reads(f"{late.key}.reporter", late))["entry"]
    play.tells(f"{late.key}.reporter", "reads it a second later", entry["reason"])
    play.check("open, why, until", [False, "entry_closed", None], _entry(entry))
    code = late.index_set.declared_by_unit[0]["code"]
    body: Json = {"answers": {code: None}}
    await play.denied(f"{silent.key}.reporter", "saves figures", silent, "save", "entry_closed", body)
    await play.denied(f"{late.key}.leader", "approves", late, "approve", "entry_closed")
    await play.denied(f"{late.key}.reporter", "submits", late, "submit", "entry_closed", declaring.EXPLAINED)


def _entry(entry: Json) -> list[object]:
    return [entry["is_open"], entry["reason_code"], wall(entry["until"])]


async def _what_it_comes_to(play: Play, scope: Json, silent: UnitBook, late: UnitBook) -> None:
    """Pass and finalize: no figure of the silent unit is good, and the notes beside the ranking say why."""
    play.at("2024-01-10 09:00:00")
    await play.gives_figures()
    await _nothing_was_cleaned(play, silent)
    await play.passed(play.world.units)
    result = await play.finalizes(scope)
    lines = {line["unit_key"]: line for line in result["lines"]}
    nothing = lines[silent.key]
    play.check(
        f"{silent.name}: points and rank",
        ["0", "0", len(lines)],
        [nothing["total"], nothing["dti"], nothing["rank"]],
    )
    play.check(f"{late.name}: rank", play.world.places[late.key], lines[late.key]["rank"])
    notes = {(note["kind"], note["unit_name"]): note for note in result["method_notes"]}
    play.check(
        "whom the method notes name", {("called_in", silent.name), ("reopened", late.name)}, set(notes)
    )
    reopened = notes["reopened", late.name]
    told = [reopened["reason"], wall(reopened["until_at"]), reopened["indicators"]]
    play.check("the note of the reopening", [_MORE_TIME, "2024-01-09 00:00:00", None], told)
    called = notes["called_in", silent.name]
    play.check("the note of the call-in", "2024-01-03 00:00:00", wall(called["at"]))
    play.ends()


async def _nothing_was_cleaned(play: Play, unit: UnitBook) -> None:
    """Let the agency say that none of a unit's infected machines was cleaned."""
    row = next(row for row in unit.index_set.indicators if row["declared_by"] != "unit")
    above = row["rule"]["numerator"][0]
    figures = {variable["key"]: 3 for variable in row["rule"]["variables"]} | {above: 0}
    unit.official[row["code"]] = {"figures": figures}
    figure = {"unit": {"key": unit.key}, "indicator": row["code"], "figures": figures}
    body = {"period_id": play.world.period["id"], "figures": [figure]}
    await play.stage.people.giver(row["declared_by"]).call("POST", "/official-figures", json=body)
    play.tells(
        row["declared_by"], f"corrects the figures of {unit.name}", "3 infected machines, none cleaned"
    )


async def reopened_indicator(play: Play) -> None:
    """One indicator of a dossier under review is opened for two days, and only that one."""
    scope = await play.opens()
    unit = play.world.units[0]
    ratios = [row["code"] for row in unit.index_set.declared_by_unit if row["rule"]["kind"] == "ratio"]
    code, other = ratios[:2]
    reporter = f"{unit.key}.reporter"
    await play.declared(play.world.units)
    play.at("2023-12-20 10:00:00")
    await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    body: Json = {"answers": {code: halved(unit.answers[code])}}
    await play.denied(reporter, f"corrects {code}", unit, "save", "handed_in", body)
    given = {"days": 2, "indicators": [code], "reason": _MISTYPED}
    opened = await play.turn(unit.reviewer, f"opens {code} for 2 days", unit, "reopen-entry", given)
    play.check("open until", "2023-12-23 00:00:00", wall(opened["until_at"]))
    entry = (await play.reads(reporter, unit))["entry"]
    play.check("open, why, until", [True, "reopened", "2023-12-23 00:00:00"], _entry(entry))
    play.check("what is open", [code], entry["indicators"])
    await _only_that_one(play, unit, code, other)
    play.at("2023-12-22 23:59:59")
    before = (await play.reads(reporter, unit))["revision_number"]
    await play.corrects(unit, f"corrects {code} in the last second", body["answers"])
    dossier = await play.reads(reporter, unit)
    play.check(
        "state, revision", ["under_review", before + 1], [dossier["state"], dossier["revision_number"]]
    )
    play.check("its answer", body["answers"][code], dossier["answers"][code])
    play.at("2023-12-23 00:00:00")
    late: Json = {"answers": {code: None}}
    await play.denied(reporter, f"changes {code} a second later", unit, "save", "handed_in", late)
    await _approved_again(play, scope, unit, code, opened["granted_by_name"])


async def _only_that_one(play: Play, unit: UnitBook, code: str, other: str) -> None:
    body: Json = {
        "answers": {code: halved(unit.answers[code]), other: halved(unit.answers[other])},
        "contacts": {unit.index_set.file["contacts"][0]["key"]: None},
    }
    refused = await play.denied(
        f"{unit.key}.reporter", f"changes {other} too", unit, "save", "not_opened", body
    )
    pointers = sorted(one["pointer"] for one in refused["errors"])
    play.check("what is closed", [f"/answers/{other}", "/contacts"], pointers)
    answers = (await play.reads(f"{unit.key}.reporter", unit))["answers"]
    play.check(f"{code} and {other} are as they were", True, answers == unit.answers)


async def _approved_again(play: Play, scope: Json, unit: UnitBook, code: str, opener: str) -> None:
    """Pass only what the leader approved; the reopening stands beside the ranking."""
    play.at("2023-12-25 09:00:00")
    await play.gives_figures()
    noted = {"note": "Đã xem xét các cảnh báo."}
    await play.denied(unit.reviewer, "passes the dossier", unit, "pass", "approval_missing", noted)
    await play.turn(f"{unit.key}.leader", "approves what was corrected", unit, "approve")
    await play.passed(play.world.units)
    result = await play.finalizes(scope)
    line = next(line for line in result["lines"] if line["unit_key"] == unit.key)
    play.check(f"points of {unit.name}", shown(play.reckoned(unit).total, 2), line["total_shown"])
    (note,) = result["method_notes"]
    said = [note["kind"], note["unit_name"], note["indicators"]]
    play.check("the method note", ["reopened", unit.name, [code]], said)
    play.check("its reason", _MISTYPED, note["reason"])
    await play.publishes(scope, result)
    public = await play.stage.people.public.get(f"/public/results/{result['id']}")
    unexplained = [note | {"reason": None}]  # it may speak of people
    play.check("in public too, without its reason", unexplained, public["method_notes"])
    play.check("whoever opened it is named there", False, opener in str(public))
    play.ends()
