"""From notices to e-mails, at least once: what the mail server has not taken stays due and is tried again.

A crash after the server took a letter and before that is written down sends it again, with the same Message-ID.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.accounts.models import User
from app.notifications.mail import Mailer, MailServerDown, digest, letter
from app.notifications.models import Mailing, Notice
from app.notifications.rules import next_attempt

log = structlog.get_logger("notices")
# Then other work has its turn.
LETTERS = 200
_ONE_SENDER = 5321  # the name of a lock of this database


async def send(sessions: async_sessionmaker[AsyncSession], mailer: Mailer, now: datetime) -> int:
    """Send the e-mails that are due, each in a transaction of its own, and return how many the server took.

    Of several processes one sends at a time: the others could only make two letters of one digest.
    """
    async with sessions() as guard, guard.begin():
        if not await guard.scalar(select(func.pg_try_advisory_xact_lock(_ONE_SENDER))):
            return 0
        try:
            return await _send(sessions, mailer, now)
        finally:
            await mailer.hang_up()


async def _send(sessions: async_sessionmaker[AsyncSession], mailer: Mailer, now: datetime) -> int:
    taken = 0
    async with sessions() as session, session.begin():
        await _drop_undeliverable(session, now)
    for _ in range(LETTERS):
        async with sessions() as session, session.begin():
            notices, address = await _next_letter(session, now)
            if address is None:
                break
            error = await _deliver(mailer, notices, address, now)
            _note(notices, error, now)
        if isinstance(error, MailServerDown):
            break
        taken += error is None
    return taken


async def _deliver(
    mailer: Mailer, notices: Sequence[Notice], address: str, now: datetime
) -> Exception | None:
    """Send one letter; return what went wrong with it."""
    try:
        if notices[0].mailing is Mailing.DAILY:
            message = digest(notices, address, mailer.sender, now)
        else:
            message = letter(notices[0], address, mailer.sender, now)
        await mailer.deliver(message)
    except Exception as error:  # whatever it is: this letter is put off, and the others are sent
        return error
    return None


def _note(notices: Sequence[Notice], error: Exception | None, now: datetime) -> None:
    """Write down that a letter was taken, or when it is tried again; of the error only its kind: no secrets."""
    if error is None:
        for notice in notices:
            notice.mailed_at, notice.mail_error = now, None
        return
    cause = type(error.__cause__ or error).__name__
    for notice in notices:
        notice.mail_attempts += 1
        notice.mail_error = cause
        notice.mail_due_at = next_attempt(notice.mail_attempts, now)
    log.warning("mail_not_taken", notice=str(notices[0].id), error=cause, attempts=notices[0].mail_attempts)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(Notice.mailed_at.is_(None), Notice.mail_due_at <= now)


async def _next_letter(session: AsyncSession, now: datetime) -> tuple[Sequence[Notice], str | None]:
    """Return the notices of the next letter, locked, and its address; None where none is due."""
    # In the order of the index alone: with thousands due, sorting those due at one time would cost more than sending.
    query = (
        select(Notice, User.email)
        .join(User, User.id == Notice.user_id)
        .where(_due(now), User.email.is_not(None), User.is_active)
        .order_by(Notice.mail_due_at)
        .limit(1)
        .with_for_update(of=Notice, skip_locked=True)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return [], None
    first, address = row
    if first.mailing is not Mailing.DAILY:
        return [first], address
    others = (
        select(Notice)
        .where(Notice.user_id == first.user_id, Notice.mailing == Mailing.DAILY, _due(now))
        .order_by(Notice.id)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(others)).all(), address


async def _drop_undeliverable(session: AsyncSession, now: datetime) -> None:
    """Send nothing to accounts that were switched off or have no address any more."""
    gone = select(User.id).where(or_(User.email.is_(None), ~User.is_active))
    dropped = update(Notice).where(_due(now), Notice.user_id.in_(gone)).values(mail_due_at=None)
    await session.execute(dropped, execution_options={"synchronize_session": False})
