"""The story of evidence: signed and unsigned, in pieces, corrected, read, replaced, kept and proved byte for byte."""

import csv
import io
import zipfile
from random import Random
from urllib.parse import quote

from app.core.files import content_name
from scripts.journey import declaring
from scripts.journey.books import Json
from scripts.journey.client import PREFIX
from scripts.journey.figures import pdf
from scripts.journey.stories.files import MISSING, Files, sha256
from scripts.journey.stories.pieces import in_pieces
from scripts.journey.stories.play import Play

_PLAN, _REPORT, _AGAIN = "Kế hoạch đã ký", "Báo cáo quét", "Báo cáo đã ký"
_HELD = "Thanh tra theo Quyết định 45/QĐ-TTr."


async def trusted_evidence(play: Play) -> None:
    """Documents are signed, sent in pieces, corrected, read by many ways, replaced, held, and proved by the byte."""
    await play.opens(policy="brvt-2022", sets={"commune": "camau-2023-xa"}, submit_until="2024-01-05")
    unit, neighbour = play.world.units[:2]
    files = Files(play, unit)
    await declaring.fill(play.world, unit)
    for one in unit.files:
        files.contents[one] = (await files.sender.call("GET", f"/evidence/{one}/content")).content
    play.check("what is read is what was sent", unit.files, _hashes(files.contents))
    by_plan, by_report = (row["code"] for row in unit.index_set.declared_by_unit[:2])
    plan, forged = await _signed_by_both(files)
    report = await in_pieces(
        files, pdf(_REPORT, unit, 2, Random(unit.key).randbytes(150_000).hex().encode()), _REPORT
    )
    await files.cites(by_plan, plan)
    await files.cites(by_report, report)
    await _looked_at(files, plan, forged)
    await _corrected(files, plan, by_plan)
    await play.hands_in(unit)
    await _corrected_no_more(files, plan)
    await _as_the_reviewer_sees_them(files)
    await _by_ranges(files, report)
    await _by_a_link(files, plan)
    await _all_at_once(files)
    await _by_strangers(files, f"{neighbour.key}.reporter", plan)
    await _who_has_read(files, plan, report)
    await _replaced(files, report, by_report)
    await play.gives_figures([unit])
    await play.passed([unit])
    await _kept(files, forged)
    await _proved(files, plan)
    play.ends()


def _hashes(contents: dict[str, bytes]) -> dict[str, str]:
    return {one: sha256(content) for one, content in contents.items()}


# --- the files come -----------------------------------------------------------------------------------------


async def _signed_by_both(files: Files) -> tuple[str, str]:
    """Send a plan that the leader and the office signed, and twice a copy in which somebody changed a figure."""
    play = files.play
    content = await files.signed(pdf(_PLAN, files.unit, 1))
    # The year is wrong: the plan is of this period.
    plan = await files.sends(content, _PLAN, number="12/KH-UBND", issued_on="2022-06-19")
    files.sound = {plan}
    document = await files.sender.get(f"/evidence/{plan}")
    play.check("what the scanner says of it", "not_scanned", document["scan"]["state"])
    refused = await play.stage.people["admin"].send("POST", f"/evidence/{plan}/rescan")
    play.refusal("admin", "asks for a scan where no scanner is configured", refused, "scanning_off")
    changed = content.replace(b"(Ke hoach da ky 1", b"(Ke hoach da ky 7")
    play.check("the copy is another file", True, changed != content)
    copies = [await files.sends(changed, "Bản sao bị sửa") for _ in range(2)]
    return plan, copies[0]


# --- what they are worth ------------------------------------------------------------------------------------


async def _looked_at(files: Files, plan: str, forged: str) -> None:
    """Nobody is trusted until the root is there; then everything is looked at again, and the first report stays."""
    play = files.play
    found = (await files.reports(1))[plan]["signatures"]
    play.check("what is wrong with both", [["no_roots_configured"]] * 2, [_codes(one) for one in found])
    await files.check_signatures(["signature_not_sound"] * 2)
    play.at("2023-12-16 08:00:00")
    folder = play.stage.settings.trust_dir
    assert folder is not None, "every stage has one"
    (folder / "root.pem").write_bytes(files.root.pem)
    play.tells("the operator", "puts a root among those that are trusted")
    reports = await files.reports(2)
    said = [
        [one["kind"], one["signer"], one["is_intact"], one["is_sound"]] for one in reports[plan]["signatures"]
    ]
    kinds = zip(("person", "organisation"), files.names, strict=True)
    play.check("kind, who, intact, sound", [[kind, name, True, True] for kind, name in kinds], said)
    play.check("covered to the end", True, reports[plan]["is_covered_to_the_end"])
    broken = ["not_intact" in _codes(one) for one in reports[forged]["signatures"]]
    play.check("the signatures of the changed copy are broken", [True, True], broken)
    await files.check_signatures([])


