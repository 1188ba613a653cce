"""Shapes of service accounts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from app.accounts.permissions import Permission
from app.accounts.schemas import Username
from app.accounts.service_rules import DEFAULT_DAYS, MAX_DAYS, MAX_GRACE_HOURS, ServiceState
from app.core.http import Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example

Name = Annotated[str, Field(min_length=1, max_length=200)]
Scopes = Annotated[list[Permission], Field(min_length=1, max_length=10)]
Reason = Annotated[str, Field(max_length=500)]
Networks = Annotated[
    list[Annotated[str, Field(max_length=49)]],
    Field(
        max_length=20,
        description="where it may call from, as CIDR; empty: everywhere",
        examples=[["10.20.30.0/24", "2001:db8:7::/48"]],
    ),
]
Expiry = Annotated[AwareDatetime, Field(description=f"after now, and at most {MAX_DAYS} days ahead")]


class ServiceAccountIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "client_id": "lgsp-cong-an",
                "name": "LGSP – Công an tỉnh",
                "unit_id": _ID,
                "scopes": ["figure:give", "feed:read"],
                "networks": ["10.20.30.0/24"],
            }
        ]
    },
):
    """A new service account of an agency."""

    client_id: Username
    name: Name
    unit_id: UUID
    scopes: Scopes
    networks: Networks = []
    expires_at: Expiry | None = Field(None, description=f"default: {DEFAULT_DAYS} days ahead")


class ServiceAccountPatch(
    Schema, json_schema_extra={"examples": [{"is_active": False, "reason": "Ngừng kết nối"}]}
):
    """A change of a service account; absent fields stay."""

    name: Name | None = None
    scopes: Scopes | None = None
    networks: Networks | None = None
    expires_at: Expiry | None = None
    is_active: bool | None = None
    reason: Reason | None = None


class RotationIn(Schema, json_schema_extra={"examples": [{"grace_hours": 24, "reason": "Thay định kỳ"}]}):
    """A new secret in place of the present one."""

    grace_hours: int = Field(
        24,
        ge=0,
        le=MAX_GRACE_HOURS,
        description="how long the present secret stays good; 0 where it leaked: it and its tokens end at once",
    )
    reason: Reason | None = None


class ServiceAccountOut(Schema):
    """A service account."""

    id: UUID
    client_id: str
    name: str
    unit_id: UUID
    scopes: list[Permission]
    networks: list[str] = Field(description="where it may call from; empty: everywhere")
    is_active: bool
    state: ServiceState = Field(description="expiring: within 30 days")
    expires_at: datetime | None = Field(description="from then on nothing gets in; null: no end was set")
    previous_secret_until: datetime | None = Field(description="until then the secret before is good too")
    last_used_at: datetime | None = Field(description="the hour in which it last got a token")
    created_at: datetime
    version: int = Field(description="the ETag is this number in quotes")


class ServiceAccountCreated(ServiceAccountOut):
    """A service account with the secret it just got; the only time the secret is shown."""

    client_secret: str
