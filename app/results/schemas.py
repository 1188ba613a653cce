"""Results as the API shows and takes them."""

from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.periods.schemas import Day
from app.results.models import ResultState
from app.reviews.models import AdjustmentKind
from app.scoring.exact import exact, shown
from app.submissions.schemas import ScorecardOut
from app.units.models import UnitKind
from app.units.schemas import UnitRef

_Line = Annotated[str, Field(min_length=1, max_length=200)]
AppealsUntil = Annotated[
    Day | None,
    Field(
        description="last day to appeal (Vietnam), where the policy sets no term; null: nobody may appeal."
        " A result that was announced keeps the time given then"
    ),
]


class FinalizeIn(
    Schema,
    json_schema_extra={"examples": [{"reason": "Sửa số liệu chỉ số 3.1 của Phường 9 theo kết quả phúc tra"}]},
):
    """Why the scope is finalized again; needed from the second version on."""

    reason: str | None = Field(None, min_length=5, max_length=5000)


class PublishIn(
    Schema,
    json_schema_extra={
        "examples": [
            {"decision_number": "1072/QĐ-UBND", "decision_date": "2024-01-25", "signer": "Chủ tịch UBND tỉnh"}
        ]
    },
):
    """The decision that publishes the result (000:86, 000:89)."""

    decision_number: _Line = Field(examples=["1072/QĐ-UBND"])
    decision_date: date
    signer: _Line = Field(description="who signs; never shown in public")
    appeals_until: AppealsUntil = None


class AnnounceIn(Schema, json_schema_extra={"examples": [{"appeals_until": "2024-01-20"}]}):
    """A provisional publication (công bố sơ bộ) to the units of the scope."""

    appeals_until: AppealsUntil = None


class WithdrawIn(
    Schema, json_schema_extra={"examples": [{"reason": "Quyết định công bố ghi nhầm số liệu của hai đơn vị"}]}
):
    """Why a result is withdrawn; everybody may read it."""

    reason: str = Field(min_length=5, max_length=5000)


class SupersededBy(Schema):
    """The version that took this one's place, and why."""

    id: UUID
    number: int
    reason: str | None


class ResultSummary(Schema):
    """One version of the result of a ranking scope, in a list."""

    id: UUID
    scope_id: UUID
    period_id: UUID
    year: int
    unit_kind: UnitKind
    scope_name: str
    number: int = Field(description="version: 1, 2, …")
    state: ResultState
    reason: str | None = Field(description="why there is another version")
    units: int
    index_set_sha256: str
    policy_sha256: str
    engine_version: str
    sha256: str = Field(description="of the whole snapshot")
    finalized_at: datetime
    finalized_by_name: str
    announced_at: datetime | None
    announced_by_name: str | None
    appeals_due_at: datetime | None = Field(description="first instant at which no unit may appeal any more")
    decision_number: str | None
    decision_date: date | None
    signer: str | None
    published_at: datetime | None
    published_by_name: str | None
    withdrawn_at: datetime | None
    withdrawn_by_name: str | None
    withdrawn_reason: str | None
    superseded_by_id: UUID | None


class ResultOut(ResultSummary):
    """One version of the result of a ranking scope, and what the caller may do with it now."""

    reported_to: list[UnitRef] = Field(
        description="the units above the one that finalizes, the nearest first: its publication is reported to them"
    )
    allowed_actions: list[AllowedAction]


class NoteKind(StrEnum):
    """What a single unit was given."""

    REOPENED = "reopened"
    CALLED_IN = "called_in"
    OTHER_TIME = "other_time"
    HANDED_IN_LATE = "handed_in_late"


class Note(Schema):
    """What is to be read beside a ranking: entry opened again, a dossier called in late, another deadline."""

    kind: NoteKind
    unit_id: UUID
    unit_name: str
    at: datetime | None = Field(None, description="when it was opened again or called in")
    until_at: datetime | None = Field(None, description="first instant at which entry was closed")
    indicators: list[str] | None = Field(None, description="of a reopening; null: all of them")
    reason: str | None = None


