"""One's own notices and settings over HTTP."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.audit import SYSTEM, record
from app.core.db import new_id
from tests.conftest import START, Clock
from tests.notifications.test_telling import dossier
from tests.notifications.told import tell_all
from tests.scene import REVIEWER, UNIT, Scene, return_body

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
NOTICES, SETTINGS = "/api/v1/me/notices", "/api/v1/me/notice-settings"


async def feed(scene: Scene, who: str, **params: Any) -> Any:
    """Return what somebody reads of his notices."""
    response = await (await scene.as_(who)).get(NOTICES, params=params)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def told(app: FastAPI, clock: Clock, scene: Scene) -> None:
    """Let a dossier be claimed and returned, and tell of everything."""
    await scene.claimed()
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await tell_all(app, clock)


async def test_whoever_has_still_to_change_his_password_reads_no_notice(
    scene: Scene, told: None, session: AsyncSession
) -> None:
    caller = await scene.as_(REPORTER)
    await session.execute(update(User).where(User.username == REPORTER).values(must_change_password=True))
    for url in (NOTICES, SETTINGS):
        answer = await caller.get(url)
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required")


async def test_a_feed_is_newest_first_and_says_what_it_is_about(scene: Scene, told: None) -> None:
    page = await feed(scene, REPORTER)
    assert [one["topic"] for one in page["items"]] == ["returned", "claimed", "approved", "period_opened"]
    newest = page["items"][0]
    assert newest["title"] == "Hồ sơ năm 2023 của Phường 9 bị trả lại, yêu cầu giải trình"
    assert newest["text"] == (
        "Đơn vị thẩm định trả lại hồ sơ năm 2023 và yêu cầu giải trình. Lý do: Thiếu tài liệu. "
        "Số nội dung cần trả lời: 1. Hạn trả lời, sửa và gửi lại: hết ngày 10/01/2024."
    )
    assert (newest["object_type"], f"/api/v1/submissions/{newest['object_id']}") == (
        "submission",
        await scene.url(),
    )
    assert newest["read_at"] is None


async def test_a_feed_speaks_the_language_of_the_answer_and_has_pages(scene: Scene, told: None) -> None:
    caller = await scene.as_(REPORTER)
    params = {"page": 2, "page_size": 1}
    page = (await caller.get(NOTICES, params=params, headers={"Accept-Language": "en"})).json()
    assert (page["total"], page["pages"]) == (4, 4)
    assert page["items"][0]["title"] == "The dossier of Phường 9 of 2023 is under review"


async def test_a_notice_is_read_once(scene: Scene, told: None, clock: Clock) -> None:
    caller = await scene.as_(REPORTER)
    first = (await feed(scene, REPORTER))["items"][0]
    read = (await caller.post(f"{NOTICES}/{first['id']}/read")).json()
    assert read == first | {"read_at": read["read_at"]} and read["read_at"] is not None
    clock.advance(hours=1)
    assert (await caller.post(f"{NOTICES}/{first['id']}/read")).json() == read
    assert (await feed(scene, REPORTER, unread=True))["total"] == 3


async def test_all_up_to_one_are_read_and_newer_ones_are_not(scene: Scene, told: None) -> None:
    caller = await scene.as_(REPORTER)
    seen = (await feed(scene, REPORTER))["items"][1]
    url = f"{NOTICES}/read-all"
    assert (await caller.post(url, json={"up_to": seen["id"]})).json() == {"marked": 3}
    assert [one["topic"] for one in (await feed(scene, REPORTER, unread=True))["items"]] == ["returned"]
    assert (await caller.post(url, json={"up_to": seen["id"]})).json() == {"marked": 0}
    assert (await feed(scene, LEADER, unread=True))["total"] == 3  # nobody else's changed


async def test_nobody_reads_the_notices_of_others(scene: Scene, told: None) -> None:
    theirs = (await feed(scene, REPORTER))["items"][0]["id"]
    for who in (LEADER, REVIEWER, "admin", "auditor"):
        assert theirs not in {one["id"] for one in (await feed(scene, who))["items"]}
        caller = await scene.as_(who)
        for response in (
            await caller.post(f"{NOTICES}/{theirs}/read"),
            await caller.post(f"{NOTICES}/read-all", json={"up_to": theirs}),
            await caller.post(f"{NOTICES}/{new_id()}/read"),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "notice_not_found")
    assert (await feed(scene, REPORTER, unread=True))["total"] == 4


async def test_what_was_told_by_a_later_version_of_the_service_is_shown_all_the_same(
    app: FastAPI, clock: Clock, scene: Scene, session: AsyncSession, told: None
) -> None:
    from sqlalchemy import update

    from app.notifications.models import Notice

    await session.execute(update(Notice).values(topic="of_tomorrow"))
    assert {one["title"] for one in (await feed(scene, REPORTER))["items"]} == {"of_tomorrow"}


# --- settings -----------------------------------------------------------------------------------------------


async def put(scene: Scene, who: str, etag: str | None, **body: Any) -> httpx.Response:
    """Change somebody's settings."""
    caller = await scene.as_(who)
    return await caller.put(SETTINGS, json=body, headers={"If-Match": etag} if etag else {})


