"""The picture of the workflow: a lane for each axis, its states in a row, moves forward above and back below. Pure."""

import html
from collections import defaultdict
from collections.abc import Mapping

from app.results.workflow_schemas import AxisOut, WorkflowOut

BOX, GAP, HEIGHT = 210, 60, 40
LEVEL = 34  # between two arcs, and from the boxes to the first


def picture(workflow: WorkflowOut) -> str:
    """Return the workflow as one SVG, in Vietnamese."""
    lanes, y = [], 20
    width = 40 + max(len(axis.states) for axis in workflow.axes) * (BOX + GAP)
    for axis in workflow.axes:
        lane, y = _lane(axis, y)
        lanes.append(lane)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
        'role="img" font-family="sans-serif" font-size="12"><title>Quy trình · Workflow</title>'
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#1f6fb2"/></marker></defs>'
        f'<rect width="{width}" height="{y}" fill="#ffffff"/>'
    )
    return "".join([head, *lanes, "</svg>\n"])


def _lane(axis: AxisOut, y: int) -> tuple[str, int]:
    """Draw one axis from `y` down; return it and where the next one begins."""
    place = {state.key: i for i, state in enumerate(axis.states)}
    above, below = _arcs(axis, place)
    top = y + 34 + LEVEL * (_levels(above) + 1)
    parts = [f'<text x="20" y="{y + 14}" font-size="16" font-weight="bold">{_text(axis.title.vi)}</text>']
    for state in axis.states:
        x = _left(place[state.key])
        parts.append(
            f'<rect x="{x}" y="{top}" width="{BOX}" height="{HEIGHT}" rx="8" fill="#e8f1fa" stroke="#1f6fb2"/>'
            f'<text x="{x + BOX // 2}" y="{top + 17}" text-anchor="middle" font-weight="bold">{_text(state.vi)}</text>'
            f'<text x="{x + BOX // 2}" y="{top + 32}" text-anchor="middle" fill="#555555">{_text(state.key)}</text>'
        )
    parts += [_arc(ends, labels, top, -1) for ends, labels in above.items()]
    parts += [_arc(ends, labels, top + HEIGHT, 1) for ends, labels in below.items()]
    return "".join(parts), top + HEIGHT + LEVEL * (_levels(below) + 1) + 30


Arcs = Mapping[tuple[int, int], list[str]]


def _arcs(axis: AxisOut, place: Mapping[str, int]) -> tuple[Arcs, Arcs]:
    """Return the moves to other states, forward and back, with the actions that make them."""
    above: dict[tuple[int, int], list[str]] = defaultdict(list)
    below: dict[tuple[int, int], list[str]] = defaultdict(list)
    for transition in axis.transitions:
        for move in transition.moves:
            if move.before is not None and move.before != move.after:
                ends = (place[move.before], place[move.after])
                (above if ends[0] < ends[1] else below)[ends].append(transition.action.key)
    return above, below


def _levels(arcs: Arcs) -> int:
    return max((abs(to - start) + len(labels) // 3 for (start, to), labels in arcs.items()), default=0)


def _arc(ends: tuple[int, int], labels: list[str], y: int, side: int) -> str:
    """Draw the moves between two states as one arc with its actions; `side` -1 is above the boxes, 1 below."""
    start, to = ends
    # Forward moves leave on the right half of a box and arrive on the left half, so that arcs do not meet in a point.
    x1, x2 = _left(start) + BOX * (2 if side < 0 else 1) // 3, _left(to) + BOX * (1 if side < 0 else 2) // 3
    bend = y + side * LEVEL * (abs(to - start) + 1)
    middle = (x1 + x2) // 2
    at = y + side * LEVEL * (abs(to - start) + 1) * 3 // 4
    lines = [", ".join(labels[i : i + 3]) for i in range(0, len(labels), 3)]
    first = at + 12 if side > 0 else at - 4 - 14 * (len(lines) - 1)
    words = "".join(
        f'<text x="{middle}" y="{first + 14 * i}" text-anchor="middle" fill="#1f4e79">{_text(line)}</text>'
        for i, line in enumerate(lines)
    )
    path = f"M{x1} {y} C{x1} {bend} {x2} {bend} {x2} {y}"
    return f'<path d="{path}" fill="none" stroke="#1f6fb2" marker-end="url(#a)"/>{words}'


def _left(place: int) -> int:
    return 20 + place * (BOX + GAP)


def _text(words: str) -> str:
    return html.escape(words)
