"""Reviews as the API shows and takes them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.catalogue.declared import ValueIn
from app.core.http import Schema
from app.periods.schemas import Day
from app.reviews.models import AdjustmentKind, ClarificationKind
from app.submissions.models import Stage
from app.submissions.schemas import Code, StepOut

Reason = Annotated[str, Field(min_length=5, max_length=5000)]


class ItemKind(StrEnum):
    """What is asked of the unit."""

    MISSING_EVIDENCE = "missing_evidence"
    WRONG_FIGURE = "wrong_figure"
    EXPLAIN = "explain"
    OTHER = "other"


class ItemIn(Schema):
    """One thing to clear up."""

    indicator: Code | None = Field(None, description="null: the dossier as a whole")
    kind: ItemKind
    text: str = Field(min_length=1, max_length=2000)


class ReturnIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "reason": "Thiếu tài liệu kiểm chứng",
                "due_on": "2024-01-10",
                "items": [
                    {
                        "indicator": "1.1",
                        "kind": "missing_evidence",
                        "text": "Bổ sung quyết định thành lập Ban Chỉ đạo",
                    }
                ],
            }
        ]
    },
):
    """A return for clarification (R-021): a reason and at least one item."""

    reason: Reason
    due_on: Day = Field(description="last day to send the dossier again (Vietnam)")
    items: list[ItemIn] = Field(min_length=1, max_length=100)


class ItemAnswerIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "item": 0,
                "text": "Đơn vị bổ sung Quyết định 12/QĐ-UBND",
                "evidence": ["01a200ed-6325-762a-8d8d-25dc3465d7ad"],
            }
        ]
    },
):
    """The unit's answer to one item; its documents join those of the item's indicator."""

    item: int = Field(ge=0, le=1000, description="place of the item, from 0")
    text: str = Field(min_length=1, max_length=5000)
    evidence: list[UUID] = Field(default_factory=list, max_length=50, description="documents of the unit")


class ReplyIn(
    Schema,
    json_schema_extra={"examples": [{"text": "Tài liệu đính kèm đã nêu rõ số liệu này"}]},
):
    """What the unit says to a decision."""

    text: str = Field(min_length=1, max_length=5000)


class ReasonIn(Schema, json_schema_extra={"examples": [{"reason": "Phúc tra theo đề nghị của đơn vị"}]}):
    """Why."""

    reason: Reason


class AdjustmentIn(
    ValueIn,
    json_schema_extra={
        "examples": [
            {
                "indicator": "3.1",
                "kind": "answer",
                "figures": {"a": 7900, "b": 11250},
                "reason": "Theo số liệu của doanh nghiệp viễn thông",
            }
        ]
    },
):
    """A decision on one indicator, with its reason.

    answer: `choice`, `checks`, `figures` or `parts` replace the declared ones; points: `points` replace the rule's;
    not_applicable: `accepted` decides the unit's claim (ruling 8); as_declared: takes earlier decisions back;
    evidence: `disallowed` are the cited documents that do not count, and stands beside the other kinds.
    """

    indicator: Code
    kind: AdjustmentKind
    points: str | None = Field(None, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$", examples=["7.5"])
    accepted: bool | None = None
    disallowed: list[UUID] | None = Field(None, max_length=50, description="[]: all documents count again")
    reason: Reason


class ReplyOut(Schema):
    """What the unit said to a decision."""

    id: UUID
    text: str
    made_at: datetime
    made_by_name: str


class AdjustmentOut(Schema):
    """A decision of the reviewer; the latest of an indicator holds."""

    id: UUID
    indicator_code: str
    kind: AdjustmentKind
    value: dict[str, Any]
    declared: dict[str, Any] | None = Field(description="what the unit had declared then")
    reason: str
    made_at: datetime
    made_by: UUID
    made_by_name: str
    replies: list[ReplyOut] = Field(default_factory=list, description="of the unit, the latest last")


class ItemAnswerOut(Schema):
    """The unit's answer to an item."""

    id: UUID
    item: int
    text: str
    evidence: list[UUID]
    is_late: bool = Field(description="after the day that was set")
    made_at: datetime
    made_by_name: str


class ItemOut(ItemIn):
    """An item with what the unit answered; the latest answer holds."""

    answers: list[ItemAnswerOut] = Field(default_factory=list, description="the latest last")


class ClarificationOut(Schema):
    """A return of the dossier, or evidence asked for while it stays where it is."""

    id: UUID
    kind: ClarificationKind
    asked_for: UUID = Field(description="the unit that asks: the reviewing one or one above it")
    reason: str
    items: list[ItemOut]
    due_at: datetime
    asked_at: datetime
    asked_by_name: str


class OfficialOut(Schema):
    """An agency's present figures."""

    agency_unit_id: UUID
    answer: dict[str, Any]
    given_at: datetime


class ReviewLine(Schema):
    """One indicator: declared, official and adopted side by side, with the points of the unit and of the reviewer."""

    code: str
    declared: dict[str, Any] | None
    official: list[OfficialOut]
    decision: AdjustmentOut | None
    evidence_decision: AdjustmentOut | None = Field(description="which of its documents do not count")
    self_points: str | None = Field(description="exact; null while it depends on other units")
    appraised_points: str | None
    self_shown: str
    appraised_shown: str
    explanation: str
    steps: list[StepOut] = Field(description="of the appraised points, every decision included")


class WarningNoteOut(Schema):
    """Why the dossier went on in spite of warnings."""

    stage: Stage
    revision_number: int
    warnings: list[dict[str, str]]
    note: str
    made_at: datetime
    made_by_name: str


class ReviewOut(Schema):
    """The reviewer's view of a dossier; the unit sees it too."""

    submission_id: UUID
    self_total: str | None = Field(
        description="shown, in the policy's digits; null for callers who see only some indicators"
    )
    appraised_total: str | None
    lines: list[ReviewLine]
    clarifications: list[ClarificationOut]
    notes: list[WarningNoteOut] = Field(description="what was said to the warnings of the readiness check")
