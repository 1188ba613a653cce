"""Finalizing a ranking scope; announcing, publishing and withdrawing its result."""

import asyncio
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue import queries as catalogue
from app.core.audit import record
from app.core.db import new_id
from app.core.problems import Fault, InvalidRequest, NothingChanged, Problem
from app.core.vietnamese import VIETNAM
from app.periods.models import Period
from app.periods.queries import calendar
from app.periods.rules import end_of, is_late
from app.results import publication, queries
from app.results.models import Result, ResultState
from app.results.notes import notes_to
from app.results.rules import DENIAL_TEXT, TRANSITIONS, Action, denial, is_changed
from app.results.schemas import PublishIn, SupersededBy
from app.results.snapshot import Seen, not_collecting
from app.results.standing import standing_of
from app.results.storing import new_result, store_lines
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import RankingScope

FAULTS_SHOWN = 200
CHANNEL = "results"  # told of every publication, with the id of the result


class ScopeNotReviewed(Problem):
    status, code = 409, "scope_not_reviewed"
    title_vi, title_en = "Còn hồ sơ chưa thẩm định xong", "Some dossiers have not passed their review"


class ReasonMissing(Problem):
    status, code = 409, "reason_missing"
    title_vi, title_en = "Chốt lại phải nêu lý do", "Finalizing again needs a reason"


class NotPublishable(Problem):
    """The result's state, a dossier or an appeal stands in the way of its publication; `reason_code` says which."""

    status, code = 409, "not_publishable"
    title_vi, title_en = "Hiện chưa công bố được kết quả này", "This result cannot be published now"


async def finalize(
    session: AsyncSession,
    scope: RankingScope,
    overseers: list[UUID],
    reason: str | None,
    *,
    by: Principal,
    now: datetime,
) -> Result:
    """Score all dossiers of a locked scope and store what it came to, all or nothing (000:86, 000:89, ruling 11).

    Raises: ScopeNotReviewed with every waiting unit, NothingChanged, ReasonMissing (all 409).
    """
    index_set, policy = await queries.measures_of(session, scope)
    defaults = await queries.defaults_unreviewed(session, scope, policy, now)
    basis = queries.basis_of(scope.id, index_set, policy, defaults_unreviewed=defaults)
    result_id = new_id()
    with not_collecting():
        taking, snapshot = await queries.taken(session, basis)
        if snapshot is None:
            raise not_reviewed(taking.waiting)
        await store_lines(session, result_id, snapshot)
    previous = await queries.newest_of(session, scope.id)
    if previous is not None and not is_changed(previous, snapshot.sha256):
        raise NothingChanged(result_id=str(previous.id), number=previous.number)
    if previous is not None and not reason:
        raise ReasonMissing(
            "Nêu lý do vì kết quả đã được chốt trước đó.", "Say why: the scope has been finalized before."
        )
    number = previous.number + 1 if previous else 1
    period = await session.get_one(Period, scope.period_id)
    why = reason if previous else None
    result = new_result(
        result_id, scope, period, overseers, index_set, policy, snapshot, number, why, by, now
    )
    result.notes = [note.model_dump(mode="json") for note in await notes_to(session, scope, period)]
    session.add(result)
    scope.touch()
    await session.flush()
    await _supersede(session, result, Action.FINALIZE, by, now)
    known = {"number": number, "units": result.units, "sha256": result.sha256}
    await record(session, by, "result.finalize", result, now, after=known, reason=result.reason, tell=True)
    return result


def not_reviewed(waiting: list[Seen]) -> ScopeNotReviewed:
    """Return the refusal that lists the waiting units, the first ones only if there are very many."""
    faults = [
        Fault(
            f"/units/{one.unit_id}",
            one.state.value,
            f"{one.unit_name}: chưa thẩm định xong",
            f"{one.unit_name}: the review has not ended",
        )
        for one in waiting[:FAULTS_SHOWN]
    ]
    return ScopeNotReviewed(faults=faults, waiting=len(waiting))


