"""Files that open in a spreadsheet with their Vietnamese intact and run nothing."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from xlsxwriter import Workbook  # type: ignore[import-untyped]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BOM = "\ufeff"
_ROWS_PER_BLOCK = 500
# A text that begins with one of these is run as a formula by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_stream(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield a CSV file (RFC 4180, UTF-8 with a byte order mark) in blocks: the columns' names, then the rows."""
    held = io.StringIO()
    writer = csv.writer(held)
    held.write(BOM)
    writer.writerow(columns)
    for number, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if number % _ROWS_PER_BLOCK == 0:
            yield _emptied(held)
    yield _emptied(held)


async def csv_batches(
    columns: Sequence[str], batches: AsyncIterable[Iterable[Sequence[object]]]
) -> AsyncIterator[bytes]:
    """Yield the same file where the rows come in batches, as long as each is written before the next is read."""
    held = io.StringIO()
    writer = csv.writer(held)
    held.write(BOM)
    writer.writerow(columns)
    async for rows in batches:
        writer.writerows([cell(value) for value in row] for row in rows)
        yield _emptied(held)


def cell(value: object) -> str:
    """Return what stands in a cell: numbers as they are, text that could be a formula behind an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    is_number = isinstance(value, int | Decimal)
    return f"'{text}" if text.startswith(_FORMULA) and not is_number else text


def _emptied(held: io.StringIO) -> bytes:
    block = held.getvalue().encode()
    held.seek(0)
    held.truncate()
    return block


@dataclass(frozen=True, slots=True)
class Written:
    """A sheet to write: headings, rows of text, and the ranges that offer values, by column from 0."""

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    choices: dict[int, str]


def xlsx(sheets: Sequence[Written]) -> bytes:
    """Return an xlsx file whose cells are all text: nothing in it is a formula, a link or a number.

    A chosen value is offered, not enforced. Takes its time: to be run in a thread.
    """
    held = io.BytesIO()
    with Workbook(held, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
        # Stays text when somebody edits the cell, too.
        plain = book.add_format({"num_format": "@", "quote_prefix": True})
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            page.freeze_panes(1, 0)
            page.set_column(0, len(sheet.headings) - 1, 28, book.add_format({"num_format": "@"}))
            for column, heading in enumerate(sheet.headings):
                page.write_string(0, column, heading, bold)
            for number, row in enumerate(sheet.rows, start=1):
                for column, value in enumerate(row):
                    page.write_string(number, column, value, plain)
            for column, source in sheet.choices.items():
                offered = {"validate": "list", "source": source, "error_type": "warning"}
                page.data_validation(1, column, 1_000, column, offered)
    return held.getvalue()
