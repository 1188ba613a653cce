"""The types of file that evidence can have: by the name's extension and by the first bytes."""

from collections.abc import Collection
from functools import cache
from pathlib import PurePosixPath

import puremagic

from app.core.config import SettingMissing
from app.evidence.content.refusals import FileTypeNotAllowed

PDF, PNG, JPEG, WEBP, TIFF = "application/pdf", "image/png", "image/jpeg", "image/webp", "image/tiff"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XML, ZIP = "application/xml", "application/zip"

BY_EXTENSION = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".xlsx": XLSX,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".xml": XML,
    ".zip": ZIP,
}

# The names that settings use, in the order in which people are told them.
_NAMED = ("pdf", "docx", "xlsx", "png", "jpeg", "webp", "tiff", "xml", "zip")
_BY_NAME = {name: BY_EXTENSION[f".{name}"] for name in _NAMED}
_NAMES = {media_type: name.upper() for name, media_type in _BY_NAME.items()}

_SIGNATURES = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
    b"II+\x00": TIFF,
    b"MM\x00+": TIFF,
    b"PK\x03\x04": ZIP,
}
HEAD_BYTES = 4096

# Extensions of what an operating system runs when it is opened.
_SCRIPTS = (".bat", ".cmd", ".hta", ".js", ".jse", ".ps1", ".sh", ".vbe", ".vbs", ".wsf", ".wsh")
PROGRAMS = (
    ".apk",
    ".chm",
    ".com",
    ".cpl",
    ".dll",
    ".exe",
    ".jar",
    ".lnk",
    ".msi",
    ".pif",
    ".reg",
    ".scr",
    *_SCRIPTS,
)

_ADVICE = {
    ".doc": ("Hãy lưu lại dưới dạng DOCX hoặc PDF.", "Save it as DOCX or PDF."),
    ".xls": ("Hãy lưu lại dưới dạng XLSX hoặc PDF.", "Save it as XLSX or PDF."),
    ".docm": ("Hãy lưu lại dưới dạng DOCX không có macro.", "Save it as DOCX without macros."),
    ".xlsm": ("Hãy lưu lại dưới dạng XLSX không có macro.", "Save it as XLSX without macros."),
    ".heic": ("Hãy lưu ảnh dưới dạng JPEG.", "Save the picture as JPEG."),
}


@cache
def allowed_types(names: str) -> frozenset[str]:
    """Return the media types that the setting EVIDENCE_TYPES names.

    Raises: SettingMissing.
    """
    chosen = {name.strip().lower() for name in names.split(",") if name.strip()}
    if not chosen or not chosen <= _BY_NAME.keys():
        raise SettingMissing(f"EVIDENCE_TYPES must be a list of {','.join(_BY_NAME)}")
    return frozenset(_BY_NAME[name] for name in chosen)


def declared_type(file_name: str, allowed: Collection[str]) -> str:
    """Return the media type that a file's name promises.

    Raises: FileTypeNotAllowed (415).
    """
    extension = PurePosixPath(file_name).suffix.lower()
    media_type = BY_EXTENSION.get(extension)
    if media_type is None or media_type not in allowed:
        raise not_allowed(extension or "?", allowed, *_ADVICE.get(extension, ("", "")))
    return media_type


def looks_like(head: bytes) -> str | None:
    """Return the type that a file's first bytes announce; a zip may turn out to be an office file."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)


def guess(head: bytes) -> str:
    """Return what the bytes look like, for the message only."""
    try:
        return puremagic.from_string(head, mime=True) or "?"
    except (puremagic.PureError, ValueError):
        return "?"


def not_allowed(found: str, allowed: Collection[str], vi: str = "", en: str = "") -> FileTypeNotAllowed:
    """Return the refusal of a type, with what to do about it."""
    names = ", ".join(name for media_type, name in _NAMES.items() if media_type in allowed)
    return FileTypeNotAllowed(
        f"Chỉ nhận {names}. {vi}".rstrip(),
        f"Accepted: {names}. {en}".rstrip(),
        found=found,
        allowed=sorted(allowed),
    )
