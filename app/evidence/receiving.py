"""Bytes on their way in: shared by the uploads in one go and those in pieces."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.accounts.permissions import Principal
from app.core.files import FileStore
from app.core.http import StrictRequest
from app.core.incoming import Upload
from app.core.problems import Problem
from app.evidence.actions import Limits
from app.evidence.content import allowed_types

# A client that sends single bytes is as good as silent.
MIN_PROGRESS_BYTES = 1024

# How many files one person can send to this process at once: each holds a thread and some 2 MiB of memory.
AT_ONCE = 32
_under_way: Counter[UUID] = Counter()


class TooManyUploads(Problem):
    """The caller is sending `at_most` files already: let one of them end first."""

    status, code = 429, "too_many_uploads"
    title_vi, title_en = "Đang gửi quá nhiều tệp cùng lúc", "Too many uploads at once"
    headers = {"Retry-After": "5"}


class UploadInterrupted(Problem):
    """The client went away in the middle; nobody reads this answer. Of a resumable upload, what came is kept."""

    status, code = 400, "upload_interrupted"
    title_vi, title_en = "Việc gửi tệp bị gián đoạn", "The upload was interrupted"


class UploadTooSlow(Problem):
    """The client was silent for too long. Of a resumable upload, what came is kept."""

    status, code = 408, "upload_too_slow"
    title_vi, title_en = "Gửi tệp quá chậm", "The upload is too slow"


@asynccontextmanager
async def receiving(files: FileStore, by: Principal) -> AsyncIterator[Upload]:
    """Open an upload for somebody; unless it is kept, nothing of it stays.

    Raises: TooManyUploads (429), StoreUnavailable (503).
    """
    if _under_way[by.id] >= AT_ONCE:
        raise TooManyUploads(at_most=AT_ONCE)
    _under_way[by.id] += 1
    try:
        async with files.receiving() as upload:
            yield upload
    finally:
        _under_way[by.id] -= 1
        if not _under_way[by.id]:
            del _under_way[by.id]


def limits_of(request: Request) -> Limits:
    """Return the limits of uploads as they are configured."""
    settings = request.app.state.settings
    return Limits(
        file_bytes=settings.max_upload_bytes,
        unit_bytes=settings.max_unit_bytes,
        resumable_for=timedelta(hours=settings.resumable_hours),
        media_types=allowed_types(settings.evidence_types),
    )


def announced_bytes(request: Request) -> int:
    """Return how many bytes the body is said to have, 0 if nothing is said."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


async def chunks(request: StrictRequest) -> AsyncIterator[bytes]:
    """Give the body as it comes. Only waiting for the client is counted against him, not the time the disk takes.

    Raises: UploadInterrupted (400), UploadTooSlow (408).
    """
    idle_seconds: float = request.app.state.settings.upload_idle_seconds
    stream, now = request.unbounded_stream(), asyncio.get_running_loop().time
    patience, came = idle_seconds, 0
    while True:
        began = now()
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            vi = f"Không nhận thêm được dữ liệu trong {idle_seconds:g} giây."
            raise UploadTooSlow(vi, f"Nothing more came for {idle_seconds:g} seconds.") from error
        except ClientDisconnect as error:
            raise UploadInterrupted() from error
        if chunk is None:
            return
        patience, came = patience - (now() - began), came + len(chunk)
        if came >= MIN_PROGRESS_BYTES:
            patience, came = idle_seconds, 0
        yield chunk
