"""Taking out what is known of a person with an account. What others did with him stays, under a pseudonym."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, delete, exists, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actions import present_grants, require_administrators, set_grants
from app.accounts.models import Delegation, User
from app.accounts.passwords import hash_password, new_secret
from app.accounts.permissions import Principal, Role
from app.accounts.queries import is_running
from app.accounts.sessions import end_log_ins
from app.core.audit import record
from app.core.problems import Problem
from app.core.repetition import forget_answers
from app.core.vietnamese import VIETNAM
from app.notifications.models import Notice
from app.privacy.register import OnErasure, PersonalField, register
from app.privacy.schemas import ErasureIn
from app.submissions.models import ReviewState, Submission

ERASED_NAME = "Đã xóa theo yêu cầu"


class PersonHasDuties(Problem):
    """Somebody is in the middle of something that others wait for."""

    status, code = 409, "person_has_duties"
    title_vi, title_en = "Người này còn việc đang làm dở", "This person has work under way"


class NotOneself(Problem):
    status, code = 409, "not_oneself"
    title_vi, title_en = "Không tự xóa tài khoản của mình", "Nobody erases his own account"


async def require_erasable(session: AsyncSession, user: User, *, by: Principal, now: datetime) -> None:
    """Refuse an erasure that would leave others waiting.

    Raises: NotOneself, PersonHasDuties (409, with what is under way).
    """
    if user.id == by.id:
        raise NotOneself("Nhờ một quản trị viên khác.", "Ask another administrator.")
    claimed = select(func.count()).where(
        Submission.claimed_by == user.id, Submission.state == ReviewState.UNDER_REVIEW
    )
    acting = select(func.count()).where(
        or_(Delegation.delegator_id == user.id, Delegation.delegate_id == user.id),
        is_running(now.astimezone(VIETNAM).date()),
    )
    claims, delegations = await session.scalar(claimed) or 0, await session.scalar(acting) or 0
    if claims or delegations:
        raise PersonHasDuties(
            f"Đang thẩm định {claims} hồ sơ, {delegations} ủy quyền còn hiệu lực: bàn giao trước.",
            f"Reviews {claims} dossiers, {delegations} delegations are running: hand them over first.",
            claimed=claims,
            delegations=delegations,
        )


async def erase(session: AsyncSession, user: User, body: ErasureIn, *, by: Principal, now: datetime) -> None:
    """Take out what the register says; the account stays as a pseudonym that can never log in again.

    Raises: NotOneself, PersonHasDuties, LastAdministrator (409).
    """
    # Whoever is just logging in, or changing his password, ends first: what he leaves is taken out as well. Not the
    # whole row, because a log-in by single sign-on has to refer to it.
    await session.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))
    await require_erasable(session, user, by=by, now=now)
    held = await present_grants(session, user)
    await set_grants(session, user, [], now)
    for field in register().personal:
        if field.of is not None:
            await take_out(session, field, field.is_of(user.id))
    await forget_answers(session, user.id)
    await _rename_in_notices(session, user)
    await _replace(user, now)
    await end_log_ins(session, user.id, now, "personal data erased")
    await require_administrators(session, {g.unit_id for g in held if g.role is Role.PROVINCE_ADMIN})
    await record(
        session, by, "personal.erase", user, now, after={"document": body.document}, reason=body.reason
    )


async def take_out(session: AsyncSession, field: PersonalField, which: Any) -> None:
    """Blank or remove a field in some rows of its table; what is replaced or kept is left alone."""
    if field.erasure is OnErasure.REMOVED:
        await session.execute(delete(field.rows_of).where(which))
    elif field.erasure is OnErasure.BLANKED:
        await session.execute(update(field.rows_of).where(which).values(dict.fromkeys(field.columns, null())))


async def _replace(user: User, now: datetime) -> None:
    user.username = f"erased-{user.id.hex[-12:]}"
    user.full_name, user.email = ERASED_NAME, None
    user.password_hash = await hash_password(new_secret())  # of nobody
    user.totp_secret = user.totp_confirmed_at = user.totp_step = None
    user.is_active, user.erased_at = False, now
    user.touch()


async def _rename_in_notices(session: AsyncSession, user: User) -> None:
    """Notices of delegations name the person to others."""
    delegations = select(Delegation.id).where(
        or_(Delegation.delegator_id == user.id, Delegation.delegate_id == user.id)
    )
    each = func.jsonb_each(Notice.about).table_valued("key", "value")
    name = func.to_jsonb(cast(user.full_name, Text))
    renamed = func.jsonb_object_agg(
        each.c.key,
        func.replace(cast(each.c.value, Text), cast(name, Text), f'"{ERASED_NAME}"').cast(JSONB),
    )
    await session.execute(
        update(Notice)
        .where(Notice.object_id.in_(delegations), exists().where(each.c.value == name))
        .values(about=select(renamed).select_from(each).scalar_subquery())
    )
