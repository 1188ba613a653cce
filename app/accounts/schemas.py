"""Accounts as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from app.accounts.permissions import Role
from app.core.http import Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example

# Passwords count as they are typed, with their spaces.
Password = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=MIN_LENGTH, max_length=MAX_LENGTH)
]
Username = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{2,63}$", examples=["xa-32128.reporter"])]


def held_by_people(role: Role) -> Role:
    if role is Role.SERVICE:
        raise ValueError("the service role belongs to service accounts")
    return role


class GrantIn(Schema):
    """A role for a unit. Province roles are held for the province, all others for any unit."""

    role: Annotated[Role, AfterValidator(held_by_people)]
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
    unit_id: UUID | None = Field(None, description="the new home unit; ends what was delegated to him")
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
