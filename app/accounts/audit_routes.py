"""The audit trail over HTTP, for the auditor alone."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, Field

from app.accounts.audit_queries import events_page
from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Schema, router
from app.core.paging import Page, PagingQuery

CanAudit = Annotated[Principal, Requires(Permission.AUDIT_READ)]

routes = router("/audit", "Nhật ký · Audit")


class AuditEventOut(Schema):
    """One change; `before` and `after` hold only what changed."""

    id: UUID
    at: datetime
    actor_id: UUID
    actor_name: str
    acting_for: UUID | None = Field(description="home unit of the actor")
    request_id: str
    action: str = Field(examples=["submission.submit"])
    object_type: str
    object_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    on_behalf_of: UUID | None = Field(
        description="the person in whose place the actor acted, by a delegation"
    )
    basis: str | None = Field(description="TM., KT., TL. or TUQ.")


@routes.get("", response_model=Page[AuditEventOut])
async def list_events(
    _: CanAudit,
    session: DbSession,
    paging: PagingQuery,
    actor: Annotated[str | None, Query(max_length=64, description="name or id of the account")] = None,
    action: Annotated[str | None, Query(max_length=64, examples=["submission.submit"])] = None,
    object_type: Annotated[str | None, Query(max_length=64, examples=["submission"])] = None,
    object_id: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="from this instant on")] = None,
    before: Annotated[AwareDatetime | None, Query(alias="to", description="before this instant")] = None,
) -> Page[AuditEventOut]:
    """List the changes everybody made, the newest first."""
    items, total = await events_page(
        session,
        paging,
        actor=actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        since=since,
        before=before,
    )
    return Page[AuditEventOut].of([AuditEventOut.model_validate(item) for item in items], total, paging)
