"""XML, only if it is signed (XML-DSig), as signed electronic documents and invoices are."""

import codecs
from typing import BinaryIO
from xml.parsers import expat

from app.evidence.content.bounds import PIECE_BYTES
from app.evidence.content.kinds import XML, not_allowed
from app.evidence.content.refusals import damaged, too_complex, two_in_one

_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_SIGNATURE = {f"{_DSIG} {name}" for name in ("Signature", "SignedInfo", "SignatureValue")}
# What a browser draws or runs: no document that is exchanged as data holds it.
_DRAWN = {
    "http://www.w3.org/1999/xhtml": "application/xhtml+xml",
    "http://www.w3.org/2000/svg": "image/svg+xml",
    "http://www.w3.org/1999/XSL/Transform": "application/xslt+xml",
}
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MAX_BYTES = 64 * 1024**2
_MAX_DEPTH, _MAX_ELEMENTS = 200, 1_000_000


class _Reader:
    def __init__(self) -> None:
        self.depth = self.elements = 0
        self.found: set[str] = set()

    def begin(self, name: str, _: list[str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > _MAX_DEPTH or self.elements > _MAX_ELEMENTS:
            raise too_complex()
        if drawn := _DRAWN.get(name.rpartition(" ")[0]):
            raise not_allowed(drawn, [XML])
        if name in _SIGNATURE:
            self.found.add(name)

    def end(self, _: str) -> None:
        self.depth -= 1

    def doctype(self, *_: object) -> None:
        raise damaged()


def looks_like_xml(head: bytes) -> bool:
    """Answer whether a file's first bytes may be XML; what it is says only a reader."""
    return head.startswith(_BOMS) or head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<")


def require_signed(file: BinaryIO) -> None:
    """Refuse what is no XML, XML without a signature, and XML that a browser would draw; nothing is verified.

    Raises: FileTypeNotAllowed (415), FileUnreadable (422), and those of expat.
    """
    if file.seek(0, 2) > _MAX_BYTES:
        raise too_complex()
    file.seek(0)
    if b"%PDF-" in file.read(1024):  # where readers of PDF look for it
        raise two_in_one()
    file.seek(0)
    reader, parser = _Reader(), expat.ParserCreate(namespace_separator=" ")
    parser.ordered_attributes = True
    parser.StartElementHandler, parser.EndElementHandler = reader.begin, reader.end
    parser.StartDoctypeDeclHandler = reader.doctype  # no document type, so no entities that expand
    while block := file.read(PIECE_BYTES):
        parser.Parse(block)
    parser.Parse(b"", True)
    if reader.found != _SIGNATURE:
        vi, en = "Tệp XML phải có chữ ký số.", "XML must carry a digital signature."
        raise not_allowed(XML, [XML], vi, en)
