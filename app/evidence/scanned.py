"""Whether the service scans: shared by the rooms that show documents or hand out their bytes."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.config import Settings


async def is_scanning(request: Request) -> bool:
    """Answer whether a malware scanner is configured."""
    settings: Settings = request.app.state.settings
    return settings.is_scanning


Scanning = Annotated[bool, Depends(is_scanning)]
