"""Accounts as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from app.accounts.permissions import Permission, Role
from app.core.http import Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example

# Passwords count as they are typed, with their spaces.
Password = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=MIN_LENGTH, max_length=MAX_LENGTH)
]
Username = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{2,63}$", examples=["xa-32128.reporter"])]


class TokenOut(Schema):
    """Answer of the token endpoint (RFC 6749)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="seconds")
    refresh_token: str | None = Field(None, description="good for one use; absent for service accounts")
    must_change_password: bool = False


class PasswordChange(
    Schema,
    json_schema_extra={
        "examples": [
            {"current_password": "the initial password", "new_password": "a long sentence of your own"}
        ]
    },
):
    """A change of one's own password."""

    current_password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_LENGTH)]
    new_password: Password


def _held_by_people(role: Role) -> Role:
    if role is Role.SERVICE:
        raise ValueError("the service role belongs to service accounts")
    return role


class GrantIn(Schema):
    """A role for a unit. Province roles are held for the province, all others for any unit."""

    role: Annotated[Role, AfterValidator(_held_by_people)]
    unit_id: UUID


class UserIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "username": "xa-31999.van-thu",
                "full_name": "Công chức văn thư",
                "email": "van-thu@example.vn",
                "unit_id": _ID,
                "password": "a first password",
                "grants": [{"role": "unit_reporter", "unit_id": _ID}],
            }
        ]
    },
):
    """A new account."""

    username: Username
    full_name: str = Field(min_length=1, max_length=200)
    email: str | None = Field(None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    unit_id: UUID
    password: Password
    grants: list[GrantIn] = Field(max_length=20)


class UserPatch(Schema, json_schema_extra={"examples": [{"is_active": False, "reason": "Chuyển công tác"}]}):
    """A change of an account; absent fields stay."""

    full_name: str | None = Field(None, min_length=1, max_length=200)
    email: str | None = Field(None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    is_active: bool | None = None
    password: Password | None = Field(None, description="a new initial password; ends all log-ins")
    grants: list[GrantIn] | None = Field(None, max_length=20, description="replaces the roles")
    reason: str | None = Field(None, max_length=500)


class GrantOut(Schema):
    """A role held for a unit."""

    role: Role
    unit_id: UUID


class HeldOut(GrantOut):
    """A role the caller acts in now: his own, or another's by a delegation."""

    on_behalf_of: UUID | None = Field(description="whose role it is; null: the caller's own")
    on_behalf_of_name: str | None
    basis: str | None = Field(description="how he signs: TM., KT., TL. or TUQ.")
    until: date | None = Field(description="last day of the delegation (Asia/Ho_Chi_Minh)")


class UserOut(Schema):
    """An account."""

    id: UUID
    username: str
    full_name: str
    email: str | None
    unit_id: UUID
    is_active: bool
    must_change_password: bool
    created_at: datetime
    grants: list[GrantOut]


class MeOut(Schema):
    """The caller: what the account may do and for which units."""

    id: UUID
    name: str
    unit_id: UUID
    grants: list[HeldOut]
    permissions: list[Permission]
    must_change_password: bool


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
