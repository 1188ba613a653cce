"""Reading the audit trail: the events of the people of one's province, and those of the system."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.audit_schemas import Filters
from app.accounts.permissions import Permission, Principal
from app.core.audit import AuditEvent, AuditHead, AuditLink
from app.core.db import Database
from app.core.paging import Paging
from app.core.problems import NotFound

BATCH = 1000


class AuditEventNotFound(NotFound):
    """No such event, or one of another province's people."""

    code = "audit_event_not_found"
    title_vi, title_en = "Không tìm thấy sự kiện nhật ký", "Audit event not found"


# All units below some units, with the days on which they were. A version of a unit holds until the next one: the events
# of a unit that exists no more stay with those above it, and so do those of the days before its first version.
_REACH = """
WITH RECURSIVE span AS (
  SELECT unit_id, parent_id,
         CASE WHEN row_number() OVER w = 1 THEN '-infinity'::date ELSE valid_from END AS since,
         coalesce(lead(valid_from) OVER w - 1, 'infinity'::date) AS until
    FROM unit_version WINDOW w AS (PARTITION BY unit_id ORDER BY valid_from)
), reach AS (
  SELECT unit_id, '-infinity'::date AS since, 'infinity'::date AS until FROM unnest(:units) AS unit_id
   UNION
  SELECT s.unit_id, greatest(r.since, s.since), least(r.until, s.until)
    FROM reach r JOIN span s ON s.parent_id = r.unit_id AND s.since <= r.until AND s.until >= r.since
)
SELECT unit_id, since, until FROM reach"""


def _reach(caller: Principal) -> CTE:
    units = bindparam("units", list(caller.units_with(Permission.AUDIT_READ)), type_=ARRAY(Uuid))
    shown = (column("unit_id", Uuid), column("since", Date), column("until", Date))
    written = text(_REACH).bindparams(units).columns(*shown)
    return written.cte("reach")


def _visible(caller: Principal) -> ColumnElement[bool]:
    reach = _reach(caller)
    day = cast(func.timezone("Asia/Ho_Chi_Minh", AuditEvent.at), Date)
    inside = exists().where(
        reach.c.unit_id == AuditEvent.acting_for, day.between(reach.c.since, reach.c.until)
    )
    return or_(AuditEvent.acting_for.is_(None), inside)


def _asked_for(caller: Principal, filters: Filters) -> list[ColumnElement[bool]]:
    found = [_visible(caller)]
    if (actor := filters.actor) is not None:
        found.append(or_(AuditEvent.actor_name == actor, cast(AuditEvent.actor_id, Text) == actor.lower()))
    if (action := filters.action) is not None:
        begins = action.endswith(".")
        found.append(
            AuditEvent.action.startswith(action, autoescape=True) if begins else AuditEvent.action == action
        )
    for name in ("object_type", "object_id", "acting_for", "request_id"):
        if (value := getattr(filters, name)) is not None:
            found.append(getattr(AuditEvent, name) == value)
    if filters.since is not None:
        found.append(AuditEvent.at >= filters.since)
    if filters.before is not None:
        found.append(AuditEvent.at < filters.before)
    return found


async def events_page(
    session: AsyncSession, caller: Principal, filters: Filters, paging: Paging
) -> tuple[list[AuditEvent], int]:
    """Return one page of the events the caller may see, the newest first, and how many there are."""
    query = select(AuditEvent).where(*_asked_for(caller, filters))
    total = await session.scalar(query.with_only_columns(func.count())) or 0
    newest = query.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    return list(await session.scalars(newest.offset(paging.offset).limit(paging.page_size))), total


def _with_link() -> Select[AuditEvent, AuditLink]:
    return select(AuditEvent, AuditLink).outerjoin(AuditLink, AuditLink.event_id == AuditEvent.id)


async def event_for(
    session: AsyncSession, caller: Principal, event_id: UUID
) -> tuple[AuditEvent, AuditLink | None]:
    """Return an event the caller may see, with its link.

    Raises: AuditEventNotFound.
    """
    query = _with_link().where(AuditEvent.id == event_id, _visible(caller))
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise AuditEventNotFound()
    return row[0], row[1]


async def event_batches(
    database: Database, caller: Principal, filters: Filters
) -> AsyncIterator[Sequence[tuple[AuditEvent, AuditLink | None]]]:
    """Give all events the caller may see, the oldest first; between batches no connection is held."""
    query = (
        _with_link().where(*_asked_for(caller, filters)).order_by(AuditEvent.at, AuditEvent.id).limit(BATCH)
    )
    following = query
    while True:
        async with database.session() as session:
            batch = [(row[0], row[1]) for row in await session.execute(following)]
        yield batch
        if len(batch) < BATCH:
            return
        last = batch[-1][0]
        following = query.where(
            tuple_(AuditEvent.at, AuditEvent.id) > tuple_(literal(last.at), literal(last.id))
        )


async def heads_page(session: AsyncSession, paging: Paging) -> tuple[Sequence[AuditHead], int]:
    """Return one page of the published heads, the newest first, and how many there are."""
    total = await session.scalar(select(func.count()).select_from(AuditHead)) or 0
    query = select(AuditHead).order_by(AuditHead.day.desc())
    return (await session.scalars(query.offset(paging.offset).limit(paging.page_size))).all(), total
