"""Shapes of personal data over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, model_validator

from app.core.http import Schema
from app.core.vietnamese import searchable
from app.privacy.register import OnErasure

Words = Annotated[str, Field(max_length=200)]
_WHO = {"full_name": "Người phụ trách", "phone": "0290 000 0000", "email": "lien-he@example.vn"}


class FieldOut(Schema):
    """A kind of personal data the service keeps, and what an erasure does with it."""

    table: str
    columns: list[str]
    what: str
    erasure: OnErasure
    kept_because: str | None
    kept_days: int | None = Field(description="after so many days it goes by itself; null: it does not")


class HeldDataOut(FieldOut):
    """What there is of it about one person: the rows where they tell him something, else how many."""

    count: int
    rows: list[dict[str, Any]]


class PersonalDataOut(Schema):
    """Everything about one person with an account."""

    user_id: UUID
    made_at: datetime
    roles: list[dict[str, Any]] = Field(description="every role ever held, with its unit and times")
    data: list[HeldDataOut]


def comparable(person: Mapping[str, Any]) -> dict[str, str]:
    """Return what persons are compared by, however it was written; empty: nothing is said."""
    text = {name: str(person.get(name) or "") for name in ("full_name", "phone", "email")}
    return {
        "full_name": searchable(text["full_name"]),
        "phone": _national("".join(sign for sign in text["phone"] if sign.isascii() and sign.isdigit())),
        "email": text["email"].strip().lower(),
    }


def _national(digits: str) -> str:
    """Return a telephone number without what is dialled before it: +84, 0084, 0; at home it has nine or ten digits."""
    bare = digits.lstrip("0")
    return bare[2:].lstrip("0") if bare.startswith("84") and len(bare) > 10 else bare


class KnownPerson(Schema, json_schema_extra={"examples": [_WHO]}):
    """A person without an account: found where everything given here fits, whatever the case and the spaces."""

    full_name: Words = ""
    phone: Words = ""
    email: Words = ""

    @model_validator(mode="after")
    def _says_something(self) -> "KnownPerson":
        if not any(self.comparable.values()):
            raise ValueError("give a name, a telephone number or an e-mail address")
        return self

    @property
    def comparable(self) -> dict[str, str]:
        """Return what is known of him, as it is compared: a telephone number without a digit is none."""
        return comparable(self.model_dump())


class ErasureIn(
    Schema,
    json_schema_extra={
        "examples": [{"reason": "Đề nghị xóa dữ liệu cá nhân", "document": "Đơn số 12 ngày 01/11/2026"}]
    },
):
    """Why data about a person are erased, and the paper that asks for it. Both stay in the audit trail: no names."""

    reason: str = Field(min_length=5, max_length=500)
    document: str = Field(min_length=3, max_length=200, description="number and date of the request")


class ContactErasureIn(
    ErasureIn,
    json_schema_extra={
        "examples": [
            {"who": _WHO, "reason": "Đề nghị xóa dữ liệu cá nhân", "document": "Đơn số 12 ngày 01/11/2026"}
        ]
    },
):
    """The erasure of somebody who stands as a contact in dossiers."""

    who: KnownPerson

    @model_validator(mode="after")
    def _is_one_person(self) -> "ContactErasureIn":
        known = self.who.comparable
        if not (known["phone"] or known["email"]):
            raise ValueError("a name alone is not one person: give a telephone number or an e-mail address")
        return self


class ContactPlaceOut(Schema):
    """A dossier in which a person stands as a contact."""

    submission_id: UUID
    unit_id: UUID
    unit_name: str
    year: int
    contacts: list[str] = Field(description="keys of the contacts")
    revisions: list[int] = Field(description="numbers of the revisions in which he stands")


class ErasureOut(Schema):
    """What an erasure took out, or would."""

    is_done: bool
    erased: list[HeldDataOut]
    kept: list[HeldDataOut]


class ContactErasureOut(Schema):
    """Where an erasure took a contact out, or would."""

    is_done: bool
    places: list[ContactPlaceOut]
