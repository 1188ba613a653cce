"""Shapes of service accounts."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.accounts.permissions import Permission
from app.accounts.schemas import Username
from app.core.http import Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example


class ServiceAccountIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "client_id": "lgsp-cong-an",
                "name": "LGSP – Công an tỉnh",
                "unit_id": _ID,
                "scopes": ["figure:give", "feed:read"],
            }
        ]
    },
):
    """A new service account of an agency."""

    client_id: Username
    name: str = Field(min_length=1, max_length=200)
    unit_id: UUID
    scopes: list[Permission] = Field(min_length=1, max_length=10)


class ServiceAccountPatch(
    Schema, json_schema_extra={"examples": [{"is_active": False, "reason": "Ngừng kết nối"}]}
):
    """Switch a service account on or off."""

    is_active: bool
    reason: str | None = Field(None, max_length=500)


class ServiceAccountOut(Schema):
    """A service account."""

    id: UUID
    client_id: str
    name: str
    unit_id: UUID
    scopes: list[Permission]
    is_active: bool
    created_at: datetime
    version: int = Field(description="the ETag is this number in quotes")


class ServiceAccountCreated(ServiceAccountOut):
    """A service account just made; the only time the secret is shown."""

    client_secret: str
