"""What tests ask of notices: who was told of what, since the last time they asked."""

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Role
from app.notifications.models import Mailing, Notice, NoticeSettings
from app.notifications.telling import BATCH, tell
from app.units.queries import unit_ids_by_key
from tests.conftest import START, Clock


async def tell_all(app: FastAPI, clock: Clock, *, mails: bool = True) -> int:
    """Empty the outbox as the worker does; return how many events there were."""
    count, told = 0, BATCH
    while told == BATCH:
        async with app.state.database.session() as session, session.begin():
            told = await tell(session, clock.now, mails=mails)
        count += told
    return count


async def notices(session: AsyncSession) -> list[tuple[str, Notice]]:
    """Return every notice with the user name of whom it tells, in order."""
    query = select(User.username, Notice).join(User, User.id == Notice.user_id).order_by(Notice.id)
    found = await session.execute(query, execution_options={"populate_existing": True})
    return [(name, notice) for name, notice in found.all()]


class Ear:
    """Hears who is told from now on."""

    def __init__(self, app: FastAPI, clock: Clock, session: AsyncSession) -> None:
        self._app, self._clock, self._session = app, clock, session
        self._heard: set[Any] = set()

    async def listens(self) -> "Ear":
        """Forget what there was before."""
        await self.told()
        return self

    async def told(self) -> dict[str, set[str]]:
        """Return, by topic, the user names that were told since the last call; nobody twice of one thing."""
        await tell_all(self._app, self._clock)
        found: dict[str, set[str]] = defaultdict(set)
        for name, notice in await notices(self._session):
            if notice.id not in self._heard:
                assert name not in found[notice.topic], f"{name} was told twice: {notice.topic}"
                found[notice.topic].add(name)
                self._heard.add(notice.id)
        return dict(found)


async def user_named(session: AsyncSession, username: str) -> User:
    """Return an account."""
    return (await session.scalars(select(User).where(User.username == username))).one()


async def give_address(session: AsyncSession, *usernames: str) -> None:
    """Give accounts an address: their name at example.vn."""
    for name in usernames:
        await session.execute(update(User).where(User.username == name).values(email=f"{name}@example.vn"))


async def prefer(session: AsyncSession, username: str, mailing: Mailing, at: Any) -> None:
    """Write how somebody wants to be told."""
    user = await user_named(session, username)
    session.add(NoticeSettings(id=user.id, mailing=mailing, digest_at=at, changed_at=START))
    await session.flush()


async def add_user(
    session: AsyncSession, username: str, role: Role, unit: str, *, home: str = "", **changes: Any
) -> User:
    """Add an account with one role."""
    ids = await unit_ids_by_key(session)
    user = User(
        **{
            "username": username,
            "full_name": f"Tài khoản {username}",
            "email": None,
            "unit_id": ids[home or unit],
            "password_hash": "-",
            "must_change_password": False,
            "is_active": True,
            "created_at": START,
            "failed_logins": 0,
            "locked_until": None,
        }
        | changes
    )
    session.add(user)
    await session.flush()
    session.add(RoleGrant(user_id=user.id, role=role, unit_id=ids[unit], granted_at=START, ended_at=None))
    await session.flush()
    return user
