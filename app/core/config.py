"""Settings: every environment variable the service reads, in one place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.core.cors import origins_of
from app.core.embedded import owner_of
from app.core.limits import rates_of
from app.core.proxies import networks_of
from app.core.shape import hosts_of

DEMO_SECRET = "demo-secret-of-the-embedded-default-only"  # noqa: S105  never accepted outside the embedded default
MIN_SECRET_BYTES = 32

# A folder of the bucket has plain names: no empty one, none that begins with a dot.
_BUCKET = re.compile(r"s3://([a-z0-9][\w.-]*)((?:/[\w=-][\w.=-]*)*)/?", re.ASCII | re.IGNORECASE)
# Lists that stop the start where they cannot be read.
_READERS: dict[str, Callable[[str], object]] = {
    "rate_limits": rates_of,
    "allowed_hosts": hosts_of,
    "cors_origins": origins_of,
    "trusted_proxies": networks_of,
}
_ENDPOINT = re.compile(r"https?://[\w.:\[\]-]*\w\]?/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of an S3-compatible store and the folder in it (may be empty)."""

    bucket: str
    prefix: str


class SettingMissing(RuntimeError):
    """The server cannot start as configured; the message says which setting is missing and what to do."""


def _for_asyncpg(name: str, value: SecretStr) -> str:
    """Return the address of a database with the asyncpg driver named.

    Raises: SettingMissing.
    """
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError) as error:
        # Without the cause: its text holds the address with its password.
        raise SettingMissing(f"{name} cannot be read: postgresql://user:password@host:port/name") from error
    if url.drivername not in ("postgresql+asyncpg", "postgresql", "postgres"):
        raise SettingMissing(f"{name} must begin with postgresql://")
    query = {"ssl" if key == "sslmode" else key: part for key, part in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query).render_as_string(hide_password=False)


