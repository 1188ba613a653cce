"""Access tokens and signed links: the only module that knows python-jose.

One pinned algorithm, a key built once, all claims required; what the library lets through by default is refused here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jose import jwk, jwt
from jose.exceptions import JOSEError

ALGORITHM = "HS256"
ISSUER = "dti"
AUDIENCE = "dti-api"
LINK_AUDIENCE = "dti-link"
MAX_TOKEN_BYTES = 4096
_REQUIRED = ("exp", "iat", "iss", "aud", "sub", "sid")


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
    """Issue and read tokens with one secret; one for an audience is nothing to the other."""

    def __init__(self, secret: str, *, lifetime_seconds: int) -> None:
        if len(secret.encode()) < 32:
            raise ValueError("the token secret must have at least 32 bytes")
        self.lifetime_seconds = lifetime_seconds
        self._key = jwk.construct(secret.encode(), ALGORITHM)

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
        return str(jwt.encode(payload, self._key, algorithm=ALGORITHM))

    def _payload(self, audience: str, token: str, now: datetime) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused("too long")
        # Presence and expiry are checked below: once `exp` is required, the library compares it with its own clock.
        options = {"require_iss": True, "require_aud": True, "require_sub": True}
        options |= {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        payload = jwt.decode(
            token, self._key, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=options
        )
        if any(name not in payload for name in _REQUIRED) or int(payload["exp"]) <= now.timestamp():
            raise TokenRefused("expired or incomplete")
        return payload