def _codes(signature: Json) -> list[str]:
    return [one["code"] for one in signature["problems"]]


async def _corrected(files: Files, plan: str, code: str) -> None:
    """Correct the year of the plan: what was said before stays in its history."""
    play, sender, path = files.play, files.sender, f"/evidence/{plan}"
    play.at("2023-12-18 09:00:00")
    outside = [(f"/answers/{code}", "document_outside_period")]
    play.check("dated outside the period", outside, await files.warnings("document_"))
    version, why = await sender.etag(path), "Ghi nhầm năm của văn bản."
    body = {"issued_on": "2023-12-19"}
    refused = await sender.send("PATCH", path, if_match=version, json=body)
    play.refusal(files.reporter, "dates the plan tomorrow", refused, "in_the_future")
    body = {"issued_on": "2023-06-19", "reason": why}
    await sender.call("PATCH", path, if_match=version, json=body)
    play.tells(files.reporter, "corrects the year of the plan")
    refused = await sender.send("PATCH", path, if_match=version, json=body)
    play.refusal(files.reporter, "corrects what he saw before", refused, "stale_version")
    kept = await sender.pages(f"{path}/revisions")
    said = [[one["number"], one["facts"]["issued_on"], one["reason"]] for one in kept]
    play.check("its history", [[2, "2023-06-19", why], [1, "2022-06-19", None]], said)
    play.check("dated outside the period", [], await files.warnings("document_"))


async def _corrected_no_more(files: Files, plan: str) -> None:
    """What the reviewer has before him does not change any more."""
    path, body = f"/evidence/{plan}", {"title": "Kế hoạch khác"}
    version = await files.sender.etag(path)
    refused = await files.sender.send("PATCH", path, if_match=version, json=body)
    answer = files.play.refusal(files.reporter, "corrects the plan once more", refused, "document_in_use")
    ours = [[f"/answers/{code}", "handed_in"] for code in files.cited[plan]]
    files.play.check("where and why", ours, [[one["pointer"], one["code"]] for one in answer["errors"]])


# --- who reads them -----------------------------------------------------------------------------------------


async def _as_the_reviewer_sees_them(files: Files) -> None:
    """Every document at one look: what it proves, its hash, whose signatures it bears."""
    play, unit = files.play, files.unit
    play.at("2023-12-19 09:00:00")
    listed = {one["document"]["id"]: one for one in await play.reads(unit.reviewer, unit, "/documents")}
    play.tells(unit.reviewer, "looks at the documents of the dossier", f"{len(listed)} documents")
    cited = files.cited
    play.check("what they prove", cited, {one: sorted(row["indicators"]) for one, row in listed.items()})
    hashes = {one: row["document"]["sha256"] for one, row in listed.items()}
    play.check("their hashes", {one: unit.files[one] for one in cited}, hashes)
    ours = {one: [] if one in files.sound else MISSING for one in cited}
    theirs = {one: sorted(said["code"] for said in row["signature_findings"]) for one, row in listed.items()}
    play.check("signatures that they lack", ours, theirs)
    both = {"person": "sound", "organisation": "sound"}
    found = {one for one, row in listed.items() if row["signatures"] == both}
    play.check("those that bear both", files.sound & set(cited), found)


async def _by_ranges(files: Files, document: str) -> None:
    """The reviewer reads a document part by part, and not again what he has."""
    play, who, content = files.play, files.unit.reviewer, files.contents[document]
    reviewer, path = play.stage.people[who], f"/evidence/{document}/content"
    size = 100_000
    parts = [
        await reviewer.call("GET", path, headers={"Range": f"bytes={start}-{start + size - 1}"})
        for start in range(0, len(content), size)
    ]
    play.tells(who, f"reads {_REPORT} part by part", f"{len(parts)} parts")
    play.check("each is a part", {206}, {one.status_code for one in parts})
    play.check(
        "the hash of all parts", files.unit.files[document], sha256(b"".join(one.content for one in parts))
    )
    known = {"If-None-Match": parts[0].headers["etag"]}
    again = await reviewer.call("GET", path, headers=known)
    play.check("what he has is not sent again", [304, b""], [again.status_code, again.content])
    beyond = await reviewer.send("GET", path, headers={"Range": f"bytes={len(content)}-"})
    play.refusal(who, "asks for what lies behind the end", beyond, "range_not_satisfiable")


