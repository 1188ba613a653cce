"""Setting a password: the one way, for its owner and for an administrator."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import FormerPassword, User
from app.accounts.passwords import HISTORY, hash_password, password_faults
from app.accounts.proving import forget_failures
from app.core.problems import InvalidRequest


async def first_hash(password: str, username: str) -> str:
    """Return the hash of a new account's password.

    Raises: InvalidRequest (422) if it is no good one, Unavailable (503).
    """
    if faults := await password_faults(password, username, "/password"):
        raise InvalidRequest(faults=faults)
    return await hash_password(password)


async def set_password(
    session: AsyncSession, user: User, password: str, now: datetime, *, pointer: str, initial: bool
) -> None:
    """Give an account another password and open it; the former one is kept so that it does not come again.

    Raises: InvalidRequest (422) if it is no good one, Unavailable (503).
    """
    kept = select(FormerPassword).where(FormerPassword.user_id == user.id).order_by(FormerPassword.id.desc())
    former = list(await session.scalars(kept))
    hashes = [user.password_hash, *(one.password_hash for one in former[: HISTORY - 1])]
    if faults := await password_faults(password, user.username, pointer, hashes):
        raise InvalidRequest(faults=faults)
    session.add(FormerPassword(user_id=user.id, password_hash=user.password_hash, replaced_at=now))
    too_many = [one.id for one in former[HISTORY - 2 :]]
    await session.execute(delete(FormerPassword).where(FormerPassword.id.in_(too_many)))
    user.password_hash = await hash_password(password)
    user.must_change_password, user.password_set_at = initial, now
    forget_failures(user)
