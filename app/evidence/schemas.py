"""Documents as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.core.http import Schema
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
IssuedOn = Annotated[
    date,
    Field(ge=date(1945, 1, 1), description="the document's own date", examples=["2023-06-19"]),
]


class DocumentPatch(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "title": "Quyết định thành lập Ban Chỉ đạo chuyển đổi số",
                "number": "12/QĐ-UBND",
                "issued_on": "2023-06-19",
            }
        ]
    },
):
    """What the unit says of its document; null removes it, a field left out stays."""

    title: Title | None = None
    number: Number | None = None
    issued_on: IssuedOn | None = None


class DocumentOut(Schema):
    """A document of a unit in a period."""

    id: UUID
    period_id: UUID
    unit_id: UUID
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str = Field(description="of the bytes, hex")
    title: str | None
    number: str | None
    issued_on: date | None = Field(description="the document's own date, as the unit gives it")
    uploaded_by_name: str
    uploaded_at: datetime
