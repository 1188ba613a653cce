"""Shapes of log-in and of one's own account."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.accounts.models import LogInMethod
from app.accounts.passwords import MAX_LENGTH
from app.accounts.schemas import Password
from app.core.http import Schema


class SecondFactorState(StrEnum):
    """How an account stands to the second factor; missing: its role acts only once it has one."""

    ON = "on"
    OFF = "off"
    MISSING = "missing"


class TokenOut(Schema):
    """Answer of the token endpoint (RFC 6749)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="seconds")
    refresh_token: str | None = Field(None, description="good for one use; absent for service accounts")
    must_change_password: bool = False
    scope: str | None = Field(None, description="what a service account may do, by spaces; null for people")
    second_factor: SecondFactorState | None = Field(None, description="absent for service accounts")


# Passwords count as they are typed, with their spaces.
_Typed = Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_LENGTH)]
_Code = Annotated[str, Field(max_length=64, description="of the app, or one of the recovery codes")]


class PasswordChange(
    Schema,
    json_schema_extra={
        "examples": [
            {"current_password": "the initial password", "new_password": "a long sentence of your own"}
        ]
    },
):
    """A change of one's own password."""

    current_password: _Typed
    new_password: Password


class SecondFactorIn(
    Schema, json_schema_extra={"examples": [{"current_password": "a long sentence of your own"}]}
):
    """A wish for a second factor."""

    current_password: _Typed


class SecondFactorBegun(Schema):
    """What an app takes to make codes: the secret, the same as an address, the same as a picture."""

    secret: str = Field(description="base32")
    uri: str = Field(description="otpauth://…")
    qr_svg: str = Field(description="QR code of the address, an svg element")


class SecondFactorCode(Schema, json_schema_extra={"examples": [{"code": "123456"}]}):
    """A code of the app."""

    code: Annotated[str, Field(max_length=64)]


class RecoveryCodesOut(Schema):
    """The codes that stand in for a lost device, each once; they cannot be shown again."""

    recovery_codes: list[str]


class SecondFactorEnd(
    Schema,
    json_schema_extra={"examples": [{"current_password": "a long sentence of your own", "code": "123456"}]},
):
    """Password and code, to take the second factor off."""

    current_password: _Typed
    code: _Code


class SecondFactorOut(Schema):
    """How the caller stands to the second factor."""

    confirmed_at: datetime | None = Field(description="since when there is one; null: there is none")
    is_missing: bool = Field(description="whether he cannot act in his roles without showing one")
    recovery_codes_left: int


class LogInOut(Schema):
    """One of the caller's open log-ins."""

    id: UUID
    created_at: datetime
    last_used_at: datetime | None = Field(description="when tokens were last given; null: only at the log-in")
    expires_at: datetime
    address: str | None
    user_agent: str | None
    method: LogInMethod
    is_strong: bool = Field(description="whether a second factor was shown")
    is_current: bool


class AdministratorsReason(Schema, json_schema_extra={"examples": [{"reason": "Mất điện thoại"}]}):
    """Why an administrator does it."""

    reason: str = Field(min_length=1, max_length=500)
