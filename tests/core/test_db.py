"""The driver under a session works in the session's transaction, also when its statement is the first."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from app.core.audit import SYSTEM, AuditEvent, record
from app.core.db import Database
from app.periods.models import CalendarDay

NOW = datetime(2023, 12, 15, tzinfo=UTC)


async def test_an_audit_row_that_is_not_committed_is_not_there(own_database: Database) -> None:
    async with own_database.session() as session:
        await record(session, SYSTEM, "test.first_statement", CalendarDay(), NOW)
        await session.rollback()
    async with own_database.session() as session:
        query = select(func.count()).where(AuditEvent.action == "test.first_statement")
        assert await session.scalar(query) == 0
        await record(session, SYSTEM, "test.first_statement", CalendarDay(), NOW)
        await session.commit()
        assert await session.scalar(query) == 1
