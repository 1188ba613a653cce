"""Dossiers as the API shows and takes them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.catalogue.declared import Scalar, ValueIn
from app.core.http import AllowedAction, Schema
from app.scoring.engine import Line, Scorecard
from app.scoring.exact import exact, shown
from app.scoring.explain import StepKey
from app.submissions.models import ReviewState
from app.units.models import UnitKind

Code = Annotated[str, Field(max_length=16, examples=["6.10"])]
Text = Annotated[str, Field(max_length=5000)]


class AnswerIn(ValueIn):
    """What a unit declares for one indicator: exactly one of choice, checks, figures, parts and not_applicable.

    `note` explains (it also stands in for missing evidence, ruling 11); `reason` belongs to not_applicable.
    """

    not_applicable: bool | None = None
    reason: Text | None = None
    note: Text | None = None
    evidence: list[UUID] | None = Field(None, max_length=50, description="documents of the unit")


class ContactIn(Schema):
    """A contact person (000:144-163, R-047)."""

    full_name: str = Field("", max_length=200)
    workplace: str = Field("", max_length=300)
    position: str = Field("", max_length=200)
    phone: str = Field("", max_length=40)
    email: str = Field("", max_length=254)


class SubmissionPatch(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "general_information": {"1.1": "UBND Phường 9", "1.4": 11250},
                "contacts": {"reporter": {"full_name": "Chuyên viên", "position": "Công chức"}},
                "answers": {
                    "1.1": {"choice": "chaired_by_head", "note": "Quyết định 12/QĐ-UBND"},
                    "3.1": {"figures": {"a": 8100, "b": 11250}},
                    "6.8": {"not_applicable": True, "reason": "Không phát sinh hồ sơ"},
                    "2.1": None,
                },
            }
        ]
    },
):
    """A change of the content: given entries replace the present ones, null removes one, absent ones stay."""

    general_information: dict[Code, Scalar] | None = Field(None, max_length=100)
    contacts: dict[Annotated[str, Field(max_length=32)], ContactIn | None] | None = Field(None, max_length=5)
    answers: dict[Code, AnswerIn | None] | None = Field(None, max_length=300)


class ChangeOut(Schema):
    """One difference between two states of a dossier's content."""

    pointer: str = Field(description="JSON pointer into the content", examples=["/answers/3.1/figures/a"])
    before: Any
    after: Any


class ApprovalOut(Schema):
    """The leader's approval; `is_current` is false once the content has changed after it, `changes` say how."""

    approved_by: UUID
    approved_at: datetime
    revision_number: int = Field(description="of the content that was approved")
    is_current: bool
    changes: list[ChangeOut]


class NoteIn(
    Schema, json_schema_extra={"examples": [{"note": "Số máy tính tăng do tiếp nhận trường học về xã"}]}
):
    """What is said to the warnings of the readiness check; needed where some are not explained beside the answers."""

    note: str | None = Field(None, min_length=5, max_length=5000)


class ReopeningIn(
    Schema,
    json_schema_extra={
        "examples": [
            {"days": 3, "indicators": ["6.10"], "reason": "Đơn vị nhập nhầm số liệu hồ sơ trực tuyến"}
        ]
    },
):
    """Entry given again: to the whole unit while it is its turn, or for some indicators."""

    days: int = Field(ge=1, le=60, description="calendar days, today not counted")
    indicators: list[Code] | None = Field(
        None, min_length=1, max_length=300, description="null: the whole unit"
    )
    reason: Text = Field(min_length=5)


class ReopeningOut(Schema):
    """Entry that was given again to the unit."""

    id: UUID
    indicators: list[str] | None = Field(description="null: all of them")
    reason: str
    until_at: datetime = Field(description="first instant at which it is closed again")
    granted_at: datetime
    granted_by_name: str


class EntryOut(Schema):
    """Whether the unit may enter figures now, why, and until when."""

    is_open: bool
    reason_code: str
    reason: str
    until: datetime | None = Field(description="first instant at which it is closed; null: closed now")
    indicators: list[str] | None = Field(description="what may be answered; null: everything")
    reopenings: list[ReopeningOut]


class SubmissionSummary(Schema):
    """A dossier in a list."""

    id: UUID
    period_id: UUID
    unit_id: UUID
    unit_name: str
    unit_kind: UnitKind
    is_ranked: bool
    state: ReviewState
    reviewer_unit_id: UUID
    scope_id: UUID
    revision_number: int
    submitted_at: datetime | None
    claimed_by: UUID | None
    entry_due_at: datetime = Field(description="first instant at which entry is closed")
    passed_at: datetime | None = Field(
        description="when its review last ended, even if it was taken up again"
    )
    changed_at: datetime


