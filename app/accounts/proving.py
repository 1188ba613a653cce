"""Whether somebody is who he says: his password, and how many wrong guesses are borne."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.passwords import is_password

MAX_FAILURES = 10
LOCK, LONGEST_LOCK = timedelta(minutes=15), timedelta(hours=24)
INITIAL_PASSWORD_DAYS = 14


def may_log_in(user: User, now: datetime) -> bool:
    """Answer whether a password gets in at all: the account is open, and an initial password not too old."""
    return is_open(user, now) and not is_initial_expired(user, now)


def is_open(user: User, now: datetime) -> bool:
    """Answer whether the account is on and not locked."""
    is_locked = user.locked_until is not None and user.locked_until > now
    return user.is_active and not is_locked


def is_initial_expired(user: User, now: datetime) -> bool:
    """Answer whether an initial password was left lying about; of accounts older than the rule nobody knows."""
    if not user.must_change_password or user.password_set_at is None:
        return False
    return user.password_set_at + timedelta(days=INITIAL_PASSWORD_DAYS) <= now


def count_failure(user: User, now: datetime) -> None:
    """Count a wrong guess; enough of them in a row lock the account, each time for twice as long."""
    user.failed_logins += 1
    if user.failed_logins >= MAX_FAILURES:
        user.failed_logins, user.locked_until = 0, now + lock_for(user.lock_level)
        user.lock_level += 1


def lock_for(level: int) -> timedelta:
    """Return how long an account is locked that was locked so often before, in a row."""
    return min(LOCK * (1 << min(level, 10)), LONGEST_LOCK)


def forget_failures(user: User) -> None:
    """Open the account and begin to count anew."""
    user.failed_logins, user.lock_level, user.locked_until = 0, 0, None


async def proves(session: AsyncSession, user: User | None, password: str, now: datetime) -> bool:
    """Answer whether the password is the user's; his row is locked afterwards, and a wrong guess is counted.

    Takes as long for a name that nobody has (None). The caller commits the count: he returns and raises nothing.
    """
    checked = user.password_hash if user is not None and may_log_in(user, now) else None
    good = await is_password(password, checked)
    if user is None:
        # The same work as for a wrong password: a row is looked for, and the commit has something to write.
        await session.execute(select(User.id).where(User.id == UUID(int=0)).with_for_update())
        await session.execute(text("SELECT pg_logical_emit_message(true, 'log-in', '')"))
        return False
    await session.refresh(user, with_for_update=True)
    # Locked or changed meanwhile: a guess that came at the same time as others gets no answer of its own.
    if not may_log_in(user, now):
        return False
    if not good or user.password_hash != checked:
        count_failure(user, now)
        return False
    return True
