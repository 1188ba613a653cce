"""What counts: the declared answers, the agencies' figures in place of what units may not declare, the decisions."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.reviews.settled import START
from app.scoring.engine import UnitInput
from app.scoring.model import Decision, IndexSet, Policy
from app.submissions.content import unproved
from app.submissions.models import ReviewState

BATCH = 128  # dossiers read at a time


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier as finalization reads it. JSON stays text, so that a thread can take it apart.

    `settled` is what its review ended with; `answers` and the rest are read only where it did not, or are asked for.
    `decisions` is [[indicator, kind, value, reason], …], `official` [[indicator, agency, answer], …], the latest last.
    """

    unit_id: UUID
    unit_key: str
    gso_code: str | None
    unit_name: str
    is_ranked: bool
    state: ReviewState
    was_reviewed: bool
    revision_number: int
    content_hash: str
    settled: str | None
    answers: str | None
    decisions: str | None
    official: str | None


# One statement sees one state of the database: nothing that is changed meanwhile is seen by halves.
_DOSSIERS = """
SELECT s.unit_id, u.key,
       (SELECT min(c.value) FROM unit_identifier c WHERE c.unit_id = s.unit_id AND c.scheme = 'gso'
           AND c.valid_from <= p.ends_on AND (c.valid_to IS NULL OR c.valid_to >= p.ends_on)),
       s.unit_name, s.is_ranked, s.state, s.passed_at IS NOT NULL, r.number, r.content_hash, {settled},
       CASE WHEN {settled} IS NULL THEN r.content ->> 'answers' END,
       CASE WHEN {settled} IS NULL THEN
       (SELECT json_agg(json_build_array(a.indicator_code, a.kind, a.value, a.reason) ORDER BY a.id)::text
          FROM adjustment a WHERE a.submission_id = s.id) END,
       CASE WHEN {settled} IS NULL THEN
       (SELECT json_agg(json_build_array(f.indicator_code, g.key, f.answer) ORDER BY f.id)::text
          FROM official_figure f JOIN unit g ON g.id = f.agency_unit_id
         WHERE f.period_id = s.period_id AND f.unit_id = s.unit_id
           AND (s.settled_figures IS NULL OR f.id = ANY (s.settled_figures))) END
  FROM submission s
  JOIN submission_revision r ON r.id = s.revision_id
  JOIN unit u ON u.id = s.unit_id
  JOIN period p ON p.id = s.period_id
 WHERE s.{column} = $1
 ORDER BY s.unit_id
"""


_READABLE = f"CASE WHEN starts_with(s.settled, '{START}') THEN s.settled END"
_OF_SCOPE = _DOSSIERS.format(column="scope_id", settled=_READABLE)
_OF_SUBMISSION = _DOSSIERS.format(column="id", settled="NULL::text")


async def dossiers_of(session: AsyncSession, scope_id: UUID) -> AsyncIterator[list[Dossier]]:
    """Give all dossiers of a ranking scope in the order of the units' ids, in batches.

    Through the driver itself: thousands of rows of JSON would keep the event loop busy for a second.
    """
    connection = await driver_of(session)
    cursor = await connection.cursor(_OF_SCOPE, scope_id)
    while rows := await cursor.fetch(BATCH):
        yield [Dossier(*(*row[:5], ReviewState(row[5]), *row[6:])) for row in rows]


async def dossier_of(session: AsyncSession, submission_id: UUID) -> Dossier:
    """Return one dossier as it stands, whether or not its review has ended."""
    connection = await driver_of(session)
    row = await connection.fetchrow(_OF_SUBMISSION, submission_id)
    return Dossier(*(*row[:5], ReviewState(row[5]), *row[6:]))


def adopted(index_set: IndexSet, policy: Policy, dossier: Dossier) -> UnitInput:
    """Return what is scored for a dossier. Pure.

    An agency's answer counts only where that agency declares in the unit's place (ruling 20); elsewhere the reviewer
    sees it beside the declared one and adopts it by a decision. The latest decision of an indicator comes before
    everything else.
    """
    answers = from_json(dossier.answers or "{}", cache_strings="keys")
    for code, agency, answer in from_json(dossier.official) if dossier.official else ():
        if index_set.is_declared_by(code, agency):
            answers[code] = answer
    decisions: dict[str, tuple[Decision, ...]] = {}
    for code, *decided in from_json(dossier.decisions) if dossier.decisions else ():
        decisions[code] = (*decisions.get(code, ()), Decision(*decided))
    asks_for_evidence = policy.missing_evidence == "zero"
    proved = {code: with_what_counts(answer, decisions.get(code, ())) for code, answer in answers.items()}
    without_evidence = unproved(index_set, proved) if asks_for_evidence else frozenset[str]()
    points: dict[str, Fraction] = {}
    not_applicable: set[str] = set()
    for code, made in decisions.items():
        held = next((one for one in reversed(made) if one.kind != "evidence"), None)
        if held is None:
            continue
        kind, value = held.kind, held.value
        if kind == "answer":
            answers[code] = value
        elif kind == "points":
            points[code] = Fraction(value["points"])
        elif kind == "not_applicable" and value["accepted"]:
            not_applicable.add(code)
    return UnitInput(
        key=str(dossier.unit_id),
        is_ranked=dossier.is_ranked,
        answers=answers,
        points=points,
        not_applicable=frozenset(not_applicable),
        # What the reviewer put in himself, last of all, he has checked.
        without_evidence=without_evidence - {c for c, m in decisions.items() if m[-1].kind == "answer"},
        decisions=decisions,
    )


def with_what_counts(answer: dict[str, Any], decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return an answer with those of its documents that the latest decision on them lets count. Pure."""
    last = next((one.value for one in reversed(decisions) if one.kind == "evidence"), None)
    if last is None or not answer.get("evidence"):
        return answer
    barred = answer["evidence"] if last.get("late") else last["disallowed"]
    return answer | {"evidence": [one for one in answer["evidence"] if one not in barred]}
