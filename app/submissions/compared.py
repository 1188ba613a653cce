"""What a dossier is compared with before it goes on: the unit's own of the period before, and documents of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload, undefer

from app.catalogue import queries as catalogue
from app.evidence.models import Document
from app.periods.models import Period, PeriodState
from app.scoring.engine import Scores, UnitInput, score
from app.scoring.model import IndexSet
from app.scoring.values import answer_of
from app.submissions.content import unproved
from app.submissions.models import Revision, Submission
from app.submissions.queries import measures_of

# What a reviewer settled is read in this form only (app/reviews/settled); another one counts as not settled.
_SETTLED_FORMAT = 1
# An indicator with one of these has earned nothing that could be compared.
_WITHOUT_VALUE = frozenset({"no_answer", "not_applicable", "not_applicable_not_accepted"})


def shares_of(scores: Scores) -> dict[str, Fraction]:
    """Return the share of its maximum of every indicator that has a value and needs nobody else to be scored."""
    return {
        line.code: line.share
        for line in scores.card(0).lines
        if line.share is not None and _WITHOUT_VALUE.isdisjoint(line.warnings)
    }


@dataclass(frozen=True, slots=True)
class Before:
    """The unit's dossier of the period before: its year, and the shares of what was measured as it is now."""

    year: int
    shares: Mapping[str, Fraction]


async def dossier_before(session: AsyncSession, submission: Submission, period: Period) -> Before | None:
    """Return what the unit earned in the period before under the same set; None if it had no such dossier.

    What its review settled counts; without that, its present content, scored as the unit's own preview is.
    """
    year = select(func.max(Period.year)).where(Period.year < period.year, Period.state == PeriodState.OPEN)
    query = (
        select(Submission, Revision.content, Period.year)
        .join(Revision, Revision.id == Submission.revision_id)
        .join(Period, Period.id == Submission.period_id)
        .where(Submission.unit_id == submission.unit_id, Period.year == year.scalar_subquery())
        .options(undefer(Submission.settled))
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    earlier, content, of_year = row
    now = catalogue.scoring_set(await catalogue.index_set_by_id(session, submission.index_set_id))
    then, policy = await measures_of(session, earlier)
    if then.key != now.key:
        return None
    scores = score(then, policy, [_input_of(earlier, content, then)], peers_known=False)
    # What has another rule since is another measure: its share says nothing about this year's.
    same = {
        code
        for code, row in then.by_code.items()
        if code in now.by_code and row.rule == now.by_code[code].rule
    }
    return Before(of_year, {code: share for code, share in shares_of(scores).items() if code in same})


def _input_of(submission: Submission, content: Mapping[str, Any], index_set: IndexSet) -> UnitInput:
    answers = content["answers"]
    declared = UnitInput(
        key=str(submission.unit_id),
        is_ranked=submission.is_ranked,
        answers=answers,
        without_evidence=unproved(index_set, answers),
    )
    settled = from_json(submission.settled) if submission.settled else {}
    if settled.get("format") != _SETTLED_FORMAT:
        return declared
    values = zip(index_set.indicators, settled["values"], strict=True)
    return replace(
        declared,
        answers={row.code: answer_of(row.rule, value) for row, value in values if value is not None},
        points={code: Fraction(points) for code, points in settled["points"].items()},
        not_applicable=frozenset(settled["not_applicable"]),
        without_evidence=frozenset(settled["without_evidence"]),
    )


async def cited_documents(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Document]:
    """Return documents by their ids, with their stored bytes."""
    query = select(Document).where(Document.id.in_(ids)).options(joinedload(Document.stored))
    found = await session.scalars(query) if ids else ()
    return {document.id: document for document in found}


async def cited_elsewhere(session: AsyncSession, documents: Sequence[Document]) -> dict[UUID, list[str]]:
    """Return, by document, the other units whose dossier of the same period cites the same bytes."""
    if not documents:
        return {}
    mine, theirs = aliased(Document), aliased(Document)
    cites = func.jsonb_path_exists(
        Revision.content,
        cast("$.answers.*.evidence[*] ? (@ == $id)", JSONPATH),
        func.jsonb_build_object("id", cast(theirs.id, Text)),
    )
    query = (
        select(mine.id, Submission.unit_name)
        .join(theirs, theirs.sha256 == mine.sha256)
        .join(Submission, Submission.unit_id == theirs.unit_id)
        .join(Revision, Revision.id == Submission.revision_id)
        .where(
            mine.id.in_([document.id for document in documents]),
            theirs.period_id == mine.period_id,
            theirs.unit_id != mine.unit_id,
            Submission.period_id == mine.period_id,
            cites,
        )
        .distinct()
        .order_by(mine.id, Submission.unit_name)
    )
    found: dict[UUID, list[str]] = {}
    for document_id, name in (await session.execute(query)).all():
        found.setdefault(document_id, []).append(name)
    return found
