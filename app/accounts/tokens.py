"""Access tokens: the only module that knows python-jose.

One pinned algorithm, a key built once, all claims required; what the library lets through by default is refused here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jose import jwk, jwt
from jose.exceptions import JOSEError

ALGORITHM = "HS256"
ISSUER = "dti"
AUDIENCE = "dti-api"
MAX_TOKEN_BYTES = 4096
_REQUIRED = ("exp", "iat", "iss", "aud", "sub", "sid")


class TokenRefused(Exception):
    """The token is not one of ours, is altered, or has expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: whose it is (user or service account) and of which session."""

    subject: UUID
    session_id: UUID
    is_service: bool


class Tokens:
    """Issue and read access tokens with one secret."""

    def __init__(self, secret: str, *, lifetime_seconds: int) -> None:
        if len(secret.encode()) < 32:
            raise ValueError("the token secret must have at least 32 bytes")
        self.lifetime_seconds = lifetime_seconds
        self._key = jwk.construct(secret.encode(), ALGORITHM)

    def issue(self, claims: Claims, now: datetime) -> str:
        """Return a signed token that lives `lifetime_seconds` from now."""
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.subject),
            "sid": str(claims.session_id),
            "svc": claims.is_service,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=self.lifetime_seconds)).timestamp()),
        }
        return str(jwt.encode(payload, self._key, algorithm=ALGORITHM))

    def read(self, token: str, now: datetime) -> Claims:
        """Return the claims of a good token.

        Raises: TokenRefused for anything else: foreign algorithm, bad signature, missing claim, expired.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused("too long")
        # Presence and expiry are checked below: once `exp` is required, the library compares it with its own clock.
        options = {"require_iss": True, "require_aud": True, "require_sub": True}
        options |= {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            payload = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options
            )
            if any(name not in payload for name in _REQUIRED) or int(payload["exp"]) <= now.timestamp():
                raise TokenRefused("expired or incomplete")
            return Claims(UUID(payload["sub"]), UUID(payload["sid"]), bool(payload.get("svc", False)))
        except (
            JOSEError,
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise TokenRefused(type(error).__name__) from error
