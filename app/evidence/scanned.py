"""Whether the service scans: shared by the rooms that show documents or hand out their bytes."""

from typing import Annotated

from fastapi import Depends, Request


async def is_scanning(request: Request) -> bool:
    """Answer whether a malware scanner is configured."""
    return bool(request.app.state.settings.clamd)


Scanning = Annotated[bool, Depends(is_scanning)]
