"""Making notices: who holds which role today, and one statement that tells thousands of them at once."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    DateTime,
    Interval,
    Select,
    Time,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.accounts.models import Delegation, RoleGrant, User
from app.accounts.permissions import Role
from app.core.db import new_id
from app.core.vietnamese import VIETNAM
from app.notifications.models import Mailing, Notice, NoticeSettings
from app.notifications.rules import OWN_ROLES, local_day

People = Select[UUID]  # the ids of accounts
# Who is to be told of what: user_id, key, object_id, about.
Addressed = Select[UUID, str, UUID, dict[str, Any]]

DEFAULT_MAILING = Mailing.AT_ONCE


def held(today: date) -> CTE:
    """Return the roles held today (user_id, role, unit_id): one's own, and those of running delegations.

    A delegation gives what the delegator still holds himself.
    """
    delegator, his = aliased(User), aliased(RoleGrant)
    own = select(RoleGrant.user_id, RoleGrant.role, RoleGrant.unit_id).where(RoleGrant.ended_at.is_(None))
    lent = (
        select(Delegation.delegate_id, Delegation.role, Delegation.unit_id)
        .join(delegator, and_(delegator.id == Delegation.delegator_id, delegator.is_active))
        .join(
            his,
            and_(
                his.user_id == Delegation.delegator_id,
                his.role == Delegation.role,
                his.unit_id == Delegation.unit_id,
                his.ended_at.is_(None),
                his.granted_at <= Delegation.created_at,
            ),
        )
        .where(Delegation.ended_at.is_(None), Delegation.starts_on <= today, Delegation.ends_on >= today)
    )
    # Not materialized: each use asks for a few units of thousands.
    return union_all(own, lent).cte("held").prefix_with("NOT MATERIALIZED", dialect="postgresql")


def holders(
    units: Iterable[UUID] | Select[UUID],
    roles: Iterable[Role],
    now: datetime,
    *,
    reviewing: UUID | None = None,
) -> People:
    """Return the people who hold one of the roles for one of the units.

    `reviewing` is the unit whose dossier it is about: nobody reviews his own (see `Principal.own_units`).
    """
    all_held = held(local_day(now))
    wanted = units if isinstance(units, Select) else list(units)
    query = select(all_held.c.user_id).where(all_held.c.unit_id.in_(wanted), all_held.c.role.in_(list(roles)))
    if reviewing is None:
        return query
    own = select(all_held.c.user_id).where(all_held.c.unit_id == reviewing, all_held.c.role.in_(OWN_ROLES))
    at_home = select(User.id).where(User.unit_id == reviewing)
    return query.where(all_held.c.user_id.not_in(own), all_held.c.user_id.not_in(at_home))


def persons(ids: Iterable[UUID | None]) -> People:
    """Return single people."""
    return select(User.id).where(User.id.in_([one for one in ids if one is not None]))


def addressed(people: People, key: str, object_id: UUID, about: dict[str, Any]) -> Addressed:
    """Return the same thing said to all of these people."""
    who = people.subquery()
    return select(
        who.c[0].label("user_id"),
        literal(key).label("key"),
        literal(object_id, Uuid).label("object_id"),
        literal(about, JSONB).label("about"),
    )


async def give(
    session: AsyncSession,
    told: Addressed,
    *,
    topic: str,
    object_type: str,
    now: datetime,
    mails: bool,
    but_not: UUID | None = None,
) -> int:
    """Make the notices of everybody who is addressed and active, once for each key, and return how many are new.

    Whoever is addressed twice, by two roles, is told once. `mails` tells whether e-mails are sent at all; `but_not` is
    the person who acted.
    """
    to = told.subquery("told")
    once = (
        select(
            User.id.label("user_id"),
            to.c.key,
            to.c.object_id,
            to.c.about,
            func.coalesce(NoticeSettings.mailing, DEFAULT_MAILING.value).label("mailing"),
            _mail_due(now).label("mail_due_at")
            if mails
            else cast(null(), DateTime(True)).label("mail_due_at"),
        )
        .join(to, to.c.user_id == User.id)
        .outerjoin(NoticeSettings, NoticeSettings.id == User.id)
        .where(User.is_active, User.id != (but_not or UUID(int=0)))
        .subquery("once")
    )
    rows = select(
        _ids(),
        once.c.user_id,
        once.c.key,
        literal(topic),
        literal(object_type),
        once.c.object_id,
        once.c.about,
        literal(now, DateTime(True)),
        once.c.mailing,
        once.c.mail_due_at,
        literal(0),
    )
    columns = ["id", "user_id", "key", "topic", "object_type", "object_id", "about", "created_at"]
    columns += ["mailing", "mail_due_at", "mail_attempts"]
    statement = insert(Notice).from_select(columns, rows, include_defaults=False)
    done = await session.execute(statement.on_conflict_do_nothing(index_elements=["user_id", "key"]))
    return int(done.rowcount)  # type: ignore[attr-defined]


def _ids() -> ColumnElement[UUID]:
    """Return an id for each row: a new UUIDv7, its last four bytes counted up, so that a feed is in order of time.

    The first twelve bytes hold the time and a counter: no other id of this process has the same.
    """
    counted = func.lpad(func.to_hex(func.row_number().over()), 8, "0")
    return cast(bindparam("id_prefix", str(new_id())[:28], unique=True).op("||")(counted), Uuid)


def _mail_due(now: datetime) -> ColumnElement[datetime]:
    """Return when the e-mail of a notice is due: now, at the next digest (time of day in Vietnam), or never."""
    local = now.astimezone(VIETNAM)
    at = NoticeSettings.digest_at
    next_day = case((at < literal(local.time(), Time), 1), else_=0)
    digest = cast(literal(local.date(), Date) + next_day, DateTime(False)) + cast(at, Interval)
    return case(
        (User.email.is_(None), null()),
        (NoticeSettings.mailing == Mailing.OFF, null()),
        (NoticeSettings.mailing == Mailing.DAILY, func.timezone(VIETNAM.key, digest)),
        else_=literal(now, DateTime(True)),
    )
