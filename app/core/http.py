"""What every route shares: the transaction, the clock, versions, safe repetition and paging."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import VersionedRow
from app.core.limits import lift_deadline
from app.core.problems import (
    BodyTooLarge,
    BodyUnreadable,
    Lang,
    PreconditionMissing,
    Problem,
    StaleVersion,
)
from app.core.proxies import address_of
from app.core.repetition import remember
from app.core.shape import JSON_DEPTH, Misshapen, require_shallow, require_short


class Schema(BaseModel):
    """Base of request and response bodies: unknown fields are refused, rows can be given as they are."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, str_strip_whitespace=True)


class AllowedAction(Schema):
    """Whether the caller may do something with an object now, and why not."""

    action: str
    allowed: bool
    reason_code: str | None = None
    reason: str | None = Field(None, description="a sentence in the language of the answer")

    @classmethod
    def of(cls, action: str, why: str | None, words: tuple[str, str], lang: Lang) -> "AllowedAction":
        """Return an action with what forbids it: `why` None allows it, `words` say it in Vietnamese and English."""
        said = None if why is None else words[0 if lang == "vi" else 1]
        return cls(action=action, allowed=why is None, reason_code=why, reason=said)


# Dependencies are coroutines even where they wait for nothing: the framework runs a plain function in a thread, which
# costs more than all of them together.

# --- the transaction and the clock -------------------------------------------------------------------------


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield the session of this request; it commits when the route has returned, before the answer leaves.

    A route that waits for a slow client commits its reads first, so that it holds no connection meanwhile.
    """
    async with request.app.state.database.session() as session:
        yield session
        await session.commit()


# scope="function": with the default scope the client would have its 200 before the commit.
DbSession = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_now(request: Request) -> datetime:
    """Return the instant of this request (UTC): actions never read a clock."""
    now: datetime = request.app.state.clock()
    return now


Now = Annotated[datetime, Depends(get_now)]


def language(request: Request) -> Lang:
    """Return the language of the answer: English if asked for first, else Vietnamese."""
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    return "en" if first.startswith("en") else "vi"


async def get_language(request: Request) -> Lang:
    """Return the language of the answer."""
    return language(request)


Language = Annotated[Lang, Depends(get_language)]


def client_address(request: Request) -> str | None:
    """Return the address of the client: of the connection, or as a trusted proxy says (TRUSTED_PROXIES)."""
    return address_of(request.client.host) if request.client else None


# --- versions -----------------------------------------------------------------------------------------------


def etag(version: int) -> str:
    """Return the ETag of a row's version."""
    return f'"{version}"'


async def get_if_match(
    if_match: Annotated[
        str | None, Header(description="The ETag that the change is based on", examples=['"3"'])
    ] = None,
) -> int:
    """Return the version the client saw; refuses as `version_in` does."""
    return version_in(if_match)


def version_in(if_match: str | None) -> int:
    """Return the version that an If-Match names.

    Raises: PreconditionMissing (428) without the header, StaleVersion (412) if it is not one of our ETags.
    """
    if if_match is None:
        raise PreconditionMissing(
            "Gửi kèm tiêu đề If-Match với ETag đã nhận khi đọc dữ liệu.",
            "Send If-Match with the ETag you received when reading the resource.",
        )
    value = if_match.strip().removeprefix("W/").strip('"')
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise StaleVersion("Đọc lại dữ liệu để lấy ETag mới.", "Read the resource again for its ETag.")
    return int(value)


IfMatch = Annotated[int, Depends(get_if_match)]


def require_version(row: VersionedRow, expected: int) -> None:
    """Refuse a change that is based on another version than the present one.

    Raises: StaleVersion (412) with the present version.
    """
    require_present(row.version, expected)


def require_present(present: int, expected: int) -> None:
    """Refuse a change that is based on another version than `present`, whatever is counted as one.

    Raises: StaleVersion (412) with the present version.
    """
    if present != expected:
        raise StaleVersion(
            "Đọc lại dữ liệu, xem thay đổi của người khác rồi gửi lại.",
            "Read the resource again, look at what changed, then repeat your change.",
            current_etag=etag(present),
        )


def set_etag(response: Response, row: VersionedRow) -> None:
    """Send the row's version as the ETag of the answer."""
    response.headers["ETag"] = etag(row.version)


# --- pages for people ---------------------------------------------------------------------------------------

# The Content-Security-Policy of a page that brings its own style and loads nothing.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


# --- routes -------------------------------------------------------------------------------------------------


class StrictRequest(Request):
    """A request with a bounded body, whose JSON is strict: no NaN, no NUL, no half surrogates, no name twice.

    Numbers with a fraction arrive as Decimal, exactly as they were written. How deep it may be, and how long a number,
    says `shape`.
    """

    async def stream(self) -> AsyncGenerator[bytes, None]:
        limit: int = self.app.state.settings.max_body_bytes
        announced = self.headers.get("content-length", "0")
        received = int(announced) if announced.isascii() and announced.isdigit() else 0
        if received > limit:
            raise BodyTooLarge(f"Tối đa {limit} byte.", f"At most {limit} bytes.")
        received = 0
        self.scope["state"]["is_body_coming"] = True
        async for chunk in super().stream():
            received += len(chunk)
            if received > limit:
                raise BodyTooLarge(f"Tối đa {limit} byte.", f"At most {limit} bytes.")
            yield chunk
        self.scope["state"]["is_body_coming"] = False

    def unbounded_stream(self) -> AsyncGenerator[bytes, None]:
        """Return the body in pieces, for a route that counts bytes and seconds for itself."""
        lift_deadline(self.scope)
        return super().stream()

    async def json(self) -> Any:
        try:
            text = (await self.body()).decode("utf-8")
            value = json.loads(
                text,
                parse_float=_decimal,
                parse_int=_integer,
                parse_constant=_refuse_constant,
                object_pairs_hook=_unique,
            )
            if text.count("[") + text.count("{") > JSON_DEPTH:
                require_shallow(value)
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
                if "\\u0000" in text:
                    raise ValueError("NUL")
        except Misshapen as error:
            raise BodyUnreadable(error.vi, error.en) from error
        except (ValueError, RecursionError) as error:
            raise BodyUnreadable(
                "Nội dung phải là JSON hợp lệ, mã hóa UTF-8.", "The body must be valid JSON in UTF-8."
            ) from error
        return value


def _decimal(text: str) -> Decimal:
    require_short(text)
    return Decimal(text)


def _integer(text: str) -> int:
    require_short(text)
    return int(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says something twice: nobody could tell which one was meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        vi, en = "Một tên được nêu hai lần trong JSON.", "The JSON gives a name twice."
        raise Misshapen(vi, en)
    return found


class Route(APIRoute):
    """A route that reads JSON strictly and stores the answer of a keyed POST in the POST's transaction."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            response = await handle(request)
            if hasattr(request.state, "idempotency"):
                await remember(request, response)
            return response

        return handler


def router(prefix: str, tag: str) -> APIRouter:
    """Return the router of a room under /api/v1."""
    return APIRouter(prefix=f"/api/v1{prefix}", tags=[tag], route_class=Route)


def problems(*classes: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for the problems it can raise; codes are listed per status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for problem in classes:
        entry = responses.setdefault(
            problem.status, {"description": "", "x-codes": [], "content": {"application/problem+json": {}}}
        )
        if problem.code not in entry["x-codes"]:
            entry["x-codes"].append(problem.code)
            entry["description"] = " · ".join(filter(None, [entry["description"], problem.title_vi]))
    return responses
