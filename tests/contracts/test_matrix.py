"""Every operation by everybody on everything: who reaches what, and what nobody may even learn of."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from sqlalchemy import event

from app.core.embedded import EmbeddedPostgres
from tests.contracts import relations
from tests.contracts.access import ACCESS
from tests.contracts.cells import (
    NOTHING,
    REACHED,
    Cell,
    body_of,
    cells,
    ids_of,
    kinds,
    of_nothing,
    operations_of,
    play,
    reaches,
    size,
)
from tests.contracts.world import CALLERS, COUSIN, DISTRICT, FOREIGN, Caller, Thing, World, world
from tests.scene import UNIT

DOORS = (401, 403, 404)
# The same words about ids that are there and ids that are not; so nearly the same work.
MORE_STATEMENTS = 3


@pytest.fixture(scope="module")
async def there(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give the world of the matrix."""
    async with world(server.url, tmp_path_factory.mktemp("matrix")) as made:
        yield made


def of_caller(there: World, caller: Caller) -> list[Cell]:
    """Return the cells of a caller; those whose end of a log-in would end the others are left out."""
    return [
        cell
        for cell in cells(there)
        if cell.caller == caller
        and not (cell.operation == "POST /api/v1/auth/logout" and cell.expected == REACHED)
    ]


def is_as_due(cell: Cell, answer: httpx.Response) -> bool:
    """Answer whether an answer is the one a cell is due."""
    if answer.status_code >= 500:
        return answer.status_code == 503 and cell.operation in relations.PROVIDER_IS_AWAY
    if cell.expected == REACHED:
        return answer.status_code not in DOORS
    return answer.status_code == cell.expected


@pytest.mark.parametrize("caller", CALLERS, ids=str)
async def test_everybody_reaches_what_the_matrix_says_and_reads_of_nothing_else(
    there: World, caller: Caller
) -> None:
    secrets, wrong = secret_from(there, caller), list[str]()
    for cell in of_caller(there, caller):
        async with there.undone():
            answer = await play(there, there.client(caller), cell.operation, cell.thing)
        if not is_as_due(cell, answer):
            wrong.append(
                f"{cell}: {answer.status_code}, due {cell.expected or 'an answer'} {answer.text[:120]}"
            )
        named = set(cell.thing.ids.values()) if cell.thing else set[str]()
        text = text_of(answer) if secrets else ""
        for word, thing in secrets.items():
            if word not in named and word in text:
                wrong.append(f"{cell} tells {word!r} of {thing}")
    assert not wrong, "\n".join(wrong)


def text_of(answer: httpx.Response) -> str:
    """Return all that an answer tells, also in a sheet or an archive, but when they were made."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with ZipFile(BytesIO(answer.content)) as packed:
        names = [name for name in packed.namelist() if not name.startswith("docProps/")]
        return "\n".join(packed.read(name).decode("utf-8", "replace") for name in names)


def secret_from(there: World, caller: Caller) -> dict[str, Thing]:
    """Return the ids and words that a caller must never read, with what they are of."""
    known = [thing for thing in there.things if may_know(there, caller, thing)]
    open_to = {word for thing in known for word in thing.words}
    return {word: thing for thing in there.things if thing not in known for word in thing.words - open_to}


def may_know(there: World, caller: Caller, thing: Thing) -> bool:
    """Answer whether a caller may read the words of a thing: colleagues know each other."""
    return reaches(there, None, caller, thing) or (thing.kind == "user" and caller.place == thing.unit)


def test_everybody_is_kept_from_something_but_those_who_oversee_the_province(there: World) -> None:
    blind = {str(caller) for caller in CALLERS if not secret_from(there, caller)}
    assert blind <= {"admin", "reviewer", "leader", "auditor"}, blind


def test_the_matrix_says_what_every_operation_names(there: World) -> None:
    for operation in operations_of(there.app):
        for kind in kinds(operation):
            assert there.of(kind), f"{operation}: tests/contracts/world.py makes no {kind}"
    assert set(relations.BY_OPERATION) | set(relations.NAMED_ELSEWHERE) <= set(ACCESS)


def test_the_matrix_has_its_size(there: World) -> None:
    found = size(there)
    print("\n".join(f"{name}: {count}" for name, count in found.items()))
    assert found["cells"] > 5000


# --- what is not his is as what is not there ----------------------------------------------------------------


@contextmanager
def counted(there: World) -> Iterator[list[int]]:
    """Count the statements that are sent meanwhile."""
    count = [0]

    def one_more(*_: Any) -> None:
        count[0] += 1

    engine = there.connection.engine.sync_engine
    event.listen(engine, "before_cursor_execute", one_more)
    yield count
    event.remove(engine, "before_cursor_execute", one_more)


def said(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Return everything an answer says, but the number of the request."""
    number = answer.headers["x-request-id"]
    told = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("x-request-id", "content-length", "date")
    }
    return answer.status_code, answer.text.replace(number, "-"), told


