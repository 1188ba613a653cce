"""Stories of who acts: a council of three, and a leader who is away."""

from dataclasses import dataclass

from scripts.journey import declaring
from scripts.journey.books import Json, UnitBook, final_result, shown
from scripts.journey.figures import lowered
from scripts.journey.stories.play import Play

_FIRST, _OWN = "mật khẩu ban đầu 2023", "mật khẩu của riêng tôi 2023"
_CHECKED = {"note": "Hội đồng đã đối chiếu tài liệu lưu tại đơn vị."}
_REASON = "Theo số liệu kiểm tra của hội đồng."


async def _new_person(play: Play, username: str, name: str, unit_id: str, roles: list[str]) -> str:
    """Let the administrator create an account; its owner changes the initial password. Return its id."""
    grants = [{"role": role, "unit_id": unit_id} for role in roles]
    body = {"username": username, "full_name": name, "unit_id": unit_id, "password": _FIRST, "grants": grants}
    people = play.stage.people
    created = (await people["admin"].call("POST", "/users", json=body)).json()
    people.know(username, _FIRST)
    change = {"current_password": _FIRST, "new_password": _OWN}
    await people[username].call("POST", "/me/password", json=change)
    people.know(username, _OWN)
    play.tells("admin", f"creates the account {username}", ", ".join(roles) or "no role")
    return str(created["id"])


# --- a council of three -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    username: str
    id: str
    role: str
    groups: list[str]


async def council_of_three(play: Play) -> None:
    """A council of three reviews a dossier by groups of indicators: it passes when every group is checked."""
    await play.opens()
    unit = play.world.units[0]
    await play.declared([unit])
    await play.gives_figures([unit])
    district = (await play.reads("admin", unit))["reviewer_unit_id"]
    groups = [str(group["code"]) for group in unit.index_set.file["groups"]]
    council, members = await _set_up(play, unit, district, groups)
    chair, secretary, third = members
    await play.turn(chair.username, "claims the dossier", unit, "claim")
    for member in members:
        queue = await play.stage.people[member.username].pages("/me/review-queue")
        play.check(
            f"what waits for {member.username}", member.groups, sorted(task["group_code"] for task in queue)
        )
    await _each_his_own(play, unit, secretary, chair)
    await _check(play, unit, secretary, secretary.groups)
    await _check(play, unit, third, third.groups)
    await _checked_so_far(play, unit, [*secretary.groups, *third.groups])
    await _not_before_all(play, unit, chair, chair.groups)
    await _check(play, unit, chair, chair.groups)
    await play.passed([unit])
    play.check("its state", "passed", unit.state)
    review = await play.reads(f"{unit.key}.reporter", unit, "/review")
    play.check("appraised total", shown(final_result(unit, {}).total, 2), review["appraised_total"])
    await _minutes(play, unit, council, members)
    play.ends()


async def _set_up(play: Play, unit: UnitBook, district: str, groups: list[str]) -> tuple[str, list[_Member]]:
    """Let the district's chairman seat three reviewers, each with a third of the groups."""
    first = unit.reviewer
    names = [first, f"{unit.parent_key}.reviewer2", f"{unit.parent_key}.reviewer3"]
    ids = [(await play.stage.people[first].get("/me"))["id"]]
    for number, name in enumerate(names[1:], 2):
        title = f"Thành viên hội đồng {number}"
        ids.append(await _new_person(play, name, title, district, ["district_reviewer"]))
    thirds = [groups[:3], groups[3:6], groups[6:]]
    roles = ("chair", "secretary", "member")
    members = [_Member(*one) for one in zip(names, ids, roles, thirds, strict=True)]
    body = {
        "period_id": play.world.period["id"],
        "reviewer_unit_id": district,
        "unit_kind": unit.kind,
        "name": "Hội đồng thẩm định cấp xã",
        "decision": "215/QĐ-UBND",
        "seats": [{"user_id": one.id, "role": one.role, "groups": one.groups} for one in members],
    }
    chairman = play.stage.people[f"{unit.parent_key}.chairman"]
    short = body | {"seats": [*body["seats"][:2]]}
    refused = await chairman.send("POST", "/councils", json=short)
    play.refusal(f"{unit.parent_key}.chairman", "forgets the third member", refused, "group_without_member")
    council = (await chairman.call("POST", "/councils", json=body)).json()
    play.tells(f"{unit.parent_key}.chairman", "sets up a council of three", body["decision"])
    return str(council["id"]), members


