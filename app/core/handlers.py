"""From exceptions to answers: one renderer for everything that goes wrong."""

import json
from collections import defaultdict
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app.core.http import language
from app.core.problems import (
    BodyTooLarge,
    BodyUnreadable,
    Conflict,
    Fault,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    StaleVersion,
    Unavailable,
)
from app.core.repetition import Replay

log = structlog.get_logger("app")

# Messages of the validator in Vietnamese, by its stable error type, over the limits it names.
_VI = {
    "missing": "thiếu trường bắt buộc",
    "extra_forbidden": "trường không được phép",
    "string_type": "phải là chuỗi ký tự",
    "string_too_short": "tối thiểu {min_length} ký tự",
    "string_too_long": "tối đa {max_length} ký tự",
    "string_pattern_mismatch": "phải theo mẫu {pattern}",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_from_float": "phải là số nguyên",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than_equal": "phải đến {le} là cùng",
    "uuid_parsing": "phải là mã UUID",
    "uuid_type": "phải là mã UUID",
    "date_type": "phải là ngày dạng YYYY-MM-DD",
    "date_parsing": "phải là ngày dạng YYYY-MM-DD",
    "date_from_datetime_parsing": "phải là ngày dạng YYYY-MM-DD",
    "date_from_datetime_inexact": "phải là ngày dạng YYYY-MM-DD, không có giờ",
    "datetime_type": "phải là thời điểm dạng ISO 8601",
    "datetime_parsing": "phải là thời điểm dạng ISO 8601",
    "datetime_from_date_parsing": "phải là thời điểm dạng ISO 8601",
    "enum": "phải là một trong: {expected}",
    "literal_error": "phải là một trong: {expected}",
    "too_long": "tối đa {max_length} phần tử",
    "too_short": "tối thiểu {min_length} phần tử",
    "dict_type": "phải là đối tượng JSON",
    "model_type": "phải là đối tượng JSON",
    "model_attributes_type": "phải là đối tượng JSON",
    "list_type": "phải là danh sách",
    "bool_type": "phải là true hoặc false",
    "bool_parsing": "phải là true hoặc false",
    "value_error": "giá trị không được phép ở đây",
    "json_invalid": "không phải JSON",
}


def _in_vietnamese(error: dict[str, Any]) -> str:
    return _VI.get(error["type"], "giá trị không hợp lệ").format_map(defaultdict(str, error.get("ctx") or {}))


def render(request: Request, problem: Problem, extra_headers: dict[str, str] | None = None) -> Response:
    """Return the problem as application/problem+json in the caller's language."""
    lang = language(request)
    request.app.state.metrics.refused(problem.code)
    document = problem.document(lang, getattr(request.state, "request_id", "-"))
    headers = {
        "Content-Language": lang,
        "Cache-Control": "no-store",
        **problem.headers,
        **(extra_headers or {}),
    }
    body = json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return Response(body, problem.status, headers, "application/problem+json")


def _pointer(location: tuple[Any, ...]) -> str:
    """Return where a validation error lies: a JSON pointer into the body, or `query/name`, `header/name`."""
    head, *rest = location or ("body",)
    escaped = [str(part).replace("~", "~0").replace("/", "~1") for part in rest]
    return "/".join(["" if head == "body" else str(head), *escaped]) or "/"


def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [Fault(_pointer(e["loc"]), e["type"], _in_vietnamese(e), e["msg"]) for e in error.errors()[:100]]
    if any(f.code == "json_invalid" for f in faults):
        return render(request, BodyUnreadable("Nội dung phải là JSON.", "The body must be JSON."))
    return render(request, InvalidRequest(faults=faults))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Problem):
        return render(
            request, error.__cause__
        )  # raised while the body was read, and wrapped by the framework
    known: dict[int, Problem] = {404: NotFound(), 405: MethodNotAllowed(), 413: BodyTooLarge()}
    return render(
        request,
        known.get(error.status_code, BodyUnreadable("Không đọc được nội dung gửi lên.", str(error.detail))),
        dict(error.headers or {}),
    )


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(request, error)


def _on_replay(_: Request, error: Exception) -> Response:
    assert isinstance(error, Replay)
    return Response(error.body, error.status, {**error.headers, "Idempotency-Replayed": "true"})


def _on_stale(request: Request, _: Exception) -> Response:
    return render(
        request, StaleVersion("Đọc lại dữ liệu rồi gửi lại.", "Read the resource again, then repeat.")
    )


def problem_of_database_error(error: Exception) -> Problem | None:
    """Return the problem behind an error of the mapper or of the driver, or None if it is our own fault.

    Class 22 (data exception) is a value no column can hold (NUL, half surrogate, number out of range); 23505 and
    40001/40P01 are races; what passes by itself is temporary: faults of connections (08), of resources (53, a full disk
    too), of a server that stops or starts or gave up a statement (57), a lock that did not come (55P03), a transaction
    that was silent for too long (25P03), and a transaction that nobody can go on with because of one of them (25P02).
    """
    cause, state = _cause_of(error), _state_of(error)
    if state in ("23505", "40001", "40P01"):
        return Conflict(
            "Có thay đổi đồng thời; đọc lại rồi thử lại.", "A concurrent change; read again and retry."
        )
    if state.startswith("22") or "invalid input for query argument" in str(cause):
        return InvalidRequest(
            "Có ký tự hoặc số mà hệ thống không lưu được.", "A character or number cannot be stored."
        )
    lost = isinstance(error, asyncpg.InterfaceError) or getattr(error, "connection_invalidated", False)
    if lost or state.startswith(("08", "53", "57")) or state in ("25P02", "25P03", "55P03"):
        return Unavailable()
    return None


def _cause_of(error: Exception) -> BaseException:
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def _state_of(error: Exception) -> str:
    return getattr(_cause_of(error), "sqlstate", None) or ""


def _on_database(request: Request, error: Exception) -> Response:
    problem = problem_of_database_error(error)
    if problem is None:
        return on_crash(request, error)
    if isinstance(problem, Conflict):
        log.info("database_conflict", constraint=getattr(error, "constraint_name", None))
    if isinstance(problem, Unavailable):
        log.warning("database_unavailable", error=type(error).__name__, sqlstate=_state_of(error))
    return render(request, problem)


def _on_unavailable(request: Request, error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return render(request, Unavailable())


def on_crash(request: Request, error: Exception) -> Response:
    """Answer what nothing else answers, and what is refused before the application is reached."""
    if isinstance(error, Problem):
        return render(request, error)
    # The message of an exception may hold personal data or SQL: it goes to the log, never to the answer.
    log.error("unhandled_error", exc_info=error, path=request.url.path)
    return render(request, InternalError())


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(Replay, _on_replay)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StaleDataError, _on_stale)
    for kind in (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.add_exception_handler(kind, _on_database)
    app.add_exception_handler(PoolTimeout, _on_unavailable)
    app.add_exception_handler(OSError, _on_unavailable)  # no socket, no host, connection refused or lost
