"""The inspection of a PDF's signatures. Runs in a process apart: it reads the files of strangers.

The outcome is plain JSON of codes (signature_rules says them in words), so that texts can change without a new check.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from asn1crypto import x509
from pyhanko.pdf_utils.crypt.api import AuthStatus
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    CatalogModificationRule,
    DiffResult,
    DocInfoRule,
    DSSCompareRule,
    ModificationLevel,
    ObjectStreamRule,
    StandardDiffPolicy,
    XrefStreamRule,
)
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import collect_timing_info
from pyhanko.sign.validation.pdf_embedded import (
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import (
    PdfSignatureStatus,
    SignatureCoverageLevel,
    TimestampSignatureStatus,
)

from app.evidence.chains import Chains
from app.evidence.signatures import Json, without_signatures
from app.evidence.trust import SignerKind, TrustStore, instant, plain_text, values_of

# Comparing the states between signatures costs more with each of them.
MAX_SIGNATURES = 30

_COVERAGE: dict[SignatureCoverageLevel | None, str] = {
    SignatureCoverageLevel.ENTIRE_FILE: "file",
    SignatureCoverageLevel.ENTIRE_REVISION: "revision",
}
_CHANGES = {
    ModificationLevel.NONE: "none",
    ModificationLevel.LTA_UPDATES: "archiving",
    ModificationLevel.FORM_FILLING: "form_filling",
    ModificationLevel.ANNOTATIONS: "annotations",
    ModificationLevel.OTHER: "other",
}
# The library's own policy lets all metadata change, too; nobody signed those (`_told_of`).
_PROOFS = StandardDiffPolicy(
    [
        CatalogModificationRule(),
        DocInfoRule().as_qualified(ModificationLevel.LTA_UPDATES),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DSSCompareRule().as_qualified(ModificationLevel.LTA_UPDATES),
    ],
    DEFAULT_DIFF_POLICY.form_rule,
)
# Certificates for signing say one or the other, most of them both.
_MAY_SIGN = KeyUsageConstraints(
    key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False
)


def inspected(path: Path, trust: TrustStore, received_at: datetime) -> Json:
    """Return the report on a file (see signatures.report_on)."""
    for name in ("pyhanko", "pyhanko_certvalidator"):  # each bad chain would be a traceback in the log
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with path.open("rb") as file:
        try:
            reader, is_lenient = _opened(file)
            if reader.encrypted and reader.decrypt("").status is AuthStatus.FAILED:
                return _unreadable("encrypted", received_at)
            fields = list(enumerate_sig_fields(reader, filled_status=True))
            found = asyncio.run(_Inspection(reader, trust, received_at).report(fields[:MAX_SIGNATURES]))
        except Exception:  # a stranger's file: the reader raises whatever it comes upon, deep recursion too
            return _unreadable("damaged", received_at)
    if is_lenient:
        found["remarks"].append("read_leniently")
    if len(fields) > MAX_SIGNATURES:
        found["remarks"].append("too_many_signatures")
    return found


def _unreadable(remark: str, received_at: datetime) -> Json:
    return without_signatures("unreadable", remark, received_at)


def _opened(file: BinaryIO) -> tuple[PdfFileReader, bool]:
    """Return a reader and whether it had to be lenient: some office programs write two tables of contents."""
    with suppress(Exception):  # what it is, the lenient reader says
        reader = PdfFileReader(file)
        if not reader.xrefs.hybrid_xrefs_present:
            return reader, False
    return PdfFileReader(file, strict=False), True


class _Inspection:
    """One look at one file."""

    def __init__(self, reader: PdfFileReader, trust: TrustStore, received_at: datetime) -> None:
        self._reader, self._trust, self._received_at = reader, trust, received_at

    async def report(self, fields: list[Any]) -> Json:
        """Return the report on the file's signature fields."""
        readable, unreadable = [], []
        for name, _, place in fields:
            try:
                readable.append(EmbeddedPdfSignature(self._reader, place, name))
            except Exception:  # as above; one broken signature says nothing of the others
                unreadable.append(_unreadable_signature(name))
        readable.sort(key=lambda one: one.signed_revision)
        self._chains = Chains(self._trust, self._reader, readable)
        stamps = {one: await self._document_timestamp(one) for one in readable if _is_timestamp(one)}
        signatures = {one: await self._signature(one, stamps) for one in readable if one not in stamps}
        is_covered = None
        if readable:
            last = (stamps | signatures)[readable[-1]]
            is_covered = last["is_intact"] and last["coverage"] == "file"
        if is_covered is False and not (last["is_intact"] and self._only_proofs_follow(readable[-1])):
            for found in signatures.values():
                found["problems"].append("bytes_after_last_signature")
        else:
            _require_sound_changes([signatures[one] for one in readable if one in signatures])
        found_all = [*signatures.values(), *unreadable]
        for found in found_all:
            found["is_sound"] = not found["problems"]
        return {
            "state": "checked",
            "received_at": instant(self._received_at),
            "is_covered_to_the_end": is_covered,
            "signatures": found_all,
            "timestamps": list(stamps.values()),
            "remarks": [],
        }

    def _only_proofs_follow(self, last: EmbeddedPdfSignature) -> bool:
        """Answer whether nothing follows a signature but what long-term ones (PAdES B-LT) have behind the last.

        That is: certificates, and what is known of their revocation.
        """
        stream, reader = self._reader.stream, self._reader
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 1024))
        _, end, behind = stream.read().rpartition(b"%%EOF")
        if last.coverage != SignatureCoverageLevel.ENTIRE_REVISION or not end or behind.strip():
            return False
        if reader.xrefs.total_revisions <= last.signed_revision + 1:
            return False
        if _told_of(reader) != _told_of(reader.get_historical_resolver(last.signed_revision)):
            return False
        found = _PROOFS.review_file(reader, last.signed_revision)
        return isinstance(found, DiffResult) and found.modification_level <= ModificationLevel.LTA_UPDATES

    async def _signature(
        self, one: EmbeddedPdfSignature, stamps: Mapping[EmbeddedPdfSignature, Json]
    ) -> Json:
        try:
            timestamp = await self._own_timestamp(one)
            proofs = [timestamp, *(found for at, found in stamps.items() if _is_before(one, at))]
            times = [found["at"] for found in proofs if found and found["is_trusted"]]
            moment = min([datetime.fromisoformat(at) for at in times] + [self._received_at])
            status = await async_validate_pdf_signature(
                one,
                self._chains.context(moment),
                ts_validation_context=self._chains.context(self._received_at),
                key_usage_settings=_MAY_SIGN,
            )
            chain = self._chains.chain(status, moment)
            trusted = status.validation_path if chain["state"] == "trusted" else None
            revocation = await self._chains.revocation(trusted, moment)
            found = self._found(one, status, chain, revocation)
            remarks = _remarks(found["kind"], timestamp, is_proved=bool(times), revocation=revocation)
            return found | {"timestamp": timestamp, "judged_at": instant(moment), "remarks": remarks}
        except Exception:  # as above
            return _unreadable_signature(one.field_name)

    def _found(
        self, one: EmbeddedPdfSignature, status: PdfSignatureStatus, chain: Json, revocation: Json
    ) -> Json:
        certificate, level = status.signing_cert, status.modification_level
        return {
            "field": plain_text(one.field_name),
            "kind": self._trust.kind_of(certificate).value,
            "signer": _first(certificate.subject, "CN"),
            "organisation": _first(certificate.subject, "O"),
            "certificate": _certificate(certificate),
            "claimed_at": instant(status.signer_reported_dt),
            "is_intact": status.intact and status.valid,
            "coverage": _COVERAGE.get(status.coverage, "part"),
            "changes_after": "unknown" if level is None else _CHANGES[level],
            "chain": chain,
            "revocation": revocation,
            "problems": _problems(status, chain, revocation),
        }

    async def _own_timestamp(self, one: EmbeddedPdfSignature) -> Json | None:
        context = self._chains.context(self._received_at)
        timing = await collect_timing_info(one.signer_info, context, one.compute_digest)
        status = timing.get("timestamp_validity")
        return await self._timestamp(status) if status else None

    async def _document_timestamp(self, one: EmbeddedPdfSignature) -> Json:
        nothing = {"at": None, "authority": None, "is_intact": False, "is_trusted": False, "coverage": "part"}
        try:
            status = await async_validate_pdf_timestamp(one, self._chains.context(self._received_at))
            found = await self._timestamp(status)
        except Exception:  # as above
            return nothing
        coverage = _COVERAGE.get(status.coverage, "part")
        return found | {"coverage": coverage, "is_trusted": found["is_trusted"] and coverage != "part"}

    async def _timestamp(self, status: TimestampSignatureStatus) -> Json:
        """Return a timestamp; its authority is judged by when the file was received, for it was there then."""
        chain = self._chains.chain(status, self._received_at)
        trusted = status.validation_path if chain["state"] == "trusted" else None
        revocation = await self._chains.revocation(trusted, self._received_at)
        is_intact = status.intact and status.valid
        return {
            "at": instant(status.timestamp),
            "authority": _first(status.signing_cert.subject, "CN"),
            "is_intact": is_intact,
            "is_trusted": is_intact and trusted is not None and revocation["state"] != "revoked",
        }


