"""The province's provider of log-ins (OpenID Connect): what it says of itself, its keys, and codes for ID tokens.

Its documents are kept for an hour. However many ask at once, one fetches; after a failure nobody asks for some seconds.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from urllib.parse import quote_plus, urlencode

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.accounts.tokens import (
    IdClaims,
    ProviderKey,
    TokenRefused,
    id_token_kid,
    provider_keys,
    read_id_token,
)
from app.core.config import SettingMissing, Settings
from app.core.outgoing import Outgoing, OutgoingFailed, OutgoingRefused
from app.core.problems import Problem, Unavailable

log = structlog.get_logger("sso")
T = TypeVar("T")

KEPT = timedelta(hours=1)
AGAIN = timedelta(minutes=1)  # an unknown key is looked for no more often
REST = timedelta(seconds=10)  # after a failure


class SsoUnavailable(Unavailable):
    """The provider is down, slow, answers rubbish, or is not configured as it should be: the log says which."""

    code = "sso_unavailable"
    title_vi, title_en = (
        "Hệ thống đăng nhập một lần tạm thời không phục vụ được",
        "Single sign-on is unavailable",
    )
    headers = {"Retry-After": "10"}


class SsoRefused(Problem):
    """One answer for an attempt unknown, used or expired, a wrong code and an ID token that is not good."""

    status, code = 400, "sso_refused"
    title_vi, title_en = (
        "Lần đăng nhập một lần này không hợp lệ, hãy bắt đầu lại",
        "Begin the single sign-on again",
    )


class Discovery(BaseModel):
    """What the provider says of itself (OpenID Connect Discovery 1.0), as far as we need it."""

    model_config = ConfigDict(strict=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    response_types_supported: list[str] = ["code"]
    id_token_signing_alg_values_supported: list[str] = ["RS256"]
    # Silence is not a refusal: many that take PKCE do not say so.
    code_challenge_methods_supported: list[str] = ["S256"]
    names_itself: bool = Field(False, alias="authorization_response_iss_parameter_supported")


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are for the provider."""

    client_id: str
    secret: str | None
    redirect_url: str


class Kept(Generic[T]):
    """A document that is fetched again when it is too old."""

    def __init__(self, fetch: Callable[[datetime], Awaitable[T]]) -> None:
        self._fetch, self._turn = fetch, asyncio.Lock()
        self._held: tuple[T, datetime] | None = None
        self._failed_at: datetime | None = None

    async def get(self, now: datetime, at_most: timedelta = KEPT) -> T:
        """Return the document, not older than this.

        Raises: SsoUnavailable.
        """
        if self._held is None or not _is_within(self._held[1], now, at_most):
            async with self._turn:
                await self._renew(now, at_most)
        assert self._held is not None
        return self._held[0]

    async def _renew(self, now: datetime, at_most: timedelta) -> None:
        if self._held is not None and _is_within(self._held[1], now, at_most):
            return  # somebody else was quicker
        if self._failed_at is not None and _is_within(self._failed_at, now, REST):
            raise SsoUnavailable()
        try:
            self._held = (await self._fetch(now), now)
        except SsoUnavailable:
            self._failed_at = now
            raise


def _is_within(then: datetime, now: datetime, span: timedelta) -> bool:
    """Answer whether two instants are that near; a clock that was set back makes nothing last for ever."""
    return abs(now - then) < span


