"""What a file is, by its bytes and not by its name; what it must not hold."""

import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from xml.etree import ElementTree

import puremagic

from app.core.problems import Problem

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

BY_EXTENSION = {".pdf": PDF, ".docx": DOCX, ".xlsx": XLSX, ".png": PNG, ".jpg": JPEG, ".jpeg": JPEG}

_SIGNATURES = {b"%PDF-": PDF, b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG}
_ZIP_SIGNATURE = b"PK\x03\x04"
_HEAD_BYTES = 4096

# An office file is a zip: what reading one may cost. The directory of 1 MiB names some 10,000 parts.
MAX_EXPANDED_BYTES = 1024**3
_MAX_DIRECTORY_BYTES = 1024**2
_MAX_TYPES_BYTES = 1024**2
_END_RECORD = struct.Struct("<4s4H2LH")
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ElementTree.ParseError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    OSError,
)


class FileTypeNotAllowed(Problem):
    """The content is none of the allowed types; `found` is what it looks like, `allowed` what may be sent."""

    status, code = 415, "file_type_not_allowed"
    title_vi, title_en = "Loại tệp không được phép", "This type of file is not allowed"


class FileNameMismatch(Problem):
    """The extension says one type, the content is another."""

    status, code = 415, "file_name_mismatch"
    title_vi, title_en = (
        "Phần mở rộng không khớp nội dung tệp",
        "The extension does not match the file's content",
    )


class FileHasMacros(Problem):
    status, code = 415, "file_has_macros"
    title_vi, title_en = "Không nhận tệp có macro", "Files with macros are not accepted"


class FileUnreadable(Problem):
    """The file is damaged, encrypted, or would expand beyond all measure."""

    status, code = 422, "file_unreadable"
    title_vi, title_en = "Không đọc được tệp", "The file cannot be read"


def declared_type(file_name: str) -> str:
    """Return the media type that a file's name promises.

    Raises: FileTypeNotAllowed (415).
    """
    extension = PurePosixPath(file_name).suffix.lower()
    if extension not in BY_EXTENSION:
        raise _not_allowed(extension or "?")
    return BY_EXTENSION[extension]


def require_type(path: Path, declared: str) -> None:
    """Refuse a file whose content is not what its name promised.

    Raises: FileTypeNotAllowed (415), FileNameMismatch (415), FileHasMacros (415), FileUnreadable (422).
    """
    found = media_type_of(path)
    if found != declared:
        raise FileNameMismatch(
            f"Nội dung là {found}, tên tệp cho biết {declared}.",
            f"The content is {found}, the name says {declared}.",
        )


def media_type_of(path: Path) -> str:
    """Return the media type of a file's content.

    Raises: FileTypeNotAllowed (415), FileHasMacros (415), FileUnreadable (422).
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        for signature, media_type in _SIGNATURES.items():
            if head.startswith(signature):
                return media_type
        if head.startswith(_ZIP_SIGNATURE):
            return _office_type(file)
    raise _not_allowed(_guess(head))


def _guess(head: bytes) -> str:
    """Return what the bytes look like, for the message only."""
    try:
        return puremagic.from_string(head, mime=True) or "?"
    except (puremagic.PureError, ValueError):
        return "?"


def _not_allowed(found: str) -> FileTypeNotAllowed:
    return FileTypeNotAllowed(
        "Chỉ nhận PDF, DOCX, XLSX, PNG, JPEG.",
        "PDF, DOCX, XLSX, PNG and JPEG are accepted.",
        found=found,
        allowed=sorted(set(BY_EXTENSION.values())),
    )


def _office_type(file: BinaryIO) -> str:
    try:
        _require_small_directory(file)
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            _require_plain(parts)
            types = _content_types(archive)
    except _UNREADABLE as error:
        raise FileUnreadable("Tệp bị hỏng hoặc bị mã hóa.", "The file is damaged or encrypted.") from error
    # Macros of Excel 4 live in "macrosheet" parts, those of Visual Basic in "vbaProject" ones, whatever their names.
    if any("macro" in t or "vba" in t for t in types) or any(
        "vbaproject" in p.filename.lower() for p in parts
    ):
        raise FileHasMacros(
            "Lưu lại dưới dạng DOCX hoặc XLSX không có macro, hoặc PDF.",
            "Save it as DOCX, XLSX or PDF without macros.",
        )
    for media_type in (DOCX, XLSX):
        if f"{media_type}.main+xml" in types:
            return media_type
    raise _not_allowed("application/zip")


def _require_small_directory(file: BinaryIO) -> None:
    """Refuse a zip whose directory alone would fill the memory, before the library reads it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_RECORD.size - 65535))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or b"PK\x06\x07" in tail[max(0, at - 20) : at]:  # the latter: zip64, which no document needs
        raise ValueError("no end record")
    directory_bytes = _END_RECORD.unpack_from(tail, at)[5]
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise _expands_too_much()


def _require_plain(parts: list[zipfile.ZipInfo]) -> None:
    if sum(part.file_size for part in parts) > MAX_EXPANDED_BYTES:
        raise _expands_too_much()
    if len({part.filename for part in parts}) != len(parts):
        raise ValueError("two parts of one name")
    if any(
        part.flag_bits & 1 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        for part in parts
    ):
        raise ValueError("encrypted or oddly packed")


def _expands_too_much() -> FileUnreadable:
    return FileUnreadable("Tệp nén giãn ra quá lớn.", "The file would expand too much.")


def _content_types(archive: zipfile.ZipFile) -> set[str]:
    """Return the content types an office file declares, in lower case; empty for any other zip."""
    try:
        listed = archive.open("[Content_Types].xml")
    except KeyError:
        return set()
    with listed:
        text = listed.read(_MAX_TYPES_BYTES + 1)
    if len(text) > _MAX_TYPES_BYTES or b"<!DOCTYPE" in text:
        raise ValueError("not a list of content types")
    root = ElementTree.fromstring(text)  # noqa: S314  short, without a DTD; expat bounds what entities amplify
    return {element.get("ContentType", "").lower() for element in root}
