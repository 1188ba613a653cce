"""Documents as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.core.http import Schema
from app.evidence.models import Document, ScanState, StoredFile
from app.evidence.rules import has_hidden_characters, tidy


def _one_line(text: str) -> str:
    if has_hidden_characters(text):
        raise ValueError("control or hidden characters")
    return tidy(text)


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(examples=["Quyết định thành lập Ban Chỉ đạo chuyển đổi số"]),
    AfterValidator(_one_line),
]
Number = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(examples=["12/QĐ-UBND"]),
    AfterValidator(_one_line),
]
DocumentDate = Annotated[date, Field(ge=date(1945, 1, 1), le=date(2999, 12, 31))]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_one_line)
]
Reason = Annotated[str, Field(min_length=5, max_length=5000)]
Abstract = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class DocumentFacts(Schema):
    """What is said of a document; dates are days in Vietnam.

    `number`, `issued_on` and `issuing_body` are those of the document itself (NĐ 30/2020/NĐ-CP, annex I).
    """

    title: Title | None = None
    number: Number | None = None
    issuing_body: Line | None = Field(None, description="cơ quan ban hành", examples=["UBND tỉnh Cà Mau"])
    issued_on: DocumentDate | None = Field(
        None, description="the document's own date", examples=["2023-06-19"]
    )
    abstract: Abstract | None = Field(None, description="trích yếu", examples=["V/v kiện toàn Ban Chỉ đạo"])
    valid_from: DocumentDate | None = Field(
        None, description="first day it is in force", examples=["2023-06-19"]
    )
    valid_until: DocumentDate | None = Field(
        None, description="last day it is in force", examples=["2025-06-18"]
    )


class NewDocumentIn(DocumentFacts):
    """A file that is to come, and what is said of it."""

    period_id: UUID
    unit_id: UUID
    file_name: str = Field(description="with its extension", examples=["Quyết định 12.pdf"])
    replaces_id: UUID | None = Field(None, description="the unit's document in whose place it comes")


_EXAMPLE = {
    "title": "Quyết định thành lập Ban Chỉ đạo chuyển đổi số",
    "number": "12/QĐ-UBND",
    "issuing_body": "UBND tỉnh Cà Mau",
    "issued_on": "2023-06-19",
}


class DocumentPatch(
    DocumentFacts, json_schema_extra={"examples": [_EXAMPLE | {"reason": "Ghi nhầm ngày văn bản"}]}
):
    """What the unit says of its document; null removes it, a field left out stays. `reason` says why it changes."""

    reason: Reason | None = None


class ScanOut(Schema):
    """What the malware scanner says of a file; `scanned_at`, `finding` and `engine` come with its verdict.

    `not_scanned`: no scanner is configured, and none has ever said anything of it. `failed` is tried again.
    """

    state: Literal["not_scanned", "uploaded", "scanning", "clean", "infected", "failed"]
    scanned_at: datetime | None = None
    finding: str | None = Field(None, description="the name of what was found", examples=["Eicar-Test"])
    engine: str | None = Field(None, examples=["ClamAV 1.4.6/27800/Mon Nov 10 08:00:00 2025"])

    @classmethod
    def of(cls, stored: StoredFile, *, scanning: bool) -> "ScanOut":
        """Return the state of stored bytes; `scanning` tells whether a scanner is configured."""
        if stored.scan_state not in (ScanState.CLEAN, ScanState.INFECTED):
            return cls(state=stored.scan_state.value if scanning else "not_scanned")
        return cls(
            state=stored.scan_state.value,
            scanned_at=stored.scanned_at,
            finding=stored.scan_finding,
            engine=stored.scan_engine,
        )


class DocumentOut(DocumentFacts):
    """A document of a unit in a period."""

    id: UUID
    period_id: UUID
    unit_id: UUID
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str = Field(description="of the bytes, hex")
    replaces_id: UUID | None = Field(description="the document in whose place it came")
    replaced_by_id: UUID | None = Field(description="the latest document that came in its place")
    uploaded_by_name: str
    uploaded_at: datetime
    scan: ScanOut

    @classmethod
    def of(cls, document: Document, *, scanning: bool) -> "DocumentOut":
        """Return a document, loaded with its stored bytes; `scanning` tells whether a scanner is configured."""
        known = {name: getattr(document, name) for name in cls.model_fields if name != "scan"}
        return cls(**known, scan=ScanOut.of(document.stored, scanning=scanning))


class DocumentRevisionOut(Schema):
    """What was said of a document from an instant on; number 1 came with the upload."""

    number: int
    facts: DocumentFacts
    made_by_name: str
    made_at: datetime
    reason: str | None
