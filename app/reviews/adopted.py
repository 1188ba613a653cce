"""What counts: the declared answers, the agencies' figures in place of what units may not declare, the decisions."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.figures.models import OfficialFigure
from app.reviews.models import Adjustment, AdjustmentKind
from app.scoring.engine import UnitInput
from app.scoring.model import IndexSet
from app.submissions.models import ReviewState, Revision, Submission
from app.units.models import Unit

# An indicator, the key of the agency, its answer.
Official = tuple[str, str, dict[str, Any]]
BATCH = 1024  # dossiers read at a time

Decisions = dict[str, tuple[AdjustmentKind, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier as finalization reads it. JSON stays text, so that a thread can take it apart.

    `decisions` is [[indicator, kind, value], …] and `official` [[indicator, agency, answer], …], the latest last.
    """

    unit_id: UUID
    unit_key: str
    gso_code: str | None
    unit_name: str
    is_ranked: bool
    state: ReviewState
    revision_number: int
    content_hash: str
    answers: str
    decisions: str | None
    official: str | None


def adopt(
    index_set: IndexSet,
    submission: Submission | Dossier,
    declared: dict[str, Any],
    official: list[Official],
    decisions: Decisions,
) -> UnitInput:
    """Return what is scored for one unit. Pure.

    `official` holds what agencies gave, the latest last. It counts only where that agency declares in the unit's place
    (ruling 20); elsewhere the reviewer sees it beside the declared figure and adopts it by a decision. The latest
    decision of an indicator comes before everything else.
    """
    answers = dict(declared)
    for code, agency, answer in official:
        if code in index_set.by_code and index_set.by_code[code].declared_by == agency:
            answers[code] = answer
    points: dict[str, Fraction] = {}
    not_applicable: set[str] = set()
    for code, (kind, value) in decisions.items():
        if kind is AdjustmentKind.ANSWER:
            answers[code] = value
        elif kind is AdjustmentKind.POINTS:
            points[code] = Fraction(value["points"])
        elif kind is AdjustmentKind.NOT_APPLICABLE and value["accepted"]:
            not_applicable.add(code)
    return UnitInput(
        key=str(submission.unit_id),
        is_ranked=submission.is_ranked,
        answers=answers,
        points=points,
        not_applicable=frozenset(not_applicable),
    )


async def decisions_of(session: AsyncSession, submission_ids: Sequence[UUID]) -> dict[UUID, Decisions]:
    """Return the holding decision per indicator of some dossiers."""
    query = (
        select(Adjustment.submission_id, Adjustment.indicator_code, Adjustment.kind, Adjustment.value)
        .where(Adjustment.submission_id.in_(submission_ids))
        .order_by(Adjustment.id)
    )
    found: dict[UUID, Decisions] = {}
    for submission_id, code, kind, value in (await session.execute(query)).all():
        found.setdefault(submission_id, {})[code] = (kind, value)
    return found


async def official_of(session: AsyncSession, submissions: Sequence[Submission]) -> dict[UUID, list[Official]]:
    """Return what the agencies gave, in the order it came, by unit.

    What comes after a dossier has passed counts only when its review is taken up again: passing settles the figures.
    """
    query = (
        select(Submission.unit_id, OfficialFigure.indicator_code, Unit.key, OfficialFigure.answer)
        .join(
            OfficialFigure,
            and_(
                OfficialFigure.period_id == Submission.period_id, OfficialFigure.unit_id == Submission.unit_id
            ),
        )
        .join(Unit, Unit.id == OfficialFigure.agency_unit_id)
        .where(
            Submission.id.in_([s.id for s in submissions]),
            or_(Submission.passed_at.is_(None), OfficialFigure.given_at <= Submission.passed_at),
        )
        .order_by(OfficialFigure.id)
    )
    found: dict[UUID, list[Official]] = {}
    for unit_id, code, agency, answer in (await session.execute(query)).all():
        found.setdefault(unit_id, []).append((code, agency, answer))
    return found


async def inputs_of(
    session: AsyncSession, index_set: IndexSet, submissions: Sequence[Submission]
) -> list[UnitInput]:
    """Return what is scored for dossiers of one period and set, in their order."""
    revisions = [s.revision_id for s in submissions]
    query = select(Revision.submission_id, Revision.content["answers"]).where(Revision.id.in_(revisions))
    declared = {row[0]: row[1] for row in (await session.execute(query)).all()}
    decisions = await decisions_of(session, [s.id for s in submissions])
    official = await official_of(session, submissions)
    return [
        adopt(index_set, s, declared[s.id], official.get(s.unit_id, []), decisions.get(s.id, {}))
        for s in submissions
    ]


# One statement sees one state of the database: nothing that is changed meanwhile is seen by halves.
_DOSSIERS = """
SELECT s.unit_id, u.key,
       (SELECT min(c.value) FROM unit_identifier c WHERE c.unit_id = s.unit_id AND c.scheme = 'gso'
           AND c.valid_from <= p.ends_on AND (c.valid_to IS NULL OR c.valid_to >= p.ends_on)),
       s.unit_name, s.is_ranked, s.state, r.number, r.content_hash, r.content ->> 'answers',
       (SELECT json_agg(json_build_array(a.indicator_code, a.kind, a.value) ORDER BY a.id)::text
          FROM adjustment a WHERE a.submission_id = s.id),
       (SELECT json_agg(json_build_array(f.indicator_code, g.key, f.answer) ORDER BY f.id)::text
          FROM official_figure f JOIN unit g ON g.id = f.agency_unit_id
         WHERE f.period_id = s.period_id AND f.unit_id = s.unit_id
           AND (s.passed_at IS NULL OR f.given_at <= s.passed_at))
  FROM submission s
  JOIN submission_revision r ON r.id = s.revision_id
  JOIN unit u ON u.id = s.unit_id
  JOIN period p ON p.id = s.period_id
 WHERE s.scope_id = $1
 ORDER BY s.unit_id
"""


async def dossiers_of(session: AsyncSession, scope_id: UUID) -> AsyncIterator[list[Dossier]]:
    """Give all dossiers of a ranking scope in the order of the units' ids, in batches.

    Through the driver itself: thousands of rows of JSON would keep the event loop busy for a second.
    """
    raw = await (await session.connection()).get_raw_connection()
    assert raw.driver_connection is not None, "the connection is open"
    cursor = await raw.driver_connection.cursor(_DOSSIERS, scope_id)
    while rows := await cursor.fetch(BATCH):
        yield [Dossier(*(*row[:5], ReviewState(row[5]), *row[6:])) for row in rows]


def adopted(index_set: IndexSet, dossier: Dossier) -> UnitInput:
    """Return what is scored for a dossier. Pure."""
    decisions = {
        code: (AdjustmentKind(kind), value) for code, kind, value in from_json(dossier.decisions or "[]")
    }
    official: list[Official] = from_json(dossier.official or "[]")
    declared = from_json(dossier.answers, cache_strings="keys")
    return adopt(index_set, dossier, declared, official, decisions)
