"""Service accounts over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from app.accounts import service_queries, services
from app.accounts.actions import UsernameTaken
from app.accounts.auth import Repeatable, Requires
from app.accounts.models import ServiceAccount
from app.accounts.permissions import Permission, Principal
from app.accounts.service_schemas import (
    ServiceAccountCreated,
    ServiceAccountIn,
    ServiceAccountOut,
    ServiceAccountPatch,
)
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag

CanManageServices = Annotated[Principal, Requires(Permission.SERVICE_MANAGE)]


routes = router("/service-accounts", "Tài khoản · Accounts")


@routes.get("", response_model=list[ServiceAccountOut])
async def list_service_accounts(_: CanManageServices, session: DbSession) -> list[ServiceAccount]:
    """List the service accounts."""
    return await service_queries.service_accounts(session)


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
    set_etag(response, account)
    response.headers["Cache-Control"] = "no-store"
    shown = ServiceAccountOut.model_validate(account).model_dump()
    return ServiceAccountCreated(**shown, client_secret=secret)


@routes.patch(
    "/{account_id}",
    response_model=ServiceAccountOut,
    responses=problems(service_queries.ServiceAccountNotFound),
)
async def change_service_account(
    account_id: UUID,
    body: ServiceAccountPatch,
    if_match: IfMatch,
    caller: CanManageServices,
    session: DbSession,
    now: Now,
    response: Response,
) -> ServiceAccount:
    """Switch a service account on or off."""
    account = await service_queries.service_account_by_id(session, account_id)
    require_version(account, if_match)
    await services.change_service_account(session, account, body, by=caller, now=now)
    set_etag(response, account)
    return account
