"""A document's bytes on their way out: shared by the rooms that let somebody read it."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Receive, Scope, Send

from app.accounts.permissions import Principal
from app.core.conditional import byte_range, matches
from app.core.config import Settings
from app.core.files import FileStore, content_name
from app.core.http import DbSession, Now, problems
from app.core.incoming import StoreUnavailable
from app.core.problems import Problem
from app.core.vietnamese import searchable
from app.evidence import accesses, content
from app.evidence.content.kinds import JPEG, PDF, PNG, WEBP
from app.evidence.models import AccessKind, Document
from app.evidence.queries import (
    DocumentInfected,
    DocumentNotFound,
    DocumentNotScanned,
    DocumentPurged,
    require_readable,
)
from app.evidence.zipped import Zipped

_BINARY = {"schema": {"type": "string", "format": "binary"}}
ANY_FILE = dict.fromkeys(sorted(set(content.BY_EXTENSION.values())), _BINARY)

# What browsers show by themselves, without running anything that is in it.
SHOWN_INLINE = frozenset({PDF, PNG, JPEG, WEBP})


class RangeNotSatisfiable(Problem):
    status, code = 416, "range_not_satisfiable"
    title_vi, title_en = "Khoảng byte không hợp lệ", "The range of bytes cannot be served"


async def get_files(request: Request) -> FileStore:
    """Return the content store."""
    files: FileStore = request.app.state.files
    return files


Files = Annotated[FileStore, Depends(get_files)]
Inline = Annotated[
    bool, Query(description="to be shown in place: PDF and images; anything else is a download")
]

# What keeps somebody from the bytes of a document that he sees, or from seeing it.
UNREADABLE = problems(DocumentNotFound, DocumentPurged, DocumentInfected, DocumentNotScanned)
DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "the file", "content": ANY_FILE},
    206: {"description": "the asked-for part of it", "content": ANY_FILE},
    304: {"description": "the client has it already"},
    **UNREADABLE,
    **problems(RangeNotSatisfiable, StoreUnavailable),
}


# --- headers ------------------------------------------------------------------------------------------------


def disposition(file_name: str, how: str = "attachment") -> str:
    """Return the Content-Disposition of a file: plain letters for old clients, the real name for all others.

    Source: RFC 6266 section 5, RFC 8187.
    """
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in " ._-()") else "_" for c in searchable(file_name)
    )
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def headers_of(file_name: str, *, cached: str) -> dict[str, str]:
    """Return the headers of a download that no browser opens in place."""
    return {
        "Content-Disposition": disposition(file_name),
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": f"private, {cached}",
    }


def inline_headers_of(document: Document, public_url: str, *, cached: str) -> dict[str, str]:
    """Return the headers of a file that a browser shows in place, in a frame of our own pages at most.

    The viewers of Chrome and Safari do not start under `sandbox`, and need inline styles; a script in a PDF does not
    leave the viewer. X-Frame-Options is for browsers that do not know `frame-ancestors`; the others ignore it.
    """
    place = urlsplit(public_url)
    framers = f"'self' {place.scheme}://{place.netloc}" if place.netloc else "'self'"
    sandbox = "" if document.media_type == PDF else "sandbox; "
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {sandbox}frame-ancestors {framers}"
    return {
        "Content-Disposition": disposition(document.file_name, "inline"),
        "Content-Security-Policy": policy,
        "X-Frame-Options": "SAMEORIGIN",
        "Cross-Origin-Resource-Policy": "same-site",
        "Cache-Control": f"private, {cached}",
    }


# --- answers ------------------------------------------------------------------------------------------------


class Download(Response):
    """A document on its way out: whole, a part of it, or nothing where the client has it already.

    The store is asked when the answer leaves: by then the request's transaction is over, and a slow store or client
    holds no connection of the database.
    """

    def __init__(self, document: Document, files: FileStore, headers: dict[str, str]) -> None:
        super().__init__(media_type=document.media_type)
        self._name, self._size, self._files = content_name(document.sha256), document.size_bytes, files
        self._said = {**headers, "ETag": f'"{document.sha256}"', "Accept-Ranges": "bytes"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(Request(scope))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        known = request.headers.get("if-none-match")
        if known is not None and matches(known.encode("latin-1"), self._said["ETag"].encode()):
            # With all that was said of it: browsers take the headers of this answer in place of those they keep.
            return Response(status_code=304, headers=self._said)
        part = self._part_asked_for(request)
        start, end = part or (0, self._size)
        if start >= end:
            there = {"Content-Range": f"bytes */{self._size}"}
            refused: Response = request.app.state.render(request, RangeNotSatisfiable(), there)
            return refused
        said = {**self._said, "Content-Length": str(end - start)}
        if part is not None:
            said["Content-Range"] = f"bytes {start}-{end - 1}/{self._size}"
        if request.method == "HEAD":
            return Response(headers=said, media_type=self.media_type)
        blocks = exactly(await self._files.read(self._name, start, end), end - start)
        return StreamingResponse(blocks, 206 if part else 200, said, self.media_type)

    def _part_asked_for(self, request: Request) -> tuple[int, int] | None:
        asked, only_if = request.headers.get("range"), request.headers.get("if-range")
        if asked is None or request.method != "GET" or only_if not in (None, self._said["ETag"]):
            return None
        return byte_range(asked, self._size)


async def exactly(blocks: AsyncIterator[bytes], size_bytes: int) -> AsyncIterator[bytes]:
    """Give all blocks, and break the answer off where they were not as many bytes as was said.

    Raises: StoreUnavailable.
    """
    async for block in blocks:
        size_bytes -= len(block)
        yield block
    if size_bytes:
        raise StoreUnavailable()


@dataclass(frozen=True, slots=True)
class Sender:
    """What a route needs to hand out a document: the store, and the transaction in which that is written down."""

    request: Request
    session: AsyncSession
    now: datetime

    @property
    def files(self) -> FileStore:
        """Return the content store."""
        files: FileStore = self.request.app.state.files
        return files

    @property
    def settings(self) -> Settings:
        """Return the settings of the service."""
        settings: Settings = self.request.app.state.settings
        return settings

    async def readable(self, document: Document, *, by: Principal) -> None:
        """Refuse bytes that are gone or must not be handed out.

        Raises: DocumentPurged (410), DocumentInfected (409), DocumentNotScanned (409).
        """
        await require_readable(self.session, by, document, scanning=self.settings.is_scanning)

    async def linked(self, document: Document, *, by: Principal) -> None:
        """Write down that somebody makes a link to a document.

        Raises: DocumentPurged (410), DocumentInfected (409), DocumentNotScanned (409).
        """
        await self.readable(document, by=by)
        await accesses.note(self.session, [document.id], AccessKind.LINKED, by=by, now=self.now)

    async def sent(
        self, document: Document, *, by: Principal, inline: bool, cached: str = "no-cache"
    ) -> Download:
        """Return the answer that sends a document as it was uploaded, and write down who got it.

        Raises: DocumentPurged (410), DocumentInfected (409), DocumentNotScanned (409).
        """
        await self.readable(document, by=by)
        inline = inline and document.media_type in SHOWN_INLINE
        if self.request.method != "HEAD":
            kind = AccessKind.VIEWED if inline else AccessKind.DOWNLOADED
            await accesses.note(self.session, [document.id], kind, by=by, now=self.now)
        if inline:
            headers = inline_headers_of(document, self.settings.public_url, cached=cached)
        else:
            headers = headers_of(document.file_name, cached=cached)
        return Download(document, self.files, headers)

    async def archived(
        self, zipped: Zipped, file_name: str, document_ids: Collection[UUID], *, by: Principal
    ) -> StreamingResponse:
        """Return the answer that sends documents in an archive, and write down who got them."""
        await accesses.note(self.session, document_ids, AccessKind.ARCHIVED, by=by, now=self.now)
        said = headers_of(file_name, cached="no-store") | {"Content-Length": str(zipped.size_bytes)}
        return StreamingResponse(zipped.blocks(), headers=said, media_type="application/zip")


async def get_sender(request: Request, session: DbSession, now: Now) -> Sender:
    """Return what a route needs to hand out documents."""
    return Sender(request, session, now)


Sending = Annotated[Sender, Depends(get_sender)]
