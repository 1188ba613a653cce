"""What people do with their notices: read them, and say how they want to be told.

That somebody has read a notice is not put into the audit trail: it changes nothing for anybody else.
"""

from datetime import datetime, time

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import record
from app.notifications.models import Mailing, Notice, NoticeSettings
from app.notifications.queries import settings_out
from app.notifications.schemas import NoticeSettingsIn


def mark_read(notice: Notice, now: datetime) -> None:
    """Note when a notice was read first."""
    notice.read_at = notice.read_at or now


async def mark_read_up_to(session: AsyncSession, newest: Notice, now: datetime) -> int:
    """Mark a notice and all that its reader was given before it as read; return how many were not."""
    older = update(Notice).where(
        Notice.user_id == newest.user_id, Notice.id <= newest.id, Notice.read_at.is_(None)
    )
    marked = older.values(read_at=now).returning(Notice.id)
    return len((await session.scalars(marked, execution_options={"synchronize_session": False})).all())


async def change_settings(
    session: AsyncSession,
    settings: NoticeSettings | None,
    body: NoticeSettingsIn,
    *,
    by: Principal,
    now: datetime,
) -> NoticeSettings:
    """Say how the caller wants to be told (`settings`: what he said before). Off also stops what waits to be sent."""
    before = settings_out(settings).model_dump(mode="json") if settings else None
    if settings is None:
        settings = NoticeSettings(id=by.id)
        session.add(settings)
    else:
        settings.touch()
    settings.mailing, settings.digest_at = body.mailing, time.fromisoformat(body.digest_at)
    settings.changed_at = now
    if body.mailing is Mailing.OFF:
        waiting = update(Notice).where(
            Notice.user_id == by.id, Notice.mailed_at.is_(None), Notice.mail_due_at.is_not(None)
        )
        await session.execute(
            waiting.values(mail_due_at=None), execution_options={"synchronize_session": False}
        )
    await session.flush()
    after = body.model_dump(mode="json")
    await record(session, by, "notice_settings.change", settings, now, before=before, after=after)
    return settings
