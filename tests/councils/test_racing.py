"""What several people do at the same instant, committed for real: no number twice, no list twice, one council."""

import asyncio
from functools import partial

from fastapi import FastAPI
from sqlalchemy import select

from app.councils.models import Council, Minutes
from app.reviews.models import HandOver
from tests.conftest import Clock, logged_in
from tests.councils.seating import COUNCILS, SECOND, colleagues, council_body, council_of_three, three
from tests.councils.test_minutes import minutes_body, record
from tests.reviews.test_handing_over import hand_over
from tests.scene import REVIEWER, Scene


async def test_minutes_recorded_at_once_have_numbers_of_their_own(own_app: FastAPI, clock: Clock) -> None:
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    council = await council_of_three(own_app, scene)
    body = await minutes_body(scene)
    recorded = await asyncio.gather(
        *(record(scene, council, body, who) for who in (REVIEWER, SECOND) for _ in range(3))
    )
    assert [one.status_code for one in recorded] == [201] * 6
    async with own_app.state.database.session() as session:
        numbers = (await session.scalars(select(Minutes.number).order_by(Minutes.number))).all()
    assert list(numbers) == [1, 2, 3, 4, 5, 6]


async def test_a_council_set_up_twice_and_a_list_handed_over_twice_at_once_are_there_once(
    own_app: FastAPI, clock: Clock
) -> None:
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    await colleagues(own_app)
    body = await council_body(scene, await three(scene))
    callers = [await scene.as_(who) for who in (REVIEWER, "huyen-964.chairman")]
    made = await asyncio.gather(*(caller.post(COUNCILS, json=body) for caller in callers))
    assert sorted(one.status_code for one in made) == [201, 409]
    await scene.as_(SECOND)
    async with own_app.state.database.session() as one, own_app.state.database.session() as other:
        note = "Chưa thẩm định xong"
        both = await asyncio.gather(
            hand_over(scene, one, REVIEWER, note=note), hand_over(scene, other, SECOND, note=note)
        )
        assert sorted(answer.status_code for answer in both) == [201, 409]
        assert len((await one.scalars(select(Council.id))).all()) == 1
        assert len((await one.scalars(select(HandOver.id))).all()) == 1
