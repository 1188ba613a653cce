"""Many hands on one dossier, for real: nobody's edit is lost, and nobody is told that his dossier does not exist."""

import asyncio
from functools import partial

from fastapi import FastAPI

from tests.conftest import Clock, logged_in
from tests.scene import UNIT, Scene


async def test_of_those_who_save_at_once_one_wins_and_the_others_are_told_to_look_again(
    own_app: FastAPI, clock: Clock
) -> None:
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    url = await scene.url()
    hands = [await logged_in(own_app, clock, f"{UNIT}.reporter") for _ in range(3)]
    for turn in range(10):
        etag = await scene.etag()
        answers = await asyncio.gather(
            *(
                hand.patch(
                    url,
                    headers={"If-Match": etag},
                    json={"answers": {"1.4": {"figures": {"a": 10 * turn + number, "b": 500}}}},
                )
                for number, hand in enumerate(hands)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert (await scene.read())["answers"] == winner.json()["answers"]
    assert [one["number"] for one in await _revisions(scene)] == list(range(11, 0, -1))


async def _revisions(scene: Scene) -> list[dict[str, int]]:
    found: list[dict[str, int]] = await scene.read(path="/revisions")  # type: ignore[assignment]
    return found


async def test_an_edit_and_a_submission_at_once_never_submit_what_the_leader_has_not_seen(
    own_app: FastAPI, clock: Clock
) -> None:
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    await scene.filled()
    await scene.done(scene.act(f"{UNIT}.leader", "approve"))
    etag = await scene.etag()
    edit = {"answers": {"1.4": {"figures": {"a": 1, "b": 500}, "note": "sửa"}}}
    saved, submitted = await asyncio.gather(
        scene.save(edit, etag=etag), scene.act(f"{UNIT}.leader", "submit", etag=etag)
    )
    assert sorted((saved.status_code, submitted.status_code)) == [200, 412]
    dossier = await scene.read()
    assert (dossier["state"] == "submitted") == (submitted.status_code == 200)
    assert dossier["approval"]["is_current"] == (submitted.status_code == 200)
