"""Every field is either about a person, with what becomes of it, or it is not: there is no third kind."""

from collections import Counter

import pytest
from sqlalchemy import ARRAY, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Enum

from app.privacy.register import OnErasure, PersonalField, register
from app.schema import metadata
from tests.conftest import LogIn

FIELDS = register().personal


def texts_and_documents() -> set[tuple[str, str]]:
    """Return every column that could hold a word about somebody."""
    return {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String | JSONB | ARRAY | LargeBinary) and not isinstance(column.type, Enum)
    }


def test_every_column_of_text_is_declared_once() -> None:
    personal = [(field.table, column) for field in FIELDS for column in field.columns]
    impersonal = [(table, column) for table, columns in register().impersonal.items() for column in columns]
    declared = Counter([*personal, *impersonal])
    assert set(declared) == texts_and_documents()
    assert [place for place, times in declared.items() if times > 1] == []


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.table}-{field.columns[0]}")
def test_a_field_can_be_treated_as_it_says(field: PersonalField) -> None:
    table = metadata.tables[field.table]
    names = {*field.columns, *field.extra, *filter(None, (field.of, field.since))}
    assert names <= set(table.columns.keys())
    assert (field.days is None) == (field.since is None)
    assert (field.because is not None) == (field.erasure is OnErasure.KEPT)
    assert field.because is None or field.because in register().reasons
    if field.erasure is OnErasure.BLANKED and field.of:
        assert all(table.c[name].nullable for name in field.columns)
    if field.rows or field.erasure is OnErasure.REMOVED:
        assert field.of


async def test_everybody_reads_the_register_in_his_language(as_user: LogIn) -> None:
    caller = await as_user("xa-31999.reporter")
    vi = (await caller.get("/api/v1/personal-data/fields")).json()
    en = (await caller.get("/api/v1/personal-data/fields", headers={"Accept-Language": "en"})).json()
    assert len(vi) == len(en) == len(FIELDS)
    assert vi[0]["what"] == "Tài khoản: tên đăng nhập, họ tên, thư điện tử"
    assert en[0]["what"] == "Account: user name, full name, e-mail"
    assert all(field["kept_because"] for field in vi if field["erasure"] == "kept")
