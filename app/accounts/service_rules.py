"""When a service account gets in: decisions over what its row says. No I/O."""

import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from app.accounts.models import ServiceAccount
from app.accounts.networks import allows

DEFAULT_DAYS, MAX_DAYS, SOON_DAYS = 365, 400, 30
MAX_GRACE_HOURS = 168


class ServiceState(StrEnum):
    """Whether a service account gets in."""

    ACTIVE = "active"
    EXPIRING = "expiring"  # within 30 days
    EXPIRED = "expired"
    OFF = "off"


def state(account: ServiceAccount, now: datetime) -> ServiceState:
    """Return whether an account gets in at an instant; one without an end never expires."""
    if not account.is_active:
        return ServiceState.OFF
    if account.expires_at is None or account.expires_at > now + timedelta(days=SOON_DAYS):
        return ServiceState.ACTIVE
    return ServiceState.EXPIRING if account.expires_at > now else ServiceState.EXPIRED


def good_secrets(account: ServiceAccount, now: datetime) -> list[str]:
    """Return the hashes of the secrets that are good now: the present one, and the one before until its grace ends."""
    until = account.previous_secret_until
    former = account.previous_secret_hash if until is not None and until > now else None
    return [account.secret_hash, *([former] if former else [])]


def session_of(account_id: UUID, secret_hash: str) -> UUID:
    """Return what a token names as its session: the secret it was given for, so that it ends with that secret."""
    return uuid5(account_id, secret_hash)


def shut_out(account: ServiceAccount, address: str | None, now: datetime) -> str | None:
    """Return why an account does not get in from an address, whatever it shows; None: it does."""
    if state(account, now) in (ServiceState.OFF, ServiceState.EXPIRED):
        return state(account, now).value
    return None if allows(account.networks, address) else "network"


def matching(given: str, hashes: list[str]) -> str | None:
    """Return which of some hashes equals a given one, compared in constant time."""
    return next((known for known in hashes if hmac.compare_digest(known, given)), None)
