"""Access tokens and signed links, and the ID tokens of a provider: the only module that knows python-jose.

One pinned algorithm for each key, a key built once, all claims required; what the library lets through by default is
refused here.
"""

import hmac
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from jose import jwk, jws, jwt
from jose.exceptions import JOSEError

ALGORITHM = "HS256"
ISSUER = "dti"
AUDIENCE = "dti-api"
LINK_AUDIENCE = "dti-link"
MAX_TOKEN_BYTES = 4096
MIN_SECRET_BYTES = 32
_REQUIRED = ("exp", "iat", "iss", "aud", "sub", "sid")

# ID tokens of a provider.
MAX_ID_TOKEN_BYTES = 8192
LEEWAY_SECONDS = 30
MAX_KEYS = 100
_FAMILIES = {"RSA": "RS256", "EC": "ES256"}
_RSA_BITS = (2048, 8192)
# Headers that bring a key along, or rules that we do not know.
_FOREIGN_HEADERS = ("jwk", "jku", "x5u", "x5c", "x5t", "crit", "enc", "zip", "b64")
# How a provider says that two factors were shown (RFC 8176, and the usual classes of context).
_STRONG_CONTEXTS = (
    "mfa",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    "https://refeds.org/profile/mfa",
)

# What the library and the claims of a token that is none of ours can raise.
_UNREADABLE = (
    JOSEError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    ArithmeticError,
    RecursionError,
)


class TokenRefused(Exception):
    """The token is not one of ours, is altered, or has expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: whose it is (user or service account) and of which session."""

    subject: UUID
    session_id: UUID
    is_service: bool


@dataclass(frozen=True, slots=True)
class LinkClaims:
    """What a signed link says: at which address who may read, by which log-in, and whether in place."""

    address: str
    subject: UUID
    session_id: UUID
    is_inline: bool


