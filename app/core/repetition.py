"""Safe repetition: the first answer to a keyed POST is kept in its own transaction and given to every repetition."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy import LargeBinary, UniqueConstraint, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped

from app.core.db import Instant, Row, new_id
from app.core.problems import IdempotencyKeyMissing, IdempotencyKeyReused


class IdempotencyRecord(Row):
    """The first answer to a keyed POST, replayed to every repetition; written in the POST's own transaction."""

    __tablename__ = "idempotency_record"
    __table_args__ = (UniqueConstraint("caller_id", "key"),)

    caller_id: Mapped[UUID]
    key: Mapped[str]
    fingerprint: Mapped[str]
    created_at: Mapped[Instant]
    status: Mapped[int | None]
    headers: Mapped[str | None]
    body: Mapped[str | None]


class Replay(Exception):
    """The request was answered before; carries the stored answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__("replay")
        self.status, self.headers, self.body = status, headers, body


async def get_idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=128,
            description="a new value for each request",
            examples=["7d1c0e0e-3b5f-4b7e-9d7b-5f2f5b1f9a11"],
        ),
    ] = None,
) -> str:
    """Return the key of a POST.

    Raises: IdempotencyKeyMissing (400).
    """
    if not idempotency_key:
        raise IdempotencyKeyMissing(
            "Gửi kèm tiêu đề Idempotency-Key (tối đa 128 ký tự, mỗi yêu cầu một giá trị mới).",
            "Send Idempotency-Key (at most 128 characters, a new value for each request).",
        )
    return idempotency_key


IdempotencyKey = Annotated[str, Depends(get_idempotency_key)]


async def claim_key(
    request: Request,
    session: AsyncSession,
    caller_id: UUID,
    key: str,
    now: datetime,
    *,
    body_sha256: str | None = None,
) -> None:
    """Reserve the key for this request, or replay the answer it got before.

    A concurrent request with the same key waits here until the first one has committed or failed. A route that
    streams its body calls this itself afterwards, with the hash (hex) of what it received.

    Raises: IdempotencyKeyReused (409) for another request, Replay.
    """
    fingerprint = await _fingerprint(request, body_sha256)
    mine = (
        insert(IdempotencyRecord)
        .values(id=new_id(), caller_id=caller_id, key=key, fingerprint=fingerprint, created_at=now)
        .on_conflict_do_nothing(index_elements=["caller_id", "key"])
        .returning(IdempotencyRecord.id)
    )
    record_id = await session.scalar(mine)
    if record_id is not None:
        request.state.idempotency = (session, record_id)
        return
    await _replay(session, caller_id, key, fingerprint)
    raise _reused()


async def look_up_key(
    request: Request, session: AsyncSession, caller_id: UUID, key: str, *, body_sha256: str
) -> None:
    """Replay the answer that the key got before, if it has one; nothing is reserved.

    Raises: IdempotencyKeyReused (409) for another request, Replay.
    """
    await _replay(session, caller_id, key, await _fingerprint(request, body_sha256))


async def _replay(session: AsyncSession, caller_id: UUID, key: str, fingerprint: str) -> None:
    theirs = await session.scalar(select(IdempotencyRecord).filter_by(caller_id=caller_id, key=key))
    if theirs is None:
        return
    if theirs.fingerprint != fingerprint:
        raise _reused()
    if theirs.status is None:
        raise IdempotencyKeyReused(
            "Yêu cầu này đã được thực hiện; câu trả lời có bí mật nên không được giữ lại. Hãy tạo bí mật mới.",
            "This was done already; its answer held secrets and was not kept. Have new secrets made.",
        )
    raise Replay(theirs.status, json.loads(theirs.headers or "{}"), base64.b64decode(theirs.body or ""))


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        "Dùng một Idempotency-Key mới cho yêu cầu khác.", "Use a new Idempotency-Key for another request."
    )


async def _fingerprint(request: Request, body_sha256: str | None) -> str:
    body_sha256 = body_sha256 or hashlib.sha256(await request.body()).hexdigest()
    parts = [
        request.method,
        request.url.path,
        request.url.query,
        request.headers.get("if-match", ""),
        body_sha256,
    ]
    # Keyed, because the body may hold a password: a plain hash of it could be guessed at leisure.
    secret = request.app.state.settings.secret_key.get_secret_value().encode()
    return hmac.new(secret, "\n".join(parts).encode(), "sha256").hexdigest()


async def remember(request: Request, response: Response) -> None:
    """Keep the answer of a keyed POST in its own transaction, for repetitions."""
    if response.headers.get("cache-control") == "no-store":
        return  # the answer holds a secret: it is not kept, and a repetition is refused
    session, record_id = request.state.idempotency
    kept = {k: v for k, v in response.headers.items() if k in ("etag", "location", "content-type")}
    body = base64.b64encode(bytes(response.body)).decode()
    await session.execute(
        update(IdempotencyRecord)
        .where(IdempotencyRecord.id == record_id)
        .values(status=response.status_code, headers=json.dumps(kept), body=body)
    )


async def forget_answers(session: AsyncSession, object_id: UUID) -> None:
    """Forget every kept answer that names an object, whoever got it: a repetition is carried out anew."""
    said, named = (
        func.decode(IdempotencyRecord.body, "base64"),
        literal(f"%{object_id}%".encode(), LargeBinary),
    )
    await session.execute(delete(IdempotencyRecord).where(said.bool_op("LIKE")(named)))
