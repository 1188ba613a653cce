"""Reading what there is about a person."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Principal
from app.core.audit import record_reading
from app.core.problems import Lang
from app.privacy.register import PersonalField, register
from app.privacy.schemas import FieldOut, HeldDataOut, KnownPerson, PersonalDataOut
from app.submissions.models import Submission

MOST_ROWS = 1000  # of one kind in an export; the count says if there are more


def fields_out(lang: Lang) -> list[FieldOut]:
    """Return the register in one language."""
    return [FieldOut(**_said(field, lang)) for field in register().personal]


def _said(field: PersonalField, lang: Lang) -> dict[str, object]:
    because = register().reasons[field.because].of(lang) if field.because else None
    return {
        "table": field.table,
        "columns": list(field.columns),
        "what": field.what.of(lang),
        "erasure": field.erasure,
        "kept_because": because,
        "kept_days": field.days,
    }


async def held(session: AsyncSession, user_id: UUID, lang: Lang) -> list[HeldDataOut]:
    """Return what there is about a person with an account, field by field; secrets are counted only."""
    return [
        await _held(session, field, user_id, lang) for field in register().personal if field.of is not None
    ]


async def _held(session: AsyncSession, field: PersonalField, user_id: UUID, lang: Lang) -> HeldDataOut:
    table, is_his = field.rows_of, field.is_of(user_id)
    count = await session.scalar(select(func.count()).select_from(table).where(is_his)) or 0
    rows = []
    if field.rows and not field.secret:
        columns = [table.c[name] for name in (*field.columns, *field.extra)]
        query = select(*columns).where(is_his).order_by(table.c.id.desc()).limit(MOST_ROWS)
        rows = [dict(row) for row in (await session.execute(query)).mappings()]
    return HeldDataOut(**_said(field, lang), count=count, rows=rows)


async def personal_data(session: AsyncSession, user: User, now: datetime, lang: Lang) -> PersonalDataOut:
    """Return everything about a person with an account."""
    grants = select(RoleGrant.role, RoleGrant.unit_id, RoleGrant.granted_at, RoleGrant.ended_at)
    roles = await session.execute(grants.where(RoleGrant.user_id == user.id).order_by(RoleGrant.id))
    return PersonalDataOut(
        user_id=user.id,
        made_at=now,
        roles=[dict(row) for row in roles.mappings()],
        data=await held(session, user.id, lang),
    )


async def record_export(session: AsyncSession, caller: Principal, user: User, now: datetime) -> None:
    """Write down that somebody read everything about a person."""
    table = User.__tablename__
    await record_reading(session, caller, "personal.export", table, now, object_id=user.id, always=True)


async def record_search(
    session: AsyncSession, caller: Principal, who: KnownPerson, found: int, now: datetime
) -> None:
    """Write down that somebody searched for a person, by what and how often he stands somewhere: not for whom."""
    said = {"by": ", ".join(name for name, value in who.comparable.items() if value), "found": found}
    table = Submission.__tablename__
    await record_reading(session, caller, "personal.search", table, now, filters=said, always=True)
