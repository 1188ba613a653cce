"""Reading accounts."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, literal_column, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Delegation, RoleGrant, User
from app.accounts.permissions import ROLE_REACH, Grant, Principal, Reach, Role
from app.accounts.schemas import GrantOut, UserOut
from app.accounts.service_queries import service_principal
from app.accounts.tokens import Claims
from app.core.db import driver_of
from app.core.vietnamese import VIETNAM


def is_running(today: ColumnElement[date] | date) -> ColumnElement[bool]:
    """Return the condition that a delegation holds on a day (Asia/Ho_Chi_Minh).

    It lives on what its delegator holds himself, and on that very grant: a role taken away and given again does not
    bring back what was delegated before.
    """
    giver, held = aliased(User), aliased(RoleGrant)
    holds = exists().where(
        giver.id == Delegation.delegator_id,
        giver.is_active,
        held.user_id == giver.id,
        held.role == Delegation.role,
        held.unit_id == Delegation.unit_id,
        held.granted_at <= Delegation.created_at,
        held.ended_at.is_(None),
    )
    return and_(
        Delegation.ended_at.is_(None), Delegation.starts_on <= today, Delegation.ends_on >= today, holds
    )


def _delegated() -> str:
    """Return the subquery of the roles that u.id holds by delegation on $4, each with what `_by_delegation` reads."""
    giver, held = aliased(User), aliased(RoleGrant)
    declaring = [role for role, reach in ROLE_REACH.items() if reach is Reach.OWN]
    led = (
        select(func.string_agg(cast(held.unit_id, Text), ","))
        .where(held.user_id == giver.id, held.ended_at.is_(None), held.role.in_(declaring))
        .scalar_subquery()
    )
    d = Delegation
    last_day = func.to_char(d.ends_on, "YYYY-MM-DD")
    barred = func.concat_ws(",", giver.unit_id, led)
    lent = func.concat_ws(":", d.role, d.unit_id, d.delegator_id, d.basis, last_day, barred)
    query = (
        select(func.array_agg(lent))
        .join(giver, giver.id == d.delegator_id)
        .where(d.delegate_id == literal_column("u.id"), is_running(literal_column("$4")))
    )
    written = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    return str(written)


# One round trip for every authenticated request: the account, its log-in and its roles as they are now.
_PRINCIPAL = f"""
SELECT u.username, u.unit_id, l.is_strong, u.must_change_password AND l.method = 'password' AS must_change_password,
       (SELECT array_agg(g.role || ':' || g.unit_id) FROM role_grant g WHERE g.user_id = u.id AND g.ended_at IS NULL)
         AS grants,
       ({_delegated()}) AS delegated
  FROM app_user u JOIN login_session l ON l.user_id = u.id
 WHERE u.id = $1 AND u.is_active AND l.id = $2 AND l.ended_at IS NULL AND l.expires_at > $3
"""  # noqa: S608  names of our own


async def principal_for(
    session: AsyncSession, claims: Claims, now: datetime, request_id: str, *, address: str | None = None
) -> Principal | None:
    """Return the caller behind a token as of now, or None if the account or the log-in has ended.

    `address` is where he calls from: service accounts can be bound to networks.
    """
    if claims.is_service:
        return await service_principal(session, claims, now, request_id, address)
    today = now.astimezone(VIETNAM).date()
    row = await (await driver_of(session)).fetchrow(_PRINCIPAL, claims.subject, claims.session_id, now, today)
    if row is None:
        return None
    pairs = [text.split(":") for text in row["grants"] or []]
    own = [Grant(Role(name), UUID(unit)) for name, unit in pairs]
    return Principal(
        id=claims.subject,
        name=row["username"],
        unit_id=row["unit_id"],
        acting_for=row["unit_id"],
        request_id=request_id,
        grants=frozenset(own + [_by_delegation(text) for text in row["delegated"] or []]),
        session_id=claims.session_id,
        must_change_password=row["must_change_password"],
        is_strong=row["is_strong"],
    )


def _by_delegation(text: str) -> Grant:
    role, unit, delegator, basis, last_day, barred = text.split(":")
    return Grant(
        Role(role),
        UUID(unit),
        on_behalf_of=UUID(delegator),
        basis=basis,
        until=date.fromisoformat(last_day),
        barred=frozenset(map(UUID, barred.split(","))),
    )


async def grants_of(session: AsyncSession, user_ids: list[UUID]) -> dict[UUID, list[GrantOut]]:
    """Return the present roles of some users, as they were given to them: without what is delegated to them."""
    query = select(RoleGrant).where(RoleGrant.user_id.in_(user_ids), RoleGrant.ended_at.is_(None))
    found: dict[UUID, list[GrantOut]] = {user_id: [] for user_id in user_ids}
    for grant in await session.scalars(query.order_by(RoleGrant.id)):
        found[grant.user_id].append(GrantOut(role=grant.role, unit_id=grant.unit_id))
    return found


def user_out(user: User, grants: list[GrantOut]) -> UserOut:
    """Return the account as the API shows it."""
    shown = {name: getattr(user, name) for name in UserOut.model_fields if name != "grants"}
    return UserOut(**shown, grants=grants)
