"""Reading dossiers: what a caller may see, and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Uuid, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal, Reach
from app.catalogue import queries as catalogue
from app.core.http import AllowedAction
from app.core.paging import Paging
from app.core.problems import Lang, NotFound
from app.core.vietnamese import searchable
from app.councils import queries as councils
from app.evidence.models import Document
from app.evidence.queries import DocumentNotFound
from app.periods.models import Period
from app.scoring.model import IndexSet, Policy
from app.submissions.content import changes_between
from app.submissions.entry import ENTRY_TEXT, Entry, entry
from app.submissions.models import RankingScope, Reopening, ReviewState, Revision, Submission
from app.submissions.rules import DENIAL_TEXT, TRANSITIONS, Action, By, Standing, denial
from app.submissions.schemas import (
    ApprovalOut,
    ChangeOut,
    EntryOut,
    ReopeningOut,
    ScopeOut,
    SubmissionOut,
    SubmissionSummary,
)
from app.units.models import Unit, UnitKind


class SubmissionNotFound(NotFound):
    """No such dossier, or none that the caller may see."""

    code = "submission_not_found"
    title_vi, title_en = "Không tìm thấy hồ sơ", "Submission not found"


class ScopeNotFound(NotFound):
    code = "scope_not_found"
    title_vi, title_en = "Không tìm thấy phạm vi xếp hạng", "Ranking scope not found"


async def verified_codes(session: AsyncSession, caller: Principal) -> dict[UUID, frozenset[str]]:
    """Return, by index set, the indicators that name the caller's agency as verifier or source."""
    agencies = caller.units_reaching(Reach.VERIFIED)
    if not agencies:
        return {}
    keys = set(await session.scalars(select(Unit.key).where(Unit.id.in_(agencies))))
    return {
        row.id: codes
        for row in await catalogue.index_sets(session)
        if (codes := catalogue.codes_naming(row, keys))
    }


def _units(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=ARRAY(Uuid))


# Which dossiers a caller may see: a constant with parameters (`sight`), so that statements are built once.
VISIBLE = or_(
    Submission.unit_id == any_(_units("own")),
    Submission.path.overlap(_units("subtree")),
    Submission.index_set_id == any_(_units("verified_sets")),
)


def sight(caller: Principal, verified: dict[UUID, frozenset[str]]) -> dict[str, list[UUID]]:
    """Return the parameters of VISIBLE for a caller."""
    return {
        "own": list(caller.units_reaching(Reach.OWN)),
        "subtree": list(caller.units_reaching(Reach.SUBTREE)),
        "verified_sets": list(verified),
    }


def sees_all(caller: Principal, submission: Submission) -> bool:
    """Answer whether the caller sees the whole dossier, not only the indicators it verifies."""
    subtree = caller.units_reaching(Reach.SUBTREE)
    return submission.unit_id in caller.units_reaching(Reach.OWN) or not subtree.isdisjoint(submission.path)


_SUBMISSION = select(Submission).where(Submission.id == bindparam("submission_id"), VISIBLE)
_SUBMISSION_LOCKED = _SUBMISSION.with_for_update()
_DOSSIER = _SUBMISSION.add_columns(Revision.content).join(Revision, Revision.id == Submission.revision_id)
_DOSSIER_LOCKED = _DOSSIER.with_for_update(of=Submission)


async def submission_for(
    session: AsyncSession, caller: Principal, submission_id: UUID, *, lock: bool = False
) -> Submission:
    """Return a dossier the caller may see, locked against other writers if asked.

    Raises: SubmissionNotFound.
    """
    known = {"submission_id": submission_id, **sight(caller, await verified_codes(session, caller))}
    submission = await session.scalar(_SUBMISSION_LOCKED if lock else _SUBMISSION, known)
    if submission is None:
        raise SubmissionNotFound()
    return submission


async def dossier_for(
    session: AsyncSession, caller: Principal, submission_id: UUID, *, lock: bool = False
) -> tuple[Submission, dict[str, Any]]:
    """Return a dossier the caller may see with its present content; locked against other writers if asked.

    Raises: SubmissionNotFound.
    """
    known = {"submission_id": submission_id, **sight(caller, await verified_codes(session, caller))}
    row = (await session.execute(_DOSSIER_LOCKED if lock else _DOSSIER, known)).one_or_none()
    if row is None:
        # Not visible, or overtaken: who has waited for the lock looks for the new row's revision among the old ones.
        submission = await submission_for(session, caller, submission_id, lock=lock)
        return submission, await content_of(session, submission)
    submission, content = row
    return submission, content


async def whole_submission_for(session: AsyncSession, caller: Principal, submission_id: UUID) -> Submission:
    """Return a dossier of which the caller may see everything, not only the indicators it verifies.

    Raises: SubmissionNotFound.
    """
    submission = await submission_for(session, caller, submission_id)
    if not sees_all(caller, submission):
        raise SubmissionNotFound()
    return submission


async def content_of(session: AsyncSession, submission: Submission) -> dict[str, Any]:
    """Return the present content of a dossier."""
    content = await session.scalar(select(Revision.content).where(Revision.id == submission.revision_id))
    assert content is not None, "a dossier always has a revision"
    return content