# --- signing ------------------------------------------------------------------------------------------------


async def announce(
    session: AsyncSession,
    result: Result,
    scope: RankingScope,
    appeals_until: date | None,
    *,
    by: Principal,
    now: datetime,
) -> None:
    """Show the newest version to the units of the scope, before anything is public (công bố sơ bộ).

    Raises: ActionNotAllowed (409), InvalidRequest (422) for an impossible day.
    """
    by = await _signer(session, result, scope, Action.ANNOUNCE, by, now)
    result.appeals_due_at = await _appeals_due(session, result, appeals_until, now)
    await _keep_time(session, result)
    result.state = TRANSITIONS[Action.ANNOUNCE].moves[result.state]
    result.announced_at, result.announced_by, result.announced_by_name = now, by.id, by.name
    result.touch()
    await _supersede(session, result, Action.ANNOUNCE, by, now)
    known = {"number": result.number, "appeals_due_at": _text(result.appeals_due_at)}
    await record(session, by, "result.announce", result, now, after=known, reason=result.reason, tell=True)


async def publish(
    session: AsyncSession, result: Result, decision: PublishIn, *, by: Principal, now: datetime
) -> None:
    """Publish the newest version by a decision; the version published so far is superseded by it.

    Raises: NotPublishable (409) with `reason_code`, InvalidRequest (422) for an impossible day.
    """
    await _require_sensible(session, result, decision, now)
    scope = await session.get_one(RankingScope, result.scope_id)
    by = await _signer(session, result, scope, Action.PUBLISH, by, now)
    if result.announced_at is None:
        result.appeals_due_at = await _appeals_due(session, result, decision.appeals_until, now)
        await _keep_time(session, result)
    elif decision.appeals_until is not None:
        vi, en = "đã ấn định khi công bố sơ bộ", "the time for appeals was set by the announcement"
        raise InvalidRequest(faults=[Fault("/appeals_until", "term_set_at_announcement", vi, en)])
    result.state = TRANSITIONS[Action.PUBLISH].moves[result.state]
    result.decision_number, result.decision_date = decision.decision_number, decision.decision_date
    result.signer = decision.signer
    result.published_at, result.published_by, result.published_by_name = now, by.id, by.name
    await write_ranking(session, result, None)
    result.touch()
    await _supersede(session, result, Action.PUBLISH, by, now)
    said = {
        "number": result.number,
        **decision.model_dump(mode="json"),
        "appeals_due_at": _text(result.appeals_due_at),
        "reported_to": [str(unit_id) for unit_id in result.overseen_by[1:]],
    }
    await record(session, by, "result.publish", result, now, after=said, reason=result.reason, tell=True)
    await _tell_readers(session, result)


async def withdraw(
    session: AsyncSession, result: Result, scope: RankingScope, reason: str, *, by: Principal, now: datetime
) -> None:
    """Take an announced or published result back; the scope can then be finalized again, even unchanged.

    Raises: ActionNotAllowed (409).
    """
    by = await _signer(session, result, scope, Action.WITHDRAW, by, now)
    before = {"state": result.state.value}
    result.state = TRANSITIONS[Action.WITHDRAW].moves[result.state]
    result.withdrawn_at, result.withdrawn_by, result.withdrawn_by_name = now, by.id, by.name
    result.withdrawn_reason = reason
    result.touch()
    if result.published_at is not None:
        await write_ranking(session, result, None)
    known = {"state": result.state.value, "number": result.number}
    await record(
        session, by, "result.withdraw", result, now, before=before, after=known, reason=reason, tell=True
    )
    await _tell_readers(session, result)


