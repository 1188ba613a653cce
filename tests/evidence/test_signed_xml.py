"""XML: taken if it is signed, small enough to read, and nothing that a browser draws."""

import codecs

import pytest

from app.evidence.content.kinds import XML
from tests.evidence import files
from tests.evidence.files import SIGNATURE, signed_xml
from tests.evidence.looking import code, look, refusal

PREFIXED = (
    b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/>'
    b"<ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature>"
)


@pytest.mark.parametrize(
    "content",
    [
        files.XML,
        SIGNATURE,
        b"<a>" + PREFIXED + b"</a>",
        codecs.BOM_UTF8 + files.XML,
        b"\n  " + signed_xml(before=b""),
        signed_xml("<Ten>Cà Mau</Ten>".encode()),
        signed_xml(before=b"<?xml version='1.0'?>").decode().encode("utf-16"),
        signed_xml(b"<Noi>" + b"A" * 3_000_000 + b"</Noi>"),
    ],
)
def test_signed_documents_are_taken(content: bytes) -> None:
    look(content, XML)


def test_xml_without_a_signature_is_refused_and_says_so() -> None:
    for content in [
        b"<a/>",
        b"<a><Signature/><SignedInfo/><SignatureValue/></a>",
        b'<a xmlns="http://www.w3.org/2000/09/xmldsig#"><Signature/></a>',
        b"<a><!--" + SIGNATURE + b"--></a>",
    ]:
        refused = refusal(content, XML)
        assert refused.code == "file_type_not_allowed"
        assert "signature" in refused.en


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (files.SVG, "image/svg+xml"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">' + SIGNATURE + b"</svg>", "image/svg+xml"),
        (b'<html xmlns="http://www.w3.org/1999/xhtml">' + SIGNATURE + b"</html>", "application/xhtml+xml"),
        (signed_xml(b'<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>'), "application/xhtml+xml"),
        (
            signed_xml(b'<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform"/>'),
            "application/xslt+xml",
        ),
    ],
)
def test_what_a_browser_draws_or_runs_is_never_a_signed_document(content: bytes, found: str) -> None:
    assert refusal(content, XML).members["found"] == found


LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))


@pytest.mark.parametrize(
    "content",
    [
        signed_xml(before=b"<!DOCTYPE HDon>"),
        signed_xml(b"&a9;", before=b'<!DOCTYPE HDon [<!ENTITY a0 "ha">' + LAUGHS + b"]>"),
        signed_xml(b"&a;", before=b'<!DOCTYPE HDon [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        signed_xml(b"<a>" * 300 + b"</a>" * 300),
        signed_xml(b"<a>"),
        files.XML + files.XML,
        files.XML + files.zipped({"a.exe": files.EXE}),
        signed_xml(b"\xff\xfe"),
        signed_xml(before=b'<?xml version="1.0" encoding="base64"?>'),
        b"<",
    ],
)
def test_what_harms_a_reader_is_refused(content: bytes) -> None:
    assert code(content, XML) == "file_unreadable"


def test_xml_that_is_a_pdf_too_is_refused() -> None:
    assert code(signed_xml(b"<!-- \n%PDF-1.7\n -->"), XML) == "file_ambiguous"


def test_more_elements_or_bytes_than_the_limits_are_refused() -> None:
    assert code(signed_xml(b"<a/>" * 1_000_001), XML) == "file_unreadable"
    assert code(signed_xml(b" " * 64 * files.MIB), XML) == "file_unreadable"