@pytest.mark.parametrize("caller", CALLERS, ids=str)
async def test_what_is_not_his_answers_word_for_word_like_what_is_not_there(
    there: World, caller: Caller
) -> None:
    wrong, nothing = list[str](), dict[tuple[Any, ...], tuple[Any, int]]()
    for cell in of_caller(there, caller):
        if cell.expected != 404 or cell.thing is None:
            continue
        # Of a dossier that he reads in part, only what lies in it is put in question.
        is_read = "submission_id" in cell.thing.ids and reaches(there, None, caller, cell.thing)
        kept = ("submission_id",) if is_read else ()
        for changes in ways(cell.operation, is_first=(cell.operation, cell.thing.kind) not in nothing):
            key = (cell.operation, str(changes), *(cell.thing.ids[one] for one in kept))
            if key not in nothing:
                nothing[key] = await answered(there, cell, of_nothing(cell.thing, *kept), changes)
            nothing[cell.operation, cell.thing.kind] = nothing[key]
            theirs, work = await answered(there, cell, cell.thing, changes)
            if theirs != nothing[key][0]:
                wrong.append(f"{cell} {changes}:\n  {theirs}\n  {nothing[key][0]}")
            if abs(work - nothing[key][1]) > MORE_STATEMENTS:
                wrong.append(f"{cell} {changes}: {work} statements, not {nothing[key][1]}")
    assert not wrong, "\n".join(wrong)


def ways(operation: str, *, is_first: bool) -> list[dict[str, Any]]:
    """Return how an operation is called: as it should be; and once with an empty body and on a version of nothing."""
    if not is_first or not operation.startswith(("POST", "PATCH", "PUT")):
        return [{}]
    return [{}, {"json": {}}, {"headers": {"If-Match": '"999"'}}]


async def answered(there: World, cell: Cell, thing: Thing, changes: dict[str, Any]) -> tuple[Any, int]:
    """Return all that is said of a thing, and how many statements it took."""
    async with there.undone():
        with counted(there) as count:
            answer = await play(there, there.client(cell.caller), cell.operation, thing, **changes)
    return said(answer), count[0]


# --- ids in bodies and queries ------------------------------------------------------------------------------


