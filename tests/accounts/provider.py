"""A provider of log-ins that speaks HTTP and signs what it is told: for what no honest provider does.

It signs with `cryptography` alone, so that nothing of what is tested is used to test it.
"""

import base64
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pydantic import SecretStr

from app.core.config import Settings

CLIENT_ID, CLIENT_SECRET = "dti client", "a secret: with / signs"
REDIRECT_URL = "https://dti.example.vn/sso"


def b64(data: bytes) -> str:
    """Return bytes as a part of a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: Any) -> str:
    """Return JSON (or text that is meant to be JSON) as a part of a token."""
    return b64((value if isinstance(value, str) else json.dumps(value)).encode())


def number(value: int) -> str:
    """Return a number as a JWK writes it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class RsaKey:
    """An RSA key with its name."""

    kid: str
    bits: int = 2048
    algorithm: str = "RS256"

    def __post_init__(self) -> None:
        self.private = rsa.generate_private_key(65537, self.bits)

    def jwk(self) -> dict[str, Any]:
        """Return the public key."""
        public = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "kid": self.kid,
            "use": "sig",
            "alg": "RS256",
            "n": number(public.n),
            "e": number(public.e),
        }

    def sign(self, text: bytes) -> bytes:
        """Return the signature."""
        return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class EcKey:
    """A key on P-256 with its name."""

    kid: str
    algorithm: str = "ES256"

    def __post_init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, Any]:
        """Return the public key."""
        public = self.private.public_key().public_numbers()
        place = {"x": b64(public.x.to_bytes(32, "big")), "y": b64(public.y.to_bytes(32, "big"))}
        return {"kty": "EC", "kid": self.kid, "use": "sig", "alg": "ES256", "crv": "P-256", **place}

    def sign(self, text: bytes) -> bytes:
        """Return the signature, both numbers in 32 bytes."""
        r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


Key = RsaKey | EcKey


def signed(key: Key, header: Any, payload: Any) -> str:
    """Return a token signed with a key, whatever its header says."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{b64(key.sign(text.encode()))}"


Reply = tuple[int, dict[str, str], bytes]


class Provider:
    """What it answers can be changed while it runs: `replies` by path, `claims` and `header` of its tokens."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self.url, self._now = url, now
        self.key: Key = RsaKey("first")
        self.published: list[dict[str, Any]] = [self.key.jwk()]
        self.subject = "can-bo-1"
        self.discovery: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.proofs: set[str] = {"basic"}
        self.replies: dict[str, Callable[[], Reply]] = {}
        self.asked: Counter[str] = Counter()
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self, key: Key) -> None:
        """Sign with a new key; the old one is not published any more."""
        self.key, self.published = key, [key.jwk()]

    def answer(self, path: str, query: str, headers: dict[str, str], body: str) -> Reply:
        """Return what it answers to a request."""
        self.asked[path] += 1
        if path in self.replies:
            return self.replies[path]()
        if path == "/.well-known/openid-configuration":
            return as_json(self._discovery())
        if path == "/jwks":
            return as_json({"keys": self.published})
        if path == "/authorize":
            return self._authorize(dict(parse_qsl(query)))
        if path == "/token":
            return self._token(headers, {name: values[0] for name, values in parse_qs(body).items()})
        return as_json({}, 404)

    def _discovery(self) -> dict[str, Any]:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }
        return {name: value for name, value in (said | self.discovery).items() if value is not None}

    def _authorize(self, asked: dict[str, str]) -> Reply:
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked | {"sub": self.subject}
        back = {"code": code, "state": asked["state"]}
        return 302, {"Location": f"{asked['redirect_uri']}?{urlencode(back)}"}, b""

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> Reply:
        if self._proof(headers, form) not in self.proofs:
            return as_json({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["code_challenge_method"] != "S256"
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["client_id"] != CLIENT_ID
        ):
            return as_json({"error": "invalid_grant"}, 400)
        return as_json({"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked)})

    def _proof(self, headers: dict[str, str], form: dict[str, str]) -> str:
        """Return how the client has proved who it is."""
        if "authorization" in headers:
            pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
            name, secret = (parse_qs(f"x={one}")["x"][0] for one in pair.split(":"))
            return "basic" if (name, secret) == (CLIENT_ID, CLIENT_SECRET) else "wrong"
        if "client_secret" in form:
            return "post" if form["client_secret"] == CLIENT_SECRET else "wrong"
        return "none" if form.get("client_id") == CLIENT_ID else "wrong"

    def id_token(self, asked: dict[str, str]) -> str:
        """Return the ID token of a log-in, with what was changed."""
        now = int(self._now().timestamp())
        claims = {
            "iss": self.url,
            "aud": asked["client_id"],
            "sub": asked["sub"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "at_hash": "of an access token that nobody wants",
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return signed(self.key, {"alg": self.key.algorithm, "kid": self.key.kid} | self.header, claims)


def as_json(value: Any, status: int = 200) -> Reply:
    """Return a reply in JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def later(seconds: float, reply: Reply) -> Callable[[], Reply]:
    """Return a reply that is given after a while."""

    def wait() -> Reply:
        time.sleep(seconds)
        return reply

    return wait


@contextmanager
def running(now: Callable[[], datetime]) -> Iterator[Provider]:
    """Run a provider on a port of its own; `now` tells it the time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, body: str) -> None:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, sent, content = provider.answer(url.path, url.query, headers, body)
            try:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | sent).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except ConnectionError:
                pass  # the caller would not hear the rest

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # fifty come at once

    with Server(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_port}", now)
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def settings_with(provider: Provider, database_url: str, var_dir: Path) -> Settings:
    """Return settings that name the provider, over an embedded database."""
    return Settings(
        var_dir=var_dir,
        oidc_issuer=provider.url,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=SecretStr(CLIENT_SECRET),
        oidc_redirect_url=REDIRECT_URL,
        outgoing_hosts="127.0.0.1",
    ).on_embedded(database_url)
