"""The part of what is kept: the trail is read, sent and proved, a person is erased, a backup gives everything back."""

import csv
import io
import json
from collections import Counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.db import Database
from app.core.embedded import owner_of
from scripts.journey.books import Json
from scripts.journey.client import Caller
from scripts.journey.stories.cast import Cast
from scripts.journey.stories.play import Play
from scripts.journey.stories.stage import Clock, Stage, command

_ERASURE = {"reason": "Đề nghị xóa dữ liệu cá nhân.", "document": "Đơn số 12"}
_FORGED = "UPDATE audit_event SET reason = 'khác' WHERE id = :id"


async def audited(cast: Cast) -> None:
    """The auditor reads the trail, filters it, and takes it with him; nobody else does, and no secret stands in it."""
    play, auditor = cast.play, cast.play.stage.people["auditor"]
    play.at("2024-01-26 08:00:00")
    refused = await play.stage.people["admin"].send("GET", "/audit")
    play.refusal("admin", "reads the trail", refused, "not_permitted")
    by_manager = Counter(one["action"] for one in await auditor.pages("/audit", actor=cast.manager))
    ours = {"user.change_password": 1, "user.create": 1, "user.bulk": 1}
    play.check("what the district's administrator did", ours, dict(by_manager))
    account = (await cast.account(cast.leader))["id"]
    of_leader = Counter(
        one["action"] for one in await auditor.pages("/audit", object_id=account, action="user.")
    )
    ours = {f"user.{what}": 1 for what in ("create", "change_password")}
    ours |= {f"user.{what}": 1 for what in ("begin_second_factor", "add_second_factor")}
    play.check("what became of the leader's account", ours, dict(of_leader))
    dossier = await auditor.pages("/audit", object_id=cast.unit.submission_id, actor=cast.leader)
    play.check("what he did with the dossier", ["submission.approve"], [one["action"] for one in dossier])
    that_day = {"action": "service_account.", "from": "2023-12-16T00:00:00+07:00"}
    programs = [one["action"] for one in await auditor.pages("/audit", **that_day)]
    ours_in_order = ["rotate", "change", "change", "read", "create"]
    play.check("what became of the program", [f"service_account.{one}" for one in ours_in_order], programs)
    await _taken_along(cast, auditor)


async def _taken_along(cast: Cast, auditor: Caller) -> None:
    play = cast.play
    lines = await trail(auditor, "2024-01-26T01:00:00Z")
    as_csv = await auditor.call("GET", "/audit/export", params={"to": "2024-01-26T01:00:00Z"})
    rows = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    play.tells("auditor", "takes the trail with him", f"{len(lines)} events")
    listed = (await auditor.get("/audit", to="2024-01-26T01:00:00Z", page_size=1))["total"]
    play.check("as many as are listed", [listed, listed], [len(lines), len(rows)])
    play.check("the same in both forms", [one["id"] for one in lines], [row["id"] for row in rows])
    numbers = sorted(one["link"]["seq"] for one in lines)
    play.check("their numbers have no gap", list(range(1, listed + 1)), numbers)
    text_of_all = json.dumps(lines, ensure_ascii=False) + as_csv.text
    play.check("secrets among them", [], [one for one in cast.secrets if one in text_of_all])
    own = await auditor.pages("/audit", action="audit.")
    told = Counter(one["action"] for one in own)
    play.check("that he took it stands in it, twice", 2, told["audit.export"])


async def trail(auditor: Caller, until: str) -> list[Json]:
    """Return every event before an instant, with its place in the chain."""
    answer = await auditor.call("GET", "/audit/export", params={"format": "jsonl", "to": until})
    return [json.loads(line) for line in answer.text.splitlines()]


async def proved(stage: Stage, play: Play) -> str:
    """Compute the whole chain again, and return its end."""
    status, lines = await stage.command("audit", "verify")
    found = (status, lines[0].split()[0])
    play.check(f"the whole chain of {lines[0].split()[1]} events, computed again", (0, "OK"), found)
    return lines[0].rpartition(" ")[2]


# --- a person is erased -------------------------------------------------------------------------------------


