"""From the outbox to notices: each event is told to those it concerns, once, in the transaction that marks it done."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from app.notifications.giving import People, addressed, give, holders, persons
from app.notifications.rules import (
    FINALIZER_ROLES,
    OVERSEER_ROLES,
    REPORTER_ROLES,
    REVIEWER_ROLES,
    SIGNER_ROLES,
    TOLD,
    UNIT_ROLES,
    Whom,
    told_of,
)
from app.notifications.subjects import Subject, subject_of
from app.notifications.templates import TEMPLATES

log = structlog.get_logger("notices")
BATCH = 100


async def tell(session: AsyncSession, now: datetime, *, mails: bool) -> int:
    """Tell the next events of the outbox and mark them done; return how many there were, at most BATCH.

    The caller commits: a crash before that repeats the batch, and `Notice.key` makes each notice once only. An event
    that cannot be told is logged and marked as well: it must not stand in the way of the others.
    """
    query = (
        select(OutboxEvent.id, AuditEvent)
        .join(AuditEvent, AuditEvent.id == OutboxEvent.audit_event_id)
        .where(OutboxEvent.done_at.is_(None))
        .order_by(OutboxEvent.id)
        .limit(BATCH)
        .with_for_update(of=OutboxEvent, skip_locked=True)
    )
    found = (await session.execute(query)).all()
    for _, event in found:
        try:
            await _tell(session, event, now, mails=mails)
        except (LookupError, TypeError, ValueError) as error:  # the event does not say what its action needs
            log.error("event_not_told", action=event.action, audit_event=str(event.id), exc_info=error)
    done = update(OutboxEvent).where(OutboxEvent.id.in_([outbox_id for outbox_id, _ in found]))
    await session.execute(done.values(done_at=now), execution_options={"synchronize_session": False})
    return len(found)


async def _tell(session: AsyncSession, event: AuditEvent, now: datetime, *, mails: bool) -> None:
    subject = await subject_of(session, event.object_type, event.object_id) if event.action in TOLD else None
    if subject is None:
        why = "object_gone" if event.action in TOLD else "action_unknown"
        log.warning("event_not_told", why=why, action=event.action, audit_event=str(event.id))
        return
    known = {name: value for name, value in (subject.words | _words_of(event)).items() if value is not None}
    for one in told_of(event.action, (event.after or {}).get("state") or subject.state):
        people = _people(one.whom, subject, event, now)
        if people is None:
            continue
        about = {name: known[name] for name in sorted(TEMPLATES[one.topic].fields()) if name in known}
        await give(
            session,
            addressed(people, str(event.id), event.object_id, about),
            topic=one.topic,
            object_type=event.object_type,
            now=now,
            mails=mails,
            but_not=event.actor_id,
        )


def _words_of(event: AuditEvent) -> dict[str, Any]:
    """Return what the event itself says to the templates."""
    after = event.after or {}
    said = {
        "actor": event.actor_name,
        "reason": event.reason,
        "indicator": after.get("indicator"),
        "indicators": after.get("indicators") or list(after.get("answers", ())),
        "group": after.get("group"),
        "finding": after.get("finding"),
        "items": len(after["items"]) if isinstance(after.get("items"), list) else None,
        "due_at": after.get("due_at"),
        "until_at": after.get("until"),
    }
    return {name: value for name, value in said.items() if value}


def _people(whom: Whom, of: Subject, event: AuditEvent, now: datetime) -> People | None:  # noqa: PLR0912  a table
    """Return those who stand to the subject in this way; None where nobody can."""
    before, after = event.before or {}, event.after or {}
    match whom:
        case Whom.UNIT if of.unit_id:
            return holders([of.unit_id], UNIT_ROLES, now)
        case Whom.REPORTERS if of.unit_id:
            return holders([of.unit_id], REPORTER_ROLES, now)
        case Whom.REVIEWERS if of.reviewer_unit_id:
            return holders([of.reviewer_unit_id], REVIEWER_ROLES, now, reviewing=of.unit_id)
        case Whom.CLAIMANT if of.claimed_by:
            return persons([of.claimed_by])
        case Whom.WHOEVER_HAS_IT:
            return _people(Whom.CLAIMANT if of.claimed_by else Whom.REVIEWERS, of, event, now)
        case Whom.FORMER_CLAIMANT if before.get("claimed_by"):
            return persons([UUID(before["claimed_by"])])
        case Whom.ASKERS:
            return holders([UUID(after["asked_for"])], REVIEWER_ROLES, now, reviewing=of.unit_id)
        case Whom.ASKED_OVER if after["asked_for"] != str(of.reviewer_unit_id):
            return _people(Whom.WHOEVER_HAS_IT, of, event, now)
        case Whom.FINALIZERS if of.finalizer_id:
            return holders([of.finalizer_id], FINALIZER_ROLES, now, reviewing=of.unit_id)
        case Whom.SIGNERS if of.finalizer_id:
            return holders([of.finalizer_id], SIGNER_ROLES, now)
        case Whom.RECEIVERS if of.to_unit_id:
            return holders([of.to_unit_id], OVERSEER_ROLES, now)
        case Whom.ABOVE if of.above:
            return holders(of.above, OVERSEER_ROLES, now)
        case Whom.SCOPE | Whom.EVERY_UNIT if of.units is not None:
            return holders(of.units, UNIT_ROLES, now)
        case Whom.MEMBERS | Whom.PERSONS:
            return of.persons
    return None
