"""Shapes of single sign-on."""

from datetime import datetime

from pydantic import Field

from app.core.http import Schema


class BegunOut(Schema):
    """A log-in begun at the provider. The page keeps `page_secret` to itself while the person is away."""

    authorization_url: str = Field(description="send the person there")
    state: str = Field(description="the provider sends it back; the page compares it")
    page_secret: str = Field(
        description="never leaves the page that began, so that an address sent by somebody else finishes nothing"
    )
    expires_at: datetime


class FinishIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "code": "SplxlOBeZQQYbYS6WxSbIA",
                "state": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                "page_secret": "kq0wXn1YxJtqZp9c3yZ7o1VbqYxE5qk2m0bYlqv9u4E",
            }
        ]
    },
):
    """What came back with the person to OIDC_REDIRECT_URL, and what the page kept."""

    code: str = Field(min_length=1, max_length=2048)
    state: str = Field(min_length=1, max_length=128)
    page_secret: str = Field(min_length=1, max_length=128)
    iss: str | None = Field(None, max_length=512, description="if the provider sent it (RFC 9207)")


class IdentityIn(
    Schema,
    json_schema_extra={"examples": [{"subject": "5d7f2c0a-can-bo", "reason": "Theo danh sách của Sở TT&TT"}]},
):
    """Who a person is for the provider."""

    subject: str = Field(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description="the provider's own id of him: `sub`",
    )
    reason: str | None = Field(None, max_length=500)


class IdentityOut(Schema):
    """Who an account is for the province's provider."""

    issuer: str
    subject: str
    linked_at: datetime
