"""What the caller may do, and where."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.me_schemas import MeOut, OwnServiceOut, PlaceOut, RightOut
from app.accounts.models import ServiceAccount, User
from app.accounts.permissions import ROLE_PERMISSIONS, Grant, Permission, Principal, Role
from app.accounts.rights import spread
from app.accounts.schemas import HeldOut
from app.accounts.service_queries import service_account_out
from app.core.vietnamese import VIETNAM
from app.units.queries import refs_known


async def me_out(session: AsyncSession, caller: Principal, now: datetime) -> MeOut:
    """Return the caller as the API shows him, with the names of those he acts for and of his units."""
    grants = sorted(caller.grants, key=lambda g: (g.role, g.unit_id, str(g.on_behalf_of or "")))
    others = {g.on_behalf_of for g in grants if g.on_behalf_of is not None}
    query = select(User.id, User.full_name).where(User.id.in_(others))
    names = {user_id: name for user_id, name in (await session.execute(query)).all()} if others else {}
    today = now.astimezone(VIETNAM).date()
    units = await refs_known(session, {caller.unit_id, *(g.unit_id for g in grants)}, today)

    def place(permission: Permission, grant: Grant) -> PlaceOut:
        return PlaceOut(
            unit=units[grant.unit_id],
            spread=spread(permission, grant.role),
            role=grant.role,
            on_behalf_of=grant.on_behalf_of,
            until=grant.until,
        )

    return MeOut(
        id=caller.id,
        name=caller.name,
        unit_id=caller.unit_id,
        unit=units[caller.unit_id],
        grants=[
            HeldOut(
                role=g.role,
                unit_id=g.unit_id,
                on_behalf_of=g.on_behalf_of,
                on_behalf_of_name=names[g.on_behalf_of] if g.on_behalf_of else None,
                basis=g.basis,
                until=g.until,
            )
            for g in grants
        ],
        permissions=sorted(caller.permissions),
        rights=[
            RightOut(permission=p, places=[place(p, g) for g in grants if _gives(caller, g, p)])
            for p in sorted(caller.permissions)
        ],
        must_change_password=caller.must_change_password,
        service=await _own_service(session, caller, now),
    )


def _gives(caller: Principal, grant: Grant, permission: Permission) -> bool:
    """Answer whether a permission comes from a grant; a service account's scopes come with its only one."""
    return permission in ROLE_PERMISSIONS[grant.role] or (
        grant.role is Role.SERVICE and permission in caller.scopes
    )


async def _own_service(session: AsyncSession, caller: Principal, now: datetime) -> OwnServiceOut | None:
    account = None if caller.session_id else await session.get(ServiceAccount, caller.id)
    if account is None:
        return None
    shown = service_account_out(account, now)
    return OwnServiceOut.model_validate({name: getattr(shown, name) for name in OwnServiceOut.model_fields})
