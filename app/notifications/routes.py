"""One's own notices over HTTP; service accounts have none."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts.auth import AnyPerson, Repeatable
from app.core.http import DbSession, IfMatch, Language, Now, etag, problems, require_present, router, set_etag
from app.core.paging import Page, PagingQuery
from app.notifications import actions, queries
from app.notifications.schemas import NoticeOut, NoticeSettingsIn, NoticeSettingsOut, ReadOut, ReadUpTo

routes = router("/me", "Thông báo · Notices")
_FOUND = problems(queries.NoticeNotFound)


@routes.get("/notices", response_model=Page[NoticeOut])
async def list_notices(
    caller: AnyPerson,
    session: DbSession,
    paging: PagingQuery,
    lang: Language,
    unread: Annotated[bool, Query(description="only those you have not read; `total` counts them")] = False,
) -> Page[NoticeOut]:
    """List what you were told, the newest first, in the language of the answer."""
    items, total = await queries.notices_page(session, caller, paging, lang, unread=unread)
    return Page[NoticeOut].of(items, total, paging)


@routes.post(
    "/notices/{notice_id}/read", response_model=NoticeOut, responses=_FOUND, dependencies=[Repeatable()]
)
async def read_notice(
    notice_id: UUID, caller: AnyPerson, session: DbSession, now: Now, lang: Language
) -> NoticeOut:
    """Mark a notice as read."""
    notice = await queries.notice_for(session, caller, notice_id)
    actions.mark_read(notice, now)
    return queries.notice_out(notice, lang)


@routes.post("/notices/read-all", response_model=ReadOut, responses=_FOUND, dependencies=[Repeatable()])
async def read_all_notices(body: ReadUpTo, caller: AnyPerson, session: DbSession, now: Now) -> ReadOut:
    """Mark a notice and all before it as read; newer ones, which you may not have seen, stay unread."""
    newest = await queries.notice_for(session, caller, body.up_to)
    return ReadOut(marked=await actions.mark_read_up_to(session, newest, now))


@routes.get("/notice-settings", response_model=NoticeSettingsOut)
async def read_settings(caller: AnyPerson, session: DbSession, response: Response) -> NoticeSettingsOut:
    """Show how you are told by e-mail; as long as you have not said it, the ETag is "0"."""
    settings = await queries.settings_of(session, caller)
    response.headers["ETag"] = etag(settings.version if settings else 0)
    return queries.settings_out(settings)


@routes.put("/notice-settings", response_model=NoticeSettingsOut)
async def change_settings(
    body: NoticeSettingsIn,
    if_match: IfMatch,
    caller: AnyPerson,
    session: DbSession,
    now: Now,
    response: Response,
) -> NoticeSettingsOut:
    """Say how you want to be told by e-mail: not at all, at once, or in one digest a day."""
    settings = await queries.settings_of(session, caller)
    require_present(settings.version if settings else 0, if_match)
    settings = await actions.change_settings(session, settings, body, by=caller, now=now)
    set_etag(response, settings)
    return queries.settings_out(settings)