async def test_ids_of_others_in_bodies_and_queries_are_like_ids_of_nothing(there: World) -> None:
    (mine,) = [one for one in there.of("dossier") if one.unit == UNIT]
    theirs = [one for one in there.of("document") if one.unit != UNIT]
    url = f"/api/v1/submissions/{mine.ids['submission_id']}"
    by = {caller.name: caller for caller in CALLERS}
    etag = {"If-Match": f'"{mine.version}"'}
    for document in [*theirs, of_nothing(theirs[0])]:
        one = document.ids["document_id"]
        calls: list[tuple[str, str, str, dict[str, Any]]] = [
            (f"{UNIT}.reporter", "PATCH", url, {"json": {"answers": {"1.1": {"evidence": [one]}}}}),
            (
                f"{UNIT}.reporter",
                "POST",
                f"{url}/clarifications/{mine.ids['clarification_id']}/answers",
                {"json": {"item": 0, "text": "Bổ sung", "evidence": [one]}},
            ),
            (f"{UNIT}.reporter", "GET", f"{url}/evidence/{one}", {}),
            (f"{UNIT}.reporter", "GET", f"{url}/evidence/{one}/signatures", {}),
            (f"{UNIT}.reporter", "POST", f"{url}/evidence/{one}/links", {"json": {"minutes": 5}}),
        ]
        answers = []
        for name, method, address, given in calls:
            async with there.undone():
                client = there.client(by[name])
                answer = await client.request(method, address, headers=etag, **given)
            answers.append(said(answer)[:2])
            assert 400 <= answer.status_code < 500, answer.text
        if document is theirs[0]:
            first = [(status, text.replace(one, "-")) for status, text in answers]
        assert [(status, text.replace(one, "-")) for status, text in answers] == first


# Of a unit or person of another province, and of another district: what is named, and by whom, in a body or a query.
_USER, _SEATS = "POST /api/v1/users", "PUT /api/v1/councils/{council_id}/seats"
NAMED: tuple[tuple[str, str, str, str], ...] = (
    ("b-admin", _USER, "unit_id", UNIT),
    (f"{DISTRICT}.admin", _USER, "unit_id", COUSIN),
    ("b-admin", "POST /api/v1/service-accounts", "unit_id", "so-tttt"),
    ("admin", "POST /api/v1/evidence-holds", "unit_id", "b-xa"),
    (f"{UNIT}.leader", "POST /api/v1/delegations", "delegate_id", COUSIN),
    ("admin", "POST /api/v1/delegations", "delegate_id", FOREIGN),
    (f"{DISTRICT}.chairman", _SEATS, "user_id", COUSIN),
    (f"{DISTRICT}.chairman", _SEATS, "user_id", FOREIGN),
    ("b-admin", "GET /api/v1/users", "unit_id", UNIT),
    ("b-admin", "GET /api/v1/users", "below_unit_id", DISTRICT),
    ("b-admin", "GET /api/v1/users/export.xlsx", "unit_id", UNIT),
    ("b-auditor", "GET /api/v1/audit", "acting_for", UNIT),
    ("b-auditor", "GET /api/v1/audit", "object_id", UNIT),
    ("b-auditor", "GET /api/v1/audit/export", "acting_for", UNIT),
    ("b-reviewer", "GET /api/v1/official-figures", "unit_id", UNIT),
    ("b-lgsp", "GET /api/v1/official-figures", "unit_id", UNIT),
)


@pytest.mark.parametrize(("name", "operation", "field", "unit"), NAMED)
async def test_units_and_people_of_others_are_like_none_where_a_body_or_a_query_names_them(
    there: World, name: str, operation: str, field: str, unit: str
) -> None:
    (caller,) = [one for one in CALLERS if one.name == name]
    councils = {thing.unit: thing for thing in there.of("council")}
    thing = councils[DISTRICT] if "{council_id}" in operation else None
    users = {one.unit: one.ids["user_id"] for one in there.of("user")}
    theirs = users[unit] if field in ("user_id", "delegate_id") else str(there.units[unit])
    answers = []
    for one in (theirs, NOTHING):
        if operation.startswith("GET"):
            changes: dict[str, Any] = {"params": {"period_id": there.period["id"], field: one}}
        else:
            body = body_of(
                there.app, operations_of(there.app)[operation], ids_of(there, thing) | {field: one}
            )
            changes = {"json": body}
        async with there.undone():
            answer = await play(there, there.client(caller), operation, thing, **changes)
        assert answer.status_code not in (401, 403, 429) and answer.status_code < 500, answer.text
        status, _, headers = said(answer)
        number = answer.headers["x-request-id"]
        answers.append((status, text_of(answer).replace(one, "-").replace(number, "-"), headers))
    assert answers[0] == answers[1]
