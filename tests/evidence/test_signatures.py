"""What is found of the signatures in a PDF: two good ones, every way to be bad, and that no file stops the check."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from asn1crypto import crl
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    NumberObject,
    StreamObject,
    pdf_name,
    pdf_string,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from app.evidence.inspecting import MAX_SIGNATURES
from app.evidence.signature_rules import PROBLEMS, REMARKS, Found, found_of
from app.evidence.signatures import report_on
from app.evidence.trust import SignerKind, TrustStore
from tests.evidence.files import BROKEN_PDF
from tests.evidence.pki import (
    AGENCY,
    BEGIN,
    END,
    LEADER,
    LISTS_AT,
    RECEIVED_AT,
    SIGNED_AT,
    Authority,
    Holder,
    authority,
    page,
    sign,
    signed_twice,
)

Json = dict[str, Any]
Check = Callable[..., Json]
STAMPED_AT = SIGNED_AT + timedelta(minutes=5)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Give `check(pdf, trust, received_at)`: the report on a file."""

    def checked(pdf: bytes, trust: TrustStore | None = None, at: datetime = RECEIVED_AT) -> Json:
        path = tmp_path / "file.pdf"
        path.write_bytes(pdf)
        found = report_on(path, authority().trust() if trust is None else trust, at)
        said = [*found["remarks"], *(code for one in found["signatures"] for code in one["remarks"])]
        assert set(said) <= REMARKS.keys()
        assert {code for one in found["signatures"] for code in one["problems"]} <= PROBLEMS.keys()
        return found

    return checked


def problems(report: Json) -> list[list[str]]:
    return [one["problems"] for one in report["signatures"]]


def certificate(holder: Holder) -> Json:
    return {
        "serial": f"{holder.certificate.serial_number:x}",
        "issuer": "CA kiểm thử",
        "issuer_organisation": "Đơn vị cấp kiểm thử",
        "valid_from": BEGIN.isoformat(),
        "valid_until": END.isoformat(),
        "sha256": holder.parsed.sha256.hex(),
    }


# --- the report ---------------------------------------------------------------------------------------------


def test_the_report_on_a_leaders_and_an_agencys_signature(check: Check) -> None:
    ca = authority()
    lists = ca.crl(), ca.crl(by=ca.root)
    known = {
        "state": "good",
        "problem": None,
        "known_at": (RECEIVED_AT - timedelta(hours=1)).isoformat(),
        "revoked_at": None,
    }
    trusted = {"state": "trusted", "problem": None, "root": "Root CA kiểm thử"}
    leader = {
        "field": "ChuKyLanhDao",
        "kind": "person",
        "signer": "Người Đứng Đầu",
        "organisation": "UBND Phường 9",
        "certificate": certificate(ca.leader),
        "claimed_at": SIGNED_AT.isoformat(),
        "timestamp": None,
        "judged_at": RECEIVED_AT.isoformat(),
        "is_intact": True,
        "coverage": "revision",
        "changes_after": "form_filling",
        "chain": trusted,
        "revocation": known,
        "is_sound": True,
        "problems": [],
        "remarks": ["time_only_claimed"],
    }
    agency = leader | {
        "field": "ChuKyCoQuan",
        "kind": "organisation",
        "signer": "UBND Phường 9",
        "organisation": "UBND thành phố Cà Mau",
        "certificate": certificate(ca.agency),
        "timestamp": {
            "at": STAMPED_AT.isoformat(),
            "authority": "TSA kiểm thử",
            "is_intact": True,
            "is_trusted": True,
        },
        "judged_at": STAMPED_AT.isoformat(),
        "coverage": "file",
        "changes_after": "none",
        "remarks": [],
    }
    assert check(signed_twice(), ca.trust(*lists)) == {
        "state": "checked",
        "received_at": RECEIVED_AT.isoformat(),
        "is_covered_to_the_end": True,
        "signatures": [leader, agency],
        "timestamps": [],
        "remarks": [],
    }


def test_the_authority_below_the_root_may_come_with_the_signature_or_with_the_roots(check: Check) -> None:
    ca = authority()
    alone = TrustStore(roots=(ca.root.der,))
    assert problems(check(sign(page(), ca.leader, "A"), alone)) == [["unknown_root"]]
    assert problems(check(sign(page(), ca.leader, "A", others=[ca.below]), alone)) == [[]]


def test_without_roots_nobody_is_trusted(check: Check) -> None:
    """The machine's own roots never count."""
    found = check(signed_twice(), TrustStore())
    assert problems(found) == [["no_roots_configured"]] * 2
    assert {one["chain"]["state"] for one in found["signatures"]} == {"unknown_root"}


