"""Service accounts over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from app.accounts import service_queries, services
from app.accounts.actions import UsernameTaken
from app.accounts.auth import Repeatable, Requires
from app.accounts.models import ServiceAccount
from app.accounts.permissions import Permission, Principal
from app.accounts.service_queries import ServiceAccountNotFound, service_account_out
from app.accounts.service_schemas import (
    RotationIn,
    ServiceAccountCreated,
    ServiceAccountIn,
    ServiceAccountOut,
    ServiceAccountPatch,
)
from app.core.audit import record_reading
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag

CanManageServices = Annotated[Principal, Requires(Permission.SERVICE_MANAGE)]


routes = router("/service-accounts", "Tài khoản · Accounts")


def _with_secret(response: Response, account: ServiceAccount, secret: str, now: Now) -> ServiceAccountCreated:
    set_etag(response, account)
    response.headers["Cache-Control"] = "no-store"
    shown = service_account_out(account, now).model_dump()
    return ServiceAccountCreated(**shown, client_secret=secret)


@routes.get("", response_model=list[ServiceAccountOut])
async def list_service_accounts(
    caller: CanManageServices, session: DbSession, now: Now
) -> list[ServiceAccountOut]:
    """List the service accounts of your unit and all below it, with their state. Reading is recorded."""
    accounts = await service_queries.service_accounts(session, caller, now)
    await record_reading(session, caller, "service_account.read", ServiceAccount.__tablename__, now)
    return [service_account_out(account, now) for account in accounts]


@routes.post(
    "",
    response_model=ServiceAccountCreated,
    status_code=201,
    responses=problems(UsernameTaken),
    dependencies=[Repeatable(Permission.SERVICE_MANAGE)],
)
async def create_service_account(
    body: ServiceAccountIn, caller: CanManageServices, session: DbSession, now: Now, response: Response
) -> ServiceAccountCreated:
    """Create a service account; its secret is shown only in this answer."""
    account, secret = await services.create_service_account(session, body, by=caller, now=now)
    return _with_secret(response, account, secret, now)


@routes.get("/{account_id}", response_model=ServiceAccountOut, responses=problems(ServiceAccountNotFound))
async def read_service_account(
    account_id: UUID, caller: CanManageServices, session: DbSession, now: Now, response: Response
) -> ServiceAccountOut:
    """Show a service account. Reading is recorded."""
    account = await service_queries.service_account_for(session, caller, account_id, now)
    table = ServiceAccount.__tablename__
    await record_reading(session, caller, "service_account.read", table, now, object_id=account.id)
    set_etag(response, account)
    return service_account_out(account, now)


@routes.patch("/{account_id}", response_model=ServiceAccountOut, responses=problems(ServiceAccountNotFound))
async def change_service_account(
    account_id: UUID,
    body: ServiceAccountPatch,
    if_match: IfMatch,
    caller: CanManageServices,
    session: DbSession,
    now: Now,
    response: Response,
) -> ServiceAccountOut:
    """Change a service account: name, scopes, networks, its end, or switch it off; its tokens follow at once."""
    account = await service_queries.service_account_for(session, caller, account_id, now)
    require_version(account, if_match)
    await services.change_service_account(session, account, body, by=caller, now=now)
    set_etag(response, account)
    return service_account_out(account, now)


@routes.post(
    "/{account_id}/rotate",
    response_model=ServiceAccountCreated,
    responses=problems(ServiceAccountNotFound),
    dependencies=[Repeatable(Permission.SERVICE_MANAGE)],
)
async def rotate_secret(
    account_id: UUID,
    body: RotationIn,
    if_match: IfMatch,
    caller: CanManageServices,
    session: DbSession,
    now: Now,
    response: Response,
) -> ServiceAccountCreated:
    """Give a service account a new secret, shown only in this answer; the present one stays good for some hours."""
    account = await service_queries.service_account_for(session, caller, account_id, now)
    require_version(account, if_match)
    secret = await services.rotate_secret(session, account, body, by=caller, now=now)
    return _with_secret(response, account, secret, now)
