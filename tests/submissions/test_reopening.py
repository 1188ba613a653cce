"""Entry given again: to a whole unit, or for one indicator; who, why, until when; it closes by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from tests.conftest import Clock
from tests.scene import NOTE, REVIEWER, UNIT, UNPROVED, Scene, local, photograph, points, return_body

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
WHY = "Đơn vị nhập nhầm số liệu"
CODE, OTHER = "6.10", "1.4"


def change(code: str = CODE, a: int = 1) -> dict[str, Any]:
    """Return a change of one ratio."""
    return {"answers": {code: {"figures": {"a": a, "b": 4}, "note": NOTE}}}


async def reopened(scene: Scene, days: int, *codes: str, who: str = REVIEWER) -> dict[str, Any]:
    """Give entry again: for some indicators, or without them to the whole unit."""
    body = {"days": days, "indicators": list(codes) or None, "reason": WHY}
    found: dict[str, Any] = (await scene.done(scene.act(who, "reopen-entry", body))).json()
    return found


def on(day: str) -> datetime:
    """Return ten o'clock of a day in Vietnam."""
    return datetime.fromisoformat(f"{day}T10:00:00+07:00").astimezone(UTC)


@pytest.mark.parametrize("returned", [False, True])
@pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, False), (1, False)])
async def test_a_unit_that_is_late_gets_days_again_and_they_end_by_themselves(
    scene: Scene, clock: Clock, returned: bool, seconds: int, open_: bool
) -> None:
    if returned:
        await scene.claimed()
        await scene.done(scene.act(REVIEWER, "return", return_body()))
        await scene.answered()
    else:
        await scene.filled()
    clock.now = on("2024-01-15")  # a Monday; every term has ended
    assert (await scene.save(change())).json()["reason_code"] == "entry_closed"
    given = await reopened(scene, 2)
    assert local(given["until_at"]) == "2024-01-18 00:00:00"
    clock.now = datetime.fromisoformat(given["until_at"]) + timedelta(seconds=seconds)
    entry = (await scene.read())["entry"]
    assert (entry["is_open"], entry["indicators"]) == (open_, None)
    assert entry["reason_code"] == ("in_time" if open_ else "entry_closed")
    turns = [
        await scene.save(change()),
        await scene.act(LEADER, "approve"),
        await scene.act(REPORTER, "submit"),
    ]
    assert [one.is_success for one in turns] == [open_] * 3
    called = await scene.act(REVIEWER, "call-in", {"reason": WHY})
    assert called.status_code == 409 if open_ else called.is_success


async def test_a_reopening_says_who_gave_it_why_and_until_when(scene: Scene, session: AsyncSession) -> None:
    await scene.claimed()
    given = await reopened(scene, 3, CODE)
    entry = (await scene.read())["entry"]
    assert entry["reopenings"] == [given]
    assert (given["reason"], given["granted_by_name"], given["indicators"]) == (WHY, REVIEWER, [CODE])
    assert (entry["reason_code"], entry["indicators"], entry["until"]) == (
        "reopened",
        [CODE],
        given["until_at"],
    )
    query = select(AuditEvent).where(AuditEvent.action == "submission.reopen_entry")
    event = (await session.scalars(query)).one()
    assert (event.reason, event.after) == (
        WHY,
        {"indicators": [CODE], "until": given["until_at"].replace("Z", "+00:00")},
    )
    assert await session.scalar(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))


@pytest.mark.parametrize("state", ["submitted", "under_review", "overdue draft"])
async def test_only_the_indicator_that_was_opened_again_may_be_saved(
    scene: Scene, session: AsyncSession, clock: Clock, state: str
) -> None:
    if state == "overdue draft":
        await scene.filled()
        clock.now = on("2024-01-15")
    else:
        await (scene.submitted if state == "submitted" else scene.claimed)()
    await reopened(scene, 2, CODE)
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.save(
        {
            "answers": {**change()["answers"], **change(OTHER)["answers"], "1.1": None},
            "general_information": {"1.4": 1, "1.6": 2},
            "contacts": {"leader": None},
        },
        etag=etag,
    )
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "not_opened")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/answers/1.4", "not_opened"),
        ("/answers/1.1", "not_opened"),
        ("/general_information", "not_opened"),
        ("/contacts", "not_opened"),
    ]
    assert await photograph(session) == before
    saved = await scene.done(scene.save(change()))
    assert saved.json()["answers"][CODE]["figures"] == {"a": 1, "b": 4}
    assert saved.json()["approval"] is None or saved.json()["approval"]["is_current"] is False


@pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, False), (1, False)])
async def test_an_indicator_closes_by_itself_at_the_exact_second(
    scene: Scene, clock: Clock, seconds: int, open_: bool
) -> None:
    await scene.claimed()
    given = await reopened(scene, 2, CODE)
    clock.now = datetime.fromisoformat(given["until_at"]) + timedelta(seconds=seconds)
    saved = await scene.save(change())
    assert saved.status_code == (200 if open_ else 409)
    if not open_:
        assert saved.json()["reason_code"] == "handed_in"


