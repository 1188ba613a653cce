"""Who is told of what, and when reminders and e-mails are due. Pure: one table, and a little arithmetic of days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.accounts.permissions import ROLE_PERMISSIONS, ROLE_REACH, Permission, Reach, Role
from app.core.vietnamese import VIETNAM

P = Permission


class Whom(StrEnum):
    """Who is told of an event, by how they stand to its object."""

    UNIT = "unit"  # the reporters and leaders of the dossier's unit
    REPORTERS = "reporters"  # the reporters of the dossier's unit
    REVIEWERS = "reviewers"  # the reviewers of the unit that reviews the dossier
    CLAIMANT = "claimant"  # whoever has claimed the dossier
    WHOEVER_HAS_IT = "whoever_has_it"  # the claimant; without one, the reviewers
    FORMER_CLAIMANT = "former_claimant"
    ASKERS = "askers"  # the reviewers of the unit that asked for more
    ASKED_OVER = "asked_over"  # whoever has the dossier, where a unit above his asked for more
    MEMBERS = "members"  # of the council
    RECEIVERS = "receivers"  # the reviewers and leaders of the unit a list is handed to
    FINALIZERS = "finalizers"  # the reviewers of the unit that finalizes the result
    SIGNERS = "signers"  # the leaders of that unit
    SCOPE = "scope"  # the reporters and leaders of every unit in the ranking
    ABOVE = "above"  # the reviewers and leaders of the units above the finalizer: "report to the province"
    PERSONS = "persons"  # those the object names: delegate and delegator
    EVERY_UNIT = "every_unit"  # the reporters and leaders of every unit with a dossier in the period


def roles_with(permission: Permission) -> frozenset[Role]:
    """Return the roles that have a permission."""
    return frozenset(role for role, allowed in ROLE_PERMISSIONS.items() if permission in allowed)


UNIT_ROLES = roles_with(P.SUBMISSION_SUBMIT)
REPORTER_ROLES = roles_with(P.SUBMISSION_EDIT)
REVIEWER_ROLES = roles_with(P.REVIEW_ACT)
FINALIZER_ROLES = roles_with(P.RESULT_FINALIZE)
SIGNER_ROLES = roles_with(P.RESULT_PUBLISH)
OVERSEER_ROLES = REVIEWER_ROLES | SIGNER_ROLES
# Whose holders review nothing of the unit they hold them for.
OWN_ROLES = frozenset(role for role, reach in ROLE_REACH.items() if reach is Reach.OWN)


@dataclass(frozen=True, slots=True)
class Told:
    """These people are told by this template; `state` None whatever state the event led to."""

    whom: Whom
    topic: str
    state: str | None = None


# Action → who is told, by which template (see `templates`). Whoever acted is never told himself, and nobody is told
# twice of one event: the first line that names him counts.
TOLD: dict[str, tuple[Told, ...]] = {
    "submission.submit": (
        Told(Whom.REVIEWERS, "submitted", "submitted"),
        Told(Whom.REVIEWERS, "resubmitted", "resubmitted"),
    ),
    "submission.approve": (Told(Whom.REPORTERS, "approved"),),
    "submission.recall": (Told(Whom.REVIEWERS, "recalled"),),
    "submission.save": (Told(Whom.WHOEVER_HAS_IT, "changed_after_reopening"),),
    "evidence.change": (Told(Whom.WHOEVER_HAS_IT, "document_changed_after_reopening"),),
    "submission.reopen_entry": (
        Told(Whom.UNIT, "entry_reopened"),
        Told(Whom.CLAIMANT, "entry_reopened_meanwhile"),
    ),
    "review.claim": (Told(Whom.UNIT, "claimed"),),
    "review.call_in": (Told(Whom.UNIT, "called_in"),),
    "review.take_over": (Told(Whom.FORMER_CLAIMANT, "taken_over"),),
    "review.return": (Told(Whom.UNIT, "returned"),),
    "review.adjust": (Told(Whom.UNIT, "adjusted"),),
    "review.correct": (Told(Whom.UNIT, "corrected"),),
    "review.reply": (Told(Whom.WHOEVER_HAS_IT, "replied"),),
    "review.ask": (Told(Whom.UNIT, "asked_for_more"), Told(Whom.ASKED_OVER, "asked_over")),
    "review.answer": (Told(Whom.ASKERS, "answered"), Told(Whom.ASKED_OVER, "answered")),
    "review.check_group": (Told(Whom.CLAIMANT, "group_checked"),),
    "review.pass": (Told(Whom.UNIT, "passed"),),
    "review.reopen": (Told(Whom.UNIT, "review_reopened"),),
    "review.hand_over": (Told(Whom.RECEIVERS, "handed_over"),),
    "council.create": (Told(Whom.MEMBERS, "council_created"),),
    "council.change": (Told(Whom.MEMBERS, "council_changed"),),
    "council.minutes": (Told(Whom.MEMBERS, "council_minutes"),),
    "result.finalize": (Told(Whom.SIGNERS, "finalized"),),
    "result.announce": (Told(Whom.SCOPE, "announced"),),
    "result.publish": (Told(Whom.SCOPE, "published"), Told(Whom.ABOVE, "reported")),
    "result.withdraw": (Told(Whom.SCOPE, "withdrawn"), Told(Whom.ABOVE, "withdrawn")),
    "appeal.lodge": (Told(Whom.FINALIZERS, "appeal_lodged"),),
    "appeal.withdraw": (Told(Whom.FINALIZERS, "appeal_withdrawn"),),
    "appeal.decide": (
        Told(Whom.UNIT, "appeal_accepted", "accepted"),
        Told(Whom.UNIT, "appeal_refused", "refused"),
    ),
    "delegation.create": (Told(Whom.PERSONS, "delegated"),),
    "delegation.end": (Told(Whom.PERSONS, "delegation_ended"),),
    "evidence.infected": (Told(Whom.UNIT, "file_infected"), Told(Whom.CLAIMANT, "file_infected")),
    "period.open": (Told(Whom.EVERY_UNIT, "period_opened"),),
}


def told_of(action: str, state: str | None) -> tuple[Told, ...]:
    """Return who is told of an event that led to a state, in the order in which they count."""
    return tuple(one for one in TOLD.get(action, ()) if one.state in (None, state))


# --- reminders ----------------------------------------------------------------------------------------------

# So many days before the last day of a deadline; 0 is the last day itself. A reminder is made when its day begins in
# Vietnam; one that was missed (the server stood still) is made late, but only the latest of those missed.
DAYS_BEFORE = (5, 1, 0)
# A deadline is told of once more when it has passed; not one that passed before the service was there to tell.
OVERDUE_FOR = timedelta(days=3)
AHEAD = timedelta(days=max(DAYS_BEFORE) + 1)


@dataclass(frozen=True, slots=True)
class Reminder:
    """The reminder that is due now: `step` of DAYS_BEFORE, or None after the deadline; `days` are left indeed."""

    step: int | None
    days: int

    def key(self, about: str, due_at: datetime) -> str:
        """Return what makes it once only: for one deadline of one thing, each step once."""
        step = "overdue" if self.step is None else str(self.step)
        return f"due:{about}:{due_at.isoformat()}:{step}"


def reminder(due_at: datetime, now: datetime) -> Reminder | None:
    """Return the reminder of a deadline that is due now, or None: too early, or long past."""
    if now >= due_at:
        return Reminder(None, 0) if now < due_at + OVERDUE_FOR else None
    last_day = (due_at - timedelta(microseconds=1)).astimezone(VIETNAM).date()
    days = (last_day - local_day(now)).days
    step = min((one for one in DAYS_BEFORE if days <= one), default=None)
    return None if step is None else Reminder(step, days)


def local_day(now: datetime) -> date:
    """Return the day it is in Vietnam."""
    return now.astimezone(VIETNAM).date()


# --- e-mail -------------------------------------------------------------------------------------------------

BACK_OFF_MINUTES = (1, 5, 15, 60)
# The last pause repeats: so many attempts take more than seven days, and after them a mail is given up.
MOST_ATTEMPTS = len(BACK_OFF_MINUTES) + 7 * 24


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """Return when a mail is tried again after so many failures (at least 1), or None to give it up."""
    if attempts > MOST_ATTEMPTS:
        return None
    return now + timedelta(minutes=BACK_OFF_MINUTES[min(attempts, len(BACK_OFF_MINUTES)) - 1])
