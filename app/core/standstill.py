"""While a backup is made, nothing leaves the store: what the copied database names must still be there."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

_BACKING_UP = 5171  # the name of a lock of this database


async def is_standing_still(session: AsyncSession) -> bool:
    """Answer whether a backup is being made; if none is, none begins before this transaction ends."""
    return not await session.scalar(select(func.pg_try_advisory_xact_lock_shared(_BACKING_UP)))


async def stand_still(session: AsyncSession) -> None:
    """Let nothing leave the store until this transaction ends; waits for what is leaving it now."""
    await session.execute(select(func.pg_advisory_xact_lock(_BACKING_UP)))
