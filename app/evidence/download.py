"""A document's bytes on their way out: shared by the rooms that let somebody read it."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse

from app.core.files import FileStore, StoreUnavailable, content_name
from app.core.http import problems
from app.core.problems import Problem
from app.core.vietnamese import searchable
from app.evidence import content
from app.evidence.models import Document
from app.evidence.queries import DocumentInfected, DocumentNotFound, DocumentNotScanned, DocumentPurged

_BINARY = {"schema": {"type": "string", "format": "binary"}}
ANY_FILE = dict.fromkeys(sorted(set(content.BY_EXTENSION.values())), _BINARY)


class RangeNotSatisfiable(Problem):
    status, code = 416, "range_not_satisfiable"
    title_vi, title_en = "Khoảng byte không hợp lệ", "The range of bytes cannot be served"


async def get_files(request: Request) -> FileStore:
    """Return the content store."""
    files: FileStore = request.app.state.files
    return files


Files = Annotated[FileStore, Depends(get_files)]


class Download(StreamingResponse):
    """A file on its way out, whole or a part of it."""


def attachment(file_name: str) -> str:
    """Return the Content-Disposition of a download: plain letters for old clients, the real name for all others.

    Source: RFC 6266 section 5, RFC 8187.
    """
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in " ._-()") else "_" for c in searchable(file_name)
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "the file", "content": ANY_FILE},
    206: {"description": "the asked-for part of it", "content": ANY_FILE},
    **problems(
        DocumentNotFound,
        DocumentPurged,
        DocumentInfected,
        DocumentNotScanned,
        RangeNotSatisfiable,
        StoreUnavailable,
    ),
}


async def sent(document: Document, files: FileStore) -> Download:
    """Return the answer that sends a document as it was uploaded, as a download that no browser opens in place."""
    return Download(
        await files.read(content_name(document.sha256)),
        media_type=document.media_type,
        headers={
            "Content-Length": str(document.size_bytes),
            "ETag": f'"{document.sha256}"',
            "Content-Disposition": attachment(document.file_name),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-cache",
        },
    )
