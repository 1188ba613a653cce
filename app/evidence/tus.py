"""The words of the tus protocol, version 1.0.0: its headers, read and written.

Source: https://tus.io/protocols/resumable-upload
"""

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from app.core.http import Route
from app.core.problems import Fault, InvalidRequest, Problem
from app.evidence.schemas import NewDocumentIn

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
CHECKSUMS = ("sha1", "sha256")
PIECE_TYPE = "application/offset+octet-stream"
METADATA = "header/Upload-Metadata"

# What clients send of themselves beside what they are told to.
_OF_CLIENTS = frozenset({"filetype", "name", "type", "relativePath"})


class TusVersionUnsupported(Problem):
    status, code = 412, "tus_version_unsupported"
    title_vi, title_en = "Không hỗ trợ phiên bản tus này", "This version of tus is not supported"
    headers = {"Tus-Version": VERSION}


class PieceTypeWrong(Problem):
    status, code = 415, "piece_type_wrong"
    title_vi, title_en = f"Content-Type phải là {PIECE_TYPE}", f"The Content-Type must be {PIECE_TYPE}"


class ChecksumUnreadable(Problem):
    """Neither `sha1` nor `sha256` and a hash in base64."""

    status, code = 400, "checksum_unreadable"
    title_vi, title_en = "Không đọc được Upload-Checksum", "Upload-Checksum cannot be read"


class ChecksumMismatch(Problem):
    """The bytes are not those that the client sent; none of them is kept."""

    status, code = 460, "checksum_mismatch"
    title_vi, title_en = "Dữ liệu nhận được không khớp mã kiểm tra", "The bytes do not match their checksum"


class TusRoute(Route):
    """A route whose every answer, refusals too, names the version of the protocol."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_versioned(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"tus-resumable", VERSION.encode())]
            await send(message)

        await super().handle(scope, receive, send_versioned)


class Checksum:
    """What a client says the hash of a piece is, and what it is."""

    def __init__(self, header: str) -> None:
        name, _, value = header.partition(" ")
        try:
            self._expected = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            name = ""
        if name not in CHECKSUMS:
            raise ChecksumUnreadable("Gửi sha1 hoặc sha256, dạng base64.", "Send sha1 or sha256 in base64.")
        self._found = hashlib.new(name, usedforsecurity=False)

    async def over(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Give the bytes on, hashed.

        Raises: ChecksumMismatch (460) at their end.
        """
        async for chunk in chunks:
            self._found.update(chunk)
            yield chunk
        if self._found.digest() != self._expected:
            raise ChecksumMismatch()


@dataclass(frozen=True, slots=True)
class Piece:
    """What the headers of a PATCH say of its body."""

    offset_bytes: int
    checksum: Checksum | None

    def checked(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the body, compared with its checksum at its end where one was sent."""
        return chunks if self.checksum is None else self.checksum.over(chunks)


async def get_version(tus_resumable: Annotated[str | None, Header(examples=[VERSION])] = None) -> None:
    """Refuse a client that speaks another version.

    Raises: TusVersionUnsupported (412).
    """
    if tus_resumable != VERSION:
        raise TusVersionUnsupported(f"Gửi Tus-Resumable: {VERSION}.", f"Send Tus-Resumable: {VERSION}.")


async def get_piece(
    upload_offset: Annotated[int, Header(ge=0, lt=2**62, description="where the body begins in the file")],
    content_type: Annotated[str | None, Header(include_in_schema=False)] = None,
    upload_checksum: Annotated[str | None, Header(examples=["sha256 <base64>"])] = None,
) -> Piece:
    """Return what is said of the body.

    Raises: PieceTypeWrong (415), ChecksumUnreadable (400).
    """
    if content_type != PIECE_TYPE:
        raise PieceTypeWrong()
    return Piece(upload_offset, None if upload_checksum is None else Checksum(upload_checksum))


async def get_new_document(
    upload_metadata: Annotated[
        str,
        Header(
            max_length=12_288,
            description="the fields of a new document: `name base64(UTF-8)`, separated by commas; "
            "`filename` is understood as `file_name`",
            examples=["period_id MDE5YQ==,unit_id MDE5Yg==,file_name UXV54bq/dCDEkeG7i25oLnBkZg=="],
        ),
    ],
) -> NewDocumentIn:
    """Return what is said of the file that is to come.

    Raises: InvalidRequest (422).
    """
    said = {("file_name" if k == "filename" else k): v for k, v in _pairs(upload_metadata)}
    try:
        return NewDocumentIn.model_validate({k: v for k, v in said.items() if k not in _OF_CLIENTS})
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False)
        raise RequestValidationError(
            [{**one, "loc": (*METADATA.split("/"), *one["loc"])} for one in found]
        ) from None


Version = Annotated[None, Depends(get_version)]
PieceHeaders = Annotated[Piece, Depends(get_piece)]
NewDocument = Annotated[NewDocumentIn, Depends(get_new_document)]


def _pairs(metadata: str) -> list[tuple[str, str]]:
    pairs = []
    for pair in filter(None, (part.strip() for part in metadata.split(","))):
        name, _, value = pair.partition(" ")
        try:
            pairs.append((name, base64.b64decode(value, validate=True).decode("utf-8")))
        except ValueError as error:
            vi, en = "phải là base64 của UTF-8", "must be UTF-8 in base64"
            raise InvalidRequest(faults=[Fault(METADATA, "not_base64", vi, en)]) from error
    return pairs


def metadata_of(new: NewDocumentIn) -> str:
    """Return what is said of a file as Upload-Metadata."""
    said = new.model_dump(mode="json", exclude_none=True)
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items())