@pytest.mark.parametrize(
    ("today", "days", "until"),
    [
        ("2024-02-05", 2, "2024-02-08"),  # the Wednesday before Tết is worked
        ("2024-02-05", 4, "2024-02-16"),  # Friday 9/2 is in Tết (8 to 14/2): the end of Thursday 15/2
        ("2024-02-07", 1, "2024-02-16"),  # the first day of Tết
        ("2024-02-05", 9, "2024-02-16"),  # the last day of Tết
        ("2024-02-05", 10, "2024-02-16"),  # the day after
        ("2024-01-18", 1, "2024-01-20"),  # a Friday
        ("2024-01-18", 2, "2024-01-23"),  # a Saturday moves to Monday
        ("2024-01-18", 3, "2024-01-23"),  # so does a Sunday
        ("2024-01-18", 4, "2024-01-23"),
        ("2024-01-18", 5, "2024-01-24"),
    ],
)
async def test_a_last_day_off_moves_to_the_next_working_day(
    scene: Scene, clock: Clock, today: str, days: int, until: str
) -> None:
    """Ruling 15: calendar days, today not counted, until the end of the last day."""
    await scene.claimed()
    clock.now = on(today)
    given = await reopened(scene, days, CODE)
    assert local(given["until_at"]) == f"{until} 00:00:00"


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
async def test_over_tet_an_indicator_stays_open_until_the_end_of_the_first_working_day(
    scene: Scene, clock: Clock, seconds: int, status: int
) -> None:
    await scene.claimed()
    clock.now = on("2024-02-05")
    await reopened(scene, 4, CODE)
    end = datetime.fromisoformat("2024-02-16T00:00:00+07:00")
    clock.now = (end + timedelta(seconds=seconds)).astimezone(UTC)
    assert (await scene.save(change())).status_code == status


async def test_where_the_policy_sets_no_term_a_day_off_does_not_move(brvt: Scene, clock: Clock) -> None:
    """BR-VT: the guidance letter sets the days, no rule moves them."""
    await brvt.submitted()
    clock.now = on("2024-02-05")
    given = await reopened(brvt, 4, CODE)
    assert local(given["until_at"]) == "2024-02-10 00:00:00"


async def test_a_later_reopening_never_takes_time_away(scene: Scene) -> None:
    await scene.claimed()
    long = await reopened(scene, 10, CODE)
    await reopened(scene, 3, CODE, OTHER)
    entry = (await scene.read())["entry"]
    assert (entry["until"], entry["indicators"]) == (long["until_at"], [OTHER, CODE])
    assert len(entry["reopenings"]) == 2


async def test_days_given_to_the_whole_unit_never_take_time_away(scene: Scene) -> None:
    await scene.filled()
    due = (await scene.read())["entry_due_at"]
    await reopened(scene, 1)
    assert (await scene.read())["entry_due_at"] == due


async def test_the_whole_unit_is_opened_only_while_it_is_its_turn(scene: Scene) -> None:
    await scene.claimed()
    body = {"days": 3, "reason": WHY}
    refused = await scene.act(REVIEWER, "reopen-entry", body)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"days": 0, "reason": WHY}, "/days"),
        ({"days": 61, "reason": WHY}, "/days"),
        ({"days": 3}, "/reason"),
        ({"days": 3, "reason": "    x"}, "/reason"),
        ({"days": 3, "reason": WHY, "indicators": []}, "/indicators"),
        ({"days": 3, "reason": WHY, "indicators": [CODE, "9.99"]}, "/indicators/1"),
    ],
)
async def test_a_faulty_reopening_is_refused(
    scene: Scene, session: AsyncSession, body: dict[str, Any], pointer: str
) -> None:
    await scene.claimed()
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "reopen-entry", body, etag=etag)
    assert refused.status_code == 422
    assert pointer in [one["pointer"] for one in refused.json()["errors"]]
    assert await photograph(session) == before


async def test_the_province_opens_an_indicator_of_a_commune(scene: Scene) -> None:
    await scene.claimed()
    given = await reopened(scene, 3, CODE, who="reviewer")
    assert given["granted_by_name"] == "reviewer"
    assert (await scene.save(change())).is_success


async def test_what_was_changed_under_review_passes_only_when_the_leader_has_approved_it(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.claimed()
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    await reopened(scene, 3, CODE)
    await scene.done(scene.save(change()))
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "pass", UNPROVED, etag=etag)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_missing")
    assert await photograph(session) == before
    stale = (await scene.read(who=REVIEWER))["approval"]
    assert {one["pointer"].split("/")[2] for one in stale["changes"]} == {CODE}
    await scene.done(scene.act(LEADER, "approve"))
    passed = await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    assert passed.json()["state"] == "passed"
    # Open for three days: but what has passed is changed by nobody.
    assert (await scene.save(change(a=2))).json()["reason_code"] == "passed"
