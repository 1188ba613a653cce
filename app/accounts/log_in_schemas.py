"""Shapes of log-in and of one's own account."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.accounts.passwords import MAX_LENGTH
from app.accounts.schemas import Password
from app.core.http import Schema


class TokenOut(Schema):
    """Answer of the token endpoint (RFC 6749)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="seconds")
    refresh_token: str | None = Field(None, description="good for one use; absent for service accounts")
    must_change_password: bool = False
    scope: str | None = Field(None, description="what a service account may do, by spaces; null for people")


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