async def _by_a_link(files: Files, document: str) -> None:
    """A viewer opens a link without logging in, for five minutes."""
    play, who, public = files.play, files.unit.reviewer, files.play.stage.people.public
    path = f"/submissions/{files.unit.submission_id}/evidence/{document}/links"
    made = (await play.stage.people[who].call("POST", path, json={"inline": True})).json()
    link = made["url"].removeprefix(PREFIX)
    play.tells(who, "makes a link for a viewer", f"until {made['expires_at']}")
    shown = await public.call("GET", link)
    play.check("what the viewer gets", files.unit.files[document], sha256(shown.content))
    how, _, name = shown.headers["content-disposition"].partition("; ")
    play.check("shown in place, under its name", ["inline", True], [how, quote(f"{_PLAN}.pdf") in name])
    policy = shown.headers["content-security-policy"]
    play.check("nothing in it may load anything", True, policy.startswith("default-src 'none'; "))
    other = f"/evidence/{document}/linked?{link.partition('?')[2]}"
    refused = await public.send("GET", other)
    play.refusal("the viewer", "tries the token elsewhere", refused, "link_not_valid")
    play.at("2023-12-19 09:04:59")
    play.check("in its last second", 200, (await public.call("GET", link)).status_code)
    play.at("2023-12-19 09:05:00")
    refused = await public.send("GET", link)
    play.refusal("the viewer", "opens the link a second later", refused, "link_not_valid")


async def _all_at_once(files: Files) -> None:
    """The archive holds every document, and an index that says what each proves."""
    play, who, unit = files.play, files.unit.reviewer, files.unit
    path = f"/submissions/{unit.submission_id}/evidence.zip"
    sent = (await play.stage.people[who].call("GET", path)).content
    play.tells(who, "takes all documents in an archive", f"{len(sent)} bytes")
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        hashes = {name: sha256(archive.read(name)) for name in archive.namelist()}
        rows = list(csv.reader(io.StringIO(archive.read("muc-luc.csv").decode("utf-8-sig"))))[1:]
    del hashes["muc-luc.csv"]
    cited = files.cited
    play.check("the hashes of its files", sorted(unit.files[one] for one in cited), sorted(hashes.values()))
    ours = sorted((code, unit.files[one]) for one, codes in cited.items() for code in codes)
    play.check("the index: indicators and hashes", ours, sorted((row[0], row[6]) for row in rows))
    play.check("each where the index says", [row[6] for row in rows], [hashes[row[5]] for row in rows])


async def _by_strangers(files: Files, neighbour: str, document: str) -> None:
    """To another unit the documents do not exist; without logging in there is nothing at all."""
    dossier, one = f"/submissions/{files.unit.submission_id}", f"/evidence/{document}"
    paths = [one, *(f"{one}/{part}" for part in ("content", "signatures", "revisions", "accesses"))]
    paths += [f"{dossier}/documents", f"{dossier}/evidence.zip"]
    paths += [f"{dossier}{one}", f"{dossier}{one}/signatures"]
    people = files.play.stage.people
    for who, caller, status in (
        (neighbour, people[neighbour], 404),
        ("somebody", people.public, 401),
    ):
        answers = [await caller.send("GET", path) for path in paths]
        answers += [await caller.send("POST", f"{path}/links", json={}) for path in (one, f"{dossier}{one}")]
        answers.append(await caller.send("PATCH", one, if_match='"1"', json={"title": "Của tôi"}))
        files.play.tells(who, f"tries {len(answers)} addresses of the documents", "nothing")
        files.play.check("every answer", {status}, {one.status_code for one in answers})


async def _who_has_read(files: Files, plan: str, report: str) -> None:
    """The unit sees who has got its documents; the reviewer does not see who else has."""
    play, who = files.play, files.unit.reviewer
    name = (await play.stage.people[who].get("/me"))["name"]
    for document, ours in ((plan, ["archived", "linked", "viewed"]), (report, ["archived", "downloaded"])):
        found = await files.sender.pages(f"/evidence/{document}/accesses")
        theirs = sorted((one["person_name"], one["kind"]) for one in found)
        play.check("who has got it, and how", [(name, kind) for kind in ours], theirs)
    refused = await play.stage.people[who].send("GET", f"/evidence/{plan}/accesses")
    play.refusal(who, "asks who else has read it", refused, "not_permitted")