async def _signer(
    session: AsyncSession,
    result: Result,
    scope: RankingScope,
    action: Action,
    by: Principal,
    now: datetime,
) -> Principal:
    """Refuse what the result does not allow now; return whoever was found to sign for the scope in that role.

    Raises: NotPublishable, ActionNotAllowed (both 409) with `reason_code`.
    """
    standing = await standing_of(session, result, scope, now)
    why = denial(action, holds_role=True, at=standing)
    if why is not None:
        problem = NotPublishable if action is Action.PUBLISH else ActionNotAllowed
        raise problem(*DENIAL_TEXT[why], reason_code=why.value, state=result.state.value)
    return by.acting_as(scope.finalized_by_id, Permission.RESULT_PUBLISH)


async def _appeals_due(
    session: AsyncSession, result: Result, until: date | None, now: datetime
) -> datetime | None:
    """Return the first instant at which units that see a result from now on may not appeal any more.

    Raises: InvalidRequest (422) for a day that has passed, or beside the term of the policy.
    """
    policy = catalogue.policy_file(await catalogue.policy_by_id(session, result.policy_id))
    if policy.appeals is None:
        if until is not None and is_late(now, end_of(until)):
            vi, en = "phải từ hôm nay trở đi", "must be today or later"
            raise InvalidRequest(faults=[Fault("/appeals_until", "in_the_past", vi, en)])
        return None if until is None else end_of(until)
    if until is not None:
        days = policy.appeals.working_days
        vi = f"chính sách quy định {days} ngày làm việc"
        en = f"the policy gives {days} working days"
        raise InvalidRequest(faults=[Fault("/appeals_until", "term_set_by_policy", vi, en)])
    today = now.astimezone(VIETNAM).date()
    return end_of((await calendar(session)).working_days_after(today, policy.appeals.working_days))


async def _keep_time(session: AsyncSession, result: Result) -> None:
    """Give the units at least the time for appeals that an earlier version gave them: a new one never takes any."""
    given = await queries.latest_appeals_due(session, result)
    if given is not None and (result.appeals_due_at is None or result.appeals_due_at < given):
        result.appeals_due_at = given


async def _supersede(
    session: AsyncSession, result: Result, action: Action, by: Principal, now: datetime
) -> None:
    """Put a result in the place of the earlier versions that it supersedes."""
    await session.flush()
    for earlier in await queries.superseded_by(session, result, TRANSITIONS[action].supersedes):
        before = {"state": earlier.state.value}
        earlier.state, earlier.superseded_by_id = ResultState.SUPERSEDED, result.id
        if earlier.published_at is not None:
            await write_ranking(session, earlier, SupersededBy.model_validate(result))
        earlier.touch()
        known = {"superseded_by": str(result.id)}
        await record(
            session, by, "result.supersede", earlier, now, before=before, after=known, reason=result.reason
        )
    await session.flush()


async def _tell_readers(session: AsyncSession, result: Result) -> None:
    """Let every instance of the service forget the rankings it holds in memory, once this is committed."""
    await session.flush()
    await session.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(result.id)})


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


async def _require_sensible(
    session: AsyncSession, result: Result, decision: PublishIn, now: datetime
) -> None:
    """Refuse a decision dated before the year it decides on, or in the future: a publication cannot be corrected.

    Raises: InvalidRequest (422).
    """
    period = await session.get_one(Period, result.period_id)
    today = now.astimezone(VIETNAM).date()
    if not period.starts_on <= decision.decision_date <= today:
        vi = f"phải từ {period.starts_on.isoformat()} đến hôm nay"
        en = f"must be from {period.starts_on.isoformat()} to today"
        raise InvalidRequest(faults=[Fault("/decision_date", "out_of_range", vi, en)])


async def write_ranking(session: AsyncSession, result: Result, superseded_by: SupersededBy | None) -> None:
    """Write the bytes that the public reads from now on."""
    lines = await queries.lines_of(session, result.id)
    measures = await queries.measures_shown(session, result)
    digits = (await queries.basis_of_result(session, result)).policy.digits
    ready = await asyncio.to_thread(publication.ready, result, lines, measures, digits, superseded_by)
    result.ranking, result.ranking_gzip, result.ranking_etag = ready.body, ready.gzipped, ready.etag
