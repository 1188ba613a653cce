"""E-mail, with a real mail server: everything arrives, nothing is lost, one bad address holds up nobody."""

import asyncio
import time as clock_of_the_wall
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.audit import SYSTEM, OutboxEvent, record
from app.core.config import SettingMissing, Settings
from app.core.vietnamese import VIETNAM
from app.core.work import working
from app.main import create_app
from app.notifications.mail import Mailer
from app.notifications.models import Mailing, Notice
from app.notifications.rules import MOST_ATTEMPTS
from app.notifications.sending import send
from app.notifications.worker import Worker
from tests.conftest import START, Clock, logged_in
from tests.notifications.post import PostOffice, body
from tests.notifications.test_telling import dossier
from tests.notifications.told import give_address, notices, prefer, tell_all, user_named
from tests.results.scene import own_session
from tests.scene import UNIT, Scene

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
TO_REPORTER, TO_LEADER = f"{REPORTER}@example.vn", f"{LEADER}@example.vn"


@pytest.fixture
async def people(app: FastAPI, clock: Clock, session: AsyncSession) -> None:
    """Give the commune's two people an address; what happened before was told before."""
    await tell_all(app, clock)
    await give_address(session, REPORTER, LEADER)


@pytest.fixture
def mailer(post: PostOffice, settings: Settings) -> Mailer:
    """Give a mailer of the mail server."""
    return post.mailer(settings)


async def happens(app: FastAPI, clock: Clock, session: AsyncSession, action: str, reason: str = "") -> None:
    """Let something happen to the commune's dossier, and tell of it."""
    submission = await dossier(session)
    await record(session, SYSTEM, action, submission, clock.now, reason=reason or None, tell=True)
    await tell_all(app, clock)


async def waiting(session: AsyncSession) -> int:
    """Return how many notices are still to be sent."""
    query = select(func.count()).where(Notice.mail_due_at.is_not(None), Notice.mailed_at.is_(None))
    return await session.scalar(query) or 0


