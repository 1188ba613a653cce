"""How far a year is, as the API shows it."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.results.models import ResultState
from app.submissions.models import ReviewState
from app.units.models import UnitKind


class Named(Schema):
    """A unit by its name."""

    id: UUID
    name: str


class Claimed(Schema):
    """How many dossiers somebody has under review."""

    user_id: UUID
    name: str
    dossiers: int


class TurnCounts(Schema):
    """Whose turn it is with some dossiers."""

    total: int
    states: dict[ReviewState, int] = Field(description="every review state, 0 included")
    not_begun: int = Field(description="nothing has ever been saved")
    late: int = Field(description="with the unit (draft or returned) past its deadline")
    to_claim: int = Field(description="handed in, and claimed by nobody yet")
    oldest_to_claim: datetime | None = Field(description="when the oldest of them was handed in")
    claimed: list[Claimed] = Field(
        description="under review, by whom; only for those who oversee units, the most first"
    )
    review_overdue: int = Field(description="with the reviewing unit past the end of the review")


class LevelTurns(TurnCounts):
    """The dossiers of one kind of unit."""

    unit_kind: UnitKind
    review_due_at: datetime | None = Field(description="first instant after the time to review")


class ReviewerTurns(TurnCounts):
    """The dossiers of one kind of unit that one unit reviews."""

    unit_kind: UnitKind
    reviewer: Named


class Who(Schema):
    """A unit that holds its dossier, and until when it may."""

    unit_id: UUID
    unit_name: str
    unit_kind: UnitKind
    due_at: datetime


class Wait(Schema):
    """One unit waits for another: the assessed one for its reviewer, or the reviewer for the assessed one."""

    waiting: Named
    waits_for: Named
    state: ReviewState
    since: datetime | None


class WhoList(Schema):
    """The first of some units, and how many there are."""

    total: int
    first: list[Who]


class WaitList(Schema):
    """Those that wait longest, and how many wait."""

    total: int
    first: list[Wait]


class ScopeTurns(Schema):
    """A ranking scope with the newest version of its result that the caller may know of."""

    scope_id: UUID
    name: str
    unit_kind: UnitKind
    units: int
    passed: int
    result_id: UUID | None
    result_number: int | None
    result_state: ResultState | None


class YearProgressOut(Schema):
    """Where a year stands at `at`, as far as the caller sees its dossiers."""

    period_id: UUID
    year: int
    at: datetime
    whole: TurnCounts
    kinds: list[LevelTurns]
    reviewers: list[ReviewerTurns]
    not_begun: WhoList = Field(description="in Vietnamese order")
    late: WhoList = Field(description="those longest overdue first")
    waits: WaitList
    scopes: list[ScopeTurns]