async def _each_his_own(play: Play, unit: UnitBook, member: _Member, other: _Member) -> None:
    """Let a member decide and check what is his, and nothing else."""
    mine, theirs = (_a_figure(unit, one.groups) for one in (member, other))
    decision = {"indicator": theirs["code"], "kind": "points", "points": "0", "reason": _REASON}
    what = f"decides {theirs['code']}"
    await play.denied(member.username, what, unit, "adjustments", "not_your_group", decision)
    verb = f"groups/{other.groups[0]}/check"
    what = f"checks group {other.groups[0]}"
    await play.denied(member.username, what, unit, verb, "not_your_group", {"is_done": True})
    answer = lowered(mine, unit.answers[mine["code"]])
    unit.decided[mine["code"]] = answer
    decision = {"indicator": mine["code"], "kind": "answer", **answer, "reason": _REASON}
    await play.turn(member.username, f"decides {mine['code']}", unit, "adjustments", decision)
    held = next(
        one
        for one in (await play.reads(member.username, unit, "/review"))["lines"]
        if one["code"] == mine["code"]
    )
    play.check(f"what counts for {mine['code']}", answer, held["decision"]["value"])


def _a_figure(unit: UnitBook, groups: list[str]) -> Json:
    """Return a ratio of some groups of indicators."""
    rows = [
        row
        for group in unit.index_set.file["groups"]
        if group["code"] in groups
        for row in group["indicators"]
    ]
    return next(row for row in rows if row["rule"]["kind"] == "ratio" and row["declared_by"] == "unit")


async def _check(play: Play, unit: UnitBook, member: _Member, groups: list[str]) -> None:
    for code in groups:
        verb, body = f"groups/{code}/check", {"is_done": True, "note": "Đã đối chiếu đủ tài liệu."}
        await play.turn(member.username, f"has checked group {code}", unit, verb, body)


async def _checked_so_far(play: Play, unit: UnitBook, done: list[str]) -> None:
    """Read how far the council is: the unit sees no names, the reviewer does."""
    seen = await play.reads(f"{unit.key}.reporter", unit, "/groups")
    play.check(
        "groups checked, as the unit sees it", done, [one["code"] for one in seen["groups"] if one["is_done"]]
    )
    play.check("names the unit sees", {None}, {one["by"] for one in seen["groups"]})
    play.check("members the unit sees", [], [one for one in seen["groups"] if one["members"] is not None])
    seen = await play.reads(unit.reviewer, unit, "/groups")
    members = {len(one["members"]) for one in seen["groups"]}
    play.check("members the reviewer sees for each group", {1}, members)


async def _not_before_all(play: Play, unit: UnitBook, chair: _Member, missing: list[str]) -> None:
    refused = await play.denied(
        chair.username, "passes the dossier", unit, "pass", "review_incomplete", _CHECKED
    )
    found = sorted(one["pointer"].rpartition("/")[2] for one in refused["errors"])
    play.check("groups that nobody has checked", missing, found)


async def _minutes(play: Play, unit: UnitBook, council: str, members: list[_Member]) -> None:
    """Let the secretary record the meeting; a plain member may not, and the unit does not read it."""
    chair, secretary, third = members
    play.at("2023-12-18 16:00:00")
    conclusion = {
        "unit_id": unit.unit_id,
        "indicator": None,
        "opinion": "Số liệu của đơn vị khớp tài liệu kiểm chứng.",
        "conclusion": "Thông qua kết quả thẩm định.",
        "for": 3,
        "against": 0,
        "abstained": 0,
    }
    body = {
        "held_on": "2023-12-18",
        "place": "Phòng họp Ủy ban nhân dân huyện",
        "chair_id": chair.id,
        "secretary_id": secretary.id,
        "present": [one.id for one in members],
        "conclusions": [conclusion],
    }
    path, people = f"/councils/{council}/minutes", play.stage.people
    refused = await people[third.username].send("POST", path, json=body)
    play.refusal(third.username, "records minutes", refused, "not_presiding")
    too_many = body | {"conclusions": [conclusion | {"against": 1}]}
    refused = await people[secretary.username].send("POST", path, json=too_many)
    play.refusal(secretary.username, "counts four votes of three", refused, "too_many_votes")
    await people[secretary.username].call("POST", path, json=body)
    play.tells(secretary.username, "records the minutes of the meeting", "number 1")
    kept = (await people[chair.username].get(path))[0]
    said = [kept["number"], kept["held_on"], len(kept["present"]), kept["conclusions"][0]["unit_name"]]
    play.check("number, day, present, unit", [1, "2023-12-18", 3, unit.name], said)
    page = (await people[chair.username].call("GET", f"{path}/1/page")).text
    play.check("the page to print names the unit", True, unit.name in page and "BIÊN BẢN" in page.upper())
    refused = await people[f"{unit.key}.reporter"].send("GET", path)
    play.refusal(f"{unit.key}.reporter", "reads the minutes", refused, "council_not_found")


