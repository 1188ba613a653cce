"""Reading notices: everybody his own, and nothing else."""

from datetime import time
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.http import Paging
from app.core.problems import Lang, NotFound
from app.notifications.giving import DEFAULT_MAILING
from app.notifications.models import Notice, NoticeSettings
from app.notifications.schemas import NoticeOut, NoticeSettingsOut
from app.notifications.templates import rendered

DEFAULT_DIGEST_AT = time(7, 30)


class NoticeNotFound(NotFound):
    """No such notice, or one of somebody else."""

    code = "notice_not_found"
    title_vi, title_en = "Không tìm thấy thông báo", "Notice not found"


async def notice_for(session: AsyncSession, caller: Principal, notice_id: UUID) -> Notice:
    """Return a notice of the caller.

    Raises: NoticeNotFound.
    """
    notice = await session.scalar(select(Notice).where(Notice.id == notice_id, Notice.user_id == caller.id))
    if notice is None:
        raise NoticeNotFound()
    return notice


async def notices_page(
    session: AsyncSession, caller: Principal, paging: Paging, lang: Lang, *, unread: bool
) -> tuple[list[NoticeOut], int]:
    """Return one page of the caller's notices, the newest first, and how many there are."""
    query = select(Notice).where(Notice.user_id == caller.id)
    if unread:
        query = query.where(Notice.read_at.is_(None))
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = await session.scalars(
        query.order_by(Notice.id.desc()).offset(paging.offset).limit(paging.page_size)
    )
    return [notice_out(row, lang) for row in rows], total


def notice_out(notice: Notice, lang: Lang) -> NoticeOut:
    """Return a notice in words."""
    title, text = rendered(notice.topic, notice.about, lang)
    kept = {name: getattr(notice, name) for name in NoticeOut.model_fields if name not in ("title", "text")}
    return NoticeOut(**kept, title=title, text=text)


async def settings_of(session: AsyncSession, caller: Principal) -> NoticeSettings | None:
    """Return how the caller wants to be told; None where he has not said it."""
    return await session.get(NoticeSettings, caller.id)


def settings_out(settings: NoticeSettings | None) -> NoticeSettingsOut:
    """Return the settings, or those of everybody who has said nothing."""
    mailing, at = (settings.mailing, settings.digest_at) if settings else (DEFAULT_MAILING, DEFAULT_DIGEST_AT)
    return NoticeSettingsOut(mailing=mailing, digest_at=f"{at:%H:%M}")
