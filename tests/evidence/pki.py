"""A certification authority of the tests: a root, one below it, a leader and an agency in the Vietnamese manner, a
time stamping authority, revocation lists; and PDFs signed with them as PAdES asks for."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Self

import pikepdf
from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.evidence.trust import TrustStore, trust_store

BEGIN, END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
SIGNED_AT = datetime(2023, 12, 14, 3, 0, tzinfo=UTC)
RECEIVED_AT = datetime(2023, 12, 15, 2, 0, tzinfo=UTC)
LISTS_AT = "http://crl.example.vn/ca.crl"

_OIDS = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "CN": NameOID.COMMON_NAME,
    "UID": NameOID.USER_ID,
}
Named = Sequence[tuple[str, str]]


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    """Return a key of the run; making one takes its time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(parts: Named) -> x509.Name:
    return x509.Name([x509.NameAttribute(_OIDS[short], value) for short, value in parts])


@dataclass(frozen=True)
class Holder:
    """Somebody with a certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        """Return the certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def parsed(self) -> asn1.Certificate:
        """Return the certificate as pyHanko takes it."""
        return asn1.Certificate.load(self.der)

    @property
    def private(self) -> keys.PrivateKeyInfo:
        """Return the key as pyHanko takes it."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return keys.PrivateKeyInfo.load(self.key.private_bytes(serialization.Encoding.DER, form, plain))


def issue(
    named: Named,
    serial: int,
    key: int,
    issuer: Holder | None = None,
    *,
    begin: datetime = BEGIN,
    end: datetime = END,
    is_authority: bool = False,
    stamps_time: bool = False,
    lists_at: str | None = None,
) -> Holder:
    """Return a new holder of a certificate, its own issuer if none is given."""
    own = _key(key)
    by = issuer.key if issuer else own
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(named))
        .issuer_name(issuer.certificate.subject if issuer else _name(named))
        .public_key(own.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if stamps_time:
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    if lists_at:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(lists_at)], None, None, None)
        built = built.add_extension(x509.CRLDistributionPoints([place]), critical=False)
    return Holder(built.sign(by, hashes.SHA256()), own)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


LEADER = [("C", "VN"), ("O", "UBND Phường 9"), ("CN", "Người Đứng Đầu"), ("UID", "CCCD:096000000001")]
AGENCY = [("C", "VN"), ("O", "UBND thành phố Cà Mau"), ("CN", "UBND Phường 9"), ("UID", "MST:2000000001")]


class Authority:
    """A root with an authority below it that issues certificates; `first_key` tells keys of two of them apart."""

    def __init__(self, first_key: int = 0) -> None:
        self._first = first_key
        root = [("C", "VN"), ("O", "Cơ quan gốc kiểm thử"), ("CN", "Root CA kiểm thử")]
        below = [("C", "VN"), ("O", "Đơn vị cấp kiểm thử"), ("CN", "CA kiểm thử")]
        # Alike in name, not in number: a name and a number stand for one certificate.
        self.root = issue(root, first_key + 1, first_key, is_authority=True)
        self.below = issue(below, first_key + 2, first_key + 1, self.root, is_authority=True)

    def signer(self, named: Named = LEADER, serial: int = 0x1001, **special: Any) -> Holder:
        """Return a holder of a certificate for signing."""
        return issue(named, serial, self._first + 2, self.below, **special)

    @cached_property
    def leader(self) -> Holder:
        """Return the head of the commune."""
        return self.signer()

    @cached_property
    def agency(self) -> Holder:
        """Return the commune itself."""
        return issue(AGENCY, 0x1002, self._first + 3, self.below)

    @cached_property
    def clock(self) -> Holder:
        """Return the time stamping authority."""
        named = [("C", "VN"), ("O", "Đơn vị cấp kiểm thử"), ("CN", "TSA kiểm thử")]
        return issue(named, 0x2001, self._first + 4, self.below, stamps_time=True)

    def stamper(self, at: datetime = SIGNED_AT) -> DummyTimeStamper:
        """Return what stamps an instant."""
        return DummyTimeStamper(
            self.clock.parsed, self.clock.private, certs_to_embed=_beside([self.below]), fixed_dt=at
        )

    def crl(
        self,
        *revoked: Holder,
        revoked_at: datetime = SIGNED_AT - timedelta(days=1),
        made_at: datetime = RECEIVED_AT - timedelta(hours=1),
        lasts: timedelta = timedelta(days=7),
        by: Holder | None = None,
    ) -> bytes:
        """Return a revocation list in DER, of the authority that issues to signers unless another one is named."""
        by = by or self.below
        built = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(by.certificate.subject)
            .last_update(made_at)
            .next_update(made_at + lasts)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
            )
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
            built = built.add_revoked_certificate(
                entry.revocation_date(revoked_at)
                .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                .build()
            )
        return built.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def trust(self, *crls: bytes) -> TrustStore:
        """Return a trust store with this root, what is below it, and revocation lists."""
        kinds = trust_store(None).kinds
        return TrustStore(roots=(self.root.der,), intermediates=(self.below.der,), crls=crls, kinds=kinds)


@cache
def authority(first_key: int = 0) -> Authority:
    """Return an authority of the run."""
    return Authority(first_key)


# --- signed files -------------------------------------------------------------------------------------------


@cache
def page(text: str = "Kế hoạch chuyển đổi số") -> bytes:
    """Return a PDF of one page."""
    held = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        pdf.docinfo["/Title"] = text
        pdf.save(held, static_id=True)
    return held.getvalue()


class _At(PdfSigner):
    """Signs at a given instant."""

    signed_at = SIGNED_AT

    def init_signing_session(self, *args: Any, **named: Any) -> Any:
        session = super().init_signing_session(*args, **named)
        session.system_time = self.signed_at
        return session

    def signing_at(self, at: datetime) -> Self:
        self.signed_at = at
        return self


def _beside(holders: Sequence[Holder]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()
    store.register_multiple([one.parsed for one in holders])
    return store


def sign(
    pdf: bytes,
    by: Holder,
    field: str,
    *,
    at: datetime = SIGNED_AT,
    stamper: DummyTimeStamper | None = None,
    others: Sequence[Holder] = (),
    subfilter: SigSeedSubFilter = SigSeedSubFilter.PADES,
) -> bytes:
    """Return a PDF with one more PAdES signature in a field of its own; `others` are certificates put in beside."""
    signer = SimpleSigner(by.parsed, by.private, _beside(others))
    meta = PdfSignatureMetadata(field_name=field, subfilter=subfilter, md_algorithm="sha256")
    signing = _At(meta, signer, timestamper=stamper).signing_at(at)
    with ThreadPoolExecutor(
        1
    ) as thread:  # it runs an event loop of its own, which tests with one do not allow
        signed = thread.submit(signing.sign_pdf, IncrementalPdfFileWriter(io.BytesIO(pdf))).result()
    return bytes(signed.getvalue())


@cache
def signed_twice() -> bytes:
    """Return a PDF signed by the leader, then by the commune with a timestamp."""
    ca = authority()
    once = sign(page(), ca.leader, "ChuKyLanhDao")
    return sign(once, ca.agency, "ChuKyCoQuan", stamper=ca.stamper(SIGNED_AT + timedelta(minutes=5)))
