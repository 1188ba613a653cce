"""What a request may look like before anybody reads what it wants: its head, and how deep its JSON may be."""

from typing import Any

from starlette.types import Scope

from app.core.limits import SUPERVISED
from app.core.problems import BodyUnreadable, Problem

HEADERS, HEADER_BYTES = 100, 16 * 1024
ADDRESS_BYTES, PARAMETERS = 8 * 1024, 100
JSON_DEPTH, NUMBER_LENGTH = 32, 64


class HeadersTooLarge(Problem):
    status, code = 431, "headers_too_large"
    title_vi, title_en = "Tiêu đề yêu cầu quá lớn", "The request headers are too large"


class AddressTooLong(Problem):
    status, code = 414, "address_too_long"
    title_vi, title_en = "Địa chỉ yêu cầu quá dài", "The address of the request is too long"


class HostNotServed(Problem):
    """The request names a host that ALLOWED_HOSTS does not."""

    status, code = 421, "host_not_served"
    title_vi, title_en = "Tên máy chủ không được phục vụ", "This host is not served here"


def hosts_of(text: str) -> frozenset[bytes]:
    """Return the names in ALLOWED_HOSTS; none: any will do.

    Raises: ValueError saying what is expected.
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    for name in names:
        if not name.isascii() or any(letter in name for letter in "/*@ ") or name.count(":") == 1:
            raise ValueError(f"{name[:60]!r} is no name of a host without a port, like dti.example.vn")
    return frozenset(name.encode() for name in names)


def refusal_of(scope: Scope, hosts: frozenset[bytes]) -> Problem | None:
    """Return what is wrong with the head of a request."""
    path, query = scope.get("raw_path") or b"", scope["query_string"]
    if len(path) + len(query) > ADDRESS_BYTES or query.count(b"&") + query.count(b";") >= PARAMETERS:
        return AddressTooLong(
            f"Tối đa {ADDRESS_BYTES} byte và {PARAMETERS} tham số.",
            f"At most {ADDRESS_BYTES} bytes and {PARAMETERS} parameters.",
        )
    if b"%00" in path or b"%00" in query:
        return BodyUnreadable("Địa chỉ không được chứa %00.", "The address must not contain %00.")
    size, named = 0, []
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"host":
            named.append(value)
    if size > HEADER_BYTES or len(scope["headers"]) > HEADERS:
        return HeadersTooLarge(
            f"Tối đa {HEADERS} tiêu đề, {HEADER_BYTES} byte.",
            f"At most {HEADERS} headers, {HEADER_BYTES} bytes.",
        )
    if len(named) > 1:
        return BodyUnreadable("Tiêu đề Host chỉ được gửi một lần.", "Host must be sent only once.")
    # Supervisors ask by address: they know no name.
    if hosts and scope["path"] not in SUPERVISED and _name(named) not in hosts:
        return HostNotServed()
    return None


def _name(named: list[bytes]) -> bytes:
    """Return the name without the port."""
    host = named[0].lower() if named else b""
    return host.partition(b"]")[0] + b"]" if host.startswith(b"[") else host.partition(b":")[0]


class Misshapen(ValueError):
    """JSON that is nobody's request; says what is wrong in Vietnamese and English."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


def require_shallow(value: Any) -> None:
    """Refuse JSON that is nested too deep to be anything we ask for.

    Raises: Misshapen.
    """
    level: list[Any] = [[value]]
    for _ in range(JSON_DEPTH + 1):
        level = [child for one in level for child in _children(one) if isinstance(child, dict | list)]
        if not level:
            return
    raise Misshapen(f"JSON lồng nhau quá {JSON_DEPTH} bậc.", f"The JSON is nested deeper than {JSON_DEPTH}.")


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def require_short(number: str) -> None:
    """Refuse a number nobody counts with: a few letters can name one that fills the memory (1e999999999).

    Raises: Misshapen.
    """
    if len(number) > NUMBER_LENGTH:
        vi, en = (
            f"Một số có hơn {NUMBER_LENGTH} ký tự.",
            f"A number has more than {NUMBER_LENGTH} characters.",
        )
        raise Misshapen(vi, en)
    exponent = number.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > NUMBER_LENGTH:
        raise Misshapen("Một số quá lớn hoặc quá nhỏ.", "A number is too large or too small.")
