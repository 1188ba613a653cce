"""Correcting what is said of a document, as long as nobody but its own unit leans on it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Actor
from app.core.problems import Fault, Problem
from app.evidence.actions import change
from app.evidence.models import Document
from app.evidence.schemas import DocumentPatch
from app.results import documents
from app.submissions.content import pointer
from app.submissions.entry import ENTRY_TEXT, WITH_UNIT, Entry
from app.submissions.models import Submission
from app.submissions.queries import entry_of
from app.submissions.rules import DENIAL_TEXT, Denial


class DocumentInUse(Problem):
    """A dossier or an appeal leans on the document: `errors` say where and why it is closed.

    A document that comes in its place (`replaces_id`) can be uploaded at any time, and cited as soon as entry is open.
    """

    status, code = 409, "document_in_use"
    title_vi, title_en = (
        "Tài liệu đang được dẫn, không sửa được",
        "The document is in use and cannot be changed",
    )


async def correct(
    session: AsyncSession,
    document: Document,
    submission: Submission | None,
    patch: DocumentPatch,
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Correct what is said of a document that nothing leans on, or whose indicators are open for entry.

    `submission` is the dossier of its unit, locked; None where the unit has none. Whoever has the dossier while one of
    its indicators is open again is told.

    Raises: DocumentInUse, PeriodNotOpen (409), InvalidRequest (422).
    """
    meanwhile: list[str] = []
    if submission is not None:
        proved = await documents.indicators_proved(session, submission, document.id)
        appealed = await documents.indicators_appealed(session, submission, document.id)
        at = entry_of(submission, now)
        closed = [] if any(at.opens(code) for code in proved) else _closed(proved, at)
        if faults := closed + [_appealed(code) for code in appealed]:
            raise _in_use(faults)
        if submission.state not in WITH_UNIT:
            meanwhile = [code for code in proved if code]
    await change(session, document, patch, meanwhile=meanwhile, by=by, now=now)


def _closed(proved: Iterable[str | None], at: Entry) -> list[Fault]:
    why = Denial.NOT_OPENED if at.is_open else at.reason
    vi, en = DENIAL_TEXT[Denial.NOT_OPENED] if at.is_open else ENTRY_TEXT[at.reason]
    return [
        Fault(pointer("answers", code), why.value, vi, en) for code in sorted(one or "" for one in proved)
    ]


def _appealed(code: str) -> Fault:
    vi, en = "đã nêu trong đề nghị phúc tra", "an appeal names it"
    return Fault(pointer("appeals", code), "appealed", vi, en)


def _in_use(faults: list[Fault]) -> DocumentInUse:
    return DocumentInUse(
        "Muốn sửa thì tải lên tài liệu khác thay cho nó; dẫn tài liệu mới khi được mở nhập.",
        "Upload another document in its place, and cite that one when entry is open.",
        faults=faults,
    )
