"""Archives, where the settings allow them: of documents each of which would be taken by itself."""

import io
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import BinaryIO

from app.core.problems import Problem
from app.evidence.content.kinds import BY_EXTENSION, ZIP, declared_type
from app.evidence.content.refusals import damaged, expands_too_much, too_complex
from app.evidence.rules import has_hidden_characters

_MAX_FILES = 1000
_MAX_EXPANDED_BYTES = 256 * 1024**2
_DOCUMENTS = frozenset(BY_EXTENSION.values()) - {ZIP}


def require_documents(archive: zipfile.ZipFile, require_sound: Callable[[BinaryIO, str], None]) -> None:
    """Refuse an archive that holds anything but documents: no programs, no archives, no paths that lead out of it.

    Raises: those of REFUSALS; their texts name the file in the archive.
    """
    parts = archive.infolist()
    files = [part for part in parts if not part.is_dir()]
    if not files or any(_leads_astray(part) for part in parts):
        raise damaged()
    if len(files) > _MAX_FILES:
        raise too_complex()
    if sum(part.file_size for part in files) > _MAX_EXPANDED_BYTES:
        raise expands_too_much()
    for part in files:
        try:
            require_sound(io.BytesIO(archive.read(part)), declared_type(part.filename, _DOCUMENTS))
        except Problem as problem:
            vi, en = f"{part.filename}: {problem.vi}", f"{part.filename}: {problem.en}"
            raise type(problem)(vi, en, **problem.members) from problem


def _leads_astray(part: zipfile.ZipInfo) -> bool:
    # The name as it is written: the library cuts it at NUL and turns backslashes.
    name = part.orig_filename
    path = PurePosixPath(name)
    return (
        path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or has_hidden_characters(name)
    )
