"""Versions of index sets as the API shows and takes them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.catalogue.models import SetState
from app.catalogue.schemas import Code, Counted, Difference, IndexSetOut, Title
from app.core.http import AllowedAction, Schema
from app.units.models import UnitKind

Key = Annotated[str, Field(max_length=64, examples=["camau-2023-xa"])]
Version = Annotated[int, Field(ge=1, le=1_000_000, examples=[1])]

NOT_RANKED = Title(
    vi="Có chỉ số không nêu điểm tối đa: chỉ theo dõi, không xếp hạng được.",
    en="Some rows have no maximum points: it is tracked, not ranked.",
)

EXAMPLE = """\
key: vi-du-xa
version: 1
title: {vi: "Bộ chỉ số ví dụ", en: "Example set"}
unit_kind: commune
source:
  {document: vi-du.txt, decision: 1/QĐ-UBND, signed_on: 2024-01-15, issued_by: "Chủ tịch UBND tỉnh", annex: "I"}
declared:
  - {what: points, value: "10", line: 2}
notes: []
general_information: []
contacts: []
contact_fields: []
groups:
  - code: "1"
    name: "Nhận thức số"
    max_points: "10"
    line: 3
    declared: []
    indicators:
      - code: "1.1"
        name: "Người đứng đầu chủ trì chuyển đổi số"
        max_points: "10"
        line: 4
        evidence: "Quyết định"
        collected_from: "Đơn vị"
        verified_by: []
        rule:
          kind: options
          method: "Có: Điểm tối đa; Không: 0 điểm"
          options:
            - {key: "yes", share: "1", label: "Có"}
            - {key: "no", share: "0", label: "Không"}
"""


class EventOut(Schema):
    """What became of a version: when, by whom, and why."""

    number: int
    state: SetState
    reason: str | None = Field(description="why it was retired")
    at: datetime
    by: UUID
    by_name: str


class SetSummary(Schema):
    """A version of an index set that is or was published."""

    key: str
    version: int
    unit_kind: UnitKind
    title: str
    sha256: str
    loaded_at: datetime
    state: SetState
    published_at: datetime
    changes: list[str] = Field(description="what changed since the version before")
    is_ranked: bool = Field(description="false: a row has no maximum points; it is tracked, not ranked")


class SetOut(IndexSetOut):
    """A version of an index set in full, and what became of it."""

    state: SetState
    published_at: datetime | None
    is_ranked: bool
    not_ranked: Title | None = Field(description="why it cannot be used for a ranking")


class VersionOut(Schema):
    """A version of an index set, drafts included, with everything that became of it."""

    key: str
    version: int
    unit_kind: UnitKind
    title: str
    sha256: str
    state: SetState
    changes: list[str]
    is_ranked: bool
    events: list[EventOut]
    allowed_actions: list[AllowedAction]


class WholeVersionOut(SetOut):
    """A version in full, drafts included, with everything that became of it."""

    events: list[EventOut]
    allowed_actions: list[AllowedAction]


class RetireIn(
    Schema, json_schema_extra={"examples": [{"reason": "Thay bằng phiên bản 2 theo Quyết định 12/QĐ-UBND"}]}
):
    """Why a version is not to be used any more."""

    reason: str = Field(min_length=5, max_length=5000)


# --- what differs -------------------------------------------------------------------------------------------


class RowStatus(StrEnum):
    """What became of a row from one version to the next; the strongest that holds."""

    UNCHANGED = "unchanged"
    REWORDED = "reworded"
    RESCALED = "rescaled"
    RULE_CHANGED = "rule_changed"
    NEW = "new"
    GONE = "gone"


class Change(Schema):
    """One thing a row says otherwise; null: it says nothing there."""

    field: str = Field(examples=["rule.full_mark"])
    before: str | None
    after: str | None


class RowDiff(Schema):
    """A row, nested ones included."""

    code: Code
    name: str
    status: RowStatus
    changed: list[Change]


class DiffOut(Schema):
    """Two versions of a set compared: rows in the order of the new one, then those that are gone."""

    key: str
    before: int
    after: int
    counts: dict[RowStatus, int] = Field(description="rows by status")
    rows: list[RowDiff]


class ImportOut(Schema):
    """What was imported, or would be."""

    key: str
    version: int
    sha256: str
    state: SetState
    stored: bool = Field(description="false: a dry run, nothing was kept")
    is_ranked: bool
    not_ranked: Title | None
    counted: Counted
    counted_by_group: dict[Code, Counted]
    differences: list[Difference]
    unknown_agencies: list[str] = Field(description="agencies it names that no unit is called today")
    diff: DiffOut | None = Field(description="against the version before; null: the key is new")
