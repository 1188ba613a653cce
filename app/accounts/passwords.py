"""Passwords: what makes a good one, and Argon2id in one thread that steps back behind everything else."""

import asyncio
import functools
import hashlib
import os
import re
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.accounts.breached import is_breached
from app.core.problems import Fault, Unavailable

# OWASP's minimum for Argon2id: 19 MiB, 2 passes, 1 lane; about 20 ms, so that 50 log-ins at once stay bearable.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
MIN_LENGTH, MAX_LENGTH = 12, 128
# How many of a person's last passwords, the present one included, are not to be set again.
HISTORY = 5
# A flood beyond this would be answered after seconds: it is refused at once.
MAX_WAITING = 100

T = TypeVar("T")


# --- hashing ------------------------------------------------------------------------------------------------


def _step_back() -> None:
    """Let whatever else wants the processor go first (Linux counts the niceness of a thread by itself)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


class _Turns:
    """The thread that hashes, and how many wait for it: a second one made others slower and log-ins no faster."""

    thread = ThreadPoolExecutor(1, "passwords", initializer=_step_back)
    waiting = 0


async def _in_turn(work: Callable[[], T]) -> T:
    """Return what the work returns, done when it is its turn.

    Raises: Unavailable (503) if too many wait.
    """
    if _Turns.waiting >= MAX_WAITING:
        raise Unavailable()
    _Turns.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_Turns.thread, work)
    finally:
        _Turns.waiting -= 1


@functools.lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash(secrets.token_hex(16))


def _typed(password: str) -> str:
    """Return a password as every keyboard means it: letters with marks are written in more than one way."""
    return unicodedata.normalize("NFC", password)


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password.

    Raises: Unavailable (503).
    """
    return await _in_turn(lambda: _HASHER.hash(_typed(password)))


async def is_password(password: str, password_hash: str | None) -> bool:
    """Answer whether the password is right; takes as long when there is no such account (None).

    Raises: Unavailable (503).
    """
    if len(password) > MAX_LENGTH:
        return False

    return await _in_turn(lambda: _verify(_typed(password), password_hash))


def _verify(password: str, password_hash: str | None) -> bool:
    nobody = _nobody()  # asked for in any case: making it the first time takes as long as a check
    try:
        return _HASHER.verify(password, password_hash or nobody) and password_hash is not None
    except UnknownHashError:  # an account without a password
        return _HASHER.verify(password, nobody) and False


# --- what makes a good one ----------------------------------------------------------------------------------


async def password_faults(
    password: str, username: str, pointer: str, former: Sequence[str] = ()
) -> list[Fault]:
    """Return what is wrong with a new password; `former` are the hashes of those that are not to come again.

    Raises: Unavailable (503).
    """
    plain = _typed(password).casefold()
    told: list[tuple[str, str, str]] = []
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        told.append(
            (
                "length",
                f"phải có từ {MIN_LENGTH} đến {MAX_LENGTH} ký tự",
                f"must have {MIN_LENGTH} to {MAX_LENGTH} characters",
            )
        )
    elif _is_run(plain) or _is_repetition(plain):
        told.append(
            (
                "too_simple",
                "không được chỉ là một dãy hay một đoạn lặp lại; hãy dùng một câu dài của riêng mình",
                "must be more than one sequence or one repeated piece; use a long sentence of your own",
            )
        )
    elif await is_breached(_typed(password)):
        told.append(
            (
                "breached",
                "nằm trong danh sách mật khẩu đã lộ; hãy chọn mật khẩu khác",
                "is on the list of leaked passwords; choose another one",
            )
        )
    if username.casefold() in plain:
        told.append(("has_username", "không được chứa tên đăng nhập", "must not contain the user name"))
    if not told and await _is_one_of(password, former):
        told.append(
            (
                "used_before",
                f"phải khác {HISTORY} mật khẩu gần nhất; hãy chọn mật khẩu chưa dùng",
                f"must differ from the last {HISTORY} passwords; choose one not used yet",
            )
        )
    return [Fault(pointer, *one) for one in told]


def _is_run(text: str) -> bool:
    """Answer whether a text only counts up or down, or stands still: 1234567890…, abcdef…, aaaa…"""
    steps = {(ord(b) - ord(a)) % 10 if (a + b).isdigit() else ord(b) - ord(a) for a, b in pairwise(text)}
    return len(steps) == 1 and steps <= {0, 1, 9, -1}


# As often as it fits, and a beginning of it at the end: "abcabcabcab".
_REPETITION = re.compile(r"(.{1,4})\1+(.{0,3})", re.DOTALL)


def _is_repetition(text: str) -> bool:
    """Answer whether a text is one piece of up to four characters again and again."""
    found = _REPETITION.fullmatch(text)
    return found is not None and found[1].startswith(found[2])


async def _is_one_of(password: str, hashes: Sequence[str]) -> bool:
    for one in hashes:
        if await is_password(password, one):
            return True
    return False


# --- secrets of machines ------------------------------------------------------------------------------------


def new_secret() -> str:
    """Return 256 random bits for a refresh token or a client secret."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a random secret: enough, because such a secret cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
