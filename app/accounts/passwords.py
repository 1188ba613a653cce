"""Passwords: Argon2id, in threads, never more than two at once."""

import asyncio
import functools
import hashlib
import secrets

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# OWASP's minimum for Argon2id: 19 MiB, 2 passes, 1 lane; about 20 ms, so that 50 log-ins at once stay bearable.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
MIN_LENGTH, MAX_LENGTH = 12, 128


@functools.lru_cache(maxsize=1)
def _turns(_loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(2)


@functools.lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash(secrets.token_hex(16))


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password."""
    async with _turns(asyncio.get_running_loop()):
        return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(password: str, password_hash: str | None) -> bool:
    """Answer whether the password is right; takes as long when there is no such account (None)."""
    if len(password) > MAX_LENGTH:
        return False
    async with _turns(asyncio.get_running_loop()):
        good = await asyncio.to_thread(lambda: _HASHER.verify(password, password_hash or _nobody()))
    return good and password_hash is not None


def new_secret() -> str:
    """Return 256 random bits for a refresh token or a client secret."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a random secret: enough, because such a secret cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
