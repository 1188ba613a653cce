"""Notices as the API shows them."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from app.core.http import Schema
from app.notifications.models import Mailing


class NoticeOut(Schema):
    """One thing you are told, in the language of the answer; `object_type` and `object_id` say what it is about."""

    id: UUID
    topic: str = Field(examples=["returned"])
    title: str = Field(examples=["Hồ sơ năm 2023 của Phường 9 bị trả lại, yêu cầu giải trình"])
    text: str
    object_type: str = Field(examples=["submission"])
    object_id: UUID
    created_at: datetime
    read_at: datetime | None


class ReadUpTo(Schema):
    """The newest notice that you have seen."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"up_to": "018c6a5e-2f8f-7d3c-9a41-0f5f2f7c9a10"}]}
    )

    up_to: UUID


class ReadOut(Schema):
    """How many notices were marked as read."""

    marked: int


class NoticeSettingsIn(Schema):
    """How you want to be told by e-mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mailing": "daily", "digest_at": "07:30"}]})

    mailing: Mailing
    digest_at: str = Field(
        "07:30",
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="time of day in Vietnam, of the digest",
    )


class NoticeSettingsOut(NoticeSettingsIn):
    """How you want to be told by e-mail; your ETag is "0" as long as you have not said it."""