def _told_of(document: PdfFileReader | HistoricalResolver) -> dict[str, str]:
    """Return what a document's information says, but for what every program that adds to it writes there."""
    trailer = document.trailer_view
    told = trailer["/Info"] if "/Info" in trailer else {}  # noqa: SIM401  `get` does not follow the reference
    return {name: repr(told[name]) for name in told if name not in ("/ModDate", "/Producer")}


def _is_timestamp(one: EmbeddedPdfSignature) -> bool:
    return bool(one.sig_object_type == "/DocTimeStamp")


def _is_before(one: EmbeddedPdfSignature, stamp: EmbeddedPdfSignature) -> bool:
    return bool(one.signed_revision < stamp.signed_revision)


def _problems(status: PdfSignatureStatus, chain: Json, revocation: Json) -> list[str]:
    level = status.modification_level
    found = []
    if not (status.intact and status.valid):
        found.append("not_intact")
    if status.coverage is None or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        found.append("covers_part_only")
    elif level is None or level > ModificationLevel.FORM_FILLING or not status.docmdp_ok:
        found.append("changed_after_signing")
    return found + [code for code in (chain["problem"], revocation["problem"]) if code]


def _require_sound_changes(signatures: list[Json]) -> None:
    """Add the problem of a good signature behind which the file was changed without a later sound one over it.

    Filling in forms and adding signatures is no harm to a signature, and yet either can paint over a whole page: it
    counts as harmless only where somebody known has signed it. A timestamp says when a file was there, not what is in
    it. `signatures` are in the order in which they were made.
    """
    is_covered = False
    for found in reversed(signatures):
        if is_covered or found["problems"]:
            continue
        if found["changes_after"] == "form_filling":
            found["problems"].append("change_not_signed_soundly")
        is_covered = not found["problems"]


