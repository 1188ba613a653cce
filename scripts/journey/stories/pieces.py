"""A file that comes in pieces (tus 1.0.0), over a line that breaks."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

from scripts.journey.client import PREFIX
from scripts.journey.stories.files import Files, until

_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = {**_TUS, "Content-Type": "application/offset+octet-stream"}


async def in_pieces(files: Files, content: bytes, title: str) -> str:
    """Send a file over a line that breaks, go on where it broke off, and return the document's id."""
    play, sender = files.play, files.sender
    half = len(content) // 2
    path = await _begun(files, len(content), title)
    document = path.rpartition("/")[2]
    announced = {**_PIECE, "Upload-Offset": "0", "Content-Length": str(len(content))}
    try:
        await sender.send("PATCH", path, headers=announced, content=_broken_off(content[:half]))
    except _LineDown:
        play.tells(files.reporter, f"sends half of {title}", "the connection breaks")

    async def kept() -> int | None:
        answer = await sender.call("HEAD", path, headers=_TUS)
        return int(answer.headers["upload-offset"]) or None

    offset = await until(kept)
    play.check("what had come is kept", True, 0 < offset <= half)
    refused = await sender.send("GET", f"/evidence/{document}")
    play.refusal(files.reporter, "looks for the half document", refused, "document_not_found")
    wrong = {**_PIECE, "Upload-Offset": str(offset + 1)}
    refused = await sender.send("PATCH", path, headers=wrong, content=content[offset + 1 :])
    play.refusal(files.reporter, "goes on a byte too late", refused, "upload_offset_conflict")
    checksum = base64.b64encode(hashlib.sha256(content[offset:]).digest()).decode()
    rest = {**_PIECE, "Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {checksum}"}
    await sender.call("PATCH", path, headers=rest, content=content[offset:])
    play.tells(files.reporter, "goes on where it broke off", f"{len(content)} bytes")
    files.keeps(document, content)
    found = await sender.get(f"/evidence/{document}")
    play.check("the hash of the whole", files.unit.files[document], found["sha256"])
    return document


async def _begun(files: Files, length: int, title: str) -> str:
    """Begin a file and return its path, which ends with the id of the document to be."""
    said = {
        "period_id": files.play.world.period["id"],
        "unit_id": files.unit.unit_id,
        "filename": f"{title}.pdf",
    }
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items())
    headers = {**_TUS, "Upload-Length": str(length), "Upload-Metadata": metadata}
    begun = await files.sender.call("POST", "/evidence/uploads", headers=headers)
    return str(begun.headers["location"]).removeprefix(PREFIX)


class _LineDown(Exception):
    """The line of a client broke."""


async def _broken_off(content: bytes) -> AsyncIterator[bytes]:
    """Give some bytes, and then no more of those that were announced.

    Raises: _LineDown.
    """
    yield content
    await asyncio.sleep(1)  # they are on their way
    raise _LineDown
