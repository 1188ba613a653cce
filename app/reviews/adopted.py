"""What counts: the declared answers, the agencies' figures in place of what units may not declare, the decisions."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.reviews.models import AdjustmentKind
from app.scoring.engine import UnitInput
from app.scoring.model import IndexSet
from app.submissions.models import ReviewState

BATCH = 1024  # dossiers read at a time


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
           AND (s.settled_figures IS NULL OR f.id = ANY (s.settled_figures)))
  FROM submission s
  JOIN submission_revision r ON r.id = s.revision_id
  JOIN unit u ON u.id = s.unit_id
  JOIN period p ON p.id = s.period_id
 WHERE s.{column} = $1
 ORDER BY s.unit_id
"""


_OF_SCOPE = _DOSSIERS.format(column="scope_id")
_OF_SUBMISSION = _DOSSIERS.format(column="id")


async def dossiers_of(session: AsyncSession, scope_id: UUID) -> AsyncIterator[list[Dossier]]:
    """Give all dossiers of a ranking scope in the order of the units' ids, in batches.

    Through the driver itself: thousands of rows of JSON would keep the event loop busy for a second.
    """
    connection = await driver_of(session)
    cursor = await connection.cursor(_OF_SCOPE, scope_id)
    while rows := await cursor.fetch(BATCH):
        yield [Dossier(*(*row[:5], ReviewState(row[5]), *row[6:])) for row in rows]


async def dossier_of(session: AsyncSession, submission_id: UUID) -> Dossier:
    """Return one dossier as finalization would read it now."""
    connection = await driver_of(session)
    row = await connection.fetchrow(_OF_SUBMISSION, submission_id)
    return Dossier(*(*row[:5], ReviewState(row[5]), *row[6:]))


def adopted(index_set: IndexSet, dossier: Dossier) -> UnitInput:
    """Return what is scored for a dossier. Pure.

    An agency's answer counts only where that agency declares in the unit's place (ruling 20); elsewhere the reviewer
    sees it beside the declared one and adopts it by a decision. The latest decision of an indicator comes before
    everything else.
    """
    answers = from_json(dossier.answers, cache_strings="keys")
    for code, agency, answer in from_json(dossier.official or "[]"):
        if index_set.is_declared_by(code, agency):
            answers[code] = answer
    latest = {code: (kind, value) for code, kind, value in from_json(dossier.decisions or "[]")}
    points: dict[str, Fraction] = {}
    not_applicable: set[str] = set()
    for code, (kind, value) in latest.items():
        if kind == AdjustmentKind.ANSWER:
            answers[code] = value
        elif kind == AdjustmentKind.POINTS:
            points[code] = Fraction(value["points"])
        elif kind == AdjustmentKind.NOT_APPLICABLE and value["accepted"]:
            not_applicable.add(code)
    return UnitInput(
        key=str(dossier.unit_id),
        is_ranked=dossier.is_ranked,
        answers=answers,
        points=points,
        not_applicable=frozenset(not_applicable),
    )