def _remarks(kind: str, timestamp: Json | None, *, is_proved: bool, revocation: Json) -> list[str]:
    told = {
        "kind_unknown": kind == SignerKind.UNKNOWN,
        "timestamp_not_trusted": timestamp is not None and not timestamp["is_trusted"],
        "time_only_claimed": not is_proved,
        "revocation_unknown": revocation["state"] == "unknown",
    }
    return [code for code, is_so in told.items() if is_so]


def _certificate(certificate: x509.Certificate) -> Json:
    return {
        "serial": f"{certificate.serial_number:x}"[:64],
        "issuer": _first(certificate.issuer, "CN"),
        "issuer_organisation": _first(certificate.issuer, "O"),
        "valid_from": instant(certificate.not_valid_before),
        "valid_until": instant(certificate.not_valid_after),
        "sha256": certificate.sha256.hex(),
    }


def _first(name: x509.Name, attribute: str) -> str | None:
    return next(iter(values_of(name, attribute)), None)


def _unreadable_signature(name: object) -> Json:
    return {
        "field": plain_text(name),
        "kind": SignerKind.UNKNOWN.value,
        "signer": None,
        "organisation": None,
        "certificate": None,
        "claimed_at": None,
        "timestamp": None,
        "judged_at": None,
        "is_intact": False,
        "coverage": "part",
        "changes_after": "unknown",
        "chain": {"state": "unknown", "problem": None, "root": None},
        "revocation": {"state": "unknown", "problem": None, "known_at": None, "revoked_at": None},
        "problems": ["unreadable_signature"],
        "remarks": [],
    }
