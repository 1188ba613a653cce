"""The archive of a dossier's documents: what lies in it under which name, and the index that says so."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue import queries as catalogue
from app.core.problems import Problem
from app.core.sheets import csv_stream
from app.evidence.download import Sender
from app.evidence.models import Document, StoredFile
from app.evidence.zipped import Zipped
from app.submissions import queries
from app.submissions.models import Submission

INDEX = "muc-luc.csv"
COLUMNS = (
    "Chỉ tiêu · Indicator",
    "Tiêu đề · Title",
    "Số, ký hiệu · Number",
    "Cơ quan ban hành · Issuing body",
    "Ngày văn bản · Date",
    "Tệp · File",
    "SHA-256",
    "Lý do không có tệp · Why it is left out",
)

# With the folders around it, a path stays below the 260 characters of Windows, a name below the 255 bytes of Linux.
MAX_NAME_BYTES = 160
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Line:
    """A document behind an indicator: where it lies in the archive, or why it is left out."""

    code: str
    document: Document
    path: str
    why: str


async def lines_of(
    session: AsyncSession, submission: Submission, content: dict[str, Any], *, by: Principal, sender: Sender
) -> list[Line]:
    """Return every document behind the indicators the caller sees, in the order of the set.

    A document behind several indicators lies in the folder of the first.
    """
    cited = await _cited(session, submission, content, by)
    wanted = select(Document, StoredFile).join(StoredFile, StoredFile.sha256 == Document.sha256)
    unit = Document.period_id == submission.period_id, Document.unit_id == submission.unit_id
    # Held to the end, the stored files too: the gate finds them at hand and asks nothing for each document.
    rows = {row.id: (row, stored) for row, stored in (await session.execute(wanted.where(*unit))).all()}
    lines: dict[UUID, Line] = {}
    found = []
    for code, number, document_id in cited:
        document = rows[document_id][0]
        if document_id not in lines:
            why = await _why_not(sender, document, by)
            path = "" if why else f"{code}/{number:02} {safe_name(document.file_name)}"
            lines[document_id] = Line(code, document, path, why)
        first = lines[document_id]
        found.append(Line(code, document, first.path, first.why))
    return found


async def _cited(
    session: AsyncSession, submission: Submission, content: dict[str, Any], by: Principal
) -> list[tuple[str, int, UUID]]:
    """Return what is cited: the indicator, the number there from 1, the document."""
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    answers = await queries.answers_seen(session, by, submission, content)
    return [
        (indicator.code, number, UUID(one))
        for indicator in catalogue.scoring_set(row).indicators
        for number, one in enumerate(answers.get(indicator.code, {}).get("evidence", []), start=1)
    ]


async def _why_not(sender: Sender, document: Document, by: Principal) -> str:
    try:
        await sender.readable(document, by=by)
    except Problem as problem:
        return f"{problem.title_vi} · {problem.title_en}"
    return ""


def safe_name(file_name: str) -> str:
    """Return a file's name as every system can unpack it; what comes before it keeps it from being a device's."""
    plain = _FORBIDDEN.sub("_", file_name).rstrip(" .")
    extension = PurePosixPath(plain).suffix[-20:]
    stem = plain.removesuffix(extension).encode()[: MAX_NAME_BYTES - len(extension.encode())]
    return stem.decode(errors="ignore").rstrip(" .") + extension


def index_of(lines: Iterable[Line]) -> bytes:
    """Return the index as a CSV file that opens in a spreadsheet."""
    return b"".join(csv_stream(COLUMNS, (_row(line) for line in lines)))


def _row(line: Line) -> Sequence[object]:
    d = line.document
    return (line.code, d.title, d.number, d.issuing_body, d.issued_on, line.path, d.sha256, line.why)


def zipped(sender: Sender, lines: Sequence[Line]) -> Zipped:
    """Return the archive: the index first, then each document once."""
    archive = Zipped(sender.files)
    archive.add_text(INDEX, index_of(lines))
    for path, document in {line.path: line.document for line in lines if line.path}.items():
        archive.add(path, document.sha256, document.size_bytes)
    return archive