async def erased(cast: Cast, published: str) -> None:
    """The leader sees what is kept of him and wants it erased: what he did, and what came of it, stays as it was."""
    play, people, who = cast.play, cast.play.stage.people, cast.leader
    play.at("2024-01-27 08:00:00")
    until = "2024-01-27T01:00:00Z"
    path = f"/users/{(await cast.account(who))['id']}"
    mine = await people[who].get("/me/personal-data")
    kept = {field["table"]: field["count"] for field in mine["data"]}
    play.check("his recovery codes are counted, not shown", 10, kept["recovery_code"])
    play.check("no secret is shown to him", [], [one for one in cast.secrets if one in json.dumps(mine)])
    told = await people["admin"].get(f"{path}/personal-data")
    play.check("the administrator answers him the same", mine["roles"], told["roles"])
    before = await _kept(cast, published, until)
    admin = people["admin"]
    tried = await admin.call(
        "POST", f"{path}/erase", if_match=await admin.etag(path), json=_ERASURE, params={"dry_run": True}
    )
    play.check(
        "a trial erases nothing", [False, who], [tried.json()["is_done"], (await admin.get(path))["username"]]
    )
    done = await admin.call("POST", f"{path}/erase", if_match=await admin.etag(path), json=_ERASURE)
    play.tells("admin", f"erases what is known of {who}", f"{len(done.json()['erased'])} kinds of data")
    account = await admin.get(path)
    gone = [account["username"].startswith("erased-"), account["is_active"], account["email"]]
    play.check("his account: a pseudonym, off, without an address", [True, False, None], gone)
    name, after = mine["data"][0]["rows"][0]["full_name"], await _kept(cast, published, until)
    play.check(
        "his name is gone, and stands nowhere in the trail",
        [False, False],
        [name == account["full_name"], name in str(after[-1])],
    )
    refused = await cast.tries(who, cast.passwords[who])
    play.refusal(who, "logs in", refused, "invalid_grant")
    same = [one == other for one, other in zip(before, after, strict=True)]
    play.check("results, dossier and trail are what they were", [True] * len(before), same)


async def _kept(cast: Cast, published: str, until: str) -> list[Any]:
    """Return what an erasure must not touch."""
    people, path = cast.play.stage.people, f"/public/results/{published}"
    return [
        await people.public.get(path),
        await people.public.get(f"{path}/units/{cast.unit.unit_id}"),
        await people["admin"].get(f"/submissions/{cast.unit.submission_id}"),
        await trail(people["auditor"], until),
    ]


# --- into an empty place ------------------------------------------------------------------------------------


async def given_back(cast: Cast, published: str) -> None:
    """Put the whole year away and back where nothing is, and compare; then the trail is forged, and found out."""
    play, stage = cast.play, cast.play.stage
    end = await proved(stage, play)
    folder = stage.settings.var_dir / "backup"
    status, lines = await stage.command("backup", str(folder))
    play.tells("the operator", "makes a backup", lines[0].rpartition(": ")[2])
    files = {one for unit in play.world.units for one in unit.files.values()}
    play.check("files in it", (0, True), (status, f" {len(files)} files, " in lines[0]))
    place = await stage.theatre.place()
    restored = await command(place, "restore", str(folder))
    play.check("put back where nothing is", (0, ["OK everything is there as the backup says"]), restored)
    async with stage.theatre.serve(place, Clock("2024-01-28 08:00")) as other:
        play.check("the end of the chain there", end, await proved(other, play))
        for username, password in cast.passwords.items():
            other.people.know(username, password)
        play.at("2024-01-28 08:00:00")
        ours, theirs = await _everything(cast, stage, published), await _everything(cast, other, published)
        differing = [what for what, value in ours.items() if theirs[what] != value]
        play.check(f"of {len(ours)} things read in both, those that differ", [], differing)
        await _forged(cast)
        await proved(other, play)


async def _everything(cast: Cast, stage: Stage, published: str) -> Json:
    """Return what people of all kinds read of the year."""
    people, unit = stage.people, cast.unit
    reporter, document = people[cast.reporter], next(iter(unit.files))
    found: Json = {"result": await people.public.get(f"/public/results/{published}")}
    for one in cast.play.world.units:
        path = f"/public/results/{published}/units/{one.unit_id}"
        found[f"points of {one.key}"] = await people.public.get(path)
        found[f"dossier of {one.key}"] = await people["admin"].get(f"/submissions/{one.submission_id}")
    found["accounts"] = await people["admin"].pages("/users")
    found["programs"] = await people["admin"].get("/service-accounts")
    found["document"] = (await reporter.call("GET", f"/evidence/{document}/content")).content
    found["trail"] = await trail(people["auditor"], "2024-01-28T00:00:00Z")
    return found


async def _forged(cast: Cast) -> None:
    """Change an event: neither the service nor the owner of the tables can; who rules the server can, and it shows."""
    play, settings = cast.play, cast.play.stage.settings
    (event,) = await play.stage.people["auditor"].pages("/audit", action="result.publish")
    ours = settings.sqlalchemy_url
    master = ours.replace("://dti_app@", "://postgres@", 1)
    tries = {"the service": ours, "the owner of the tables": owner_of(ours)}
    for who, url in tries.items():
        why = await _runs(url, event["id"])
        play.tells(who, "changes the event of the publication", f"refused: {why}")
        play.check("refused by the database", "InsufficientPrivilegeError", why)
    why = await _runs(master, event["id"], "SET LOCAL session_replication_role = replica")
    play.tells("who rules the database server", "changes it past every trigger", why or "done")
    status, lines = await play.stage.command("audit", "verify")
    found = [line.split()[0] for line in lines]
    play.check("what is found", (1, ["altered"], True), (status, found, event["id"] in lines[0]))


async def _runs(url: str, event: str, *first: str) -> str:
    """Forge an event; return why it was refused, empty if it was not."""
    database = Database(url)
    try:
        async with database.session() as session, session.begin():
            for statement in first:
                await session.execute(text(statement))
            await session.execute(text(_FORGED), {"id": event})
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig else error
        return type(cause).__name__
    finally:
        await database.close()
    return ""
