"""The units declare: general figures, evidence, answers, self-score, approval, submission."""

import hashlib

from scripts.journey.books import OF_RATIOS, Json, UnitBook, exact, ratio_warnings, self_result
from scripts.journey.client import Caller
from scripts.journey.figures import Declarer, pdf
from scripts.journey.world import World

_DOCUMENTS = ("Quyết định thành lập Ban Chỉ đạo", "Kế hoạch chuyển đổi số", "Báo cáo số liệu")
_NOTE = "Đơn vị giải trình: số liệu theo báo cáo năm đã gửi Ban Chỉ đạo."
EXPLAINED: Json = {"note": "Đã rà soát các cảnh báo: số liệu đúng với sổ theo dõi của đơn vị."}
_NOT_APPLICABLE = "Đơn vị không có dịch vụ công trực tuyến trong năm đánh giá."


async def declare(world: World, unit: UnitBook) -> None:
    """Fill in a unit's dossier, have it approved and submit it; the first one also tries what must not work."""
    reporter, path = world.reporter(unit), f"/submissions/{unit.submission_id}"
    unit.version = await reporter.etag(path)
    is_first = unit is world.units[0]
    if is_first:
        await _try_too_early(world, unit, Declarer.of(unit, world.options.seed))
    await fill(world, unit)
    if is_first:
        missing = (409, "approval_missing")
        await reporter.call("POST", f"{path}/submit", if_match=unit.version, json=EXPLAINED, refused=missing)
    await hand_in(world, unit)
    if is_first:
        await _try_too_late(world, unit)


async def fill(world: World, unit: UnitBook) -> None:
    """Enter everything: general figures, documents, answers; compare the preview with the books."""
    declarer = Declarer.of(unit, world.options.seed)
    unit.version = await world.reporter(unit).etag(f"/submissions/{unit.submission_id}")
    general = {"general_information": declarer.general_information(), "contacts": declarer.contacts()}
    await save(world, unit, general)
    for number, title in enumerate(_DOCUMENTS[: declarer.rng.randint(1, 3)], 1):
        await upload(world, unit, title, number)
    rows, explained = unit.index_set.declared_by_unit, world.options.explained
    answers = {row["code"]: _complete(declarer, row, explained) for row in rows}
    answers |= {code: {"not_applicable": True, "reason": _NOT_APPLICABLE} for code in claimed_codes(unit)}
    half = len(answers) // 2
    for codes in (list(answers)[:half], list(answers)[half:]):
        await save(world, unit, {"answers": {code: answers[code] for code in codes}})
    unit.answers = answers
    await _check_preview(world, unit)


def claimed_codes(unit: UnitBook) -> list[str]:
    """Return what a department without online public services claims does not apply to it (ruling 8).

    Those that take no rank and one other claim every such indicator; one claims a single one, without ground.
    """
    if unit.kind != "department" or not (is_claim_accepted(unit) or unit.place == 1):
        return []
    services = [
        row["code"]
        for row in unit.index_set.declared_by_unit
        if row["rule"]["kind"] == "ratio"
        and ("DVCTT" in row["name"] or "hồ sơ xử lý trực tuyến" in row["name"])
    ]
    return services if is_claim_accepted(unit) else services[-1:]


def is_claim_accepted(unit: UnitBook) -> bool:
    """Answer whether the reviewer accepts the unit's claims."""
    return unit.place == 2 or not unit.is_ranked


def _complete(declarer: Declarer, row: Json, explained: float) -> Json:
    """Return an answer with its evidence, now and then with an explaining note instead (ruling 11)."""
    answer = declarer.answer(row)
    if declarer.rng.random() < explained:
        return answer | {"note": _NOTE}
    files = list(declarer.unit.files)
    return answer | {"evidence": sorted(declarer.rng.sample(files, declarer.rng.randint(1, len(files))))}


async def save(world: World, unit: UnitBook, patch: Json) -> None:
    """Save a part of the content on the version seen last."""
    path = f"/submissions/{unit.submission_id}"
    response = await world.reporter(unit).call("PATCH", path, if_match=unit.version, json=patch)
    unit.version = response.headers["etag"]
    world.acts["submission.save"] += 1


async def upload(world: World, unit: UnitBook, title: str, number: int) -> str:
    """Send a document of the unit and return its id."""
    said = {
        "file_name": f"{title}.pdf",
        "title": f"{title} của {unit.name}",
        "number": f"{number}/{unit.key}",
    }
    return str((await send(world, unit, pdf(title, unit, number), said))["id"])