class Provider:
    """The provider that OIDC_ISSUER names."""

    def __init__(self, issuer: str, client: Client, outgoing: Outgoing, *, is_strong: bool) -> None:
        self.issuer, self.is_strong = issuer, is_strong
        self._client, self._outgoing = client, outgoing
        self._discovery = Kept(self._discover)
        self._keys = Kept(self._fetch_keys)

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, now: datetime) -> str:
        """Return the address at the provider where the person logs in.

        Raises: SsoUnavailable (503).
        """
        discovery = await self._discovery.get(now)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_url,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in discovery.authorization_endpoint else "?"
        return f"{discovery.authorization_endpoint}{joint}{urlencode(asked)}"

    async def who(self, code: str, iss: str | None, *, nonce: str, verifier: str, now: datetime) -> IdClaims:
        """Return who has come back with this code; `iss` is what the answer to the browser said (RFC 9207).

        Raises: SsoRefused (400), SsoUnavailable (503).
        """
        discovery = await self._discovery.get(now)
        if iss != self.issuer and (iss is not None or discovery.names_itself):
            raise _refused("another issuer in the answer")
        token = await self._redeem(discovery, code, verifier)
        try:
            keys = await self._keys_with(id_token_kid(token), now)
            return read_id_token(
                token, keys, issuer=self.issuer, client_id=self._client.client_id, nonce=nonce, now=now
            )
        except TokenRefused as error:
            raise _refused(str(error)) from error

    async def _keys_with(self, kid: str | None, now: datetime) -> dict[str, ProviderKey]:
        """Return the keys, fetched again if this one is not among them, or may be an older one (None)."""
        keys = await self._keys.get(now)
        return keys if kid in keys else await self._keys.get(now, AGAIN)

    async def _discover(self, _: datetime) -> Discovery:
        document = await self._fetch(f"{self.issuer.removesuffix('/')}/.well-known/openid-configuration")
        try:
            discovery = Discovery.model_validate_json(document)
        except (ValidationError, RecursionError) as error:
            raise _unavailable("no discovery document") from error
        for why, is_good in (
            ("the issuer is another", discovery.issuer == self.issuer),
            ("no code flow", "code" in discovery.response_types_supported),
            ("no S256", "S256" in discovery.code_challenge_methods_supported),
            (
                "neither RS256 nor ES256",
                {"RS256", "ES256"} & set(discovery.id_token_signing_alg_values_supported),
            ),
        ):
            if not is_good:
                raise _unavailable(why)
        for url in (discovery.authorization_endpoint, discovery.token_endpoint, discovery.jwks_uri):
            try:
                self._outgoing.require_allowed(url)
            except OutgoingRefused as error:
                raise _unavailable("an endpoint that may not be called") from error
        return discovery

    async def _fetch_keys(self, now: datetime) -> dict[str, ProviderKey]:
        document = await self._fetch((await self._discovery.get(now)).jwks_uri)
        try:
            return provider_keys(json.loads(document))
        except (ValueError, RecursionError) as error:
            raise _unavailable("no keys") from error

    async def _fetch(self, url: str) -> bytes:
        try:
            answer = await self._outgoing.call("GET", url, headers={"Accept": "application/json"})
        except OutgoingFailed as error:
            raise SsoUnavailable() from error  # the door has logged it
        if answer.status != 200:
            raise _unavailable(f"answers {answer.status}")
        return answer.body

    async def _redeem(self, discovery: Discovery, code: str, verifier: str) -> str:
        """Return the ID token that the provider gives for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_url,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        headers |= self._proof(discovery, form)
        try:
            answer = await self._outgoing.call(
                "POST", discovery.token_endpoint, headers=headers, content=urlencode(form).encode()
            )
        except OutgoingFailed as error:
            raise SsoUnavailable() from error
        try:
            said = answer.json()
        except OutgoingFailed as error:
            raise _unavailable(f"answers {answer.status} to a code, and no JSON") from error
        if answer.status == 200 and isinstance(said, dict) and isinstance(said.get("id_token"), str):
            return str(said["id_token"])
        # Only this one is the person's: everything else is between the provider and us.
        if answer.status == 400 and isinstance(said, dict) and said.get("error") == "invalid_grant":
            raise _refused("a wrong code")
        raise _unavailable(f"answers {answer.status} to a code")

    def _proof(self, discovery: Discovery, form: dict[str, str]) -> dict[str, str]:
        """Return the header that proves who we are, or put the proof into the form, as the provider takes it."""
        client, methods = self._client, discovery.token_endpoint_auth_methods_supported
        if client.secret is not None and "client_secret_basic" in methods:
            # Encoded as a form before they are joined (RFC 6749, 2.3.1).
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        form["client_id"] = client.client_id
        if client.secret is not None:
            form["client_secret"] = client.secret
        return {}


def _refused(why: str) -> SsoRefused:
    log.warning("sso_refused", why=why)
    return SsoRefused()


def _unavailable(why: str) -> SsoUnavailable:
    log.error("sso_unavailable", why=why)
    return SsoUnavailable()


def provider_of(settings: Settings, outgoing: Outgoing) -> Provider | None:
    """Return the provider that the settings name; None: there is none.

    Raises: SettingMissing if what they say of it is not enough.
    """
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id or not settings.oidc_redirect_url:
        raise SettingMissing(
            "OIDC_CLIENT_ID and OIDC_REDIRECT_URL: OIDC_ISSUER is set, and one of them is missing"
        )
    try:
        issuer = outgoing.require_allowed(settings.oidc_issuer)
    except OutgoingRefused as error:
        raise SettingMissing("OIDC_ISSUER must be https://…, or a host of OUTGOING_HOSTS") from error
    if issuer.query:
        raise SettingMissing("OIDC_ISSUER must have no query")
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    client = Client(settings.oidc_client_id, secret, settings.oidc_redirect_url)
    return Provider(settings.oidc_issuer, client, outgoing, is_strong=settings.oidc_is_strong)
