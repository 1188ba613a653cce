"""The audit trail over HTTP, for the auditor alone; the daily heads of its chain for everybody."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from app.accounts import audit_queries as queries
from app.accounts.audit_export import MEDIA, exported, linked_out
from app.accounts.audit_schemas import AuditEventOut, AuditHeadOut, ExportFormat, Filters, LinkedEventOut
from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.audit import AuditEvent, record_reading
from app.core.http import DbSession, Now, problems, router
from app.core.paging import Page, PagingQuery

CanAudit = Annotated[Principal, Requires(Permission.AUDIT_READ)]

routes = router("/audit", "Nhật ký · Audit")
head_routes = router("/public", "Công khai · Public")

_EVENTS = AuditEvent.__tablename__
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {media: {"schema": {"type": "string"}} for media in ("text/csv", "application/x-ndjson")}
    }
}


async def get_filters(
    actor: Annotated[str | None, Query(max_length=64, description="name or id of the account")] = None,
    action: Annotated[
        str | None,
        Query(
            max_length=64,
            examples=["submission.submit", "submission."],
            description="one action, or all that begin so if it ends with a point",
        ),
    ] = None,
    object_type: Annotated[str | None, Query(max_length=64, examples=["submission"])] = None,
    object_id: UUID | None = None,
    acting_for: Annotated[UUID | None, Query(description="unit of those who acted")] = None,
    request_id: Annotated[str | None, Query(max_length=64, description="all that one request did")] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="from this instant on")] = None,
    before: Annotated[AwareDatetime | None, Query(alias="to", description="before this instant")] = None,
) -> Filters:
    """Return which events are asked for."""
    return Filters(
        actor=actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        acting_for=acting_for,
        request_id=request_id,
        since=_in_utc(since),
        before=_in_utc(before),
    )


def _in_utc(instant: datetime | None) -> datetime | None:
    """Return an instant in UTC; the first and the last years of the calendar may have none there."""
    try:
        return instant and instant.astimezone(UTC)
    except OverflowError:
        is_first = instant is not None and instant.year == 1
        return datetime(1, 1, 1, tzinfo=UTC) if is_first else datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


FilterQuery = Annotated[Filters, Depends(get_filters)]


@routes.get("", response_model=Page[AuditEventOut])
async def list_events(
    caller: CanAudit, session: DbSession, now: Now, paging: PagingQuery, filters: FilterQuery
) -> Page[AuditEventOut]:
    """List the changes people of the province and the system made, the newest first. Reading is recorded."""
    items, total = await queries.events_page(session, caller, filters, paging)
    await record_reading(session, caller, "audit.read", _EVENTS, now, filters=filters.model_dump(mode="json"))
    return Page[AuditEventOut].of([AuditEventOut.model_validate(item) for item in items], total, paging)


@routes.get("/export", response_class=StreamingResponse, responses=_FILES)
async def export_events(
    caller: CanAudit,
    request: Request,
    session: DbSession,
    now: Now,
    filters: FilterQuery,
    shape: Annotated[
        ExportFormat, Query(alias="format", description="csv opens in a spreadsheet")
    ] = ExportFormat.CSV,
) -> Response:
    """Download all changes that these filters let through, the oldest first, until now. Every download is recorded."""
    filters = filters.model_copy(update={"before": min(filters.before or now, now)})
    told = {**filters.model_dump(mode="json"), "format": shape.value}
    await record_reading(session, caller, "audit.export", _EVENTS, now, filters=told, always=True)
    batches = queries.event_batches(request.app.state.database, caller, filters)
    named = {"Content-Disposition": f'attachment; filename="dti-audit.{shape}"', "Cache-Control": "no-store"}
    return StreamingResponse(exported(batches, shape), headers=named, media_type=MEDIA[shape])


@routes.get("/{event_id}", response_model=LinkedEventOut, responses=problems(queries.AuditEventNotFound))
async def read_event(event_id: UUID, caller: CanAudit, session: DbSession, now: Now) -> LinkedEventOut:
    """Show one change with its place in the chain. Reading is recorded."""
    event, link = await queries.event_for(session, caller, event_id)
    await record_reading(session, caller, "audit.read", _EVENTS, now, object_id=event.id)
    return linked_out(event, link)


@head_routes.get("/audit-heads", response_model=Page[AuditHeadOut])
async def list_audit_heads(session: DbSession, paging: PagingQuery) -> Page[AuditHeadOut]:
    """List the ends of the audit trail day by day, the newest first: kept outside, they show a rewriting."""
    heads, total = await queries.heads_page(session, paging)
    shown = [AuditHeadOut(day=head.day, seq=head.seq, hash=head.hash.hex()) for head in heads]
    return Page[AuditHeadOut].of(shown, total, paging)
