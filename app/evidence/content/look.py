"""One look into a file: its family by the first bytes, then what that family must and must not be."""

import logging
from typing import BinaryIO

from app.core.problems import Problem
from app.evidence.content import archives, images, office, pdf, signed_xml, zips
from app.evidence.content.bounds import require_one_file
from app.evidence.content.kinds import HEAD_BYTES, PDF, XML, ZIP, guess, looks_like, not_allowed
from app.evidence.content.refusals import FileNameMismatch, damaged

# What the libraries think of a file is told to its sender, not to the server's log.
for library in ("pikepdf", "PIL"):
    logging.getLogger(library).addHandler(logging.NullHandler())


def require_sound(file: BinaryIO, declared: str) -> None:
    """Refuse a file whose content is not what is declared, or is so in a way that harms.

    Raises: those of REFUSALS, MemoryError.
    """
    try:
        _look(file, declared)
    except (Problem, MemoryError):
        raise
    except Exception as error:
        # The libraries that read files raise anything at bytes that nobody foresaw; each means the same here.
        raise damaged() from error


def _look(file: BinaryIO, declared: str) -> None:
    head = file.read(HEAD_BYTES)
    found = looks_like(head)
    if found == ZIP:
        _look_into_zip(file, declared)
        return
    if found is None and declared == XML and signed_xml.looks_like_xml(head):
        signed_xml.require_signed(file)
        return
    if found is None:
        office.refuse_old(file, head, declared)
        raise not_allowed(guess(head), [declared])
    _require_same(found, declared)
    if found == PDF:
        pdf.require_sound(file)
    else:
        images.require_sound(file, found)


def _look_into_zip(file: BinaryIO, declared: str) -> None:
    with zips.opened(file) as archive:
        found = office.kind_of(archive)
        if found == ZIP != declared:
            raise not_allowed(ZIP, [declared])
        _require_same(found, declared)
        if found != ZIP:  # whose first file may stand there as it is
            require_one_file(file, is_zip=True)
        zips.require_honest(file, archive)
        if found == ZIP:
            archives.require_documents(archive, require_sound)


def _require_same(found: str, declared: str) -> None:
    if found != declared:
        raise FileNameMismatch(
            f"Nội dung là {found}, tên tệp cho biết {declared}.",
            f"The content is {found}, the name says {declared}.",
        )
