"""How many requests somebody may send: per account, or per address where nobody is logged in.

A bucket runs full at so many requests and empties evenly (the generic cell rate algorithm): one number per caller,
no window whose edge could be waited for, and the exact time to wait. All of it lies in this process's memory.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

from starlette.types import Scope

from app.core.problems import Problem
from app.core.proxies import network_of

# The classes of requests; what they are is said in `_kind_of` and `RateLimits.refuse`.
KINDS = ("log-in", "write", "read", "public", "pieces")
LOG_IN, PIECES = "/api/v1/auth/", "/api/v1/evidence/uploads/"
# Asked by supervisors, often from the address of a proxy: nobody else's flood makes the service look dead.
SUPERVISED = ("/healthz", "/readyz", "/metrics")

_RATE = re.compile(r"([a-z-]+)=([1-9][0-9]{0,6})/(second|minute|hour)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}

# Sums of floating point are not exact.
_EXACT_SECONDS = 1e-6
# Callers remembered per class: some 10 MB at most, whoever comes from however many addresses.
CALLERS = 100_000


class TooManyRequests(Problem):
    """The caller sends more than his class allows; Retry-After says when the next one will be taken."""

    status, code = 429, "too_many_requests"
    title_vi, title_en = "Gửi quá nhiều yêu cầu", "Too many requests"
    headers = {"Retry-After": "1"}

    @classmethod
    def after(cls, wait: float, kind: str, rate: "Rate") -> "TooManyRequests":
        """Return the refusal of a request that would be taken in `wait` seconds."""
        seconds = ceil(wait - _EXACT_SECONDS)
        problem = cls(
            f"Thử lại sau {seconds} giây; tối đa {rate.amount} yêu cầu mỗi {rate.seconds} giây.",
            f"Try again in {seconds} s; at most {rate.amount} requests per {rate.seconds} s.",
        )
        problem.headers = {
            "Retry-After": str(seconds),
            "RateLimit-Policy": f'"{kind}";q={rate.amount};w={rate.seconds}',
            "RateLimit": f'"{kind}";r=0;t={seconds}',
        }
        return problem


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    amount: int
    seconds: int


def rates_of(text: str) -> dict[str, Rate]:
    """Return the rate of each class named in RATE_LIMITS; one that is not named has no limit, with `off` none has.

    Raises: ValueError saying what is expected.
    """
    rates: dict[str, Rate] = {}
    for part in () if text == "off" else (one.strip() for one in text.split(",")):
        found = _RATE.fullmatch(part)
        if found is None or found[1] not in KINDS or found[1] in rates:
            raise ValueError(f"{part[:40]!r}: each class once, {', '.join(KINDS)}, like read=600/minute")
        rates[found[1]] = Rate(int(found[2]), _SECONDS[found[3]])
    return rates


class Buckets:
    """The callers of one class: until when each of them has used what he may."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float], callers: int = CALLERS) -> None:
        self.rate, self._now, self._callers = rate, monotonic, callers
        self._step = rate.seconds / rate.amount
        self._until: dict[str, float] = {}

    def wait(self, who: str) -> float:
        """Return how many seconds a caller's next request has to wait; 0: none."""
        now = self._now()
        wait = max(self._until.get(who, now), now) + self._step - now - self.rate.seconds
        return wait if wait > _EXACT_SECONDS else 0.0

    def take(self, who: str) -> float:
        """Count a request unless it has to wait; return how many seconds it has to."""
        wait = self.wait(who)
        if not wait:
            now = self._now()
            if who not in self._until and len(self._until) >= self._callers:
                self._make_room(now)
            self._until[who] = max(self._until.get(who, now), now) + self._step
        return wait

    def _make_room(self, now: float) -> None:
        """Forget whose bucket is empty; if that is hardly anybody, everybody: so many addresses are under no limit."""
        busy = {who: until for who, until in self._until.items() if until > now}
        self._until = busy if len(busy) < self._callers // 2 else {}

    @property
    def known(self) -> int:
        """Return how many callers are remembered."""
        return len(self._until)


class RateLimits:
    """The limits of one process; `account_of` tells whose a token is, None if it proves no account."""

    def __init__(
        self,
        text: str,
        account_of: Callable[[str], UUID | None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account_of = account_of
        self.buckets = {kind: Buckets(rate, monotonic) for kind, rate in rates_of(text).items()}

    def refuse_address(self, scope: Scope) -> TooManyRequests | None:
        """Return the refusal of a request by its address, before anything else is done for it.

        Who shows a token is counted by his account, or afterwards (`count_unproved`) if it proves none. Where too
        many of an address have proved none, tokens are looked at first: a good one is no part of the flood.
        """
        if not self.buckets:
            return None
        who = network_of(scope.get("client"))
        if scope["path"].startswith(LOG_IN):
            return self._taken("log-in", who)
        if scope["path"] in SUPERVISED:
            return self._taken("public", f"supervisor {who}")
        token = _token_of(scope)
        if token is None:
            return self._taken("public", who)
        buckets = self.buckets.get("public")
        wait = buckets.wait(f"unproved {who}") if buckets else 0
        if not buckets or not wait:
            return None
        account_id = self._account_of(token)
        if account_id is None:
            return TooManyRequests.after(wait, "public", buckets.rate)
        return self._refuse_account(scope, account_id)

    def count_unproved(self, scope: Scope) -> None:
        """Count a request whose token has proved no account against its address."""
        buckets = self.buckets.get("public")
        if buckets and _token_of(scope) is not None and "account" not in scope["state"]:
            buckets.take(f"unproved {network_of(scope.get('client'))}")

    def require_account(self, scope: Scope, account_id: UUID) -> None:
        """Count a request of an account whose token is genuine: once, however often it is asked who calls.

        Raises: TooManyRequests (429).
        """
        refusal = self._refuse_account(scope, account_id)
        if refusal:
            raise refusal

    def _refuse_account(self, scope: Scope, account_id: UUID) -> TooManyRequests | None:
        state: dict[str, Any] = scope["state"]
        if "account" in state:
            return None
        state["account"] = str(account_id)
        return self._taken(_kind_of(scope), state["account"])

    def _taken(self, kind: str, who: str) -> TooManyRequests | None:
        buckets = self.buckets.get(kind)
        wait = buckets.take(who) if buckets else 0
        return TooManyRequests.after(wait, kind, buckets.rate) if buckets and wait else None


def lift_deadline(scope: Scope) -> None:
    """Let a request take as long as it needs: its answer has begun, or its route counts the seconds for itself."""
    deadline = scope["state"].pop("deadline", None)
    if deadline is not None:
        deadline.reschedule(None)


def _token_of(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value.decode("latin-1")).partition(" ")[2].strip()
    return None


def _kind_of(scope: Scope) -> str:
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return "read"
    return "pieces" if scope["method"] == "PATCH" and scope["path"].startswith(PIECES) else "write"