class Settings(BaseSettings):
    """Settings of one process, read from the environment (no prefix) when constructed."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    app_env: Literal["development", "production"] = "development"
    database_url: SecretStr | None = Field(None, description="postgresql://…; empty: the embedded server")
    database_owner_url: SecretStr | None = Field(
        None, description="who owns the tables and migrates; empty: the same as database_url"
    )
    secret_key: SecretStr = Field(
        SecretStr(DEMO_SECRET), description="signs access tokens; at least 32 bytes"
    )
    previous_secret_keys: SecretStr = Field(
        SecretStr(""),
        description="former values of secret_key, by commas, while what they signed is still good",
    )
    initial_admin_password: SecretStr | None = Field(None, description="password of the first administrator")
    var_dir: Path = Field(Path("var"), description="data of the embedded server")
    evidence_dir: Path | None = Field(
        None, description="evidence files, unfinished uploads always; empty: <var_dir>/evidence"
    )
    evidence_store: str = Field(
        "", description="s3://bucket/folder: evidence files lie there; empty: evidence_dir"
    )
    s3_endpoint: str = Field("", description="https://…; empty: the one of the region")
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr | None = None
    evidence_types: str = Field(
        "pdf,docx,xlsx,png,jpeg,webp,tiff,xml", description="what may be uploaded; zip has to be added"
    )
    evidence_grace_days: int = Field(
        30, ge=1, description="how long after a period's last review what nothing cites is kept"
    )
    resumable_hours: int = Field(48, ge=1, description="how long an unfinished resumable upload is kept")
    upload_idle_seconds: float = Field(60, gt=0, description="how long a silent client is waited for")
    clamd: str = Field("", description="malware scanner, host:port or unix:/path; empty: nothing is scanned")
    trust_dir: Path | None = Field(
        None,
        description="folder of root certificates (*.pem, *.crt, *.cer), *.crl and kinds.yaml; empty: none is trusted",
    )
    link_seconds: int = Field(300, ge=10, le=3600, description="how long a signed link to a file works")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_token_seconds: int = Field(900, ge=60, le=86_400)
    refresh_token_days: int = Field(7, ge=1, le=90)
    max_upload_bytes: int = Field(100 * 1024**2, ge=1, description="limit of one file")
    max_indicator_bytes: int = Field(500 * 1024**2, ge=1, description="limit of the files of one indicator")
    max_unit_bytes: int = Field(10 * 1024**3, ge=1, description="limit of the files of a unit in a period")
    max_body_bytes: int = Field(2 * 1024**2, ge=1024, description="limit of a JSON or form body")
    breached_passwords: Path | None = Field(
        None,
        description="file of leaked passwords, SHA-1 in hexadecimal, sorted, one a line; empty: our short list",
    )
    second_factor_roles: str = Field(
        "province_admin,province_leader,district_admin,district_leader,unit_leader",
        description="roles that act only with a second factor; not asked for in the embedded default",
    )
    oidc_issuer: str = Field("", description="https://… of the province's single sign-on; empty: none")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_redirect_url: str = Field("", description="page of the frontend the provider sends people back to")
    oidc_is_strong: bool = Field(False, description="whether its log-ins count as two factors")
    outgoing_hosts: str = Field(
        "", description="hosts of private networks that may be called, by commas; public ones may be"
    )
    allowed_hosts: str = Field("", description="names the service is called by, by commas; empty: any")
    cors_origins: str = Field("", description="https://… of frontends on other hosts, by commas")
    trusted_proxies: str = Field(
        "", description="addresses or networks whose X-Forwarded-* are believed, by commas; empty: nobody's"
    )
    rate_limits: str = Field(
        "log-in=600/minute,write=1200/minute,read=3600/minute,public=1800/minute,pieces=6000/minute",
        description="per account (write, read, pieces), per address (log-in, public); off: none",
    )
    metrics_token: SecretStr | None = Field(
        None, description="bearer token of GET /metrics; empty: no metrics"
    )
    request_seconds: float = Field(
        60, gt=0, description="longest time a request may take, uploads and downloads apart"
    )
    audit_kept_years: int | None = Field(
        None, ge=2, description="how long audit events are kept before they may be retired; empty: for ever"
    )
    db_pool_size: int = Field(10, ge=1, le=100)
    worker_seconds: float = Field(5, ge=0, le=3600, description="pause between rounds of notices; 0: none")
    smtp_host: str = Field(
        "", description="mail server; empty: no e-mail is sent, and none is kept to be sent"
    )
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: SecretStr | None = None
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    mail_from: str = Field("", description="sender of e-mails: DTI <dti@example.vn>")
    public_url: str = Field("", description="address of the frontend, for links in e-mails")

    _is_demo: bool = PrivateAttr(False)

    @field_validator("rate_limits", "allowed_hosts", "cors_origins", "trusted_proxies")
    @classmethod
    def _can_be_read(cls, value: str, info: ValidationInfo) -> str:
        _READERS[str(info.field_name)](value)
        return value

    @field_validator("clamd")
    @classmethod
    def _names_a_socket(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value.startswith("unix:/") or not value:
            return value
        if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("must be host:port or unix:/path")
        return value

    @property
    def is_demo(self) -> bool:
        """Answer whether this is the embedded default: no variable of the environment can say so."""
        return self._is_demo

    def on_embedded(self, url: str) -> "Settings":
        """Return these settings over the embedded server that was just started."""
        urls = {"database_url": SecretStr(url), "database_owner_url": SecretStr(owner_of(url))}
        settings = self.model_copy(update=urls)
        settings._is_demo = True
        return settings

    @property
    def is_embedded(self) -> bool:
        """Answer whether the server starts its own PostgreSQL: the only place demo accounts may exist."""
        return self.database_url is None and self.app_env != "production"

    @cached_property
    def sqlalchemy_url(self) -> str:
        """Return DATABASE_URL with the asyncpg driver named, whatever common form it was written in."""
        if self.database_url is None:
            raise SettingMissing("DATABASE_URL is missing: name the PostgreSQL server to use")
        return _for_asyncpg("DATABASE_URL", self.database_url)

    @cached_property
    def sqlalchemy_owner_url(self) -> str:
        """Return DATABASE_OWNER_URL in the same form, or DATABASE_URL where the tables have no other owner."""
        if self.database_owner_url is None:
            return self.sqlalchemy_url
        return _for_asyncpg("DATABASE_OWNER_URL", self.database_owner_url)

    @property
    def evidence_path(self) -> Path:
        """Return the folder of the evidence files."""
        return self.evidence_dir or self.var_dir / "evidence"

    @property
    def is_scanning(self) -> bool:
        """Answer whether a malware scanner is configured."""
        return bool(self.clamd)

    @cached_property
    def evidence_bucket(self) -> Bucket | None:
        """Return the bucket of the evidence files; None: they lie in `evidence_path`.

        Raises: SettingMissing.
        """
        if not self.evidence_store:
            return None
        place = _BUCKET.fullmatch(self.evidence_store)
        if place is None:
            raise SettingMissing("EVIDENCE_STORE must be empty or s3://bucket/folder")
        if self.s3_endpoint and not _ENDPOINT.fullmatch(self.s3_endpoint):
            raise SettingMissing("S3_ENDPOINT must be https://host:port")
        if bool(self.s3_access_key_id) != (self.s3_secret_access_key is not None):
            raise SettingMissing("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY: one of the two is missing")
        return Bucket(place[1], place[2].strip("/"))

    @property
    def previous_secrets(self) -> tuple[str, ...]:
        """Return the former values of SECRET_KEY that are still read.

        Raises: SettingMissing if one of them is too short, or known to everybody.
        """
        secrets = tuple(filter(None, map(str.strip, self.previous_secret_keys.get_secret_value().split(","))))
        if any(len(one.encode()) < MIN_SECRET_BYTES for one in secrets):
            raise SettingMissing(f"PREVIOUS_SECRET_KEYS: each must have at least {MIN_SECRET_BYTES} bytes")
        if DEMO_SECRET in secrets and not (self.is_demo or self.is_embedded):
            raise SettingMissing("PREVIOUS_SECRET_KEYS: everybody knows one of them, leave it out")
        return secrets

    def refuse_nameless_mail(self) -> None:
        """Refuse to send e-mails that come from nobody.

        Raises: SettingMissing.
        """
        if self.smtp_host and "@" not in self.mail_from:
            raise SettingMissing("MAIL_FROM is missing: SMTP_HOST is set, name the sender of the e-mails")

    def refuse_default_secrets(self) -> None:
        """Refuse to run a real server on what everybody knows.

        Raises: SettingMissing naming the first setting to set.
        """
        if self.is_embedded:
            return
        if self.database_url is None:
            raise SettingMissing("DATABASE_URL is missing: APP_ENV=production never uses the embedded server")
        _ = self.sqlalchemy_url, self.sqlalchemy_owner_url
        secret = self.secret_key.get_secret_value()
        if secret == DEMO_SECRET:
            raise SettingMissing("SECRET_KEY is missing: set a random value of at least 32 bytes")
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise SettingMissing("SECRET_KEY is too short: set a random value of at least 32 bytes")
        _ = self.previous_secrets