# --- another in its place -----------------------------------------------------------------------------------


async def _replaced(files: Files, report: str, code: str) -> None:
    """The reviewer wants signatures; a signed report comes in the place of the other one, which stays."""
    play, unit = files.play, files.unit
    play.at("2023-12-20 09:00:00")
    await play.turn(unit.reviewer, "claims the dossier", unit, "claim")
    item = {"indicator": code, "kind": "missing_evidence", "text": "Báo cáo chưa có chữ ký số."}
    body = {"reason": "Đề nghị ký số tài liệu.", "due_on": "2023-12-27", "items": [item]}
    asked = await play.turn(unit.reviewer, "returns the dossier", unit, "return", body)
    unit.state = "returned"
    play.at("2023-12-21 09:00:00")
    content = await files.signed(pdf(_AGAIN, unit, 3))
    again = await files.sends(content, _AGAIN, replaces_id=report)
    files.sound.add(again)
    old = await files.sender.get(f"/evidence/{report}")
    play.check("what came in the place of the old one", again, old["replaced_by_id"])
    await files.reports(1, again)
    replaced = [(f"/answers/{code}", "document_replaced")]
    play.check("the old one is still cited", replaced, await files.warnings("document_"))
    await files.cites(code, again)
    play.check("the old one is cited no more", [], await files.warnings("document_"))
    await files.check_signatures([])
    answer = {"item": 0, "text": "Đã ký số và thay tài liệu."}
    await play.turn(files.reporter, "answers", unit, f"clarifications/{asked['id']}/answers", answer)
    await play.hands_in(unit)
    play.check("its state", "resubmitted", unit.state)
    listed = await play.reads(unit.reviewer, unit, "/documents")
    play.check("what the reviewer sees", set(files.cited), {one["document"]["id"] for one in listed})


# --- kept and proved ----------------------------------------------------------------------------------------


async def _kept(files: Files, forged: str) -> None:
    """Nothing of a held unit goes; without the hold, what nobody ever cited would."""
    play, people = files.play, files.play.stage.people
    play.at("2023-12-22 09:00:00")
    body = {"period_id": play.world.period["id"], "unit_id": files.unit.unit_id, "reason": _HELD}
    refused = await files.sender.send("POST", "/evidence-holds", json=body)
    play.refusal(files.reporter, "holds its own evidence", refused, "not_permitted")
    held = await people["admin"].call("POST", "/evidence-holds", json=body)
    play.tells("admin", f"holds the evidence of {files.unit.name}")
    stored, gone = set(files.unit.files.values()), files.unit.files[forged]
    size = len(files.contents[forged])
    stays = ["would go: 0 files, 0 bytes", f"stay: {len(stored)} files", f"  on_hold: {len(stored)}"]
    play.check(
        "what a purge would do", (0, stays), await play.stage.command("evidence", "purge", "--dry-run")
    )
    path, why = f"/evidence-holds/{held.json()['id']}/release", {"reason": "Đã có kết luận thanh tra."}
    await people["admin"].call("POST", path, if_match=held.headers["etag"], json=why)
    play.tells("admin", "releases the hold")
    goes = [
        f"{gone} {size} never_cited",
        f"would go: 1 files, {size} bytes",
        "  never_cited: 1",
        f"stay: {len(stored) - 1} files",
        f"  cited_and_kept_for_ever: {len(stored) - 1}",
    ]
    play.check("and without the hold", (0, goes), await play.stage.command("evidence", "purge", "--dry-run"))


async def _proved(files: Files, document: str) -> None:
    """The store holds what the books say; a byte altered on the disk is found."""
    play, stage = files.play, files.play.stage
    sizes = {sha256(content): len(content) for content in files.contents.values()}
    ok = (0, [f"OK {len(sizes)} files, {sum(sizes.values())} bytes"])
    play.check("every file and every hash", ok, await stage.command("evidence", "verify"))
    name, content = content_name(files.unit.files[document]), files.contents[document]
    place = stage.settings.evidence_path / name
    altered = bytes([content[0] ^ 1]) + content[1:]
    place.write_bytes(altered)
    play.tells("somebody", "alters a byte on the disk")
    found = f"damaged  {name}: the content has the hash {sha256(altered)}; needed by documents {document}"
    play.check("what is found", (1, [found]), await stage.command("evidence", "verify"))
    place.write_bytes(content)
    play.check("once it is put back", ok, await stage.command("evidence", "verify"))
