"""Office documents: DOCX and XLSX without macros; older ones and encrypted ones are told apart, to say what to do."""

import zipfile
from typing import BinaryIO
from xml.etree import ElementTree

from app.evidence.content.kinds import DOCX, XLSX, ZIP, not_allowed
from app.evidence.content.refusals import FileEncrypted, FileHasMacros, damaged

_TYPES = "[Content_Types].xml"
_MAX_TYPES_BYTES = 1024**2
_MAIN = {f"{media_type}.main+xml": media_type for media_type in (DOCX, XLSX)}

# Macros of Excel 4 live in "macrosheet" parts, those of Visual Basic in "vbaProject" ones, whatever their names;
# ActiveX controls run code as soon as the document is opened.
_RUNNING = ("macro", "vba", "activex")

_COMPOUND_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR_SHIFTS = (9, 12)
_OLD = {"WordDocument": ("application/msword", "DOCX"), "Workbook": ("application/vnd.ms-excel", "XLSX")}
_OLD["Book"] = _OLD["Workbook"]


def kind_of(archive: zipfile.ZipFile) -> str:
    """Return DOCX or XLSX for an office file, ZIP for every other archive.

    Raises: FileHasMacros (415), FileUnreadable (422), and those of zipfile and ElementTree.
    """
    types = _content_types(archive)
    if any(word in kind for _, kind in types for word in _RUNNING) or any(
        "vbaproject" in name.lower() or "/activex/" in name.lower() for name in archive.namelist()
    ):
        raise FileHasMacros(
            "Lưu lại dưới dạng DOCX hoặc XLSX không có macro, hoặc PDF.",
            "Save it as DOCX, XLSX or PDF without macros.",
        )
    mains = [(name, kind) for name, kind in types if kind in _MAIN]
    if not mains:
        return ZIP
    (name, kind), *others = mains
    if others or name.removeprefix("/") not in archive.namelist():
        raise damaged()
    return _MAIN[kind]


def _content_types(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Return the parts (or extensions) that an office file declares, with their content types in lower case."""
    if _TYPES not in archive.namelist():
        return []
    with archive.open(_TYPES) as listed:
        text = listed.read(_MAX_TYPES_BYTES + 1)
    if len(text) > _MAX_TYPES_BYTES or b"<!DOCTYPE" in text:
        raise damaged()
    root = ElementTree.fromstring(text)  # noqa: S314  short, without a DTD; expat bounds what entities amplify
    return [
        (element.get("PartName", element.get("Extension", "")), element.get("ContentType", "").lower())
        for element in root
    ]


def refuse_old(file: BinaryIO, head: bytes, declared: str) -> None:
    """Refuse office files of before 2007 and encrypted ones, which share their outer form.

    Source: MS-CFB 2.2 (header), 2.6.1 (directory entries); MS-OFFCRYPTO 2.3.4.4.

    Raises: FileEncrypted (422), FileTypeNotAllowed (415).
    """
    if not head.startswith(_COMPOUND_SIGNATURE):
        return
    names = _names_in(file, head)
    if "EncryptedPackage" in names:
        raise FileEncrypted(
            "Mở tệp, bỏ mật khẩu (File → Info → Protect), lưu lại rồi gửi.",
            "Open it, remove the password (File → Info → Protect), save and send it again.",
        )
    for name, (media_type, better) in _OLD.items():
        if name in names:
            vi, en = f"Hãy lưu lại dưới dạng {better} hoặc PDF.", f"Save it as {better} or PDF."
            raise not_allowed(media_type, [declared], vi, en)


def _names_in(file: BinaryIO, head: bytes) -> set[str]:
    """Return the names in the first sector of a compound file's directory and in what follows it, 8 KiB at most."""
    shift = int.from_bytes(head[30:32], "little")
    if shift not in _SECTOR_SHIFTS:
        return set()
    file.seek((int.from_bytes(head[48:52], "little") + 1) << shift)
    entries = file.read(8192)
    names = (entries[at : at + 64] for at in range(0, len(entries), 128))
    return {name.decode("utf-16-le", "replace").partition("\0")[0] for name in names}