async def submissions_page(
    session: AsyncSession,
    caller: Principal,
    paging: Paging,
    *,
    period_id: UUID | None = None,
    state: ReviewState | None = None,
    kind: UnitKind | None = None,
    to_review: bool = False,
    search: str | None = None,
) -> tuple[list[SubmissionSummary], int]:
    """Return one page of the dossiers the caller may see, in Vietnamese order, and how many there are.

    `to_review` keeps those that wait for the caller's own units to review them, except the caller's own unit.
    """
    known = sight(caller, await verified_codes(session, caller))
    query = select(Submission).where(VISIBLE)
    if period_id is not None:
        query = query.where(Submission.period_id == period_id)
    if state is not None:
        query = query.where(Submission.state == state)
    if kind is not None:
        query = query.where(Submission.unit_kind == kind)
    if search:
        query = query.where(Submission.search_text.contains(searchable(search), autoescape=True))
    if to_review:
        waiting = (ReviewState.SUBMITTED, ReviewState.RESUBMITTED, ReviewState.UNDER_REVIEW)
        query = query.where(
            Submission.reviewer_unit_id.in_(caller.units_with(Permission.REVIEW_ACT)),
            Submission.state.in_(waiting),
            Submission.unit_id.not_in(caller.own_units),
            Submission.approved_by.is_distinct_from(caller.id),
        )
    total = await session.scalar(select(func.count()).select_from(query.subquery()), known) or 0
    ordered = query.order_by(Submission.sort_key, Submission.id).offset(paging.offset).limit(paging.page_size)
    return [SubmissionSummary.model_validate(row) for row in await session.scalars(ordered, known)], total


def unit_acting(caller: Principal, submission: Submission, action: Action) -> UUID | None:
    """Return the unit for which a role of the caller does this with the dossier, the nearest one; None without."""
    transition = TRANSITIONS[action]
    units = {
        By.UNIT: [submission.unit_id],
        By.REVIEWER: [submission.reviewer_unit_id],
        By.ABOVE: submission.path[submission.path.index(submission.reviewer_unit_id) :],
    }[transition.by]
    return next((unit for unit in units if caller.may(transition.permission, unit)), None)


def entry_of(submission: Submission, now: datetime) -> Entry:
    """Return whether the unit may enter figures now, and until when."""
    reopened = {code: datetime.fromisoformat(until) for code, until in (submission.reopened or {}).items()}
    return entry(submission.state, now, due_at=submission.entry_due_at, reopened=reopened)


async def standing_of(
    session: AsyncSession, caller: Principal, submission: Submission, now: datetime
) -> Standing:
    """Return how the caller stands to a dossier now."""
    reviews = caller.may(Permission.REVIEW_ACT, submission.reviewer_unit_id)
    groups = None
    if reviews and submission.state is ReviewState.UNDER_REVIEW:
        groups = await councils.groups_of(
            session, caller.id, submission.period_id, submission.reviewer_unit_id, submission.unit_kind
        )
    return Standing(
        state=submission.state,
        now=now,
        entry=entry_of(submission, now),
        due_at=submission.entry_due_at,
        is_approved=submission.approved_hash == submission.content_hash,
        is_answered=not submission.open_items,
        # Whoever approved it, by whatever right, does not review it afterwards.
        is_own_unit=submission.unit_id in caller.own_units or submission.approved_by == caller.id,
        is_claimant=submission.claimed_by == caller.id,
        groups=groups,
    )


async def allowed_actions(
    session: AsyncSession, caller: Principal, submission: Submission, now: datetime, lang: Lang
) -> list[AllowedAction]:
    """Return every action with whether the caller may do it now, and why not."""
    standing = await standing_of(session, caller, submission, now)
    found = []
    for action in Action:
        why = denial(action, unit_acting(caller, submission, action) is not None, standing)
        found.append(AllowedAction.of(action, why, DENIAL_TEXT[why] if why else ("", ""), lang))
    return found


async def submission_out(
    session: AsyncSession,
    caller: Principal,
    submission: Submission,
    content: dict[str, Any],
    now: datetime,
    lang: Lang,
) -> SubmissionOut:
    """Return the dossier as the caller may see it."""
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    shown = SubmissionSummary.model_validate(submission).model_dump()
    whole = sees_all(caller, submission)
    if not whole:
        answers = await answers_seen(session, caller, submission, content)
        content = {"general_information": {}, "contacts": {}, "answers": answers}
    return SubmissionOut(
        **shown,
        index_set=row.key,
        index_set_version=row.set_version,
        content_hash=submission.content_hash,
        approval=await _approval(session, submission, content, whole=whole),
        entry=await _entry(session, submission, now, lang, whole=whole),
        general_information=content["general_information"],
        contacts=content["contacts"],
        answers=content["answers"],
        allowed_actions=await allowed_actions(session, caller, submission, now, lang),
    )


