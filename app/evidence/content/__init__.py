"""What a file is, by its bytes and not by its name; what it must not hold."""

from pathlib import Path

from app.evidence.content.kinds import BY_EXTENSION, DOCX, XLSX, ZIP, allowed_types, declared_type
from app.evidence.content.refusals import (
    REFUSALS,
    FileAmbiguous,
    FileEncrypted,
    FileHasMacros,
    FileNameMismatch,
    FileTypeNotAllowed,
    FileUnreadable,
    too_complex,
)

__all__ = [
    "BY_EXTENSION",
    "DOCX",
    "REFUSALS",
    "XLSX",
    "ZIP",
    "FileAmbiguous",
    "FileEncrypted",
    "FileHasMacros",
    "FileNameMismatch",
    "FileTypeNotAllowed",
    "FileUnreadable",
    "allowed_types",
    "declared_type",
    "require_type",
    "too_complex",
]


def require_type(path: Path, declared: str) -> None:
    """Refuse a file whose content is not soundly what its name promised; to be run apart.

    Raises: those of REFUSALS.
    """
    # The libraries that look into files are loaded where that is done, not in every process that knows the types.
    from app.evidence.content.look import require_sound

    with path.open("rb") as file:
        require_sound(file, declared)
