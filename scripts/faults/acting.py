"""The people: units are asked and answer again and again, files come, a result is corrected without end."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from fractions import Fraction
from functools import partial
from random import Random
from uuid import uuid4

import httpx

from scripts.journey import declaring, publishing, reviewing
from scripts.journey.books import Json, UnitBook, shown
from scripts.journey.figures import pdf
from scripts.journey.opening import open_year
from scripts.journey.world import World

PIECE_BYTES = 60_000
FILE_BYTES = 200_000
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = "Rà soát lại điểm của chỉ số."


async def begin(world: World) -> None:
    """Open the year, let everybody hand in and be taken up, and publish the one scope that is whole."""
    await open_year(world)
    await world.each("Units declare and submit", world.units, declaring.declare)
    await world.each("Reviewers claim", world.units, reviewing.claim)
    await reviewing.give_official_figures(world, world.units)
    ranked = world.units_of(world.whole_scopes()[0])
    await world.each("Reviewers return, adjust and pass", ranked, reviewing.review)
    await publishing.finalize_and_publish(world)


class Company:
    """Everybody at work; a turn that was begun is played to its end."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._seed = world, seed
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []
        self.turns = 0
        self.failures: list[str] = []

    def start(self) -> None:
        """Begin."""
        world = self._world
        scope = world.whole_scopes()[0]
        ranked = world.units_of(scope)
        for unit in (unit for unit in world.units if unit not in ranked):
            self._act(unit.key, partial(reviewing.return_and_correct, world, unit))
        for unit in ranked[:2]:
            self._act(f"pieces of {unit.key}", partial(send_in_pieces, world, unit))
            self._act(f"files of {unit.key}", partial(send_whole, world, unit))
        self._act("corrections", partial(correct, world, scope, ranked[2]))

    def _act(self, name: str, turn: Callable[[Random], Awaitable[object]]) -> None:
        async def again_and_again() -> None:
            rng = Random(f"{self._seed}:{name}")
            while not self._is_over:
                try:
                    await turn(rng)
                except Exception as error:
                    self.failures.append(f"{name}: {error!r}")
                    return
                self.turns += 1

        self._tasks.append(asyncio.create_task(again_and_again()))

    async def end(self) -> None:
        """Let everybody play his turn to the end."""
        self._is_over = True
        await asyncio.gather(*self._tasks)


async def send_whole(world: World, unit: UnitBook, rng: Random) -> None:
    """Send a file in one go."""
    content = pdf("Báo cáo", unit, rng.randrange(10**9), rng.randbytes(FILE_BYTES))
    await declaring.send(world, unit, content, {"file_name": "bao-cao.pdf"})
    await asyncio.sleep(0.2)


async def send_in_pieces(world: World, unit: UnitBook, rng: Random) -> None:
    """Send a file piece by piece, asking where to go on whenever an answer did not come."""
    content = pdf("Biên bản", unit, rng.randrange(10**9), rng.randbytes(FILE_BYTES))
    said = {"filename": "bien-ban.pdf", "period_id": world.period["id"], "unit_id": unit.unit_id}
    told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    reporter, headers = world.reporter(unit), {"Upload-Length": str(len(content)), "Upload-Metadata": told}
    key = {"Idempotency-Key": uuid4().hex}
    begun = await reporter.call("POST", "/evidence/uploads", headers=_TUS | headers | key)
    path = begun.headers["location"].partition("/api/v1")[2]
    offset = 0
    while offset < len(content):
        piece = {
            **_TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            body = content[offset : offset + PIECE_BYTES]
            sent = await reporter.send("PATCH", path, headers=piece, content=body)
        except httpx.TransportError:
            sent = None
        if sent is None or sent.status_code != 204:
            await asyncio.sleep(0.2)
            if sent is not None and sent.status_code not in (409, 410, 503):
                raise AssertionError(f"a piece was answered {sent.status_code}: {sent.text[:200]}")
            where = (await reporter.call("HEAD", path, headers=_TUS)).headers["upload-offset"]
            world.differences.same(f"{path} keeps what it acknowledged", True, int(where) >= offset)
            offset = int(where)
        else:
            offset = int(sent.headers["upload-offset"])
    unit.files[path.rpartition("/")[2]] = hashlib.sha256(content).hexdigest()
    world.acts["evidence.upload"] += 1
    await asyncio.sleep(0.2)


async def correct(world: World, scope: Json, unit: UnitBook, rng: Random) -> None:
    """Take one unit of a published scope up again, give it other points, finalize and publish the next version."""
    by, path = publishing.finalizer(world, scope), f"/submissions/{unit.submission_id}"
    row = unit.index_set.declared_by_unit[0]
    full = Fraction(row["max_points"])
    before = unit.points.get(row["code"])
    points = rng.choice([full * part / 16 for part in range(17) if full * part / 16 != before])
    unit.version = await by.etag(path)
    await world.move(by, unit, "reopen-review", {"reason": _AGAIN}, act="review.reopen")
    unit.state = "under_review"
    unit.points[row["code"]] = points
    body = {"indicator": row["code"], "kind": "points", "points": shown(points, 6), "reason": _AGAIN}
    await world.move(world.reviewer(unit), unit, "adjustments", body, act="review.adjust")
    await reviewing.pass_on(world, unit)
    publishing.reckon(world, scope)
    result = await publishing.finalize(world, scope, {"reason": _AGAIN})
    await publishing.publish(world, scope, result)
    world.acts["result.supersede"] += 1
    world.corrected += 1