# --- what was signed, and what came after -------------------------------------------------------------------


def flipped(pdf: bytes, place: int) -> bytes:
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def test_a_byte_changed_inside_the_signed_range(check: Check) -> None:
    pdf = signed_twice()
    found = check(flipped(pdf, pdf.index(b"/MediaBox") + 14))
    assert [one["is_intact"] for one in found["signatures"]] == [False, False]
    assert all("not_intact" in one for one in problems(found))


def test_a_byte_changed_in_the_signature_itself(check: Check) -> None:
    pdf = sign(page(), authority().leader, "A")
    place = pdf.index(b"/Contents <") + 400
    other = b"0" if pdf[place : place + 1] != b"0" else b"1"
    found = check(pdf[:place] + other + pdf[place + 1 :])
    assert not found["signatures"][0]["is_sound"]


def updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


def _other_page(writer: IncrementalPdfFileWriter) -> None:
    place = writer.root["/Pages"]["/Kids"][0].get_object()
    place[pdf_name("/Rotate")] = NumberObject(90)
    writer.update_container(place)


def _other_title(writer: IncrementalPdfFileWriter) -> None:
    writer.set_info(DictionaryObject({pdf_name("/Title"): pdf_string("Tên khác")}))


def test_an_update_after_signing_that_changes_a_page(check: Check) -> None:
    found = check(updated(signed_twice(), _other_page))
    assert [one["is_intact"] for one in found["signatures"]] == [True, True]
    assert [one["changes_after"] for one in found["signatures"]] == ["other", "other"]
    assert problems(found) == [["changed_after_signing", "bytes_after_last_signature"]] * 2


def with_proofs(pdf: bytes) -> bytes:
    """Return a PDF with certificates and a revocation list behind it, as long-term signatures have them (B-LT)."""
    held, ca = io.BytesIO(pdf), authority()
    lists = [crl.CertificateList.load(ca.crl())]
    DocumentSecurityStore.add_dss(held, None, certs=[ca.below.parsed], crls=lists)
    return held.getvalue()


def _saved_by(writer: IncrementalPdfFileWriter) -> None:
    told = {
        pdf_name("/Title"): pdf_string("Kế hoạch chuyển đổi số"),
        pdf_name("/Producer"): pdf_string("other"),
    }
    writer.set_info(DictionaryObject({**told, pdf_name("/ModDate"): pdf_string("D:20231215000000Z")}))


def test_proofs_behind_the_last_signature_are_no_harm(check: Check) -> None:
    """What programs call LTV: nothing of the file is changed, though no signature covers what was added."""
    pdf = with_proofs(signed_twice())
    found = check(pdf)
    assert problems(found) == [[], []]
    assert found["is_covered_to_the_end"] is False
    assert found["signatures"][1]["changes_after"] == "archiving"
    assert problems(check(updated(pdf, _saved_by))) == [[], []]
    more = ["bytes_after_last_signature"]
    for bad in (
        pdf + b"% junk",
        updated(pdf, _other_title),
        with_proofs(updated(signed_twice(), _other_title)),
    ):
        assert problems(check(bad)) == [more, more]
    assert problems(check(updated(pdf, _other_page))) == [["changed_after_signing", *more]] * 2
    filled = with_proofs(updated(sign(form(), authority().leader, "A"), _overlay))
    assert problems(check(filled)) == [more]


def _overlay(writer: IncrementalPdfFileWriter) -> None:
    """Give a form field another appearance, as large as the page; its value stays."""
    box = ArrayObject([NumberObject(one) for one in (0, 0, 595, 842)])
    kind = {pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form")}
    drawn = StreamObject({**kind, pdf_name("/BBox"): box}, stream_data=b"1 1 1 rg 0 0 595 842 re f")
    field = writer.root["/AcroForm"]["/Fields"][0].get_object()
    field["/AP"] = DictionaryObject({pdf_name("/N"): writer.add_object(drawn)})
    writer.update_container(field)


def form() -> bytes:
    """Return a PDF of one page with a field to fill in."""
    held = io.BytesIO()
    with pikepdf.open(io.BytesIO(page())) as pdf:
        kind = {"/FT": pikepdf.Name.Tx, "/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name.Widget}
        named = {"/T": "So", "/V": "1", "/Rect": pikepdf.Array([50, 700, 250, 720]), "/F": 4}
        field = pdf.make_indirect(pikepdf.Dictionary(kind | named))
        pdf.pages[0].Annots = pikepdf.Array([field])
        pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=pikepdf.Array([field])))
        pdf.save(held, static_id=True)
    return held.getvalue()


