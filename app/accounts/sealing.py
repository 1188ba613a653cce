"""Secrets that have to be read again, encrypted at rest: the only module that knows how.

Fernet (AES-128-CBC with HMAC-SHA256) under keys derived from SECRET_KEY; what former values sealed can still be read.
"""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"dti second factor"  # another purpose would have another key


class Unsealable(Exception):
    """What was kept was sealed with a key that is not known any more, or was altered."""


class Seal:
    """Seal with the present key, read with this one and the former ones."""

    def __init__(self, secret: str, former: Sequence[str] = ()) -> None:
        """Take SECRET_KEY and its former values."""
        self._fernet = MultiFernet([_fernet(key) for key in (secret, *former)])

    def close(self, text: str) -> bytes:
        """Return a text as it may be kept."""
        return self._fernet.encrypt(text.encode())

    def open(self, kept: bytes) -> str:
        """Return what was sealed.

        Raises: Unsealable.
        """
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken as error:
            raise Unsealable() from error


def _fernet(secret: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
