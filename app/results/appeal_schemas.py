"""Appeals as the API shows and takes them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.results.models import AppealState
from app.reviews.schemas import AdjustmentIn, Reason
from app.submissions.schemas import Code


class AppealIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "indicator": "3.1",
                "grounds": "Số liệu của doanh nghiệp viễn thông chưa tính hai ấp mới",
                "evidence": [],
            }
        ]
    },
):
    """What a unit contests: the points of one indicator."""

    indicator: Code
    grounds: str = Field(min_length=5, max_length=5000)
    evidence: list[UUID] = Field(default_factory=list, max_length=50, description="documents of the unit")
    unit_id: UUID | None = Field(None, description="needed only by those who may appeal for several units")


class DecisionIn(
    Schema,
    json_schema_extra={
        "examples": [
            {"accepted": False, "reason": "Tài liệu bổ sung không làm thay đổi số liệu"},
            {
                "accepted": True,
                "reason": "Văn bản của doanh nghiệp xác nhận số liệu",
                "adjustment": {
                    "indicator": "3.1",
                    "kind": "answer",
                    "figures": {"a": 8300, "b": 11250},
                    "reason": "Theo kết quả phúc tra",
                },
            },
        ]
    },
):
    """What becomes of an appeal; an accepted one comes with the decision on the indicator that follows from it."""

    accepted: bool
    reason: Reason
    adjustment: AdjustmentIn | None = None


class AppealOut(Schema):
    """An appeal of a unit against its points in one indicator of a result."""

    id: UUID
    result_id: UUID
    result_number: int
    scope_id: UUID
    submission_id: UUID
    unit_id: UUID
    unit_name: str
    indicator_code: str
    grounds: str
    evidence: list[UUID]
    state: AppealState
    version: int = Field(description="the ETag of the appeal is this number in quotes")
    lodged_at: datetime
    lodged_by_name: str
    decided_at: datetime | None
    decided_by_name: str | None
    decision_reason: str | None
    adjustment_id: UUID | None = Field(description="the decision on the dossier, where it was accepted")
    allowed_actions: list[AllowedAction]

    @classmethod
    def of_row(cls) -> set[str]:
        """Return the fields that an appeal's row holds itself."""
        return set(cls.model_fields) - {"result_number", "unit_name", "allowed_actions"}