class SubmissionOut(SubmissionSummary):
    """A dossier with its content. A verifying agency sees only the indicators it verifies."""

    index_set: str
    index_set_version: int
    content_hash: str
    approval: ApprovalOut | None
    general_information: dict[str, Any]
    contacts: dict[str, Any]
    answers: dict[str, dict[str, Any]]
    entry: EntryOut
    allowed_actions: list[AllowedAction]


class RevisionOut(Schema):
    """One kept state of the content."""

    number: int
    content_hash: str
    created_at: datetime
    created_by_name: str


class RevisionContentOut(RevisionOut):
    """One kept state with its content."""

    content: dict[str, Any]


RevisionName = Annotated[
    str,
    Field(
        pattern=r"^([1-9][0-9]{0,8}|approved|submitted|present)$",
        description="number of a kept state, or the one approved last, handed in last, or present",
    ),
]


class ChangesOut(Schema):
    """What changed between two kept states of the content."""

    before: RevisionOut
    after: RevisionOut
    changes: list[ChangeOut]


class FindingOut(Schema):
    """Something the readiness check found."""

    pointer: str
    code: str
    message: str


class WarningOut(FindingOut):
    """Something that looks wrong; it goes on only with an explanation."""

    is_explained: bool


class ReadinessOut(Schema):
    """What keeps a dossier from going on (`errors`), and what must be explained first (`warnings`)."""

    is_ready: bool = Field(description="no errors, and every warning is explained")
    is_approved: bool = Field(description="by the unit's leader, as it stands: needed besides")
    answered: int
    indicators: int
    errors: list[FindingOut]
    warnings: list[WarningOut]


class StepOut(Schema):
    """One step of an explanation: rule, what was declared, peers, decisions, calculation, result, source."""

    key: StepKey
    text: str


class LineOut(Schema):
    """One indicator's points: exact ("25/3"), shown (2 digits), in one line of words and step by step."""

    code: str
    share: str | None = Field(
        description="exact part of the maximum, 0..1; null while it is not known, or where the document gives no cap"
    )
    points: str | None = Field(
        description="exact; null while not known, or where the document gives no maximum"
    )
    shown: str
    max_points: str | None = Field(description="null: the document gives none")
    warnings: list[str]
    explanation: str
    steps: list[StepOut]

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        """Return a scored line as the API shows it."""
        return cls(
            code=line.code,
            share=exact(line.share),
            points=exact(line.points),
            shown=line.shown,
            max_points=exact(line.max_points),
            warnings=list(line.warnings),
            explanation=line.explanation.text,
            steps=[StepOut(key=step.key, text=step.text) for step in line.explanation.steps],
        )


class SubtotalOut(Schema):
    """What a group, or a row with rows below it, came to so far."""

    code: str
    name: str
    share: str | None
    points: str | None
    points_shown: str | None
    max_points: str | None


class ScorecardOut(Schema):
    """Points of a dossier. `total`, `maximum`, `dti` leave out what cannot be known yet (warnings say so).

    They are null where the set can only be tracked: some row has no maximum points (ruling 6).
    """

    total: str | None
    total_shown: str | None
    maximum: str | None
    dti: str | None = Field(description="percent, exact")
    dti_shown: str | None
    lines: list[LineOut]
    subtotals: list[SubtotalOut]

    @classmethod
    def of(cls, card: Scorecard, digits: int) -> "ScorecardOut":
        """Return the scorecard as the API shows it, rounded to `digits` only where a number is shown."""
        subtotals = [
            SubtotalOut(
                code=row.code,
                name=row.name,
                share=exact(row.share),
                points=exact(row.points),
                points_shown=shown(row.points, digits),
                max_points=exact(row.max_points),
            )
            for row in card.subtotals
        ]
        return cls(
            total=exact(card.total),
            total_shown=shown(card.total, digits),
            maximum=exact(card.maximum),
            dti=exact(card.dti),
            dti_shown=shown(card.dti, digits),
            lines=[LineOut.of(line) for line in card.lines],
            subtotals=subtotals,
        )


class OpenedOut(Schema):
    """What opening a period created."""

    period_id: UUID
    submissions: int
    scopes: int


class ScopeOut(Schema):
    """Units that are ranked against each other."""

    id: UUID
    period_id: UUID
    unit_kind: UnitKind
    parent_id: UUID | None
    finalized_by_id: UUID
    name: str
    version: int = Field(description="the ETag of the scope is this number in quotes")
    units: int
    passed: int
