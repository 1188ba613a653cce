"""Delegations as the API shows and takes them."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.accounts.delegation_rules import MAX_DAYS, Stage
from app.accounts.models import Basis
from app.accounts.permissions import Role
from app.core.http import AllowedAction, Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example


class DelegationIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "delegate_id": _ID,
                "role": "unit_leader",
                "unit_id": _ID,
                "basis": "KT.",
                "document": "15/QĐ-UBND",
                "starts_on": "2023-12-18",
                "ends_on": "2023-12-22",
            }
        ]
    },
):
    """Somebody is to act in another's role for some days."""

    delegator_id: UUID | None = Field(None, description="whose role it is; default: the caller's own")
    delegate_id: UUID
    role: Role
    unit_id: UUID
    basis: Basis
    document: str = Field(min_length=1, max_length=200, description="number of the document it is based on")
    starts_on: date = Field(description="first day (Asia/Ho_Chi_Minh)")
    ends_on: date = Field(description=f"last day, included; at most {MAX_DAYS} days in all")


class EndIn(Schema, json_schema_extra={"examples": [{"reason": "Lãnh đạo đã trở lại làm việc"}]}):
    """Why a delegation ends before its last day."""

    reason: str = Field(min_length=1, max_length=500)


class DelegationAbout(Schema):
    """What a delegation says: who acts for whom, as what, when and why he may."""

    delegator_id: UUID
    delegator_name: str
    delegate_id: UUID
    delegate_name: str
    role: Role
    unit_id: UUID
    unit_name: str | None = Field(description="the unit's name today; null: it stands no longer")
    basis: Basis
    document: str
    starts_on: date
    ends_on: date


class DelegationOut(DelegationAbout):
    """A delegation, and what the caller may do with it."""

    id: UUID
    stage: Stage = Field(description="lapsed: the delegator no longer holds the role himself")
    created_at: datetime
    created_by: UUID
    created_by_name: str
    ended_at: datetime | None
    end_reason: str | None
    version: int = Field(description="the ETag is this number in quotes")
    allowed_actions: list[AllowedAction]


class ColleagueOut(Schema):
    """Somebody to whom the caller can delegate."""

    id: UUID
    username: str
    full_name: str
    unit_id: UUID