def stamped(pdf: bytes, ca: Authority) -> bytes:
    """Return a PDF with a timestamp of the whole of it as its last word."""
    held = io.BytesIO(pdf)
    PdfTimeStamper(ca.stamper()).timestamp_pdf(IncrementalPdfFileWriter(held), "sha256", in_place=True)
    return held.getvalue()


def test_a_strangers_signature_does_not_cover_what_he_changed(check: Check) -> None:
    """Form filling is no harm to a signature, and with it a page can be painted over: who did it must be known."""
    ca, other = authority(), authority(10)
    both = sign(sign(form(), ca.leader, "A"), ca.agency, "B")
    assert problems(check(both)) == [[], []]
    hidden = updated(both, _overlay)
    unsound = ["change_not_signed_soundly"]
    assert problems(check(sign(hidden, other.leader, "C"))) == [unsound, unsound, ["unknown_root"]]
    assert problems(check(sign(both, other.leader, "C"))) == [unsound, unsound, ["unknown_root"]]
    for clock in (ca, other):  # nobody vouches for content by saying when it was there
        assert problems(check(stamped(hidden, clock))) == [unsound, unsound]
        assert problems(check(stamped(both, clock))) == [[], []]
    # Who signs after all of them has seen what they did.
    assert problems(check(sign(sign(hidden, other.leader, "C"), ca.signer(serial=0x1009), "D"))) == [
        [],
        [],
        ["unknown_root"],
        [],
    ]


@pytest.mark.parametrize(
    "add", [lambda pdf: updated(pdf, _other_title), lambda pdf: pdf + b"\n% junk behind the end\n"]
)
def test_what_no_signature_covers_behind_the_last_one(check: Check, add: Callable[[bytes], bytes]) -> None:
    """Another title, or junk behind %%EOF: every signature holds, and yet the file is not what was signed."""
    found = check(add(signed_twice()))
    assert found["is_covered_to_the_end"] is False
    assert problems(found) == [["bytes_after_last_signature"]] * 2


def test_a_timestamp_of_the_whole_file_may_be_the_last_word(check: Check) -> None:
    ca = authority()
    stamper = PdfTimeStamper(ca.stamper(STAMPED_AT))
    stamped = stamper.timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(sign(page(), ca.leader, "A"))), "sha256"
    )
    found = check(bytes(stamped.getvalue()), ca.trust(), RECEIVED_AT)
    (one,) = found["signatures"]
    assert (one["changes_after"], one["problems"], one["judged_at"]) == (
        "archiving",
        [],
        STAMPED_AT.isoformat(),
    )
    assert found["timestamps"] == [
        {
            "at": STAMPED_AT.isoformat(),
            "authority": "TSA kiểm thử",
            "is_intact": True,
            "is_trusted": True,
            "coverage": "file",
        }
    ]


# --- whose it is --------------------------------------------------------------------------------------------


def test_a_valid_signature_of_an_unknown_root(check: Check) -> None:
    other = authority(10)
    assert problems(check(sign(page(), other.leader, "A", others=[other.below]))) == [["unknown_root"]]


def test_the_same_names_from_another_authority_are_not_the_same(check: Check) -> None:
    """Root, authority and signer are called alike; only the keys differ."""
    other = authority(10)
    for others in ([], [other.below], [other.below, other.root]):
        found = check(sign(page(), other.leader, "A", others=others))
        (one,) = found["signatures"]
        assert (one["signer"], one["certificate"]["issuer"]) == ("Người Đứng Đầu", "CA kiểm thử")
        assert not one["is_sound"]
        assert one["chain"]["state"] in ("unknown_root", "unknown")


@pytest.mark.parametrize(
    ("ends_after", "stamped", "found"),
    [
        (timedelta(seconds=2), False, []),
        (timedelta(seconds=-2), False, ["certificate_expired"]),
        (timedelta(seconds=-2), True, []),  # it was valid when it was stamped, and that is proved
    ],
)
def test_a_certificate_is_judged_by_the_timestamp_or_by_the_receipt(
    check: Check, ends_after: timedelta, stamped: bool, found: list[str]
) -> None:
    ca = authority()
    signer = ca.signer(serial=0x3001, end=RECEIVED_AT + ends_after)
    stamper = ca.stamper(STAMPED_AT) if stamped else None
    assert problems(check(sign(page(), signer, "A", stamper=stamper))) == [found]


