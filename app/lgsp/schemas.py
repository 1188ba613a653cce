"""Feeds for dashboards and other systems."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
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


class Format(StrEnum):
    """How a feed is written."""

    JSON = "json"
    CSV = "csv"


class ResultRow(Schema):
    """A unit in a published result; points and percent are rounded for showing as the policy says."""

    year: int
    unit_kind: UnitKind
    scope: str = Field(description="name of the ranking scope")
    unit_key: str
    gso_code: str | None
    unit_name: str
    is_ranked: bool
    rank: int | None
    total: Decimal = Field(description="points", examples=["412.50"])
    maximum: Decimal = Field(description="points this unit could reach")
    dti: Decimal | None = Field(description="percent")
    band: str | None
    decision_number: str | None
    decision_date: date | None
    result_version: int
    sha256: str = Field(description="fingerprint of the whole result")