class LineOut(Schema):
    """One unit in a result. Points and DTI are exact; `…_shown` are rounded half up."""

    rank: int | None = Field(description="null: assessed, not ranked (000:39)")
    unit_id: UUID
    unit_key: str
    gso_code: str | None
    unit_name: str
    total: str
    total_shown: str
    maximum: str
    dti: str | None = Field(description="percent, exact")
    dti_shown: str | None
    band: str | None


class ResultDetailOut(ResultOut):
    """A result with its lines, those with a rank first; a withdrawn one shows them only to those above the units."""

    method_notes: list[Note]
    lines: list[LineOut]


class UnitResultOut(Schema):
    """One unit's scorecard in a result, with an explanation per indicator."""

    result_id: UUID
    state: ResultState
    number: int
    unit: LineOut
    scorecard: ScorecardOut


class LeftOut(StrEnum):
    """Why a row of the other version is not scored."""

    NEW = "new"
    OTHER_ANSWERS = "other_answers"
    NO_MAXIMUM = "no_maximum"


class ProjectedLine(Schema):
    """One unit now and under the other version; `moved` counts the places it would gain (+) or lose (-)."""

    unit_id: UUID
    unit_name: str
    rank: int | None
    rank_projected: int | None
    moved: int | None = Field(description="null: the unit takes no rank")
    dti_shown: str | None
    dti_projected_shown: str | None
    band: str | None
    band_projected: str | None


class ProjectionOut(Schema):
    """A result under another version of its set: the same answers and decisions, by the rows they speak to."""

    result_id: UUID
    index_set: str
    version: int
    version_projected: int
    carried: int = Field(description="rows that are scored")
    left_out: dict[str, LeftOut] = Field(
        description="rows of the other version that nobody's answers speak to, by code, and why"
    )
    gone: list[str] = Field(description="rows the other version does not have")
    moved: int = Field(description="how many units would change their rank")
    lines: list[ProjectedLine] = Field(description="in the projected order")


class PointsOut(Schema):
    """Points, exact and as people see them."""

    exact: str
    shown: str

    @classmethod
    def of(cls, points: Fraction | None, digits: int) -> "PointsOut | None":
        """Return points as the API shows them; a difference may be negative."""
        if points is None:
            return None
        sign = "-" if points < 0 else ""
        return cls(exact=sign + exact(abs(points)), shown=sign + shown(abs(points), digits))


class ReasonOut(Schema):
    """A decision of the reviewer on an indicator."""

    kind: AdjustmentKind
    reason: str
    made_at: datetime


class PointsLine(Schema):
    """One indicator: the unit's own points, the reviewer's, and the final ones.

    `difference` is final (while there is none: appraised) less self.
    """

    code: str
    max_points: str | None
    self_points: PointsOut | None = Field(description="null while they depend on other units")
    appraised_points: PointsOut | None
    final_points: PointsOut | None
    difference: PointsOut | None
    adjustments: list[ReasonOut]


class PointsSideBySide(Schema):
    """Self, appraised and final points; final ones only where the caller may see a result."""

    submission_id: UUID
    result_id: UUID | None
    result_state: ResultState | None
    rank: int | None
    lines: list[PointsLine]


# --- in public: units, never persons ------------------------------------------------------------------------


class MeasureOut(Schema):
    """The version of a set or policy that counted."""

    key: str
    version: int
    sha256: str


class PublishedOut(Schema):
    """A published result."""

    id: UUID
    year: int
    unit_kind: UnitKind
    scope_name: str
    number: int
    state: ResultState
    decision_number: str
    decision_date: date
    published_at: datetime
    reason: str | None = Field(description="why this version corrects an earlier one")
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    sha256: str


class PublicRankingOut(PublishedOut):
    """A published ranking: ranked units in order, then those that are assessed without a rank.

    Of a withdrawn one only the head is left, with the reason.
    """

    superseded_by: SupersededBy | None = Field(description="set: a newer version holds")
    index_set: MeasureOut
    policy: MeasureOut
    engine_version: str
    method_notes: list[Note]
    ranked: list[LineOut]
    unranked: list[LineOut]


class PublicYear(Schema):
    """A year with published results."""

    year: int
    results: int
