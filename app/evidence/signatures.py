"""What the signatures in a PDF are worth: the way to the inspection, whose library only the processes apart load."""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.evidence.trust import TrustStore, instant

ENGINE = f"pyHanko {version('pyhanko')}"

Json = dict[str, Any]


def report_on(path: Path, trust: TrustStore, received_at: datetime) -> Json:
    """Return what was found of the signatures in a file that was first received at an instant; to be run apart.

    Certificates are judged by a trusted timestamp or, without one, by that instant: the file was there then, while the
    time a signer claims proves nothing. Whatever the file is, there is a report.
    """
    from app.evidence.inspecting import inspected

    return inspected(path, trust, received_at)


def without_signatures(state: str, remark: str, received_at: datetime) -> Json:
    """Return the report on a file of which nothing more can be said."""
    return {
        "state": state,
        "received_at": instant(received_at),
        "is_covered_to_the_end": None,
        "signatures": [],
        "timestamps": [],
        "remarks": [remark],
    }
