"""The limit that every room keeps in which documents are cited."""

from typing import Annotated

from fastapi import Depends, Request


async def get_max_indicator_bytes(request: Request) -> int:
    """Return how many bytes the documents of one indicator may have together."""
    limit: int = request.app.state.settings.max_indicator_bytes
    return limit


MaxIndicatorBytes = Annotated[int, Depends(get_max_indicator_bytes)]
