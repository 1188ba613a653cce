"""Reports on signatures as the API shows them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.core.http import Schema
from app.core.problems import Lang
from app.evidence.models import SignatureReport
from app.evidence.signature_rules import LIMITS, PROBLEMS, REMARKS, Found, ReportState, state_of
from app.evidence.trust import SignerKind


class SaidOut(Schema):
    """A code with its sentence in the language of the answer."""

    code: str = Field(examples=["unknown_root"])
    message: str

    @classmethod
    def of(cls, codes: Iterable[str], lang: Lang) -> "list[SaidOut]":
        """Return codes of problems or remarks in words."""
        words = PROBLEMS | REMARKS
        return [cls(code=code, message=words[code][0 if lang == "vi" else 1]) for code in codes]


class CertificateOut(Schema):
    """The certificate a signature was made with; `serial` and `sha256` are hex."""

    serial: str
    issuer: str | None
    issuer_organisation: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    sha256: str


class TimestampOut(Schema):
    """A timestamp of a time stamping authority."""

    at: datetime | None
    authority: str | None
    is_intact: bool
    is_trusted: bool


class DocumentTimestampOut(TimestampOut):
    """A timestamp of the whole file as it was."""

    coverage: Literal["file", "revision", "part"]


class ChainOut(Schema):
    """Where the chain of certificates leads, at `judged_at`."""

    state: Literal["trusted", "unknown_root", "expired", "not_yet_valid", "unknown"]
    root: str | None = Field(description="the trusted root it leads to")


class RevocationOut(Schema):
    """What is known of a revocation of the chain's certificates before `judged_at`."""

    state: Literal["good", "revoked", "unknown"]
    known_at: datetime | None = Field(
        description="when the latest list that calls the signer's certificate good was made"
    )
    revoked_at: datetime | None


class SignatureOut(Schema):
    """One signature; it is sound if it has no problems."""

    field: str
    kind: SignerKind
    signer: str | None = Field(description="name (CN) in the certificate")
    organisation: str | None = Field(description="organisation (O) in the certificate")
    certificate: CertificateOut | None
    claimed_at: datetime | None = Field(description="when the signer claims to have signed")
    timestamp: TimestampOut | None
    judged_at: datetime | None = Field(
        description="the instant the certificate is judged by: a trusted timestamp, else when the file was received"
    )
    is_intact: bool
    coverage: Literal["file", "revision", "part"] = Field(
        description="the whole file, all of it as it was when signed, or less than that"
    )
    changes_after: Literal["none", "archiving", "form_filling", "annotations", "other", "unknown"]
    chain: ChainOut
    revocation: RevocationOut
    is_sound: bool
    problems: list[SaidOut]
    remarks: list[SaidOut]

    @classmethod
    def of(cls, found: Mapping[str, Any], lang: Lang) -> "SignatureOut":
        """Return a signature of a stored report."""
        shown = {name: found[name] for name in cls.model_fields} | {
            "chain": {name: found["chain"][name] for name in ChainOut.model_fields},
            "revocation": {name: found["revocation"][name] for name in RevocationOut.model_fields},
            "problems": SaidOut.of(found["problems"], lang),
            "remarks": SaidOut.of(found["remarks"], lang),
        }
        return cls.model_validate(shown)


class ReportName(Schema):
    """A report by the version of the trust store it was made under."""

    trust_version: str = Field(description="SHA-256 (hex) over roots, revocation lists and rules of kinds")
    engine: str
    made_at: datetime


class SignatureReportOut(Schema):
    """What was found of the signatures of a document: facts for the reviewer, with their limits."""

    state: ReportState
    present: ReportName | None
    earlier: list[ReportName] = Field(description="reports under other versions of the trust store")
    received_at: datetime | None = Field(description="when these bytes were first received")
    signatures: list[SignatureOut]
    timestamps: list[DocumentTimestampOut]
    is_covered_to_the_end: bool | None = Field(
        description="whether the last signature covers the file to its last byte; null without signatures"
    )
    remarks: list[SaidOut]
    limits: list[str]

    @classmethod
    def of(cls, media_type: str, reports: Sequence[SignatureReport], lang: Lang) -> "SignatureReportOut":
        """Return the present report, the first one given, and the names of the others."""
        present = reports[0].report if reports else None
        said: Mapping[str, Any] = present or {}
        names = [ReportName.model_validate(row) for row in reports]
        return cls(
            state=state_of(media_type, present),
            present=names[0] if names else None,
            earlier=names[1:],
            received_at=said.get("received_at"),
            signatures=[SignatureOut.of(one, lang) for one in said.get("signatures", [])],
            timestamps=[DocumentTimestampOut.model_validate(one) for one in said.get("timestamps", [])],
            is_covered_to_the_end=said.get("is_covered_to_the_end"),
            remarks=SaidOut.of(said.get("remarks", []), lang),
            limits=[words[0 if lang == "vi" else 1] for words in LIMITS],
        )


class SignaturesFoundOut(Schema):
    """What is known of each kind's signature on a document."""

    person: Found
    organisation: Found