def test_a_timestamp_of_an_unknown_authority_proves_no_time(check: Check) -> None:
    ca = authority()
    signer = ca.signer(serial=0x3002, end=RECEIVED_AT - timedelta(days=1) + timedelta(minutes=10))
    report = check(sign(page(), signer, "A", stamper=authority(10).stamper(STAMPED_AT)))
    (one,) = report["signatures"]
    assert one["timestamp"]["is_trusted"] is False
    assert one["judged_at"] == RECEIVED_AT.isoformat()
    assert one["problems"] == ["certificate_expired"]
    assert one["remarks"] == ["timestamp_not_trusted", "time_only_claimed", "revocation_unknown"]


def test_a_certificate_that_was_not_valid_yet(check: Check) -> None:
    signer = authority().signer(serial=0x3003, begin=RECEIVED_AT + timedelta(days=1))
    report = check(sign(page(), signer, "A"))
    assert problems(report) == [["certificate_not_yet_valid"]]
    assert report["signatures"][0]["chain"]["state"] == "not_yet_valid"


def test_a_certificate_that_is_not_for_signing(check: Check) -> None:
    clock = authority().below
    assert "certificate_unfit" in problems(check(sign(page(), clock, "A")))[0]


# --- revocation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lists_at", [None, LISTS_AT])
def test_a_revoked_certificate_with_and_without_a_pointer_to_a_list(
    check: Check, lists_at: str | None
) -> None:
    ca = authority()
    signer = ca.signer(serial=0x4001, lists_at=lists_at)
    (one,) = check(sign(page(), signer, "A"), ca.trust(ca.crl(signer)))["signatures"]
    assert one["problems"] == ["certificate_revoked"]
    assert one["revocation"]["state"] == "revoked"
    assert one["revocation"]["revoked_at"] == (SIGNED_AT - timedelta(days=1)).isoformat()
    assert one["chain"]["state"] == "trusted"


@pytest.mark.parametrize("lists_at", [None, LISTS_AT])
def test_without_a_list_nothing_is_known_and_the_signature_is_sound(
    check: Check, lists_at: str | None
) -> None:
    signer = authority().signer(serial=0x4002, lists_at=lists_at)
    (one,) = check(sign(page(), signer, "A"))["signatures"]
    assert (one["revocation"]["state"], one["problems"], one["is_sound"]) == ("unknown", [], True)
    assert "revocation_unknown" in one["remarks"]


@pytest.mark.parametrize(
    ("revoked_at", "stamped", "found"),
    [
        (RECEIVED_AT - timedelta(seconds=1), False, ["certificate_revoked"]),
        (RECEIVED_AT + timedelta(seconds=1), False, []),
        (STAMPED_AT - timedelta(seconds=1), True, ["certificate_revoked"]),
        (STAMPED_AT + timedelta(seconds=1), True, []),
    ],
)
def test_a_revocation_counts_from_its_instant_on(
    check: Check, revoked_at: datetime, stamped: bool, found: list[str]
) -> None:
    ca = authority()
    later = ca.crl(ca.leader, revoked_at=revoked_at, made_at=RECEIVED_AT + timedelta(days=1))
    stamper = ca.stamper(STAMPED_AT) if stamped else None
    assert problems(check(sign(page(), ca.leader, "A", stamper=stamper), ca.trust(later))) == [found]


def test_an_old_list_calls_nobody_good_but_those_it_names_revoked(check: Check) -> None:
    ca = authority()
    made_at = RECEIVED_AT - timedelta(days=30)
    told = ca.crl(ca.leader, revoked_at=made_at - timedelta(days=1), made_at=made_at)
    silent = ca.crl(made_at=made_at), ca.crl(by=ca.root)
    pdf = sign(page(), ca.leader, "A")
    assert problems(check(pdf, ca.trust(told))) == [["certificate_revoked"]]
    (one,) = check(pdf, ca.trust(*silent))["signatures"]
    assert (one["revocation"]["state"], one["revocation"]["known_at"]) == ("unknown", made_at.isoformat())


def test_an_older_list_does_not_outweigh_the_one_that_names_the_signer(check: Check) -> None:
    ca = authority()
    older = ca.crl(made_at=SIGNED_AT - timedelta(days=2), lasts=timedelta(days=30))
    for lists in ((older, ca.crl(ca.leader)), (ca.crl(ca.leader), older)):
        assert problems(check(sign(page(), ca.leader, "A"), ca.trust(*lists))) == [["certificate_revoked"]]


