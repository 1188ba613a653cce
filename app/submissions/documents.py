"""What looks odd about the documents that answers cite: warnings of the readiness check, one function for each kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.problems import Fault
from app.evidence.models import Document
from app.periods.models import Period
from app.submissions.compared import cited_documents, cited_elsewhere
from app.submissions.signed import asks_for_signatures, warnings_of_signatures


@dataclass(frozen=True, slots=True)
class Citation:
    """A document behind an indicator."""

    code: str
    document: Document

    @property
    def pointer(self) -> str:
        """Return where warnings about it stand: at the answer, which the unit's note explains."""
        return f"/answers/{self.code}"


async def citations_in(session: AsyncSession, content: Mapping[str, Any]) -> list[Citation]:
    """Return every document that a content cites, once per indicator, in the order of the content."""
    cited = [
        (code, UUID(one))
        for code, answer in content["answers"].items()
        for one in dict.fromkeys(answer.get("evidence", []))
    ]
    documents = await cited_documents(session, list({one for _, one in cited}))
    return [Citation(code, documents[one]) for code, one in cited if one in documents]


async def warnings_of_documents(
    session: AsyncSession, content: Mapping[str, Any], period: Period, *, for_reviewer: bool
) -> list[Fault]:
    """Return what looks odd about the documents; `for_reviewer` names the other units that use the same file."""
    citations = await citations_in(session, content)
    elsewhere = await cited_elsewhere(session, [one.document for one in citations])
    found: list[Fault] = []
    for one in citations:
        found += _outside(one, period)
        found += _not_in_force(one, period)
        found += _replaced(one)
        found += _used_by_others(one, elsewhere.get(one.document.id, []), for_reviewer=for_reviewer)
    if citations and await asks_for_signatures(session, period):
        found += await warnings_of_signatures(session, [(one.pointer, one.document) for one in citations])
    return found


def is_outside(document: Document, period: Period) -> bool:
    """Answer whether a document is dated outside the period; one without a date is not."""
    return document.issued_on is not None and not period.starts_on <= document.issued_on <= period.ends_on


def _outside(one: Citation, period: Period) -> Iterator[Fault]:
    if not is_outside(one.document, period):
        return
    name, on, first, last = one.document.file_name, one.document.issued_on, period.starts_on, period.ends_on
    vi = f"tệp {name} đề ngày {on:%d/%m/%Y}, ngoài kỳ từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}"
    en = f"the file {name} is dated {on}, outside the period from {first} to {last}"
    yield Fault(one.pointer, "document_outside_period", vi, en)


def _not_in_force(one: Citation, period: Period) -> Iterator[Fault]:
    document, first, last = one.document, period.starts_on, period.ends_on
    if document.valid_until is not None and document.valid_until < first:
        vi = f"tệp {document.file_name} hết hiệu lực ngày {document.valid_until:%d/%m/%Y}, trước kỳ từ {first:%d/%m/%Y}"
        en = f"the file {document.file_name} was in force until {document.valid_until}, before the period from {first}"
        yield Fault(one.pointer, "document_expired", vi, en)
    if document.valid_from is not None and document.valid_from > last:
        vi = f"tệp {document.file_name} có hiệu lực từ {document.valid_from:%d/%m/%Y}, sau kỳ đến {last:%d/%m/%Y}"
        en = f"the file {document.file_name} is in force from {document.valid_from}, after the period until {last}"
        yield Fault(one.pointer, "document_not_yet_valid", vi, en)


def _replaced(one: Citation) -> Iterator[Fault]:
    if one.document.replaced_by_id is not None:
        vi = f"tệp {one.document.file_name} đã có tài liệu khác thay thế"
        en = f"another document has come in the place of the file {one.document.file_name}"
        yield Fault(one.pointer, "document_replaced", vi, en)


def _used_by_others(one: Citation, names: list[str], *, for_reviewer: bool) -> Iterator[Fault]:
    if not names:
        return
    who = (", ".join(names),) * 2 if for_reviewer else ("một đơn vị khác", "one other unit")
    vi = f"tệp {one.document.file_name} cũng là tài liệu của {who[0]} trong kỳ này"
    en = f"the file {one.document.file_name} is also evidence of {who[1]} in this period"
    yield Fault(one.pointer, "document_used_by_another_unit", vi, en)
