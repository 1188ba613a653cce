"""Flat files that open in a spreadsheet with their Vietnamese intact and run nothing."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from decimal import Decimal

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