async def _entry(
    session: AsyncSession, submission: Submission, now: datetime, lang: Lang, *, whole: bool
) -> EntryOut:
    """Return whether entry is open, to those who see the whole dossier with every reopening the unit was given."""
    at = entry_of(submission, now)
    words = ENTRY_TEXT[at.reason]
    return EntryOut(
        is_open=at.is_open,
        reason_code=at.reason.value,
        reason=words[0 if lang == "vi" else 1],
        until=at.until,
        indicators=sorted(at.indicators) if at.indicators is not None and whole else None,
        # None: it was never opened again, as most are not.
        reopenings=[ReopeningOut.model_validate(row) for row in await reopenings_of(session, submission.id)]
        if whole and submission.reopened is not None
        else [],
    )


async def reopenings_of(session: AsyncSession, submission_id: UUID) -> Sequence[Reopening]:
    """Return every reopening of a dossier in the order they were granted."""
    query = select(Reopening).where(Reopening.submission_id == submission_id).order_by(Reopening.id)
    return (await session.scalars(query)).all()


async def _approval(
    session: AsyncSession, submission: Submission, content: dict[str, Any], *, whole: bool
) -> ApprovalOut | None:
    """Return the approval with what changed since, to those who see the whole dossier."""
    number = submission.approved_revision
    if not whole or submission.approved_by is None or submission.approved_at is None or number is None:
        return None
    is_current = submission.approved_hash == submission.content_hash
    changes: list[ChangeOut] = []
    if not is_current:
        approved = await revision_of(session, submission, number)
        changes = changes_between(approved.content, content)
    return ApprovalOut(
        approved_by=submission.approved_by,
        approved_at=submission.approved_at,
        revision_number=number,
        is_current=is_current,
        changes=changes,
    )


async def answers_seen(
    session: AsyncSession, caller: Principal, submission: Submission, content: dict[str, Any]
) -> dict[str, Any]:
    """Return the answers of a dossier to the indicators the caller may see."""
    answers: dict[str, Any] = content["answers"]
    if sees_all(caller, submission):
        return answers
    codes = (await verified_codes(session, caller))[submission.index_set_id]
    return {code: answer for code, answer in answers.items() if code in codes}


async def cited_document(
    session: AsyncSession, caller: Principal, submission_id: UUID, document_id: UUID
) -> Document:
    """Return a document that an indicator the caller may see cites: so agencies read what they verify.

    Raises: SubmissionNotFound, DocumentNotFound.
    """
    submission, content = await dossier_for(session, caller, submission_id)
    answers = await answers_seen(session, caller, submission, content)
    cited = {one for answer in answers.values() for one in answer.get("evidence", [])}
    document = await session.get(Document, document_id) if str(document_id) in cited else None
    if document is None:
        raise DocumentNotFound()
    return document


async def measures_of(session: AsyncSession, submission: Submission) -> tuple[IndexSet, Policy]:
    """Return the set and the policy that a dossier is scored by."""
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    period = await session.get_one(Period, submission.period_id)
    policy = await catalogue.policy_by_id(session, period.policy_id)
    return catalogue.scoring_set(row), catalogue.scoring_policy(policy)


async def revisions_of(session: AsyncSession, submission: Submission) -> Sequence[Revision]:
    """Return every kept state of a dossier, the latest first."""
    query = select(Revision).where(Revision.submission_id == submission.id).order_by(Revision.number.desc())
    return (await session.scalars(query)).all()


async def revision_of(session: AsyncSession, submission: Submission, number: int) -> Revision:
    """Return one kept state of a dossier.

    Raises: SubmissionNotFound.
    """
    revision = await session.scalar(
        select(Revision).where(Revision.submission_id == submission.id, Revision.number == number)
    )
    if revision is None:
        raise SubmissionNotFound()
    return revision


async def revision_named(session: AsyncSession, submission: Submission, name: str) -> Revision:
    """Return a kept state of a dossier by its number, or the one approved or handed in last, or the present one.

    Raises: SubmissionNotFound where there is none.
    """
    named = {
        "approved": submission.approved_revision,
        "submitted": submission.submitted_revision,
        "present": submission.revision_number,
    }
    number = named[name] if name in named else int(name)
    if number is None:
        raise SubmissionNotFound()
    return await revision_of(session, submission, number)


async def scopes_of(session: AsyncSession, period_id: UUID) -> list[ScopeOut]:
    """Return the ranking scopes of a period with how many of their dossiers have passed."""
    passed = func.count().filter(Submission.state == ReviewState.PASSED)
    query = (
        select(RankingScope, func.count(Submission.id), passed)
        .join(Submission, Submission.scope_id == RankingScope.id)
        .where(RankingScope.period_id == period_id)
        .group_by(RankingScope.id)
        .order_by(RankingScope.unit_kind, RankingScope.name)
    )
    return [_scope_out(scope, units, done) for scope, units, done in (await session.execute(query)).all()]


def _scope_out(scope: RankingScope, units: int, passed: int) -> ScopeOut:
    shown = {name: getattr(scope, name) for name in ScopeOut.model_fields if name not in ("units", "passed")}
    return ScopeOut(**shown, units=units, passed=passed)
