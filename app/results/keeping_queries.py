"""Reading what keeps stored bytes: holds, everything that names a document, and the results made from it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, any_, case, cast, exists, false, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.evidence.models import Document, Hold, StoredFile
from app.periods.models import Period, PeriodSet
from app.results.keeping_rules import UNTOUCHED, Fate, Standing, fate_of, fate_of_file, kept_until
from app.results.models import Appeal, Result, ResultLine, ResultState
from app.reviews.models import Adjustment, Clarification, ItemAnswer
from app.submissions.models import Revision, Submission

Terms = Mapping[UUID, datetime | None]  # by period


@dataclass(frozen=True, slots=True)
class Judged:
    """Stored bytes, what becomes of them, and of each document that has them."""

    sha256: str
    size_bytes: int
    fate: Fate
    documents: dict[UUID, Fate]


async def judged(
    session: AsyncSession, now: datetime, grace: timedelta, sha256: str | None = None
) -> AsyncIterator[Judged]:
    """Give all bytes that are in the store, or those of one fingerprint, with what becomes of them."""
    terms = await _terms(session)
    over = [period_id for period_id, end in terms.items() if end is not None and end <= now]
    query = _standings(over).order_by(StoredFile.sha256)
    if sha256 is not None:
        query = query.where(StoredFile.sha256 == sha256)
    same: list[Any] = []
    async for row in await session.stream(query):
        if same and row.sha256 != same[0].sha256:
            yield _judge(same, terms, now, grace)
            same = []
        same.append(row)
    if same:
        yield _judge(same, terms, now, grace)


async def _terms(session: AsyncSession) -> Terms:
    """Return until when the policy of each period keeps its evidence."""
    periods = (await session.execute(select(Period.id, Period.year, Period.policy_id))).all()
    return {
        period_id: kept_until(catalogue.policy_file(await catalogue.policy_by_id(session, policy_id)), year)
        for period_id, year, policy_id in periods
    }


def _judge(rows: Sequence[Any], terms: Terms, now: datetime, grace: timedelta) -> Judged:
    """Return what becomes of bytes; each row is one of the documents that have them, or says that there is none."""
    documents = {
        row.document_id: fate_of(
            Standing(
                idle_from=row.idle_from,
                is_held=row.is_held,
                is_cited=row.is_cited,
                is_leaned_on=row.is_leaned_on,
                kept_until=terms[row.period_id],
            ),
            now,
            grace,
        )
        for row in rows
        if row.document_id is not None
    }
    file = rows[0]
    fate = fate_of_file(list(documents.values()), file.touched_at, now)
    return Judged(file.sha256, file.size_bytes, fate, documents)


# --- what keeps a document ----------------------------------------------------------------------------------


def _standings(over: Sequence[UUID]) -> Select[Any]:
    """Return the query of all bytes in the store with their documents; `over` are the periods whose term has ended."""
    is_over = Document.period_id.in_(over) if over else false()
    return (
        select(
            StoredFile.sha256,
            StoredFile.size_bytes,
            StoredFile.touched_at,
            Document.id.label("document_id"),
            Document.period_id,
            func.greatest(Document.uploaded_at, _REVIEWED_AT).label("idle_from"),
            _IS_HELD.label("is_held"),
            _IS_CITED.label("is_cited"),
            case((is_over, _IS_LEANED_ON), else_=false()).label("is_leaned_on"),
        )
        .outerjoin(Document, Document.sha256 == StoredFile.sha256)
        # An upload that broke off can have put bytes back that were taken out.
        .where(or_(StoredFile.purged_at.is_(None), StoredFile.touched_at > StoredFile.purged_at - UNTOUCHED))
    )


def _names_it(content: Any) -> ColumnElement[bool]:
    """Return the condition that the content of a dossier cites the document."""
    return func.jsonb_path_exists(
        content,
        cast("$.answers.*.evidence[*] ? (@ == $id)", JSONPATH),
        func.jsonb_build_object("id", cast(Document.id, Text)),
    )


# Evidence is gathered all year: it waits to be cited until the last dossier of the period is to be reviewed.
_REVIEWED_AT = (
    select(func.max(PeriodSet.review_due_at))
    .where(PeriodSet.period_id == Document.period_id)
    .scalar_subquery()
)

_IS_HELD = exists().where(
    Hold.released_at.is_(None),
    Hold.period_id == Document.period_id,
    or_(Hold.unit_id.is_(None), Hold.unit_id == Document.unit_id),
)

# A unit cites its own documents of the period only, so nothing but its dossier can name one.
_DOSSIER = and_(Submission.period_id == Document.period_id, Submission.unit_id == Document.unit_id)

# What names it beside the content: answers to what was asked, decisions on it, appeals.
_BESIDE = or_(
    exists().where(
        _DOSSIER,
        Clarification.submission_id == Submission.id,
        ItemAnswer.clarification_id == Clarification.id,
        Document.id == any_(ItemAnswer.evidence),
    ),
    exists().where(
        _DOSSIER,
        Adjustment.submission_id == Submission.id,
        Adjustment.value["disallowed"].has_key(cast(Document.id, Text)),
    ),
    exists().where(_DOSSIER, Appeal.submission_id == Submission.id, Document.id == any_(Appeal.evidence)),
)

# The present content first: most documents are found there, and a dossier can have hundreds of revisions.
_IS_CITED = or_(
    exists().where(_DOSSIER, Revision.id == Submission.revision_id, _names_it(Revision.content)),
    exists().where(_DOSSIER, Revision.submission_id == Submission.id, _names_it(Revision.content)),
    _BESIDE,
)

# The dossier in a result that people were told of, whatever became of it since, or that may still be signed.
_IN_RESULT = and_(
    _DOSSIER,
    Result.period_id == Submission.period_id,
    or_(
        Result.announced_at.is_not(None),
        Result.published_at.is_not(None),
        Result.state == ResultState.PROVISIONAL,
    ),
    ResultLine.result_id == Result.id,
    ResultLine.unit_id == Submission.unit_id,
)

_IS_LEANED_ON = or_(
    exists().where(
        _IN_RESULT,
        Revision.submission_id == Submission.id,
        Revision.number == cast(ResultLine.document, JSONB)["input"]["revision"]["number"].as_integer(),
        _names_it(Revision.content),
    ),
    and_(exists().where(_IN_RESULT), _BESIDE),
)
