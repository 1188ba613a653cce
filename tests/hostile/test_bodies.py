"""Bodies that nobody means never break anything, and change nothing where they are refused."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.cells import REACHED, Cell, body_of, cells, ids_of, operations_of
from tests.contracts.relations import PROVIDER_IS_AWAY
from tests.hostile.bodies import RAW_VALUES, mutations
from tests.hostile.driving import Place
from tests.scene import UNIT

SOME = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# A wrong password is counted, whatever else is refused.
SURVIVES = frozenset(
    f"POST /api/v1/me/{what}"
    for what in ("password", "second-factor", "second-factor/confirm", "second-factor/end")
)


@pytest.fixture(scope="module")
def reached(where: Place) -> dict[str, Cell]:
    """Give, for every operation with a JSON body, somebody whom it takes past the door."""
    found: dict[str, Cell] = {}
    for cell in cells(where.held):
        operation = operations_of(where.held.app)[cell.operation]
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content and cell.expected == REACHED:
            found.setdefault(cell.operation, cell)
    assert len(found) > 30
    return found


def sent(where: Place, cell: Cell, content: bytes) -> httpx.Response:
    """Send a body as the caller of a cell."""
    method, path = cell.operation.split(" ", 1)
    for name, value in ids_of(where.held, cell.thing).items():
        path = path.replace("{" + name + "}", value)
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": "x",
        "If-Match": f'"{cell.thing.version if cell.thing else 1}"',
    }
    if cell.caller.name:
        headers["Authorization"] = f"Bearer {where.held.tokens[cell.caller.name]}"
    return httpx.request(method, where.url + path, content=content, headers=headers, timeout=60)


def require_harmless(where: Place, cell: Cell, content: bytes) -> None:
    """Send a body: no crash, and no row touched by what is refused."""
    with where.keeping():
        before = where.marks()
        answer = sent(where, cell, content)
        is_away = answer.status_code == 503 and cell.operation in PROVIDER_IS_AWAY
        assert answer.status_code < 500 or is_away, f"{cell}: {content[:300]!r} {answer.text[:300]}"
        if answer.status_code >= 400 and cell.operation not in SURVIVES:
            assert where.marks() == before, f"{cell}: {content[:300]!r} was refused and wrote"


def test_odd_values_in_any_body_are_refused_or_taken(where: Place, reached: dict[str, Cell]) -> None:
    for name, cell in reached.items():
        body = body_of(where.held.app, operations_of(where.held.app)[name], ids_of(where.held, cell.thing))
        _odd_bodies(where, cell, body)


def _odd_bodies(where: Place, cell: Cell, body: Any) -> None:
    @SOME
    @given(mutations(body))
    def harmless(content: bytes) -> None:
        require_harmless(where, cell, content)

    harmless()


def raw_bodies() -> Iterator[bytes]:
    """Give bodies that are hardly JSON, and a dossier that holds each."""
    for raw in RAW_VALUES:
        yield raw
        yield b'{"answers":{"1.1":{"note":' + raw + b"}}}"
        yield b'{"answers":{"1.4":{"figures":{"a":' + raw + b',"b":4}}}}'
        yield b'{"general_information":' + raw + b"}"


def test_what_is_hardly_json_is_refused_everywhere(where: Place, reached: dict[str, Cell]) -> None:
    dossier = reached["PATCH /api/v1/submissions/{submission_id}"]
    for content in raw_bodies():
        require_harmless(where, dossier, content)
    for number, cell in enumerate(reached.values()):
        # each operation gets its share of them
        for content in RAW_VALUES[number % 8 :: 8]:
            require_harmless(where, cell, content)


def test_what_a_dossier_takes_it_gives_back(where: Place, reached: dict[str, Cell]) -> None:
    cell = reached["PATCH /api/v1/submissions/{submission_id}"]
    assert cell.thing is not None
    assert cell.thing.unit == UNIT
    dossier = cell.thing.ids["submission_id"]

    @settings(SOME, max_examples=40)
    @given(st.text(min_size=1, max_size=80), st.integers(0, 10**15), st.integers(1, 10**6))
    def given_back(note: str, a: int, b: int) -> None:
        answers: dict[str, Any] = {"1.1": {"note": note}, "1.4": {"figures": {"a": a, "b": b}}}
        with where.keeping():
            took = sent(where, cell, json.dumps({"answers": answers}).encode())
            assert took.status_code < 500, took.text
            if took.is_success:
                headers = {"Authorization": f"Bearer {where.held.tokens[cell.caller.name]}"}
                read = httpx.get(f"{where.url}/api/v1/submissions/{dossier}", headers=headers)
                kept = read.json()["answers"]
                assert kept["1.4"]["figures"] == {"a": a, "b": b}
                assert kept["1.1"].get("note", "") == note.strip()

    given_back()
