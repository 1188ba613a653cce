"""ID tokens of a provider: whatever is forged, altered, for others or of another time is nobody's."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.tokens import IdClaims, TokenRefused, provider_keys, read_id_token
from tests.accounts.provider import EcKey, RsaKey, b64, part, signed
from tests.conftest import START

RSA, EC, STRANGER, SMALL = RsaKey("rsa"), EcKey("ec"), RsaKey("rsa"), RsaKey("small", 1024)
KEYS = provider_keys({"keys": [RSA.jwk(), EC.jwk()]})
ISSUER, CLIENT, NONCE = "https://sso.example.vn", "dti", "n-0S6_WzA2Mj"
HEADER = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
NOW = int(START.timestamp())


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims with changes; None leaves a claim out."""
    good = {"iss": ISSUER, "aud": CLIENT, "sub": "can-bo-1", "nonce": NONCE, "iat": NOW, "exp": NOW + 300}
    return {name: value for name, value in (good | changes).items() if value is not None}


def read(token: str, **changes: Any) -> IdClaims:
    """Read a token as the service does."""
    asked: dict[str, Any] = {"issuer": ISSUER, "client_id": CLIENT, "nonce": NONCE, "now": START} | changes
    return read_id_token(token, KEYS, **asked)


def by_rsa(header: Any = HEADER, **changes: Any) -> str:
    """Return a token signed with the provider's RSA key."""
    return signed(RSA, header, claims(**changes))


def signed_bytes(payload: bytes) -> str:
    """Return a token of the provider that says something unreadable."""
    text = f"{part(HEADER)}.{b64(payload)}"
    return f"{text}.{b64(RSA.sign(text.encode()))}"


def by_mac(secret: bytes, algorithm: str = "HS256") -> str:
    """Return a token signed with a public key as if it were a secret."""
    text = f"{part({'alg': algorithm, 'kid': 'rsa'})}.{part(claims())}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def public(encoding: Encoding, format: PublicFormat) -> bytes:
    """Return the provider's public key in a form that a secret could have."""
    return RSA.private.public_key().public_bytes(encoding, format)


def test_a_good_token_says_who_it_is() -> None:
    assert read(by_rsa()) == IdClaims("can-bo-1", is_strong=False)
    assert read(signed(EC, {"alg": "ES256", "kid": "ec"}, claims())).subject == "can-bo-1"
    assert read(by_rsa(aud=[CLIENT])).subject == "can-bo-1"
    assert read(by_rsa(aud=[CLIENT, "other"], azp=CLIENT)).subject == "can-bo-1"
    assert read(by_rsa(azp=CLIENT, at_hash="x", email="admin@example.vn")).subject == "can-bo-1"


def test_a_token_need_not_name_the_only_key() -> None:
    alone = provider_keys({"keys": [RSA.jwk(), EC.jwk() | {"use": "enc"}]})
    asked: dict[str, Any] = {"issuer": ISSUER, "client_id": CLIENT, "nonce": NONCE, "now": START}
    assert read_id_token(by_rsa({"alg": "RS256"}), alone, **asked).subject == "can-bo-1"
    for token in (
        signed(STRANGER, {"alg": "RS256"}, claims()),
        by_rsa({"alg": "ES256"}),
        by_rsa({"alg": "RS256", "kid": None}),
    ):
        with pytest.raises(TokenRefused):
            read_id_token(token, alone, **asked)


@pytest.mark.parametrize(
    ("said", "is_strong"),
    [
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "https://refeds.org/profile/mfa"}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": "mfa"}, False),
        ({"amr": {"mfa": True}}, False),
        ({"acr": ["mfa"]}, False),
        ({"acr": "1"}, False),
    ],
    ids=str,
)
def test_two_factors_are_believed_where_the_token_says_so(said: dict[str, Any], is_strong: bool) -> None:
    assert read(by_rsa(**said)).is_strong == is_strong


