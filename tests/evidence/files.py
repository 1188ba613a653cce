"""Small files of every kind: true ones, and the pieces to make bad ones of."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Literal

import pikepdf
from PIL import Image

MIB = 1024**2

# --- PDF ----------------------------------------------------------------------------------------------------


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object of a PDF."""
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def pdf(
    says: bytes = b"Quyet dinh",
    *,
    pages: int = 1,
    more: Sequence[bytes] = (),
    catalog: bytes = b"",
    trailer: bytes = b"",
    padding: int = 0,
) -> bytes:
    """Return a PDF with its tables; `more` become objects 4 and on, `catalog` and `trailer` entries of these."""
    kids = [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 3 0 R >>"] * pages
    references = b" ".join(b"%d 0 R" % (4 + len(more) + i) for i in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (references, pages),
        stream(b"BT 72 770 Td (%s) Tj ET" % says),
        *more,
        *kids,
    ]
    out, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for i, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, body)
    out += b"%" + b" " * padding + b"\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    end = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (count, trailer, len(out))
    return out + head + end


def pdf_of(size_bytes: int) -> bytes:
    """Return a PDF of exactly so many bytes."""
    padding = size_bytes - len(pdf())
    return pdf(padding=padding - (len(pdf(padding=padding)) - size_bytes))


PDF = pdf()
# Readers find its objects without the table that it says is somewhere else; what is signed in it, nobody can say.
BROKEN_PDF = PDF.replace(b"startxref\n", b"startxref\n9")


def locked_pdf(user: str = "user", strength: Literal[2, 3, 4, 6] = 6) -> bytes:
    """Return a PDF that opens with a password, or (without one) only forbids to change it."""
    new = strength >= 4
    lock = pikepdf.Encryption(owner="owner", user=user, R=strength, aes=new, metadata=new)
    held = io.BytesIO()
    with pikepdf.open(io.BytesIO(PDF)) as document:
        document.save(held, encryption=lock)
    return held.getvalue()


def deflated(size: int, layers: int = 1) -> bytes:
    """Return so many zeros (whole MiB), deflated so many times; a block is made once and stands there many times."""
    engine = zlib.compressobj(9)
    block = engine.compress(bytes(MIB)) + engine.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65_521) << 16 | 1
    out = block[:2] + block[2:] * (size // MIB) + b"\x03\x00" + checksum.to_bytes(4, "big")
    for _ in range(layers - 1):
        out = zlib.compress(out, 9)
    return out


# --- pictures -----------------------------------------------------------------------------------------------


def picture(kind: str, *, size: tuple[int, int] = (8, 8), frames: int = 1, **options: object) -> bytes:
    """Return a picture of one of Pillow's kinds."""
    held = io.BytesIO()
    drawn = [Image.new("RGB", size, (number * 40 % 256, 90, 30)) for number in range(frames)]
    more = {"save_all": True, "append_images": drawn[1:]} if frames > 1 else {}
    drawn[0].save(held, kind, **more, **options)
    return held.getvalue()


PNG, JPEG, WEBP, TIFF, GIF = (picture(kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF"))
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EXE = b"MZ" + bytes(200)

# --- zip, office files --------------------------------------------------------------------------------------

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
MACRO_WORD = "application/vnd.ms-word.document.macroEnabled.main+xml"
MACRO_SHEET = "application/vnd.ms-excel.macrosheet+xml"
_PLACES = {WORD: "word/document.xml", SHEET: "xl/workbook.xml"}
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def types_xml(*types: str) -> bytes:
    """Return the list of content types of an office file."""
    places = (_PLACES.get(kind, f"part{i}.xml") for i, kind in enumerate(types))
    parts = "".join(
        f'<Override PartName="/{place}" ContentType="{kind}"/>'
        for place, kind in zip(places, types, strict=True)
    )
    default = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    )
    listed = f'<Types xmlns="{_PACKAGE}/content-types">{default}{parts}</Types>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{listed}'.encode()


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of named parts."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def office(*types: str, **parts: bytes) -> bytes:
    """Return an office file that declares these content types."""
    main = next((_PLACES[kind] for kind in types if kind in _PLACES), "word/document.xml")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relation = f'<Relationship Id="r1" Type="{kind}" Target="{main}"/>'
    rels = f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>'
    body = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'
    known = {"[Content_Types].xml": types_xml(*types), "_rels/.rels": rels.encode(), main: body}
    return zipped({**known, **parts})


DOCX = office(WORD)
XLSX = office(SHEET)

# --- signed XML ---------------------------------------------------------------------------------------------

SIGNATURE = (
    b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/>'
    b"<SignatureValue>AA==</SignatureValue></Signature>"
)


def signed_xml(
    inside: bytes = b"<DLHDon/>", before: bytes = b'<?xml version="1.0" encoding="UTF-8"?>'
) -> bytes:
    """Return an XML document that carries a signature, as electronic invoices do."""
    return before + b"<HDon>" + inside + SIGNATURE + b"</HDon>"


XML = signed_xml()