# --- a leader who is away ---------------------------------------------------------------------------------------


async def delegated_leader(play: Play) -> None:
    """A leader is away for five days: a colleague approves in his place (KT.), and only in these days."""
    await play.opens()
    unit = play.world.units[0]
    leader, deputy, reporter = f"{unit.key}.leader", f"{unit.key}.deputy", f"{unit.key}.reporter"
    await _new_person(play, deputy, f"Phó lãnh đạo {unit.name}", unit.unit_id, [])
    await declaring.fill(play.world, unit)
    people = play.stage.people
    found = await people[leader].pages("/colleagues", search="pho lanh dao")
    play.check("the colleague the leader finds", [deputy], [one["username"] for one in found])
    made = await _delegate(play, unit, leader, found[0]["id"])
    play.check("stage of the delegation", "ahead", made["stage"])
    play.at("2023-12-17 23:59:59")
    await play.denied(deputy, "approves a second too early", unit, "approve", "not_permitted")
    play.at("2023-12-18 00:00:00")
    names = {(await people[one].get("/me"))["id"]: one for one in (leader, deputy)}
    (role,) = (await people[deputy].get("/me"))["grants"]
    said = [role["role"], names[role["on_behalf_of"]], role["basis"], role["until"]]
    play.check("the deputy's role", ["unit_leader", leader, "KT.", "2023-12-22"], said)
    approved = await play.turn(deputy, "approves in the leader's place", unit, "approve")
    play.check("who approved", deputy, names[approved["approval"]["approved_by"]])
    event = (
        await people["auditor"].pages("/audit", object_id=unit.submission_id, action="submission.approve")
    )[0]
    said = [names[event["actor_id"]], names[event["on_behalf_of"]], event["basis"]]
    play.check("the audit trail", [deputy, leader, "KT."], said)
    play.check("it acted for the unit", unit.unit_id, event["acting_for"])
    again = {
        "delegate_id": (await people[reporter].get("/me"))["id"],
        "role": "unit_leader",
        "unit_id": unit.unit_id,
        **_DAYS,
    }
    refused = await people[deputy].send("POST", "/delegations", json=again)
    play.refusal(deputy, "delegates the role further", refused, "role_not_held")
    await _after_the_days(play, unit, deputy, leader)
    approved = (await play.reads(leader, unit))["approval"]
    play.check("who approved", leader, names[approved["approved_by"]])
    await play.turn(reporter, "submits the dossier", unit, "submit", declaring.EXPLAINED)
    play.check("its state", "submitted", unit.state)
    events = await people["auditor"].pages(
        "/audit", object_id=unit.submission_id, action="submission.approve"
    )
    behalf = [names.get(one["on_behalf_of"]) for one in events]
    play.check("the approvals, the newest first: on whose behalf", [None, leader, leader], behalf)
    play.ends()


_DAYS = {"basis": "KT.", "document": "15/GUQ-UBND", "starts_on": "2023-12-18", "ends_on": "2023-12-22"}


async def _delegate(play: Play, unit: UnitBook, leader: str, delegate_id: str) -> Json:
    body = {"delegate_id": delegate_id, "role": "unit_leader", "unit_id": unit.unit_id, **_DAYS}
    answer: Json = (await play.stage.people[leader].call("POST", "/delegations", json=body)).json()
    play.tells(leader, "delegates his role to the deputy", "KT., 18/12 to 22/12")
    return answer


async def _after_the_days(play: Play, unit: UnitBook, deputy: str, leader: str) -> None:
    """In the last second of the last day the deputy may approve, a second later only the leader."""
    rows = [row for row in unit.index_set.declared_by_unit if row["rule"]["kind"] == "options"]
    # With a note, so that something changes even where the worst option was declared.
    noted = {"note": "Đã rà soát lại."}
    changed = [{row["code"]: unit.answers[row["code"]] | lowered(row, {}) | noted} for row in rows[:2]]
    play.at("2023-12-22 23:59:59")
    await play.corrects(unit, "changes an answer", changed[0])
    await play.turn(deputy, "approves again in the last second", unit, "approve")
    play.at("2023-12-23 00:00:00")
    await play.corrects(unit, "changes another answer", changed[1])
    await play.denied(deputy, "approves a second too late", unit, "approve", "not_permitted")
    await play.turn(leader, "is back and approves himself", unit, "approve")
