"""Whom signatures are trusted by: roots, certificates below them, revocation lists, and what tells people from
organisations. Only the configured folder counts, never the roots of the machine."""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from asn1crypto import crl, pem, x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.core.config import SettingMissing
from app.evidence.rules import has_hidden_characters, tidy

_DEFAULT_KINDS = Path(__file__).parent / "data" / "signature_kinds.yaml"
_CERTIFICATES = frozenset({".pem", ".crt", ".cer"})
_MAX_VALUE = 300

# Attributes of names that have a short one; others are given by their number.
_NUMBERS = {
    "UID": "0.9.2342.19200300.100.1.1",
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "T": "2.5.4.12",
    "E": "1.2.840.113549.1.9.1",
}


class SignerKind(StrEnum):
    """Whose signature it is (ruling 12 asks for one of each of the first two)."""

    PERSON = "person"
    ORGANISATION = "organisation"
    UNKNOWN = "unknown"


class KindRule(BaseModel):
    """A kind and the patterns that all match the certificates of it, by attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: SignerKind
    when: Annotated[dict[str, re.Pattern[str]], Field(min_length=1)]

    @field_validator("when")
    @classmethod
    def _whatever_the_case(cls, when: dict[str, re.Pattern[str]]) -> dict[str, re.Pattern[str]]:
        return {name: re.compile(one.pattern, re.IGNORECASE) for name, one in when.items()}

    def fits(self, certificate: x509.Certificate) -> bool:
        """Answer whether every pattern is found in some value of its attribute."""
        return all(
            any(pattern.search(value) for value in _looked_at(certificate, name))
            for name, pattern in self.when.items()
        )


class _Kinds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rules: list[KindRule] = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Certificates and revocation lists in DER, and the rules of kinds; `version` changes with any of them."""

    roots: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    kinds: tuple[KindRule, ...] = ()

    @property
    def version(self) -> str:
        """Return the SHA-256 (hex) over everything that can change what is found; the order of files cannot."""
        parts = [sorted(hashlib.sha256(one).hexdigest() for one in some) for some in self._files]
        rules = [[rule.kind, {name: one.pattern for name, one in rule.when.items()}] for rule in self.kinds]
        return hashlib.sha256(json.dumps([parts, rules], sort_keys=True).encode()).hexdigest()

    @property
    def _files(self) -> tuple[tuple[bytes, ...], ...]:
        return self.roots, self.intermediates, self.crls

    def kind_of(self, certificate: x509.Certificate) -> SignerKind:
        """Return whose signatures a certificate makes: the first rule that fits says it."""
        return next((rule.kind for rule in self.kinds if rule.fits(certificate)), SignerKind.UNKNOWN)


def plain_text(value: object) -> str:
    """Return what a stranger wrote as one short line that can be stored and shown: a mark for each hidden character."""
    text = tidy(str(value)[:_MAX_VALUE])
    return "".join("\ufffd" if has_hidden_characters(one) else one for one in text)


def instant(value: datetime | None) -> str | None:
    """Return an instant as reports hold it, in UTC; None for what names no zone or lies beyond the calendar."""
    with suppress(OverflowError, ValueError):
        if value is not None and value.tzinfo is not None:
            return value.astimezone(UTC).isoformat()
    return None


def values_of(name: x509.Name, attribute: str) -> list[str]:
    """Return every value of an attribute of a name, by its short name or its number; most have one or none."""
    number = _NUMBERS.get(attribute, attribute)
    return [
        plain_text(pair["value"].native)
        for group in name.chosen
        for pair in group
        if pair["type"].dotted == number
    ]


def _looked_at(certificate: x509.Certificate, place: str) -> list[str]:
    of_issuer = place.startswith("issuer.")
    return values_of(certificate.issuer if of_issuer else certificate.subject, place.removeprefix("issuer."))


def trust_store(folder: Path | None) -> TrustStore:
    """Return what the folder holds, read again once a file of it has changed; without a folder nobody is trusted.

    Raises: SettingMissing naming the file that cannot be read.
    """
    if folder is None:
        return TrustStore(kinds=_kinds(_DEFAULT_KINDS))
    try:
        files = [(path, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError as error:
        raise SettingMissing(f"TRUST_DIR: the folder {folder} cannot be read ({error.strerror})") from error
    return _read(folder, tuple((path.name, found.st_mtime_ns, found.st_size) for path, found in files))


@lru_cache(maxsize=4)
def _read(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> TrustStore:
    paths = [folder / name for name, *_ in stamps]
    certificates = {one for path in paths if path.suffix.lower() in _CERTIFICATES for one in _load(path)}
    roots = {one for one in certificates if x509.Certificate.load(one).self_issued}
    own_kinds = folder / "kinds.yaml"
    return TrustStore(
        roots=tuple(sorted(roots)),
        intermediates=tuple(sorted(certificates - roots)),
        crls=tuple(sorted({one for path in paths if path.suffix.lower() == ".crl" for one in _load(path)})),
        kinds=_kinds(own_kinds if own_kinds in paths else _DEFAULT_KINDS),
    )


def _load(path: Path) -> list[bytes]:
    """Return what a file holds in DER, whether it is written in DER or PEM, one certificate or several."""
    try:
        content = path.read_bytes()
        found = (
            [der for _, _, der in pem.unarmor(content, multiple=True)] if pem.detect(content) else [content]
        )
        for der in found:
            _require_readable(der, is_list=path.suffix.lower() == ".crl")
    except (OSError, ValueError, TypeError) as error:
        raise SettingMissing(f"TRUST_DIR: the file {path} cannot be read") from error
    return found


def _require_readable(der: bytes, *, is_list: bool) -> None:
    """Read as much as shows that it is what its name says; a list of everything ever revoked is not read whole."""
    if is_list:
        _ = crl.CertificateList.load(der, strict=True)["tbs_cert_list"]["this_update"].native
    else:
        _ = x509.Certificate.load(der, strict=True).native


def _kinds(path: Path) -> tuple[KindRule, ...]:
    try:
        return tuple(_Kinds.model_validate(yaml.safe_load(path.read_bytes())).rules)
    except (OSError, yaml.YAMLError, ValidationError, UnicodeError) as error:
        raise SettingMissing(f"TRUST_DIR: the file {path} cannot be read: {error}") from error
