"""The method note of a result: what single units were given that the others were not."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.periods.models import Period
from app.results.schemas import Note, NoteKind
from app.submissions.models import RankingScope, Reopening, Submission

_UNIT = (Submission.unit_id, Submission.unit_name)


async def notes_to(session: AsyncSession, scope: RankingScope, period: Period) -> list[Note]:
    """Return every reopening of entry in a scope, every dossier that came late, every other deadline; no persons."""
    reopened = await _reopened(session, scope)
    known = {(note.unit_id, note.until_at) for note in reopened if note.indicators is None}
    given = [
        note
        for note in await _other_times(session, scope, period)
        if (note.unit_id, note.until_at) not in known
    ]
    return [*reopened, *await _called_in(session, scope), *given, *await _handed_in_late(session, scope)]


async def _reopened(session: AsyncSession, scope: RankingScope) -> list[Note]:
    query = (
        select(*_UNIT, Reopening.granted_at, Reopening.until_at, Reopening.indicators, Reopening.reason)
        .join(Submission, Submission.id == Reopening.submission_id)
        .where(Submission.scope_id == scope.id)
        .order_by(Reopening.id)
    )
    names = ("unit_id", "unit_name", "at", "until_at", "indicators", "reason")
    found = (await session.execute(query)).all()
    return [Note(kind=NoteKind.REOPENED, **dict(zip(names, row, strict=True))) for row in found]


async def _called_in(session: AsyncSession, scope: RankingScope) -> list[Note]:
    """Only the audit trail knows: the dossier itself goes on like any other."""
    query = (
        select(*_UNIT, AuditEvent.at)
        .join(AuditEvent, AuditEvent.object_id == Submission.id)
        .where(
            Submission.scope_id == scope.id,
            AuditEvent.object_type == Submission.__tablename__,
            AuditEvent.action == "review.call_in",
        )
        .order_by(AuditEvent.id)
    )
    return [
        Note(kind=NoteKind.CALLED_IN, unit_id=unit_id, unit_name=name, at=at)
        for unit_id, name, at in (await session.execute(query)).all()
    ]


async def _other_times(session: AsyncSession, scope: RankingScope, period: Period) -> list[Note]:
    query = (
        select(*_UNIT, Submission.entry_due_at)
        .where(Submission.scope_id == scope.id, Submission.entry_due_at != period.submission_due_at)
        .order_by(Submission.sort_key, Submission.id)
    )
    return [
        Note(kind=NoteKind.OTHER_TIME, unit_id=unit_id, unit_name=name, until_at=due_at)
        for unit_id, name, due_at in (await session.execute(query)).all()
    ]


async def _handed_in_late(session: AsyncSession, scope: RankingScope) -> list[Note]:
    """Only some indicators were open again, and with them the whole dossier was handed in."""
    query = (
        select(*_UNIT, Submission.submitted_at)
        .where(Submission.scope_id == scope.id, Submission.submitted_at >= Submission.entry_due_at)
        .order_by(Submission.sort_key, Submission.id)
    )
    return [
        Note(kind=NoteKind.HANDED_IN_LATE, unit_id=unit_id, unit_name=name, at=at)
        for unit_id, name, at in (await session.execute(query)).all()
    ]
