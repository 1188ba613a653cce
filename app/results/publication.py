"""The public face of a result: the ranking as it is served, and its chart. Pure."""

import gzip
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256

from app.core.vietnamese import sort_key
from app.results.models import Result, ResultLine, ResultState
from app.results.schemas import LineOut, MeasureOut, Note, PublicRankingOut, PublishedOut, SupersededBy
from app.results.snapshot import Line
from app.scoring.exact import fraction, shown

CHART_BARS = 200  # a picture of more bars helps nobody, and anybody may ask for it


@dataclass(frozen=True, slots=True)
class Ready:
    """A ranking as it is sent: JSON, the same gzipped, and the ETag of both (weak, as there are two forms)."""

    body: bytes
    gzipped: bytes
    etag: str


def line_out(line: ResultLine | Line, digits: int) -> LineOut:
    """Return a line as the API shows it, rounded to `digits` only where a number is shown."""
    return LineOut(
        rank=line.rank,
        unit_id=line.unit_id,
        unit_key=line.unit_key,
        gso_code=line.gso_code,
        unit_name=line.unit_name,
        total=line.total,
        total_shown=shown(fraction(line.total), digits),
        maximum=line.maximum,
        dti=line.dti,
        dti_shown=None if line.dti is None else shown(fraction(line.dti), digits),
        band=line.band,
    )


def in_order(lines: Iterable[ResultLine | Line], digits: int) -> list[LineOut]:
    """Return lines by rank, equal ones and those without a rank in Vietnamese order."""
    ordered = sorted(lines, key=lambda line: (line.rank is None, line.rank, sort_key(line.unit_name)))
    return [line_out(line, digits) for line in ordered]


def notes_of(result: Result) -> list[Note]:
    """Return what is to be read beside a ranking."""
    return [Note.model_validate(note) for note in result.notes]


def _in_public(notes: list[Note]) -> list[Note]:
    """Return notes without the reasons that people wrote: they may name persons."""
    return [note.model_copy(update={"reason": None}) for note in notes]


def published_out(result: Result) -> PublishedOut:
    """Return a published result as everybody sees it."""
    return PublishedOut.model_validate({name: getattr(result, name) for name in PublishedOut.model_fields})


def ranking_of(
    result: Result,
    lines: Iterable[ResultLine | Line],
    measures: tuple[MeasureOut, MeasureOut],
    digits: int,
    superseded_by: SupersededBy | None,
) -> PublicRankingOut:
    """Return the ranking as everybody sees it; of a withdrawn one, the head."""
    is_withdrawn = result.state is ResultState.WITHDRAWN
    shown_lines = [] if is_withdrawn else in_order(lines, digits)
    return PublicRankingOut(
        **dict(published_out(result)),
        superseded_by=superseded_by,
        index_set=measures[0],
        policy=measures[1],
        engine_version=result.engine_version,
        method_notes=[] if is_withdrawn else _in_public(notes_of(result)),
        ranked=[line for line in shown_lines if line.rank is not None],
        unranked=[line for line in shown_lines if line.rank is None],
    )


def ready(
    result: Result,
    lines: Iterable[ResultLine | Line],
    measures: tuple[MeasureOut, MeasureOut],
    digits: int,
    superseded_by: SupersededBy | None,
) -> Ready:
    """Return the bytes that are served from now on."""
    return served(ranking_of(result, lines, measures, digits, superseded_by).model_dump_json().encode())


def served(body: bytes) -> Ready:
    """Return the forms in which a ranking is sent."""
    # No time stamp inside: the same ranking always gives the same bytes.
    return Ready(body, gzip.compress(body, 9, mtime=0), f'W/"{sha256(body).hexdigest()[:32]}"')


def chart(title: str, lines: Sequence[LineOut]) -> str:
    """Return a bar chart of the DTI of ranked units as SVG, the first ones only if there are very many."""
    bars = lines[:CHART_BARS]
    height = 56 + 24 * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}" viewBox="0 0 960 {height}" '
        f'role="img" font-family="sans-serif" font-size="13"><title>{html.escape(title)}</title>'
        f'<rect width="960" height="{height}" fill="#ffffff"/>'
        f'<text x="16" y="30" font-size="16" font-weight="bold">{html.escape(title)}</text>'
    ]
    for row, line in enumerate(bars):
        y = 56 + 24 * row
        width = min(Fraction(500), 5 * fraction(line.dti or "0"))
        parts.append(
            f'<text x="16" y="{y + 13}">{line.rank}. {html.escape(line.unit_name)}</text>'
            f'<rect x="360" y="{y}" width="{shown(width, 1)}" height="17" fill="#1f6fb2"/>'
            f'<text x="{shown(width + 368, 1)}" y="{y + 13}">{line.dti_shown}</text>'
        )
    return "".join([*parts, "</svg>\n"])
