"""What people are told: notices, and how each of them wants to be told."""

from datetime import time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row, VersionedRow


class Mailing(StrEnum):
    """When a notice is also sent by e-mail."""

    OFF = "off"
    AT_ONCE = "at_once"
    DAILY = "daily"


class NoticeSettings(VersionedRow):
    """How a person wants to be told; the row's id is the person's. Without a row: at once."""

    __tablename__ = "notice_settings"

    mailing: Mapped[Mailing]
    digest_at: Mapped[time]
    changed_at: Mapped[Instant]


class Notice(Row):
    """One thing one person is told. `key` makes it once only, however often its cause is handled.

    `about` holds what its template needs, so that it can be shown in both languages. `mail_due_at` is null where no
    e-mail is to be sent; `mailed_at` is set when the mail server has taken it.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index("ix_notice_feed", "user_id", "id"),
        Index(
            "ix_notice_mail",
            "mail_due_at",
            postgresql_where=text("mailed_at IS NULL AND mail_due_at IS NOT NULL"),
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    key: Mapped[str]
    topic: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[UUID]
    about: Mapped[Json]
    created_at: Mapped[Instant]
    read_at: Mapped[Instant | None]
    mailing: Mapped[Mailing]
    mail_due_at: Mapped[Instant | None]
    mailed_at: Mapped[Instant | None]
    mail_attempts: Mapped[int] = mapped_column(default=0)
    mail_error: Mapped[str | None]