async def send(world: World, unit: UnitBook, content: bytes, said: Json) -> Json:
    """Send a PDF of the unit and return the document; the books keep the hash of its bytes."""
    response = await world.reporter(unit).call(
        "POST",
        "/evidence",
        params={"period_id": world.period["id"], "unit_id": unit.unit_id, **said},
        content=content,
        headers={"Content-Type": "application/pdf"},
    )
    document: Json = response.json()
    unit.files[document["id"]] = hashlib.sha256(content).hexdigest()
    what = f"{unit.key} {said['file_name']}: sha256"
    world.differences.same(what, unit.files[document["id"]], document["sha256"])
    world.acts["evidence.upload"] += 1
    return document


async def hand_in(world: World, unit: UnitBook) -> None:
    """Approve the present content as the leader and submit it as the reporter."""
    await world.move(world.leader(unit), unit, "approve", act="submission.approve")
    dossier = await world.move(world.reporter(unit), unit, "submit", EXPLAINED, act="submission.submit")
    unit.state = "resubmitted" if unit.state == "returned" else "submitted"
    world.differences.same(f"{unit.key} state", unit.state, dossier["state"])
    world.differences.same(f"{unit.key} answers", unit.answers, dossier["answers"])


async def _check_preview(world: World, unit: UnitBook) -> None:
    """Compare the self-scored points and the warnings of ratios with the books; nothing may be missing."""
    reporter, path = world.reporter(unit), f"/submissions/{unit.submission_id}"
    shown, ours, same = await reporter.get(f"{path}/scorecard"), self_result(unit), world.differences.same
    for line in shown["lines"]:
        same(f"{unit.key} {line['code']} self points", ours.points[line["code"]], exact(line["points"]))
    same(f"{unit.key} self total", ours.total, exact(shown["total"]))
    same(f"{unit.key} self maximum", ours.maximum, exact(shown["maximum"]))
    same(f"{unit.key} self DTI", ours.dti, exact(shown["dti"]))
    found = await reporter.get(f"{path}/readiness")
    same(f"{unit.key} missing", [], found["errors"])
    theirs = {(one["pointer"], one["code"]) for one in found["warnings"] if one["code"] in OF_RATIOS}
    same(f"{unit.key} warnings", {(f"/answers/{code}", why) for code, why in ratio_warnings(unit)}, theirs)


async def _try_too_early(world: World, unit: UnitBook, declarer: Declarer) -> None:
    """Try what an empty dossier and other people's accounts must not do."""
    reporter, path = world.reporter(unit), f"/submissions/{unit.submission_id}"
    rows = unit.index_set.declared_by_unit
    ratio = next(row for row in rows if row["rule"]["kind"] == "ratio")
    figures = {variable["key"]: 5 for variable in ratio["rule"]["variables"]}
    bad: list[Json] = [
        {ratio["code"]: {"figures": figures | {ratio["rule"]["numerator"][0]: -1}}},
        {ratio["code"]: {"figures": figures | dict.fromkeys(ratio["rule"]["denominator"], 0)}},
        {ratio["code"]: {"choice": "yes"}},
        {"99.9": {"choice": "yes"}},
    ]
    invalid = (422, "invalid_request")
    for answers in bad:
        body = {"answers": answers}
        await reporter.call("PATCH", path, if_match=unit.version, json=body, refused=invalid)
    body = {"general_information": declarer.general_information()}
    await reporter.call("PATCH", path, if_match='"999"', json=body, refused=(412, "stale_version"))
    await reporter.call("PATCH", path, json=body, refused=(428, "if_match_missing"))
    await reporter.call(
        "POST", f"{path}/submit", if_match=unit.version, refused=(409, "submission_incomplete")
    )
    await reporter.call("POST", f"{path}/approve", if_match=unit.version, refused=(403, "not_permitted"))
    await world.people.public.call("GET", path, refused=(401, "not_authenticated"))
    stranger: Caller = world.reporter(world.units[1])
    await stranger.call("GET", path, refused=(404, "submission_not_found"))
    empty = {"period_id": world.period["id"], "unit_id": unit.unit_id, "file_name": "rong.pdf"}
    await reporter.call("POST", "/evidence", params=empty, content=b"", refused=(422, "file_empty"))


async def _try_too_late(world: World, unit: UnitBook) -> None:
    """Try to change what has been submitted, and to approve it once more."""
    path, refused = f"/submissions/{unit.submission_id}", (409, "action_not_allowed")
    body = {"answers": {next(iter(unit.answers)): None}}
    await world.reporter(unit).call("PATCH", path, if_match=unit.version, json=body, refused=refused)
    await world.leader(unit).call("POST", f"{path}/approve", if_match=unit.version, refused=refused)
