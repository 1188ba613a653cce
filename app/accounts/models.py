"""Who acts: people, their roles, their log-ins, and service accounts."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Text, UniqueConstraint
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
    # How often in a row the account was locked: each time for longer.
    lock_level: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[Instant | None]
    password_set_at: Mapped[Instant | None]
    # Encrypted; counts once it is confirmed. A code is good once: the step of the last one is kept.
    totp_secret: Mapped[bytes | None]
    totp_confirmed_at: Mapped[Instant | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    erased_at: Mapped[Instant | None]


class FormerPassword(Row):
    """A password that a user had: not to be used again."""

    __tablename__ = "former_password"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    password_hash: Mapped[str]
    replaced_at: Mapped[Instant]


class RecoveryCode(Row):
    """A code (its SHA-256) that stands in for the second factor once, when the device is lost."""

    __tablename__ = "recovery_code"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    code_hash: Mapped[str]
    made_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class UserIdentity(Row):
    """Who a user is for the province's single sign-on: the provider's own id of him (`sub`)."""

    __tablename__ = "user_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    linked_at: Mapped[Instant]


class SsoAttempt(Row):
    """A log-in begun at the provider: good for one return within minutes. `user_id`: who links his account by it."""

    __tablename__ = "sso_attempt"

    state_hash: Mapped[str] = mapped_column(unique=True)
    nonce: Mapped[str]
    code_verifier: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    begun_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


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


class LogInMethod(StrEnum):
    """How somebody proved who he is."""

    PASSWORD = "password"  # noqa: S105
    SSO = "sso"


class LoginSession(Row):
    """A log-in. Access tokens name it, so that log-out, disabling and reuse of a refresh token end them at once."""

    __tablename__ = "login_session"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    end_reason: Mapped[str | None]
    method: Mapped[LogInMethod] = mapped_column(default=LogInMethod.PASSWORD)
    # Whether a second factor was shown, here or at the provider.
    is_strong: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    last_used_at: Mapped[Instant | None]


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
    # The secret before the last rotation stays good until that instant.
    previous_secret_hash: Mapped[str | None]
    previous_secret_until: Mapped[Instant | None]
    is_active: Mapped[bool]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    # Where it may call from, as CIDR; none: from everywhere.
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    last_used_at: Mapped[Instant | None]
