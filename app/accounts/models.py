"""Who acts: people, their roles, their log-ins, and service accounts."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.permissions import Role
from app.core.db import Instant, Row, VersionedRow


class User(VersionedRow):
    """A person with an account; belongs to a unit and holds roles for units."""

    __tablename__ = "app_user"

    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    email: Mapped[str | None]
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    password_hash: Mapped[str]
    must_change_password: Mapped[bool]
    is_active: Mapped[bool]
    created_at: Mapped[Instant]
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[Instant | None]


class RoleGrant(Row):
    """A role of a user for a unit; ended grants stay as history."""

    __tablename__ = "role_grant"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    role: Mapped[Role]
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    granted_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class Basis(StrEnum):
    """How somebody signs who acts for another (NĐ 30/2020/NĐ-CP, annex I: quyền hạn của người ký)."""

    TM = "TM."  # on behalf of a collective body
    KT = "KT."  # a deputy for the head
    TL = "TL."  # by order
    TUQ = "TUQ."  # by authorisation


class Delegation(VersionedRow):
    """Somebody acts in another's role for some days, both included (Asia/Ho_Chi_Minh), on a written basis."""

    __tablename__ = "delegation"

    delegator_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    delegate_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    role: Mapped[Role]
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    basis: Mapped[Basis]
    document: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    created_at: Mapped[Instant]
    created_by: Mapped[UUID]
    created_by_name: Mapped[str]
    ended_at: Mapped[Instant | None]
    end_reason: Mapped[str | None]


class LoginSession(Row):
    """A log-in. Access tokens name it, so that log-out, disabling and reuse of a refresh token end them at once."""

    __tablename__ = "login_session"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    end_reason: Mapped[str | None]


class RefreshToken(Row):
    """A refresh token (its SHA-256), good for one use."""

    __tablename__ = "refresh_token"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("login_session.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class ServiceAccount(VersionedRow):
    """A program that acts for an agency: client_credentials, secret shown once and kept as SHA-256."""

    __tablename__ = "service_account"
    __table_args__ = (UniqueConstraint("client_id"),)

    client_id: Mapped[str]
    name: Mapped[str]
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret_hash: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[Instant]
