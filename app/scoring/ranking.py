"""Places and bands, by exact values (rulings 9 and 10)."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from app.scoring.model import Band


def competition_ranks(near: Sequence[int], slack: int, exact: Callable[[int], Fraction]) -> list[int]:
    """Give every place its competition rank (1, 2, 2, 4), the greatest value first.

    `near[i] <= c * value <= near[i] + slack` for one positive c, so values further apart than the slack need
    no exact comparison; `exact(i)` is asked for the others only.
    """
    ranks = [0] * len(near)
    before = 0
    for close in _close(near, slack):
        values = {place: exact(place) for place in close} if len(close) > 1 else {close[0]: Fraction(0)}
        first: dict[Fraction, int] = {}
        for rank, place in enumerate(sorted(close, key=values.__getitem__, reverse=True), before + 1):
            ranks[place] = first.setdefault(values[place], rank)
        before += len(close)
    return ranks


def _close(near: Sequence[int], slack: int) -> Iterator[list[int]]:
    """Split the places, greatest first, wherever neighbours are certainly different."""
    run: list[int] = []
    for place in sorted(range(len(near)), key=near.__getitem__, reverse=True):
        if run and near[run[-1]] - near[place] > slack:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def band_of(percent: Fraction, bands: Sequence[Band]) -> Band | None:
    """Find the band of an exact percentage: the highest one that begins at or below it, None below all."""
    reached = [band for band in bands if band.from_percent <= percent]
    return max(reached, key=lambda band: band.from_percent, default=None)
