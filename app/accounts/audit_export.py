"""The audit trail as a file: batch by batch, so that neither memory nor a connection waits for a slow client."""

import json
from collections.abc import AsyncIterator, Sequence

from app.accounts.audit_schemas import AuditEventOut, ChainOut, ExportFormat, LinkedEventOut
from app.core.audit import AuditEvent, AuditLink
from app.core.sheets import csv_batches

Batches = AsyncIterator[Sequence[tuple[AuditEvent, AuditLink | None]]]

MEDIA = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSONL: "application/x-ndjson"}
_EVENT, _LINK = list(AuditEventOut.model_fields), list(ChainOut.model_fields)


def linked_out(event: AuditEvent, link: AuditLink | None) -> LinkedEventOut:
    """Return an event with its place in the chain as the API shows it."""
    place = link and ChainOut(
        seq=link.seq, linked_at=link.linked_at, previous=link.previous.hex(), hash=link.hash.hex()
    )
    return LinkedEventOut(**{name: getattr(event, name) for name in _EVENT}, link=place)


def exported(batches: Batches, shape: ExportFormat) -> AsyncIterator[bytes]:
    """Return the file: a line per event, in CSV with `before` and `after` as JSON."""
    return csv_batches([*_EVENT, *_LINK], _cells(batches)) if shape is ExportFormat.CSV else _lines(batches)


async def _lines(batches: Batches) -> AsyncIterator[bytes]:
    async for batch in batches:
        yield b"".join(linked_out(*row).model_dump_json().encode() + b"\n" for row in batch)


async def _cells(batches: Batches) -> AsyncIterator[list[list[object]]]:
    async for batch in batches:
        yield [_row(linked_out(*row)) for row in batch]


def _row(event: LinkedEventOut) -> list[object]:
    said = event.model_dump(mode="json")
    link = said["link"] or {}
    for name in ("before", "after"):
        said[name] = None if said[name] is None else json.dumps(said[name], ensure_ascii=False)
    return [said[name] for name in _EVENT] + [link.get(name) for name in _LINK]
