"""Two pushes of one agency at the same time, committed for real."""

import asyncio
from functools import partial

from fastapi import FastAPI
from sqlalchemy import func, select

from app.figures.models import OfficialFigure
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in
from tests.figures.year import as_service, commune, opened_year


async def test_the_same_figures_sent_twice_at_once_are_kept_once(own_app: FastAPI, clock: Clock) -> None:
    period_id = await opened_year(partial(logged_in, own_app, clock), sets={"commune": "camau-2023-xa"})
    body = {"period_id": period_id, "figures": [commune()]}
    async with CheckedClient(own_app) as stranger, await as_service(own_app, stranger) as service:
        pushes = [service.post("/api/v1/official-figures", json=body) for _ in range(6)]
        answers = await asyncio.gather(*pushes)
    assert sorted(answer.json()["created"] for answer in answers) == [0, 0, 0, 0, 0, 1]
    async with own_app.state.database.session() as session:
        assert await session.scalar(select(func.count(OfficialFigure.id))) == 1
