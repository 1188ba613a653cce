"""Documents that the reviewer refused and that come again: under another id, or after a decision that saw others."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.problems import Fault
from app.evidence.models import Document
from app.reviews.models import Adjustment
from app.submissions.compared import cited_documents
from app.submissions.content import Content


async def come_again(
    session: AsyncSession, content: Content, made: Mapping[str, Sequence[Adjustment]]
) -> list[Fault]:
    """Return a warning for each cited document whose bytes were refused for its indicator and that nobody judged since.

    `made` are the decisions on the evidence of each indicator, the latest last. The pointer names the document, not
    the answer: the decision that refused the bytes explains nothing here; a new one on the documents, or a note, does.
    """
    made = {code: [one for one in rows if "disallowed" in one.value] for code, rows in made.items()}
    made = {code: rows for code, rows in made.items() if any(one.value["disallowed"] for one in rows)}
    cited = {code: content["answers"].get(code, {}).get("evidence", []) for code in made}
    ids = {one for rows in made.values() for row in rows for one in _seen(row)}
    ids |= {one for given in cited.values() for one in given}
    documents = await cited_documents(session, [UUID(one) for one in ids])
    known = {str(document_id): document for document_id, document in documents.items()}
    return [fault for code, rows in made.items() for fault in _warnings(code, cited[code], rows, known)]


def _seen(decision: Adjustment) -> list[str]:
    """Return the documents that the indicator had when a decision on them was made."""
    found: list[str] = (decision.declared or {}).get("evidence", [])
    return found


def _warnings(
    code: str, cited: Sequence[str], made: Sequence[Adjustment], known: Mapping[str, Document]
) -> Iterator[Fault]:
    for place, one in enumerate(cited):
        document = known.get(one)
        if document and one not in _seen(made[-1]) and _is_refused(document.sha256, made, known):
            vi = f"tệp {document.file_name} trùng với tệp đã bị loại ở chỉ số này"
            en = f"the file {document.file_name} is the same as one that was refused for this indicator"
            yield Fault(f"/answers/{code}/evidence/{place}", "document_disallowed_before", vi, en)


def _is_refused(sha256: str, made: Sequence[Adjustment], known: Mapping[str, Document]) -> bool:
    """Answer whether the last decision that saw these bytes refused them; one that refuses nothing allows all again."""
    for decision in reversed(made):
        alike = {one for one in _seen(decision) if one in known and known[one].sha256 == sha256}
        if alike or not decision.value["disallowed"]:
            return not alike.isdisjoint(decision.value["disallowed"])
    return False
