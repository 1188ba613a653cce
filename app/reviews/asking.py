"""Asking the unit and being answered: items of a return, and supplementary evidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest, Problem
from app.evidence.queries import sizes_of
from app.evidence.rules import citation_faults
from app.periods.rules import end_of
from app.reviews import queries
from app.reviews.deciding import index_set_of
from app.reviews.models import Clarification, ClarificationKind, ItemAnswer
from app.reviews.schemas import ItemAnswerIn, ItemKind, ReturnIn
from app.submissions.actions import keep_content, refused, require_allowed
from app.submissions.content import Content
from app.submissions.models import ReviewState, Submission
from app.submissions.queries import content_of, entry_of
from app.submissions.rules import Action, Denial

MAX_DOCUMENTS = 50  # of one indicator, as in an answer
LONGEST = timedelta(
    days=91
)  # a slip of the year would keep the dossier for ever: only its time brings it back


class SupplementLate(Problem):
    """The policy gives 0 points for what comes after the day that was set (004:75)."""

    status, code = 409, "supplement_late"
    title_vi, title_en = "Đã quá hạn bổ sung tài liệu", "The time to send more evidence has ended"


async def asked(
    session: AsyncSession,
    submission: Submission,
    body: ReturnIn,
    kind: ClarificationKind,
    asked_for: UUID,
    *,
    by: Actor,
    now: datetime,
) -> Clarification:
    """Write down what a unit is asked, and which unit asks.

    Raises: InvalidRequest (422) for an unknown indicator or a due date that has passed.
    """
    index_set = await index_set_of(session, submission)
    due_at = end_of(body.due_on)
    faults = [
        Fault(
            f"/items/{i}/indicator", "unknown_indicator", "không có chỉ số này", "there is no such indicator"
        )
        for i, item in enumerate(body.items)
        if item.indicator is not None and item.indicator not in index_set.by_code
    ]
    if due_at <= now:
        faults.append(Fault("/due_on", "in_the_past", "phải từ hôm nay trở đi", "must be today or later"))
    elif due_at > now + LONGEST:
        vi, en = f"không quá {LONGEST.days} ngày", f"at most {LONGEST.days} days ahead"
        faults.append(Fault("/due_on", "too_far", vi, en))
    if faults:
        raise InvalidRequest(faults=faults)
    clarification = Clarification(
        submission_id=submission.id,
        kind=kind,
        asked_for=asked_for,
        reason=body.reason,
        items=[item.model_dump(mode="json") for item in body.items],
        due_at=due_at,
        asked_at=now,
        asked_by=by.id,
        asked_by_name=by.name,
    )
    session.add(clarification)
    return clarification


async def ask_for_more(
    session: AsyncSession, submission: Submission, body: ReturnIn, *, by: Principal, now: datetime
) -> Clarification:
    """Ask the unit for supplementary evidence while the dossier stays where it is (004:59, 004:67, R-096, R-102).

    Raises: ActionNotAllowed (409), InvalidRequest (422).
    """
    by = await require_allowed(session, by, submission, Action.ASK, now)
    asker = by.acting_for or submission.reviewer_unit_id
    clarification = await asked(
        session, submission, body, ClarificationKind.SUPPLEMENT, asker, by=by, now=now
    )
    submission.changed_at = now
    submission.touch()
    known = {
        "clarification_id": str(clarification.id),
        "asked_for": str(asker),
        "due_at": clarification.due_at.isoformat(),
        "items": clarification.items,
    }
    await record(session, by, "review.ask", submission, now, after=known, reason=body.reason, tell=True)
    return clarification


async def answer(
    session: AsyncSession,
    submission: Submission,
    clarification: Clarification,
    body: ItemAnswerIn,
    *,
    max_bytes: int,
    by: Principal,
    now: datetime,
) -> ItemAnswer:
    """Answer one item; its documents join those of the indicator, in a new revision that the leader approves again.

    What a review ended with stays as it is: documents that come after the pass join when the review is taken up again.
    The documents of an indicator may have `max_bytes` together.

    Raises: ActionNotAllowed, SupplementLate (409), InvalidRequest (422) for an unknown item or document.
    """
    by = await require_allowed(session, by, submission, Action.ANSWER, now)
    is_late = await _require_time(session, submission, clarification, now)
    is_passed = submission.state is ReviewState.PASSED
    content = await content_of(session, submission)
    if is_passed:  # with what waits
        content = await with_what_came(session, submission, content, submission.passed_at)
    await _require_sound(session, submission, clarification, body, content, max_bytes)
    indicator = clarification.items[body.item]["indicator"]
    is_return = clarification.kind is ClarificationKind.RETURN
    if is_return and body.evidence and not entry_of(submission, now).opens(indicator):
        raise refused(Denial.NOT_OPENED, submission)
    answered = ItemAnswer(
        clarification_id=clarification.id,
        item=body.item,
        text=body.text,
        evidence=body.evidence,
        is_late=is_late,
        made_at=now,
        made_by=by.id,
        made_by_name=by.name,
    )
    session.add(answered)
    await session.flush()
    if not is_passed:
        joined = _with_documents(content, indicator, body.evidence)
        await keep_if_new(session, submission, joined, by=by, now=now)
    if is_return:
        submission.open_items = len(await unanswered(session, clarification))
    submission.changed_at = now
    submission.touch()
    known = {
        "clarification_id": str(clarification.id),
        "asked_for": str(clarification.asked_for),
        "item": body.item,
        "indicator": indicator,
        "revision": submission.revision_number,
        "evidence": [str(one) for one in body.evidence],
        "is_late": is_late,
    }
    await record(session, by, "review.answer", submission, now, after=known, tell=True)
    return answered


async def _require_time(
    session: AsyncSession, submission: Submission, clarification: Clarification, now: datetime
) -> bool:
    """Refuse an answer that is out of time, and tell whether one that is taken is late.

    Items of a return are answered while the dossier is returned and open. Supplementary evidence after its day counts
    for nothing where the policy says so (004:75); elsewhere it is taken as late, and the reviewer decides (ruling 11).

    Raises: ActionNotAllowed, SupplementLate (409).
    """
    if clarification.kind is ClarificationKind.RETURN:
        latest = await queries.latest_return(session, submission.id)
        if submission.state is not ReviewState.RETURNED or clarification is not latest:
            raise refused(Denial.WRONG_STATE, submission)
        if not entry_of(submission, now).is_open:
            raise refused(Denial.ENTRY_CLOSED, submission)
        return False
    is_late = now >= clarification.due_at
    if is_late and (await queries.policy_of(session, submission)).late_evidence == "zero":
        raise SupplementLate(
            "Theo chính sách, tiêu chí bổ sung sau thời hạn được 0 điểm.",
            "By the policy an indicator proved after the time has 0 points.",
        )
    return is_late


async def _require_sound(
    session: AsyncSession,
    submission: Submission,
    clarification: Clarification,
    body: ItemAnswerIn,
    content: Content,
    max_bytes: int,
) -> None:
    faults, indicator = [], None
    if body.item >= len(clarification.items):
        faults.append(Fault("/item", "unknown_item", "không có nội dung này", "there is no such item"))
    else:
        indicator = clarification.items[body.item]["indicator"]
    held = [UUID(one) for one in content["answers"].get(indicator, {}).get("evidence", [])]
    among = {*held, *body.evidence}
    if len(among) > MAX_DOCUMENTS:
        vi, en = (
            f"tối đa {MAX_DOCUMENTS} tài liệu cho một chỉ số",
            f"at most {MAX_DOCUMENTS} documents of an indicator",
        )
        faults.append(Fault("/evidence", "too_long", vi, en))
    sizes = await sizes_of(session, submission.period_id, submission.unit_id, among)
    faults += citation_faults(sizes, body.evidence, "/evidence", max_bytes, held)
    if faults:
        raise InvalidRequest(faults=faults)


def _with_documents(content: Content, indicator: str | None, evidence: Sequence[UUID]) -> Content:
    """Return a content with more documents of an indicator; what is there already changes nothing. Pure."""
    held = content["answers"].get(indicator, {}) if indicator else {}
    cited = held.get("evidence", [])
    new = [str(one) for one in dict.fromkeys(evidence) if str(one) not in cited]
    if indicator is None or not new:
        return content
    return content | {"answers": content["answers"] | {indicator: held | {"evidence": cited + new}}}


async def with_what_came(
    session: AsyncSession, submission: Submission, content: Content, since: datetime | None
) -> Content:
    """Return a content with the documents that were asked for and came `since`; None: all that came in time."""
    asked_for = {one.id: one for one in await queries.supplements_asked(session, submission.id)}
    for given in await queries.answers_to(session, list(asked_for)):
        if not given.is_late if since is None else given.made_at >= since:
            indicator = asked_for[given.clarification_id].items[given.item]["indicator"]
            content = _with_documents(content, indicator, given.evidence)
    return content


async def keep_if_new(
    session: AsyncSession, submission: Submission, content: Content, *, by: Actor, now: datetime
) -> None:
    """Make this the content of the dossier unless it is already."""
    # Not by the hash: it stays what was approved, also where a contact was erased since.
    if content != await content_of(session, submission):
        await keep_content(session, submission, content, by, now)


async def unanswered(session: AsyncSession, clarification: Clarification) -> list[int]:
    """Return the places of the items that have no answer."""
    answered = {one.item for one in await queries.answers_to(session, [clarification.id])}
    return [place for place in range(len(clarification.items)) if place not in answered]


@dataclass(frozen=True, slots=True)
class Supplements:
    """Where the supplementary evidence of a dossier stands.

    `late` are the indicators for which it did not come in time, with the end of that time; `warnings` say what else is
    open or came late.
    """

    late: Mapping[str, datetime]
    warnings: Sequence[Fault]


async def supplements_of(session: AsyncSession, submission: Submission, now: datetime) -> Supplements:
    """Return what was asked for beside the turns and how far it came; only the policy makes lateness cost points."""
    asked_for = await queries.supplements_asked(session, submission.id)
    answers = await queries.answers_to(session, [one.id for one in asked_for])
    held = {(one.clarification_id, one.item): one for one in answers}
    counts_nothing = (await queries.policy_of(session, submission)).late_evidence == "zero"
    late: dict[str, datetime] = {}
    warnings: list[Fault] = []
    for clarification, place in _last_asked(asked_for):
        item, found = clarification.items[place], held.get((clarification.id, place))
        is_over, code = now >= clarification.due_at, item["indicator"]
        if (
            found is None
            and is_over
            and counts_nothing
            and code
            and item["kind"] == ItemKind.MISSING_EVIDENCE
        ):
            late[code] = clarification.due_at
            vi = "chưa bổ sung tài liệu, đã quá hạn: 0 điểm theo chính sách"
            en = "the evidence asked for has not come in time: 0 points by the policy"
            warnings.append(Fault(f"/answers/{code}", "supplement_zero", vi, en))
        elif found is None or found.is_late:
            warnings.append(_unsettled(code, is_given=found is not None, is_over=is_over))
    return Supplements(late, warnings)


def _last_asked(asked_for: Sequence[Clarification]) -> Iterator[tuple[Clarification, int]]:
    """Give the items that still count: of those about one indicator the last, as it may have given more time."""
    last: dict[str, tuple[Clarification, int]] = {}
    for clarification in asked_for:
        for place, item in enumerate(clarification.items):
            if item["indicator"] is None:
                yield clarification, place
            else:
                last[item["indicator"]] = clarification, place
    yield from last.values()


def _unsettled(code: str | None, *, is_given: bool, is_over: bool) -> Fault:
    pointer = f"/answers/{code}" if code else ""
    if is_given:
        return Fault(
            pointer, "supplement_late", "tài liệu bổ sung đến quá hạn", "the evidence asked for came late"
        )
    if is_over:
        vi, en = "chưa bổ sung tài liệu, đã quá hạn", "the evidence asked for has not come in time"
        return Fault(pointer, "supplement_missing", vi, en)
    vi, en = "đang chờ tài liệu bổ sung, còn thời hạn", "evidence was asked for and may still come"
    return Fault(pointer, "supplement_open", vi, en)