PEM = public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NONE = part({"alg": "none", "kid": "rsa"})
FORGED = {
    "HS256 with the public key as PEM": by_mac(PEM),
    "HS256 with the public key as PEM, stripped": by_mac(PEM.strip()),
    "HS256 with the public key as PKCS1": by_mac(public(Encoding.PEM, PublicFormat.PKCS1)),
    "HS256 with the public key as DER": by_mac(public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "HS256 with the public key as DER of PKCS1": by_mac(public(Encoding.DER, PublicFormat.PKCS1)),
    "HS256 with the modulus": by_mac(RSA.jwk()["n"].encode()),
    "HS256 with the JWK": by_mac(json.dumps(RSA.jwk()).encode()),
    "HS256 with nothing": by_mac(b""),
    "none, without a signature": f"{NONE}.{part(claims())}.",
    "none, with one": f"{NONE}.{by_rsa().split('.', 1)[1]}",
    "None, in other letters": f"{part({'alg': 'NoNe', 'kid': 'rsa'})}.{part(claims())}.",
    "no algorithm": f"{part({'kid': 'rsa'})}.{by_rsa().split('.', 1)[1]}",
    "algorithm null": by_rsa({"alg": None, "kid": "rsa"}),
    "algorithms in a list": by_rsa({"alg": ["RS256"], "kid": "rsa"}),
    "RS384 said, RS256 done": by_rsa({"alg": "RS384", "kid": "rsa"}),
    "PS256 said": by_rsa({"alg": "PS256", "kid": "rsa"}),
    "the RSA key said to be ES256": by_rsa({"alg": "ES256", "kid": "rsa"}),
    "the kid of the EC key, signed with RSA": by_rsa({"alg": "RS256", "kid": "ec"}),
    "the kid of the RSA key, signed with EC": signed(EC, {"alg": "ES256", "kid": "rsa"}, claims()),
    "the kid of the RSA key, signed with EC, said to be RS256": signed(EC, HEADER, claims()),
    "a stranger's key of the same name": signed(STRANGER, HEADER, claims()),
    "an unknown kid": by_rsa({"alg": "RS256", "kid": "other"}),
    "no kid where there are two keys": by_rsa({"alg": "RS256"}),
    "a kid that is null": by_rsa({"alg": "RS256", "kid": None}),
    "a kid that is a number": by_rsa({"alg": "RS256", "kid": 0}),
    "a kid that is a list": by_rsa({"alg": "RS256", "kid": ["rsa"]}),
    "a kid that is a path": by_rsa({"alg": "RS256", "kid": "../../dev/null"}),
    "a kid that is SQL": by_rsa({"alg": "RS256", "kid": "x' UNION SELECT 'k"}),
    "a kid that is an address": by_rsa({"alg": "RS256", "kid": "http://169.254.169.254/keys"}),
    "a kid of Python": by_rsa({"alg": "RS256", "kid": "__class__"}),
    "a kid in look-alike letters": by_rsa({"alg": "RS256", "kid": "rѕa"}),
    "a key of its own": signed(STRANGER, HEADER | {"jwk": STRANGER.jwk()}, claims()),
    "its own key, although rightly signed": by_rsa(HEADER | {"jwk": RSA.jwk()}),
    "an address of keys": by_rsa(HEADER | {"jku": "https://evil.example/jwks"}),
    "an address of a certificate": by_rsa(HEADER | {"x5u": "https://evil.example/cert"}),
    "a certificate of its own": by_rsa(HEADER | {"x5c": ["MIIB"]}),
    "rules we do not know": by_rsa(HEADER | {"crit": ["exp"]}),
    "encrypted": by_rsa({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa"}),
    "five parts, as encrypted ones have": by_rsa() + ".x.y",
    "compressed": by_rsa(HEADER | {"zip": "DEF"}),
    "unencoded": by_rsa(HEADER | {"b64": False}),
    **{f"without {name}": by_rsa(**{name: None}) for name in claims()},
    **{f"{name} of another type": by_rsa(**{name: {"a": 1}}) for name in claims()},
    **{f"{name} true": by_rsa(**{name: True}) for name in claims()},
    "another issuer": by_rsa(iss="https://sso.example.vn.evil.example"),
    "the issuer with a slash": by_rsa(iss=ISSUER + "/"),
    "another audience": by_rsa(aud="other"),
    "an audience that begins alike": by_rsa(aud="dti-admin"),
    "no audience in the list": by_rsa(aud=[]),
    "audiences without the party": by_rsa(aud=[CLIENT, "other"]),
    "audiences, for another party": by_rsa(aud=[CLIENT, "other"], azp="other"),
    "one audience, for another party": by_rsa(azp="other"),
    "an audience that is a number": by_rsa(aud=[CLIENT, 1], azp=CLIENT),
    "another nonce": by_rsa(nonce="other"),
    "an empty nonce": by_rsa(nonce=""),
    "a nonce of other letters": by_rsa(nonce="ố"),
    "an empty subject": by_rsa(sub=""),
    "a long subject": by_rsa(sub="x" * 256),
    "a subject with a line break": by_rsa(sub="can-bo-1\n"),
    "a subject in look-alike letters": by_rsa(sub="саn-bo-1"),
    "a subject that is a number": by_rsa(sub=1),
    "an expiry in words": by_rsa(exp="9999999999"),
    "an expiry without end": signed(
        RSA, HEADER, json.dumps(claims(exp=7)).replace('"exp": 7', '"exp": 1e999')
    ),
    "an expiry that is no number": signed(
        RSA, HEADER, json.dumps(claims(exp=7)).replace('"exp": 7', '"exp": NaN')
    ),
    "an expiry of thousands of digits": signed(
        RSA, HEADER, json.dumps(claims(exp=7)).replace('"exp": 7', '"exp": ' + "9" * 5000)
    ),
    "good only later": by_rsa(nbf=NOW + 31),
    "over 8 kB": by_rsa(pad="x" * 8192),
    "claims nested without end": signed(RSA, HEADER, "[" * 3000),
    "a header nested without end": f"{part('[' * 3000)}.{part(claims())}.x",
    "claims that are a list": signed(RSA, HEADER, [claims()]),
    "claims that are text": signed(RSA, HEADER, '"x"'),
    "claims that are no JSON": signed(RSA, HEADER, "abc"),
    "claims that are no UTF-8": signed_bytes(bytes([123, 255, 125])),
    "a header that is a list": f"{part([])}.{part(claims())}.x",
    "two parts": by_rsa().rsplit(".", 1)[0],
    "nothing": "",
    "dots": "..",
    "letters that are no base64": "ố.ố.ố",
    "half a surrogate": "\ud800.x.x",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=list(FORGED))
def test_a_forged_token_is_nobodys(token: str) -> None:
    with pytest.raises(TokenRefused):
        read(token)


@pytest.mark.parametrize(("seconds", "good"), [(329, True), (330, False), (331, False)])
def test_a_token_ends_thirty_seconds_after_its_end(seconds: int, good: bool) -> None:
    assert is_read(by_rsa(), seconds) == good


@pytest.mark.parametrize(("seconds", "good"), [(-29, True), (-30, True), (-31, False)])
def test_a_token_begins_thirty_seconds_before_it_was_made(seconds: int, good: bool) -> None:
    assert is_read(by_rsa(), seconds) == good


def is_read(token: str, seconds: int) -> bool:
    """Answer whether a token is read that long after it was made."""
    try:
        return read(token, now=START + timedelta(seconds=seconds)).subject == "can-bo-1"
    except TokenRefused:
        return False


@given(
    st.text(alphabet="abc.-_=ố 0", max_size=60) | st.binary(max_size=40).map(lambda b: b.decode("latin-1"))
)
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        read(text)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_no_header_makes_a_stranger_somebody(header: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        read(signed(STRANGER, HEADER | header, claims()))


WRONG_KEYS = {
    "without a kid": {"kid": None},
    "for encryption": {"use": "enc"},
    "that only signs": {"key_ops": ["sign"]},
    "with uses that are no list": {"key_ops": "verify"},
    "of another algorithm": {"alg": "RS512"},
    "of the other family's algorithm": {"alg": "ES256"},
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "of another family": {"kty": "EC"},
    "a private one": {"d": "AQAB"},
    "without a modulus": {"n": None},
    "of a modulus that is a number": {"n": 3},
    "of a small modulus": {"n": SMALL.jwk()["n"]},
    "of a giant modulus": {"n": "x" * 20000},
    "of the exponent one": {"e": "AQ"},
    "of no base64": {"n": "ố" * 400},
}


@pytest.mark.parametrize("changes", WRONG_KEYS.values(), ids=list(WRONG_KEYS))
def test_a_key_that_does_not_fit_is_left_out(changes: dict[str, Any]) -> None:
    wrong = {name: value for name, value in (RSA.jwk() | changes).items() if value is not None}
    assert set(provider_keys({"keys": [wrong, EC.jwk()]})) == {"ec"}


def test_a_point_off_the_curve_and_another_curve_are_left_out() -> None:
    good = EC.jwk()
    wrong = [good | {"kid": "off", "y": good["x"]}, good | {"kid": "other", "crv": "P-384"}]
    assert set(provider_keys({"keys": [*wrong, good, 1, None, []]})) == {"ec"}


def test_two_keys_of_one_name_are_both_left_out() -> None:
    assert provider_keys({"keys": [RSA.jwk(), STRANGER.jwk()]}) == {}


@pytest.mark.parametrize("document", [None, [], {}, "x", {"keys": None}, {"keys": [{}] * 101}], ids=range(6))
def test_what_is_no_list_of_keys_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="keys"):
        provider_keys(document)