async def test_a_letter_arrives_with_its_vietnamese_words(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    await happens(app, clock, session, "review.return", "Thiếu quyết định, ký số chưa đúng")
    assert await send(app.state.database.session, mailer, clock.now) == 2
    (letter,) = post.to(TO_REPORTER)
    assert letter["Subject"] == "[DTI] Hồ sơ năm 2023 của Phường 9 bị trả lại, yêu cầu giải trình"
    assert letter["From"] == "Hệ thống DTI <dti@tinh.example.vn>"
    assert letter["Date"].datetime == clock.now
    assert letter.get_content_type() == "text/plain" and letter.get_content_charset() == "utf-8"
    (mine,) = [one for name, one in await notices(session) if name == REPORTER and one.topic == "returned"]
    assert letter["Message-ID"] == f"<{mine.id}@tinh.example.vn>"
    assert body(letter) == (
        "Đơn vị thẩm định trả lại hồ sơ năm 2023 và yêu cầu giải trình. "
        "Lý do: Thiếu quyết định, ký số chưa đúng.\n\n"
        f"https://dti.example.vn/notices/{mine.id}\n\n"
        "-- \nThư này do hệ thống DTI gửi tự động, vui lòng không trả lời.\n"
    )
    assert (mine.mailed_at, mine.mail_attempts, mine.mail_error) == (clock.now, 0, None)
    assert await send(app.state.database.session, mailer, clock.now + timedelta(days=9)) == 0
    assert len(post.letters) == 2


async def test_whoever_wants_one_letter_a_day_gets_a_digest_at_his_time(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    await prefer(session, REPORTER, Mailing.DAILY, time(7, 30))
    clock.now = datetime(2023, 12, 15, 7, 30, tzinfo=VIETNAM) + timedelta(seconds=1)
    for action in ("review.claim", "review.return", "review.pass"):
        await happens(app, clock, session, action)
    due = datetime(2023, 12, 16, 7, 30, tzinfo=VIETNAM)
    await send(app.state.database.session, mailer, due - timedelta(seconds=1))
    assert post.to(TO_REPORTER) == [] and len(post.to(TO_LEADER)) == 3
    assert await send(app.state.database.session, mailer, due) == 1
    (letter,) = post.to(TO_REPORTER)
    assert letter["Subject"] == "[DTI] 3 thông báo, ngày 16/12/2023"
    text = body(letter)
    places = [text.index(f"{n}. Hồ sơ năm 2023 của Phường 9") for n in (1, 2, 3)]
    assert places == sorted(places) and "https://dti.example.vn/notices\n" in text
    assert await waiting(session) == 0


@pytest.mark.parametrize(
    ("made_at", "due_on"), [("07:29:59", 15), ("07:30:00", 15), ("07:30:01", 16), ("23:59:59", 16)]
)
async def test_a_digest_is_due_the_next_time_his_clock_shows_the_time(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, made_at: str, due_on: int
) -> None:
    await prefer(session, REPORTER, Mailing.DAILY, time(7, 30))
    clock.now = datetime.combine(START.date(), time.fromisoformat(made_at), VIETNAM).astimezone(UTC)
    await happens(app, clock, session, "review.claim")
    (mine,) = [one for name, one in await notices(session) if name == REPORTER and one.topic == "claimed"]
    assert mine.mail_due_at == datetime(2023, 12, due_on, 7, 30, tzinfo=VIETNAM)


async def test_who_wants_no_letters_or_has_no_address_gets_none(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    await prefer(session, REPORTER, Mailing.OFF, time(7, 30))
    (await user_named(session, LEADER)).email = None
    await session.flush()
    await happens(app, clock, session, "review.claim")
    assert await waiting(session) == 0
    await send(app.state.database.session, mailer, clock.now + timedelta(days=2))
    assert post.letters == []


async def test_without_a_mail_server_nothing_waits_to_be_sent(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None
) -> None:
    await record(session, SYSTEM, "review.claim", await dossier(session), START, tell=True)
    await tell_all(app, clock, mails=False)
    assert [name for name, one in await notices(session) if one.topic == "claimed"]
    assert await waiting(session) == 0


async def test_switching_letters_off_stops_those_that_wait(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, scene: Scene
) -> None:
    await happens(app, clock, session, "review.claim")
    assert await waiting(session) == 2
    caller = await scene.as_(REPORTER)
    url, headers = "/api/v1/me/notice-settings", {"If-Match": '"0"'}
    assert (await caller.put(url, json={"mailing": "off"}, headers=headers)).status_code == 200
    assert await waiting(session) == 1


async def test_a_mail_server_that_is_down_loses_nothing_and_sends_once(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    await post.close()
    await happens(app, clock, session, "review.claim")
    assert await send(app.state.database.session, mailer, clock.now) == 0
    assert await send(app.state.database.session, mailer, clock.now) == 0
    assert await send(app.state.database.session, mailer, clock.now) == 0
    mine = [one for _, one in await notices(session) if one.topic == "claimed"]
    assert [one.mail_attempts for one in mine] == [1, 1]
    assert {one.mail_due_at for one in mine} == {clock.now + timedelta(minutes=1)}
    assert all(one.mail_error == "SMTPConnectError" for one in mine), mine[0].mail_error
    await post.open(post.port)
    assert await send(app.state.database.session, mailer, clock.now + timedelta(seconds=59)) == 0
    assert await send(app.state.database.session, mailer, clock.now + timedelta(minutes=1)) == 2
    assert await send(app.state.database.session, mailer, clock.now + timedelta(days=1)) == 0
    assert len(post.to(TO_REPORTER)) == len(post.to(TO_LEADER)) == 1


async def test_one_refused_address_does_not_hold_up_the_others(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    post.refused.add(TO_REPORTER)
    await happens(app, clock, session, "review.claim")
    await happens(app, clock, session, "review.pass")
    assert await send(app.state.database.session, mailer, clock.now) == 2
    assert len(post.to(TO_LEADER)) == 2
    refused = [one for name, one in await notices(session) if name == REPORTER and one.mail_attempts]
    assert [one.mail_error for one in refused] == ["SMTPRecipientsRefused"] * 2
    post.refused.clear()
    assert await send(app.state.database.session, mailer, clock.now + timedelta(minutes=1)) == 2
    assert len(post.to(TO_REPORTER)) == 2


@pytest.mark.parametrize("address", ["a,b@example.vn", "<x>@example.vn", "thư@ví-dụ.vn\u2028", "@@"])
async def test_an_address_that_is_none_holds_up_nobody(
    app: FastAPI,
    clock: Clock,
    session: AsyncSession,
    people: None,
    post: PostOffice,
    mailer: Mailer,
    address: str,
) -> None:
    await session.execute(update(User).where(User.username == REPORTER).values(email=address))
    await happens(app, clock, session, "review.claim")
    assert await send(app.state.database.session, mailer, clock.now) == 1
    assert [str(one["To"]) for one in post.letters] == [TO_LEADER]


async def test_a_letter_is_given_up_after_a_week_of_trying(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    post.refused.add(TO_REPORTER)
    await happens(app, clock, session, "review.claim")
    await session.execute(update(Notice).values(mail_attempts=MOST_ATTEMPTS - 1))
    assert await send(app.state.database.session, mailer, clock.now) == 1
    later = clock.now + timedelta(hours=1)
    await send(app.state.database.session, mailer, later - timedelta(seconds=1))
    assert await waiting(session) == 1
    await send(app.state.database.session, mailer, later)
    assert await waiting(session) == 0


async def test_a_name_or_a_reason_adds_no_header_and_no_line(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    evil = "Xấu\r\nBcc: all@example.vn\r\n\r\nĐã duyệt"
    submission = await dossier(session)
    submission.unit_name = evil
    await session.flush()
    await happens(app, clock, session, "review.return", evil)
    assert await send(app.state.database.session, mailer, clock.now) == 2
    for letter in post.letters:
        assert letter["Bcc"] is None
        assert "Xấu Bcc: all@example.vn Đã duyệt" in letter["Subject"]
        assert "Lý do: Xấu Bcc: all@example.vn Đã duyệt." in body(letter)


LONG = ["Thị trấn Sông Đốc", "Phường 9", "x" * 200, "ệ" * 200, "Xã Tạ An Khương Đông " * 9]


@pytest.mark.parametrize("unit", LONG)
async def test_a_long_subject_arrives_as_it_was_written(
    app: FastAPI,
    clock: Clock,
    session: AsyncSession,
    people: None,
    post: PostOffice,
    mailer: Mailer,
    unit: str,
) -> None:
    """Folding must lose no space and break no letter."""
    (await dossier(session)).unit_name = unit.strip()
    await session.flush()
    await happens(app, clock, session, "review.pass")
    assert await send(app.state.database.session, mailer, clock.now) == 2
    subjects = {str(one["Subject"]) for one in post.letters}
    assert subjects == {f"[DTI] Hồ sơ năm 2023 của {unit.strip()} đã thẩm định xong"}


async def test_an_account_that_was_switched_off_meanwhile_gets_no_letter(
    app: FastAPI, clock: Clock, session: AsyncSession, people: None, post: PostOffice, mailer: Mailer
) -> None:
    await happens(app, clock, session, "review.claim")
    await session.execute(update(User).where(User.username == REPORTER).values(is_active=False))
    assert await send(app.state.database.session, mailer, clock.now) == 1
    assert await waiting(session) == 0 and post.to(TO_REPORTER) == []


async def test_no_letter_goes_in_clear_where_encryption_was_asked_for(
    app: FastAPI,
    clock: Clock,
    session: AsyncSession,
    people: None,
    post: PostOffice,
    settings: Settings,
) -> None:
    await happens(app, clock, session, "review.claim")
    demanding = post.mailer(settings, smtp_security="starttls")
    assert await send(app.state.database.session, demanding, clock.now) == 0
    assert post.letters == [] and await waiting(session) == 2


# --- processes, for real ------------------------------------------------------------------------------------


async def opened(own_app: FastAPI, clock: Clock) -> None:
    """Open the year, with people who have addresses, some of whom want digests."""
    await Scene.opened(partial(logged_in, own_app, clock))
    async with own_session(own_app) as session, session.begin():
        await session.execute(
            update(User).values(email=User.username + "@example.vn"),
            execution_options={"synchronize_session": False},
        )
        await prefer(session, REPORTER, Mailing.DAILY, time(7, 30))
        for action in ("review.claim", "review.pass"):
            await record(session, SYSTEM, action, await dossier(session), START, tell=True)


async def test_two_processes_send_every_letter_once(
    own_app: FastAPI, clock: Clock, post: PostOffice, settings: Settings
) -> None:
    await opened(own_app, clock)
    await tell_all(own_app, clock)
    tomorrow = clock.now + timedelta(days=1)
    sessions = own_app.state.database.session
    while sum(await asyncio.gather(*(send(sessions, post.mailer(settings), tomorrow) for _ in range(3)))):
        pass
    assert len(post.letters) == len({one["Message-ID"] for one in post.letters}) == 257 + 1 + 2
    (mine,) = post.to(TO_REPORTER)
    assert mine["Subject"] == "[DTI] 3 thông báo, ngày 16/12/2023"


async def test_the_worker_tells_sends_and_stops_at_once(
    own_app: FastAPI, clock: Clock, post: PostOffice, settings: Settings
) -> None:
    await opened(own_app, clock)
    known = {"worker_seconds": 0.05, "smtp_host": "127.0.0.1", "smtp_port": post.port}
    known |= {"smtp_security": "none", "mail_from": "dti@example.vn"}
    working_app = create_app(settings.model_copy(update=known), own_app.state.database, clock)
    async with working_app.router.lifespan_context(working_app):
        for _ in range(600):
            await asyncio.sleep(0.05)
            if len(post.letters) >= 257 + 2:
                break
        began = clock_of_the_wall.monotonic()
    assert clock_of_the_wall.monotonic() - began < 2
    assert len(post.letters) == 257 + 2  # the reporter's digest is due tomorrow
    assert "https" not in body(post.letters[0])
    async with own_session(own_app) as session:
        assert await session.scalar(select(func.count()).where(OutboxEvent.done_at.is_(None))) == 0


async def test_a_step_that_fails_does_not_keep_the_worker_from_the_others(
    own_app: FastAPI, clock: Clock, post: PostOffice, settings: Settings
) -> None:
    class Broken:
        """A database whose first session is lost, as when the server restarts."""

        def __init__(self) -> None:
            self.lost = False

        def session(self) -> Any:
            if not self.lost:
                self.lost = True
                raise OSError("connection lost")
            return own_app.state.database.session()

    await opened(own_app, clock)
    worker = Worker(Broken(), settings, clock)  # type: ignore[arg-type]
    await worker.round()
    async with own_session(own_app) as session:
        assert await notices(session) == []
        await worker.round()
        assert len({name for name, _ in await notices(session)}) == 258


async def test_a_worker_that_is_switched_off_does_nothing() -> None:
    async with working([], 0):
        assert [one for one in asyncio.all_tasks() if "_keep_working" in str(one.get_coro())] == []


def test_letters_need_a_sender(settings: Settings) -> None:
    settings.model_copy(update={"smtp_host": ""}).refuse_nameless_mail()
    with pytest.raises(SettingMissing, match="MAIL_FROM"):
        settings.model_copy(update={"smtp_host": "mail.example.vn"}).refuse_nameless_mail()