class Tokens:
    """Issue tokens with one secret, and read those of it and of the secrets before.

    A token for one audience is nothing to the other.
    """

    def __init__(self, secret: str, previous: Sequence[str] = (), *, lifetime_seconds: int) -> None:
        if any(len(one.encode()) < MIN_SECRET_BYTES for one in (secret, *previous)):
            raise ValueError(f"a token secret must have at least {MIN_SECRET_BYTES} bytes")
        self.lifetime_seconds = lifetime_seconds
        self._kid = kid_of(secret)
        self._keys = {kid_of(one): jwk.construct(one.encode(), ALGORITHM) for one in (secret, *previous)}

    def issue(self, claims: Claims, now: datetime) -> str:
        """Return a signed access token that lives `lifetime_seconds` from now."""
        said = {"sub": str(claims.subject), "sid": str(claims.session_id), "svc": claims.is_service}
        return self._signed(AUDIENCE, said, now, now + timedelta(seconds=self.lifetime_seconds))

    def read(self, token: str, now: datetime) -> Claims:
        """Return the claims of a good access token.

        Raises: TokenRefused for anything else: foreign algorithm, bad signature, missing claim, expired.
        """
        try:
            said = self._payload(AUDIENCE, token, now)
            return Claims(UUID(said["sub"]), UUID(said["sid"]), bool(said.get("svc", False)))
        except _UNREADABLE as error:
            raise TokenRefused(type(error).__name__) from error

    def account_of(self, token: str, now: datetime) -> UUID | None:
        """Return whose access token this is; None: it is not a good one."""
        try:
            return self.read(token, now).subject
        except TokenRefused:
            return None

    def issue_link(self, claims: LinkClaims, now: datetime, expires_at: datetime) -> str:
        """Return the token of a signed link."""
        said = {
            "sub": str(claims.subject),
            "sid": str(claims.session_id),
            "adr": claims.address,
            "inl": claims.is_inline,
        }
        return self._signed(LINK_AUDIENCE, said, now, expires_at)

    def read_link(self, token: str, now: datetime) -> LinkClaims:
        """Return the claims of the token of a good link.

        Raises: TokenRefused for anything else, an access token among it.
        """
        try:
            said = self._payload(LINK_AUDIENCE, token, now)
            return LinkClaims(str(said["adr"]), UUID(said["sub"]), UUID(said["sid"]), said["inl"] is True)
        except _UNREADABLE as error:
            raise TokenRefused(type(error).__name__) from error

    def _signed(self, audience: str, said: dict[str, Any], now: datetime, expires_at: datetime) -> str:
        spans = {"iat": int(now.timestamp()), "exp": int(expires_at.timestamp())}
        payload = {"iss": ISSUER, "aud": audience, **said, **spans}
        return str(jwt.encode(payload, self._keys[self._kid], ALGORITHM, {"kid": self._kid}))

    def _payload(self, audience: str, token: str, now: datetime) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused("too long")
        # Presence and expiry are checked below: once `exp` is required, the library compares it with its own clock.
        options = {"require_iss": True, "require_aud": True, "require_sub": True}
        options |= {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        payload = jwt.decode(
            token, self._keys_for(token), [ALGORITHM], audience=audience, issuer=ISSUER, options=options
        )
        if any(name not in payload for name in _REQUIRED) or int(payload["exp"]) <= now.timestamp():
            raise TokenRefused("expired or incomplete")
        return payload

    def _keys_for(self, token: str) -> Any:
        """Return the key that the token names, or all of ours: tokens of the release before name none.

        Raises: KeyError for a key that is none of ours.
        """
        header = jwt.get_unverified_header(token)
        return self._keys[header["kid"]] if "kid" in header else list(self._keys.values())


def kid_of(secret: str) -> str:
    """Return the public name of a secret: says nothing of it, and is the same in every process."""
    return hmac.new(secret.encode(), b"the name of this key", "sha256").hexdigest()[:16]


class _Key(Protocol):
    """A key as python-jose makes it."""

    def verify(self, msg: bytes, sig: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A public key of a provider with the one algorithm that it is used with: the token does not choose."""

    algorithm: str
    key: _Key


@dataclass(frozen=True, slots=True)
class IdClaims:
    """Who a provider says somebody is, and whether he showed two factors there."""

    subject: str
    is_strong: bool


def provider_keys(jwks: Any) -> dict[str, ProviderKey]:
    """Return the keys of a JWKS that sign ID tokens, by their kid.

    Others (for encryption, of other families, of weak sizes, without a kid) are left out; so are two of one kid.

    Raises: ValueError for what is no JWKS.
    """
    entries = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError("no list of keys")
    good = [entry for entry in entries if _may_sign(entry)]
    kids = [entry["kid"] for entry in good]
    found = {entry["kid"]: _provider_key(entry) for entry in good if kids.count(entry["kid"]) == 1}
    return {kid: key for kid, key in found.items() if key is not None}


def _may_sign(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return False
    algorithm = _FAMILIES.get(str(entry.get("kty")))
    operations = entry.get("key_ops", ["verify"])
    return (
        algorithm is not None
        and entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry  # a private key that everybody can read
    )


def _provider_key(entry: dict[str, Any]) -> ProviderKey | None:
    algorithm = _FAMILIES[entry["kty"]]
    # Only the numbers: whatever else stands there (certificates, say) is no key.
    numbers: dict[str, Any] = {
        name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry
    }
    try:
        if algorithm == "ES256" and numbers["crv"] != "P-256":
            return None
        if algorithm == "RS256" and not _RSA_BITS[0] <= _bits(numbers["n"]) <= _RSA_BITS[1]:
            return None
        return ProviderKey(algorithm, jwk.construct(numbers, algorithm))
    except _UNREADABLE:
        return None


def _bits(number: str) -> int:
    """Return the length of a number in base64, near enough."""
    return len(number.rstrip("=")) * 6


def id_token_kid(token: str) -> str | None:
    """Return the kid of the key that an ID token says it is signed with; nothing of it is believed yet.

    None: it names no key, as it need not where the provider has one alone (OpenID Connect Core 1.0, 10.1).

    Raises: TokenRefused.
    """
    if len(token) > MAX_ID_TOKEN_BYTES:
        raise TokenRefused("too long")
    try:
        header = jws.get_unverified_header(token)
    except _UNREADABLE as error:
        raise TokenRefused(type(error).__name__) from error
    kid = header.get("kid")
    if not isinstance(kid, str) and "kid" in header:
        raise TokenRefused("a kid that is none")
    if any(name in header for name in _FOREIGN_HEADERS):
        raise TokenRefused("a key or rules of its own")
    return kid


def read_id_token(
    token: str, keys: Mapping[str, ProviderKey], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> IdClaims:
    """Return what a good ID token says (OpenID Connect Core 1.0, 3.1.3.7).

    Raises: TokenRefused for anything else, with the reason: for the log, not for people.
    """
    kid = id_token_kid(token)
    if kid is None and len(keys) == 1:
        kid = next(iter(keys))
    if kid is None or kid not in keys:
        raise TokenRefused("unknown kid")
    trusted = keys[kid]
    try:
        payload = json.loads(jws.verify(token, trusted.key, [trusted.algorithm]))  # type: ignore[arg-type]
        reason = _fault_of(payload, issuer, client_id, nonce, now.timestamp())
    except _UNREADABLE as error:
        raise TokenRefused(type(error).__name__) from error
    if reason:
        raise TokenRefused(reason)
    methods = payload.get("amr")
    is_strong = (isinstance(methods, list) and "mfa" in methods) or payload.get("acr") in _STRONG_CONTEXTS
    return IdClaims(payload["sub"], is_strong)


def _fault_of(payload: Any, issuer: str, client_id: str, nonce: str, now: float) -> str | None:
    """Return what is wrong with the claims of an ID token."""
    if not isinstance(payload, dict):
        return "no claims"
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    said = payload.get("nonce")
    if payload.get("iss") != issuer:
        return "another issuer"
    if client_id not in audiences or not all(isinstance(one, str) for one in audiences):
        return "another audience"
    if payload.get("azp", client_id if len(audiences) == 1 else None) != client_id:
        return "for another party"
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        return "another nonce"
    if not _is_subject(payload.get("sub")):
        return "no subject"
    times = [payload.get("exp"), payload.get("iat"), payload.get("nbf", payload.get("iat"))]
    expires, issued, begins = map(_seconds, times)
    if expires <= now - LEEWAY_SECONDS:
        return "expired"
    return "from the future" if max(issued, begins) > now + LEEWAY_SECONDS else None


def _is_subject(value: Any) -> bool:
    """Answer whether this can be a subject: at most 255 letters of ASCII (OpenID Connect Core 1.0, 2)."""
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable()


def _seconds(value: Any) -> float:
    """Return an instant as a token tells it.

    Raises: ValueError for what is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no instant")
    return value
