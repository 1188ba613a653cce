"""Who signs in a story: an authority of its own, a leader and an office with its certificates, and PDFs they sign."""

import asyncio
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

_BEGIN, _END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Return the certificate as a folder of trusted roots holds it."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def signer(self) -> SimpleSigner:
        """Return what signs with the key."""
        key = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        certificate = asn1.Certificate.load(self.certificate.public_bytes(Encoding.DER))
        return SimpleSigner(certificate, keys.PrivateKeyInfo.load(key), SimpleCertificateStore())


def authority() -> Holder:
    """Return a root that issues certificates."""
    return _issue("CA của câu chuyện", "TỔ CHỨC:CA", None)


def person(name: str, by: Holder) -> Holder:
    """Return a person with a certificate, told by the number of an identity card."""
    return _issue(name, "CCCD:096000000001", by)


def office(name: str, by: Holder) -> Holder:
    """Return an organisation with a certificate, told by its tax code."""
    return _issue(name, "MST:2000000001", by)


def _issue(name: str, identity: str, by: Holder | None) -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.USER_ID, identity),
        ]
    )
    is_root, issuing = by is None, by.key if by else key
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(_usage(is_root=is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key()), critical=False
        )
    )
    return Holder(built.sign(issuing, hashes.SHA256()), key)


def _usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=not is_root,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )


class _At(PdfSigner):
    """Signs at the time of the story."""

    now: datetime

    def init_signing_session(self, *args: Any, **named: Any) -> Any:
        session = super().init_signing_session(*args, **named)
        session.system_time = self.now
        return session


async def signed(pdf: bytes, *by: Holder, now: datetime) -> bytes:
    """Return a PDF with a PAdES signature of each, one after the other."""
    for number, one in enumerate(by, 1):
        pdf = await asyncio.to_thread(_signed, pdf, one, f"ChuKy{number}", now)
    return pdf


def _signed(pdf: bytes, by: Holder, field: str, now: datetime) -> bytes:
    said = PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    signing = _At(said, by.signer)
    signing.now = now
    written: io.BytesIO = signing.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
    return written.getvalue()
