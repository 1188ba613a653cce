"""Reminders before each deadline and once after it, at the boundaries of the day in Vietnam."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import SYSTEM
from app.notifications.reminding import remind
from app.notifications.templates import rendered
from app.periods.models import PeriodSet
from app.periods.rules import end_of
from app.results.models import Result
from app.reviews.models import Clarification, ClarificationKind, ItemAnswer
from app.submissions.models import ReviewState, Submission
from app.units.models import UnitKind
from tests.conftest import START, Clock
from tests.notifications.test_telling import a_result, dossier
from tests.notifications.told import notices
from tests.scene import REVIEWER, SIBLING, UNIT, Scene

SECOND = timedelta(seconds=1)
REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"


async def reminded(app: FastAPI, session: AsyncSession, now: datetime) -> Counter[str]:
    """Make the reminders of an instant, twice, and return how many people have each topic by now."""
    async with app.state.database.session() as own, own.begin():
        await remind(own, now, mails=True)
    async with app.state.database.session() as own, own.begin():
        assert await remind(own, now, mails=True) == 0  # as often as you like
    return Counter(one.topic for _, one in await notices(session))


async def said_to(session: AsyncSession, name: str, topic: str) -> list[str]:
    """Return the titles somebody was given of a topic."""
    return [
        rendered(one.topic, one.about, "vi")[0]
        for who, one in await notices(session)
        if (who, one.topic) == (name, topic)
    ]


async def only(session: AsyncSession, *units: str) -> None:
    """Let every dossier pass but those of these units."""
    kept = [(await dossier(session, unit)).id for unit in units]
    await session.execute(
        update(Submission).where(Submission.id.not_in(kept)).values(state=ReviewState.PASSED),
        execution_options={"synchronize_session": False},
    )


async def test_the_deadline_of_all_units_is_told_of_five_days_and_one_day_before_and_on_the_day(
    app: FastAPI, session: AsyncSession
) -> None:
    due_at = (await dossier(session)).entry_due_at  # the end of 02/01/2024
    for days, expected in ((6, 0), (5, 258), (1, 516), (0, 774)):
        begins = due_at - timedelta(days=days + 1)
        before = (await reminded(app, session, begins - SECOND))["entry_due"]
        assert before == {6: 0, 5: 0, 1: 258, 0: 516}[days]
        for now in (begins, begins + SECOND):
            assert (await reminded(app, session, now))["entry_due"] == expected
    assert await said_to(session, REPORTER, "entry_due") == [
        "Hạn gửi hồ sơ năm 2023 của Phường 9: còn 5 ngày",
        "Hạn gửi hồ sơ năm 2023 của Phường 9: còn 1 ngày",
        "Hạn gửi hồ sơ năm 2023 của Phường 9: hôm nay là ngày cuối",
    ]


async def test_after_the_deadline_the_unit_and_its_reviewers_are_told_once(
    app: FastAPI, session: AsyncSession, scene: Scene
) -> None:
    await scene.submitted(SIBLING)
    due_at = (await dossier(session)).entry_due_at
    before = await reminded(app, session, due_at - SECOND)
    assert not {"entry_overdue", "entries_overdue"} & set(before)
    for now in (due_at, due_at + SECOND, due_at + timedelta(days=2)):
        found = await reminded(app, session, now)
        assert found["entry_overdue"] == 2 * 128
        # 9 districts with one reviewer each, the province's two for departments and for districts
        assert found["entries_overdue"] == 9 + 2 + 2
    assert await said_to(session, REVIEWER, "entries_overdue") == ["16 hồ sơ cấp xã năm 2023 quá hạn gửi"]
    assert await said_to(session, f"{SIBLING}.reporter", "entry_overdue") == []
    assert (await reminded(app, session, due_at + timedelta(days=30)))["entry_overdue"] == 2 * 128


async def test_a_dossier_that_was_handed_in_is_reminded_of_nothing(
    app: FastAPI, session: AsyncSession, scene: Scene
) -> None:
    await only(session, UNIT)
    await scene.submitted()
    due_at = (await dossier(session)).entry_due_at
    assert (await reminded(app, session, due_at - timedelta(days=1)))["entry_due"] == 0


async def test_another_deadline_of_the_same_dossier_is_told_of_again(
    app: FastAPI, session: AsyncSession
) -> None:
    await only(session, UNIT)
    mine = await dossier(session)
    due_at = mine.entry_due_at
    assert (await reminded(app, session, due_at - SECOND))["entry_due"] == 2
    await session.execute(
        update(Submission).where(Submission.id == mine.id).values(entry_due_at=due_at + timedelta(days=7))
    )
    assert (await reminded(app, session, due_at + timedelta(days=1) - SECOND))["entry_due"] == 2
    assert (await reminded(app, session, due_at + timedelta(days=1)))["entry_due"] == 4


async def test_indicators_that_were_opened_again_are_told_of_before_they_close(
    app: FastAPI, session: AsyncSession, scene: Scene, clock: Clock
) -> None:
    await only(session, UNIT)
    await scene.claimed()
    reopening = {"indicators": ["1.1", "1.2"], "days": 10, "reason": "Nhập nhầm"}
    until = datetime.fromisoformat(
        (await scene.done(scene.act(REVIEWER, "reopen-entry", reopening))).json()["until_at"]
    )
    begins = until - timedelta(days=6)
    assert (await reminded(app, session, begins - SECOND))["reopening_due"] == 0
    assert (await reminded(app, session, begins))["reopening_due"] == 2
    assert (await reminded(app, session, until))["reopening_due"] == 2
    about = next(one.about for _, one in await notices(session) if one.topic == "reopening_due")
    assert "Chỉ số: 1.1, 1.2." in rendered("reopening_due", about, "vi")[1]


async def test_a_supplement_is_told_of_as_long_as_an_item_has_no_answer(
    app: FastAPI, session: AsyncSession
) -> None:
    await only(session)
    mine = await dossier(session)
    due_at = end_of(START.date() + timedelta(days=10))
    asked = Clarification(
        submission_id=mine.id,
        kind=ClarificationKind.SUPPLEMENT,
        asked_for=mine.path[-1],
        reason="Thiếu",
        items=[{"indicator": "1.1", "text": "a"}, {"indicator": "1.2", "text": "b"}],
        due_at=due_at,
        asked_at=START,
        asked_by=SYSTEM.id,
        asked_by_name="-",
    )
    session.add(asked)
    await session.flush()

    async def answer(item: int) -> None:
        session.add(
            ItemAnswer(
                clarification_id=asked.id,
                item=item,
                text="Đây",
                evidence=[],
                is_late=False,
                made_at=START,
                made_by=SYSTEM.id,
                made_by_name="-",
            )
        )
        await session.flush()

    assert (await reminded(app, session, due_at - timedelta(days=6) - SECOND))["supplement_due"] == 0
    assert (await reminded(app, session, due_at - timedelta(days=6)))["supplement_due"] == 2
    await answer(0)
    await answer(0)  # the same item again
    assert (await reminded(app, session, due_at - timedelta(days=1)))["supplement_due"] == 4
    # Afterwards the unit, and the province, which had asked.
    assert (await reminded(app, session, due_at))["supplement_overdue"] == 2 + 2
    await answer(1)
    due_later = due_at + timedelta(days=20)
    await session.execute(update(Clarification).values(due_at=due_later))
    assert (await reminded(app, session, due_later - SECOND))["supplement_due"] == 4


async def test_the_end_of_the_review_is_told_to_each_reviewing_unit_with_how_many_wait(
    app: FastAPI, session: AsyncSession
) -> None:
    await only(session, UNIT, SIBLING)
    query = select(PeriodSet.review_due_at).where(PeriodSet.unit_kind == UnitKind.COMMUNE)
    due_at = (await session.scalars(query)).one()
    assert (await reminded(app, session, due_at - timedelta(days=6) - SECOND))["review_due"] == 0
    assert (await reminded(app, session, due_at - timedelta(days=6)))["review_due"] == 1
    assert await said_to(session, REVIEWER, "review_due") == [
        "Hạn thẩm định hồ sơ cấp xã năm 2023: còn 5 ngày"
    ]
    (about,) = [one.about for _, one in await notices(session) if one.topic == "review_due"]
    assert rendered("review_due", about, "vi")[1].startswith(
        "Còn 2 hồ sơ cấp xã năm 2023 chưa thẩm định xong"
    )
    assert (await reminded(app, session, due_at - SECOND))["review_overdue"] == 0
    assert (await reminded(app, session, due_at))["review_overdue"] == 1


async def test_the_end_of_appeals_is_told_to_the_units_of_the_ranking(
    app: FastAPI, session: AsyncSession
) -> None:
    await only(session)
    result = await a_result(session, await dossier(session))
    due_at = end_of(START.date() + timedelta(days=5))
    await session.execute(update(Result).where(Result.id == result.id).values(appeals_due_at=due_at))
    found = await reminded(app, session, due_at - timedelta(days=1))
    assert found == {"appeals_due": 2 * 17}
    assert await reminded(app, session, due_at) == found


@pytest.mark.parametrize("column", ["ended_at", "is_active"])
async def test_whoever_left_is_not_reminded(app: FastAPI, session: AsyncSession, column: str) -> None:
    from app.accounts.models import RoleGrant, User

    await only(session, UNIT)
    mine = await dossier(session)
    gone: Any = (
        update(RoleGrant).where(RoleGrant.unit_id == mine.unit_id).values(ended_at=START)
        if column == "ended_at"
        else update(User).where(User.username == REPORTER).values(is_active=False)
    )
    await session.execute(gone, execution_options={"synchronize_session": False})
    found = await reminded(app, session, mine.entry_due_at - SECOND)
    assert found["entry_due"] == (0 if column == "ended_at" else 1)
