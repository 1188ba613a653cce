"""Which pages of other hosts may call the API from a browser, and what they may send and see."""

import re

# Tokens travel in a header that scripts set themselves; there are no cookies, so no credentials are ever allowed.
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
_TUS = ("Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata")
CORS_TAKEN = (
    "Authorization",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Range",
    "Upload-Checksum",
    "Upload-Defer-Length",
    *_TUS,
)
CORS_SHOWN = (
    "ETag",
    "Location",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-Request-Id",
    "Idempotency-Replayed",
    "Content-Disposition",
    "Content-Range",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Upload-Expires",
    *_TUS,
)


def origins_of(text: str) -> list[str]:
    """Return the origins named in CORS_ORIGINS, as browsers write them.

    Raises: ValueError saying what is expected.
    """
    origins = [part.strip() for part in text.split(",") if part.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin[:60]!r} is no origin, like https://dti.example.vn (no path, no wildcard)"
            )
    return origins
