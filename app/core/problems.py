"""Errors as RFC 9457 problems: stable English codes, titles and details in Vietnamese and English."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Lang = Literal["vi", "en"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where (JSON pointer into the body), a stable code and what to do."""

    pointer: str
    code: str
    vi: str
    en: str

    def said(self, lang: Lang) -> str:
        """Return the message in one language."""
        return self.vi if lang == "vi" else self.en


class Problem(Exception):
    """A refusal the client can act on. Subclasses stand next to the code that raises them.

    `vi` and `en` given to the constructor become the detail; `faults` become `errors`; further keywords become
    members of the document.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "problem"
    title_vi: ClassVar[str] = "Lỗi"
    title_en: ClassVar[str] = "Problem"
    headers: Mapping[str, str] = {}

    def __init__(self, vi: str = "", en: str = "", *, faults: Sequence[Fault] = (), **members: Any) -> None:
        super().__init__(en or self.title_en)
        self.vi, self.en, self.faults, self.members = vi, en, tuple(faults), members

    def document(self, lang: Lang, instance: str) -> dict[str, Any]:
        """Return the problem document in one language; `instance` is the request id."""
        detail = self.vi if lang == "vi" else self.en
        document: dict[str, Any] = {
            "type": f"urn:dti:problem:{self.code}",
            "title": self.title_vi if lang == "vi" else self.title_en,
            "status": self.status,
            "code": self.code,
            "instance": instance,
        }
        if detail:
            document["detail"] = detail
        if self.faults:
            document["errors"] = [
                {"pointer": f.pointer, "code": f.code, "message": f.said(lang)} for f in self.faults
            ]
        return document | self.members


def title_of(problem: type[Problem] | None) -> tuple[str, str]:
    """Return the titles of a problem in Vietnamese and English; empty without one."""
    return (problem.title_vi, problem.title_en) if problem else ("", "")


def all_problems() -> list[type[Problem]]:
    """Return every problem class known to the process, ordered by code."""
    found: list[type[Problem]] = []
    queue = [Problem]
    while queue:
        for problem in queue.pop().__subclasses__():
            queue.append(problem)
            found.append(problem)
    return sorted((p for p in found if "code" in vars(p)), key=lambda p: p.code)


class NotFound(Problem):
    """Nothing here that the caller may see; the same answer whether it exists or not."""

    status, code = 404, "not_found"
    title_vi, title_en = "Không tìm thấy", "Not found"


class MethodNotAllowed(Problem):
    status, code = 405, "method_not_allowed"
    title_vi, title_en = "Phương thức không được hỗ trợ", "Method not allowed"


class BodyUnreadable(Problem):
    status, code = 400, "body_unreadable"
    title_vi, title_en = "Nội dung gửi lên không đọc được", "The request body cannot be read"


class BodyTooLarge(Problem):
    status, code = 413, "body_too_large"
    title_vi, title_en = "Nội dung gửi lên quá lớn", "The request body is too large"


class RequestTooSlow(Problem):
    """The body did not come in time."""

    status, code = 408, "request_too_slow"
    title_vi, title_en = "Gửi nội dung quá chậm", "The request body comes too slowly"


class InvalidRequest(Problem):
    status, code = 422, "invalid_request"
    title_vi, title_en = "Dữ liệu gửi lên không hợp lệ", "The request is not valid"


class PreconditionMissing(Problem):
    status, code = 428, "if_match_missing"
    title_vi, title_en = "Thiếu If-Match", "If-Match is missing"


class StaleVersion(Problem):
    status, code = 412, "stale_version"
    title_vi, title_en = "Dữ liệu đã được người khác thay đổi", "The resource has changed meanwhile"


class IdempotencyKeyMissing(Problem):
    status, code = 400, "idempotency_key_missing"
    title_vi, title_en = "Thiếu Idempotency-Key", "Idempotency-Key is missing"


class IdempotencyKeyReused(Problem):
    status, code = 409, "idempotency_key_reused"
    title_vi, title_en = (
        "Idempotency-Key đã dùng cho yêu cầu khác",
        "Idempotency-Key was used for another request",
    )


class Conflict(Problem):
    """A unique rule of the database was broken by a concurrent writer."""

    status, code = 409, "conflict"
    title_vi, title_en = "Dữ liệu bị trùng hoặc xung đột", "The change conflicts with existing data"


class NothingChanged(Problem):
    """What is asked for is there already, word for word."""

    status, code = 409, "nothing_changed"
    title_vi, title_en = "Không có gì thay đổi so với lần trước", "Nothing has changed since the last time"


class Unavailable(Problem):
    status, code = 503, "unavailable"
    title_vi, title_en = "Hệ thống tạm thời không phục vụ được", "The service is temporarily unavailable"
    headers = {"Retry-After": "5"}


class InternalError(Problem):
    status, code = 500, "internal_error"
    title_vi, title_en = "Lỗi hệ thống", "Internal error"
