"""What is wrong with a file is said in both languages."""

import re
from collections.abc import Iterable

from app.catalogue.reading import CatalogueFault

# Letters that Vietnamese has and English has not.
_VIETNAMESE = re.compile("[à-ỹ]")


def require_both(found: Iterable[CatalogueFault]) -> None:
    """Refuse a fault that is not said in Vietnamese, or whose English was taken for it."""
    for fault in found:
        vi, en = fault.message
        assert vi != en and _VIETNAMESE.search(vi), fault
