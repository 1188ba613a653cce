"""The register of personal data (data/fields.yaml): which columns are about a person, and what becomes of them."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Table

from app.core.db import Base
from app.core.problems import Lang


class OnErasure(StrEnum):
    """What an erasure does with a field."""

    REPLACED = "replaced"
    BLANKED = "blanked"
    REMOVED = "removed"
    KEPT = "kept"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    """A text in both languages."""

    vi: str
    en: str

    def of(self, lang: Lang) -> str:
        """Return it in one language."""
        return self.vi if lang == "vi" else self.en


class PersonalField(_Strict):
    """Columns of one table that are about a person.

    `of` names the column with the person's id; `extra` are columns that an export shows beside them; `secret` ones are
    counted, never shown. Rows that are older than `days` since the instant in `since` are treated as by an erasure.
    """

    table: str
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    of: str | None = None
    extra: tuple[str, ...] = Field((), alias="with")
    rows: bool = False
    secret: bool = False
    erasure: OnErasure
    because: str | None = None
    days: int | None = Field(None, ge=1)
    since: str | None = None
    what: Words

    @property
    def rows_of(self) -> Table:
        """Return the table."""
        return Base.metadata.tables[self.table]

    def is_of(self, person: Any) -> ColumnElement[bool]:
        """Return the condition that a row is about the person with that id."""
        assert self.of is not None, "only where a column names the person"
        is_his: ColumnElement[bool] = self.rows_of.c[self.of] == person
        return is_his


class Register(_Strict):
    """Every column of text or JSON stands in one of the two lists."""

    reasons: dict[str, Words]
    personal: tuple[PersonalField, ...]
    impersonal: dict[str, tuple[str, ...]]


@cache
def register() -> Register:
    """Return the register of this release."""
    text = Path(__file__).with_name("data").joinpath("fields.yaml").read_text("utf-8")
    return Register.model_validate(yaml.safe_load(text))