def test_a_list_signed_by_somebody_else_says_nothing(check: Check) -> None:
    forged = authority(10).crl(authority().leader)
    (one,) = check(sign(page(), authority().leader, "A"), authority().trust(forged))["signatures"]
    assert (one["revocation"]["state"], one["revocation"]["known_at"]) == ("unknown", None)


def test_an_authority_that_was_revoked_takes_its_signers_along(check: Check) -> None:
    ca = authority()
    found = check(sign(page(), ca.leader, "A"), ca.trust(ca.crl(ca.below, by=ca.root)))
    assert problems(found) == [["issuer_revoked"]]


# --- person or organisation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        (LEADER, "person"),
        (AGENCY, "organisation"),
        (
            [("C", "VN"), ("CN", "Người Của Cơ Quan"), ("UID", "MST:2000000001"), ("UID", "CCCD:096")],
            "person",
        ),
        ([("C", "VN"), ("CN", "Người Có Hộ Chiếu"), ("UID", "HC:B0000001")], "person"),
        ([("C", "VN"), ("CN", "Đơn vị"), ("UID", "MNS:1000001")], "organisation"),
        ([("C", "VN"), ("O", "UBND tỉnh"), ("CN", "Sở Y tế")], "organisation"),
        ([("C", "VN"), ("O", "UBND tỉnh"), ("CN", "ỦY BAN NHÂN DÂN XÃ")], "organisation"),
        ([("C", "VN"), ("O", "UBND tỉnh"), ("CN", "Người Không Mã Số")], "unknown"),
        ([("C", "VN"), ("O", "Tổ chức không tên")], "unknown"),
    ],
)
def test_persons_and_organisations_are_told_apart_by_what_vietnamese_authorities_write(
    check: Check, named: list[tuple[str, str]], kind: str
) -> None:
    (one,) = check(sign(page(), authority().signer(named, serial=0x5001), "A"))["signatures"]
    assert one["kind"] == kind
    assert ("kind_unknown" in one["remarks"]) is (kind == "unknown")


# --- files of every sort ------------------------------------------------------------------------------------


def test_a_file_without_signatures(check: Check) -> None:
    found = check(page())
    assert (found["state"], found["signatures"], found["is_covered_to_the_end"]) == ("checked", [], None)
    assert found_of(SignerKind.PERSON, "application/pdf", found) is Found.MISSING


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", BROKEN_PDF, b"\x00" * 100])
def test_what_is_no_pdf_is_told_to_be_unreadable(check: Check, content: bytes) -> None:
    found = check(content)
    assert (found["state"], found["remarks"]) == ("unreadable", ["damaged"])


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_file_has_no_sound_signature(check: Check, part: float) -> None:
    pdf = signed_twice()
    found = check(pdf[: int(len(pdf) * part)])
    assert not any(one["is_sound"] for one in found["signatures"])


@pytest.mark.parametrize(("password", "state"), [("khóa", "unreadable"), ("", "checked")])
def test_an_encrypted_file_is_read_if_it_needs_no_password(check: Check, password: str, state: str) -> None:
    held = io.BytesIO()
    with pikepdf.open(io.BytesIO(page())) as pdf:
        pdf.save(held, encryption=pikepdf.Encryption(owner="chủ", user=password))
    found = check(held.getvalue())
    assert found["state"] == state
    assert found["remarks"] == (["encrypted"] if password else [])


def test_a_signature_of_an_old_form_is_listed_as_unreadable(check: Check) -> None:
    pdf = sign(page(), authority().leader, "A", subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    assert problems(check(pdf)) == [[]]
    old = pdf.replace(b"/adbe.pkcs7.detached", b"/adbe.x509.rsa_sha1 ")
    assert problems(check(old)) == [["unreadable_signature", "bytes_after_last_signature"]]


def test_too_many_signatures_are_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.evidence.inspecting.MAX_SIGNATURES", 1)
    assert MAX_SIGNATURES == 30
    found = check(signed_twice())
    assert found["remarks"] == ["too_many_signatures"]
    assert len(found["signatures"]) == 1


@given(data=st.data())
def test_no_flipped_bits_and_no_cut_ever_stop_the_check(tmp_path_factory: Any, data: st.DataObject) -> None:
    pdf = bytearray(signed_twice())
    for place in data.draw(st.lists(st.integers(0, len(pdf) - 1), min_size=1, max_size=4)):
        pdf[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flipped") / "file.pdf"
    path.write_bytes(pdf[: data.draw(st.integers(0, len(pdf)))] if data.draw(st.booleans()) else pdf)
    found = report_on(path, authority().trust(), RECEIVED_AT)
    assert found["state"] in ("checked", "unreadable")
