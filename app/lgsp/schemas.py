"""Feeds for dashboards and other systems."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.submissions.models import ReviewState
from app.units.models import UnitKind


class Counts(Schema):
    """How far some dossiers are."""

    total: int
    states: dict[ReviewState, int] = Field(description="every review state, 0 included")
    late: int = Field(description="past the entry deadline and still with the unit (draft or returned)")
    handed_in_percent: str = Field(description="no longer with the unit, 2 digits", examples=["62.50"])
    passed_percent: str = Field(description="review ended, 2 digits", examples=["8.33"])


class KindProgress(Counts):
    """The dossiers of one kind of unit."""

    unit_kind: UnitKind


class ReviewerProgress(Counts):
    """The dossiers of one kind that one unit reviews."""

    reviewer_unit_id: UUID
    reviewer_key: str
    reviewer_name: str
    unit_kind: UnitKind


class ProgressOut(Schema):
    """Where a year stands at `at`."""

    period_id: UUID
    year: int
    at: datetime
    whole: Counts
    kinds: list[KindProgress]
    reviewers: list[ReviewerProgress]
