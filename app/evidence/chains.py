"""Whether a certificate leads to a trusted root, and what is known of its revocation. Nothing is looked up outside."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.general import find_unique_cms_attribute
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import RevokedError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy, FreshnessReqType
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

from app.evidence.trust import TrustStore, instant, values_of

Json = dict[str, Any]

# Revocation is asked for certificate by certificate (`revocation`), not while a chain is built: no mode of the library
# tells "revoked" from "not known" where a certificate names no list, and one missing list of an authority hides what
# the signer's own list says.
_PRESENT = CertRevTrustPolicy(NO_REVOCATION, retroactive_revinfo=True)
_OF_ANY_AGE = CertRevTrustPolicy(
    NO_REVOCATION,
    freshness=timedelta(days=36_500),
    freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
)

_REASONS = {
    AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND: ("unknown_root", "unknown_root"),
    AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE: ("unknown", "certificate_unfit"),
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE: ("unknown", "weak_algorithm"),
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: ("unknown", "weak_algorithm"),
}


@dataclass(slots=True)
class Lists:
    """What says of certificates whether they are revoked: lists and single answers."""

    crls: list[crl.CertificateList] = field(default_factory=list)
    ocsps: list[ocsp.OCSPResponse] = field(default_factory=list)

    def about(self, certificate: x509.Certificate) -> Iterator[tuple[datetime | None, "Lists"]]:
        """Return each list that may speak of a certificate, alone, with when it was made."""
        for one in self.crls:
            if one.issuer == certificate.issuer:
                yield CRLContainer(one).issuance_date, Lists(crls=[one])
        for answer in self.ocsps:
            for single in OCSPContainer.load_multi(answer):
                said = single.extract_single_response()
                if said and said["cert_id"]["serial_number"].native == certificate.serial_number:
                    yield single.issuance_date, Lists(ocsps=[answer])


class Chains:
    """Chains of certificates under one trust store, with what a file brings along to build and check them."""

    def __init__(
        self, trust: TrustStore, reader: PdfFileReader, signatures: list[EmbeddedPdfSignature]
    ) -> None:
        self._roots = [x509.Certificate.load(der) for der in trust.roots]
        self._others = [x509.Certificate.load(der) for der in trust.intermediates]
        self._own = Lists(crls=[crl.CertificateList.load(der) for der in trust.crls])
        self._all = Lists(list(self._own.crls))
        # What strangers wrote: broken extras are as good as none.
        with suppress(Exception):
            self._take_store(DocumentSecurityStore.read_dss(reader))
        for one in signatures:
            with suppress(Exception):
                self._take_attribute(one)

    def _take_store(self, store: DocumentSecurityStore) -> None:
        self._others += store.load_certs()
        for ref in store.crls:
            self._all.crls.append(
                crl.CertificateList.load(ref.get_object().read_data(DecodePurpose.CRL), strict=True)
            )
        for ref in store.ocsps:
            said = ref.get_object().read_data(DecodePurpose.OCSP_RESPONSE)
            self._all.ocsps.append(ocsp.OCSPResponse.load(said, strict=True))

    def _take_attribute(self, signature: EmbeddedPdfSignature) -> None:
        signed = signature.signer_info["signed_attrs"]
        archived = find_unique_cms_attribute(signed, "adobe_revocation_info_archival")
        self._all.crls += list(archived["crl"] or ())
        self._all.ocsps += list(archived["ocsp"] or ())

    def context(
        self, moment: datetime, lists: Lists | None = None, policy: CertRevTrustPolicy = _PRESENT
    ) -> ValidationContext:
        """Return what certificates are judged by at a moment; each is used once."""
        lists = lists or self._all
        return ValidationContext(
            trust_roots=self._roots,  # an empty list trusts nobody, None would trust the machine's roots
            other_certs=self._others,
            moment=moment,
            crls=lists.crls,
            ocsps=lists.ocsps,
            revinfo_policy=policy,
        )

    def chain(self, status: SignatureStatus, moment: datetime) -> Json:
        """Return where the chain of a checked signature leads, and the code of what is wrong with it."""
        path = status.validation_path
        if not status.valid:
            return {"state": "unknown", "problem": None, "root": None}  # whose it is, is not known
        if path is not None and status.trust_problem_indic is None:
            return {"state": "trusted", "problem": None, "root": _name(path.first)}
        state, problem = self._why_not(status, moment)
        return {"state": state, "problem": problem, "root": None}

    def _why_not(self, status: SignatureStatus, moment: datetime) -> tuple[str, str]:
        if not self._roots:
            return "unknown_root", "no_roots_configured"
        if status.trust_problem_indic in _REASONS:
            return _REASONS[status.trust_problem_indic]
        for one in status.validation_path or ():
            if moment > one.not_valid_after:
                return "expired", "certificate_expired"
            if moment < one.not_valid_before:
                return "not_yet_valid", "certificate_not_yet_valid"
        return "unknown", "chain_not_valid"

    async def revocation(self, path: ValidationPath | None, moment: datetime) -> Json:
        """Return what is known of the revocation of a trusted chain's certificates before a moment.

        `good` is what lists say that were valid at the moment or made after it; `known_at` is when the latest list
        that tells of the signer's certificate was made, however old it is.
        """
        certificates = list(path.iter_certs(include_root=False)) if path else []
        if path is None or not certificates:
            return _revocation("unknown")
        # Ours alone first: nothing a file brings along can keep them from being heard.
        for lists in (self._own, self._all) if self._all != self._own else (self._own,):
            for one in certificates:
                revoked = await _state(one, path, self.context(moment, lists, _OF_ANY_AGE))
                if isinstance(revoked, RevokedError):
                    of_signer = one == certificates[-1]
                    problem = "certificate_revoked" if of_signer else "issuer_revoked"
                    return _revocation("revoked", problem=problem, revoked_at=instant(revoked.revocation_dt))
        known_at = await self._known_at(certificates[-1], path, moment)
        good = [await _state(one, path, self.context(moment)) for one in certificates]
        return _revocation("good" if all(one is True for one in good) else "unknown", known_at=known_at)

    async def _known_at(
        self, certificate: x509.Certificate, path: ValidationPath, moment: datetime
    ) -> str | None:
        heard = [
            made_at
            for made_at, alone in self._all.about(certificate)
            if made_at and await _state(certificate, path, self.context(moment, alone, _OF_ANY_AGE)) is True
        ]
        return instant(max(heard, default=None))


def _revocation(state: str, **known: str | None) -> Json:
    return {"state": state, "problem": None, "known_at": None, "revoked_at": None} | known


async def _state(
    certificate: x509.Certificate, path: ValidationPath, context: ValidationContext
) -> RevokedError | bool:
    """Return the revocation of a certificate, True if it is known to be good, False if nothing is known."""
    context.certificate_registry.register_multiple(path.iter_certs(include_root=False))
    is_good = False
    for check in (verify_ocsp_response, verify_crl):
        try:
            await check(certificate, path, context)
            is_good = True
        except RevokedError as error:
            return error
        except Exception:  # noqa: S112  the answers are strangers' work too: what cannot be read tells nothing
            continue
    return is_good


def _name(certificate: x509.Certificate | None) -> str | None:
    return next(iter(values_of(certificate.subject, "CN")), None) if certificate else None