async def test_whoever_has_said_nothing_is_told_at_once(scene: Scene) -> None:
    response = await (await scene.as_(REPORTER)).get(SETTINGS)
    assert response.json() == {"mailing": "at_once", "digest_at": "07:30"}
    assert response.headers["etag"] == '"0"'


async def test_settings_are_made_and_changed_on_their_present_version(scene: Scene) -> None:
    made = await put(scene, REPORTER, '"0"', mailing="daily", digest_at="16:05")
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    stale = await put(scene, REPORTER, '"0"', mailing="off")
    assert (stale.status_code, stale.json()["current_etag"]) == (412, '"1"')
    assert (await put(scene, REPORTER, None, mailing="off")).status_code == 428
    changed = await put(scene, REPORTER, '"1"', mailing="off")
    assert changed.json() == {"mailing": "off", "digest_at": "07:30"}
    read = await (await scene.as_(REPORTER)).get(SETTINGS)
    assert (read.json(), read.headers["etag"]) == (changed.json(), '"2"')
    assert (await (await scene.as_(LEADER)).get(SETTINGS)).json()["mailing"] == "at_once"
    events = await (await scene.as_("auditor")).get(
        "/api/v1/audit", params={"action": "notice_settings.change"}
    )
    assert [one["before"] for one in events.json()["items"]] == [
        {"mailing": "daily", "digest_at": "16:05"},
        None,
    ]


@pytest.mark.parametrize("at", ["24:00", "7:30", "07:60", "07:30:00", "07:30+07:00", "", "٠٧:٣٠"])
async def test_a_time_of_day_is_written_plainly(scene: Scene, at: str) -> None:
    refused = await put(scene, REPORTER, '"0"', mailing="daily", digest_at=at)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/digest_at"


async def test_somebody_whose_account_is_off_is_told_nothing(
    app: FastAPI, clock: Clock, scene: Scene, session: AsyncSession, told: None
) -> None:
    admin = await scene.as_("admin")
    found = (await admin.get("/api/v1/users", params={"search": LEADER})).json()["items"][0]
    before = (await feed(scene, LEADER))["total"]
    url = f"/api/v1/users/{found['id']}"
    body = {"is_active": False, "reason": "Chuyển công tác"}
    off = await admin.patch(url, json=body, headers={"If-Match": (await admin.get(url)).headers["etag"]})
    assert off.status_code == 200, off.text
    await record(session, SYSTEM, "review.claim", await dossier(session), START, tell=True)
    await tell_all(app, clock)
    on = await admin.patch(url, json=body | {"is_active": True}, headers={"If-Match": off.headers["etag"]})
    assert on.status_code == 200, on.text
    scene._clients.pop(LEADER)
    assert (await feed(scene, LEADER))["total"] == before
