"""The cells of the matrix: an operation, who calls it, and what of whose it names; and the answer that is due."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID, uuid5

import httpx
from fastapi import FastAPI

from tests.client import CheckedClient
from tests.contracts import relations
from tests.contracts.access import ACCESS, PUBLIC
from tests.contracts.relations import Relation
from tests.contracts.world import CALLERS, Caller, Thing, World
from tests.evidence.files import pdf
from tests.evidence.pieces import TUS, metadata

REACHED = 0  # whatever lies behind the door: an answer that is neither 401 nor 403 nor 404
Json = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One call; `thing` is None where nothing is named."""

    operation: str
    caller: Caller
    thing: Thing | None
    expected: int

    def __str__(self) -> str:
        return f"{self.operation} as {self.caller}, {self.thing}"


def operations(app: FastAPI) -> dict[str, Json]:
    """Return every operation of the OpenAPI document as "METHOD /path"."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    }


def kinds(operation: str) -> tuple[str, ...]:
    """Return the kinds of thing that an operation names; none of a path without parameters.

    Raises: LookupError for a path that names something unknown.
    """
    if operation in relations.NAMED_ELSEWHERE:
        return (relations.NAMED_ELSEWHERE[operation],)
    for part, found in relations.KINDS:
        if part in operation:
            return found
    if "{" in operation:
        raise LookupError(f"{operation}: what its path names has no line in relations.KINDS")
    return ()


def relation(world: World, place: str, unit: str) -> Relation:
    """Return how a place stands to the unit of a thing."""
    mine, theirs = world.path(place), world.path(unit)
    if not unit:
        return Relation.OWN
    if place == unit:
        return Relation.OWN
    if place in theirs:
        return Relation.BELOW
    if unit in mine:
        return Relation.ABOVE
    if mine[-1] != theirs[-1]:
        return Relation.FOREIGN
    return Relation.SIBLING if mine[1:2] == theirs[1:2] else Relation.ELSEWHERE


def reaches(world: World, operation: str | None, caller: Caller, thing: Thing) -> bool:
    """Answer whether a caller reaches a thing, by an operation or (None) at all."""
    if caller.role is None:
        return thing.kind in ("result published", "set", "policy")
    if caller.name in thing.people:
        return True
    seen = relations.BY_OPERATION.get(operation or "", relations.READS[thing.kind])
    return relation(world, caller.place, thing.unit) in seen.get(caller.role, frozenset())


def things_named(world: World, operation: str) -> list[Thing]:
    """Return the things that an operation can name: those with an id for every parameter of its path."""
    wanted = {part.split("}")[0] for part in operation.split("{")[1:]}
    return [
        thing for kind in kinds(operation) for thing in world.of(kind) if wanted <= {*thing.ids, "number"}
    ]


def cells(world: World) -> Iterator[Cell]:
    """Give every cell: who may not call at all is tried on one thing, everybody else on all."""
    for operation in operations(world.app):
        named = things_named(world, operation)
        roles = ACCESS[operation]
        for caller in CALLERS:
            is_public = roles is PUBLIC
            if operation in relations.SAME_FOR_ALL:
                first = named[0] if named else None
                yield Cell(operation, caller, first, relations.SAME_FOR_ALL[operation])
            elif not is_public and (caller.role is None or caller.role not in roles):
                refusal = 401 if caller.role is None else 403
                yield Cell(operation, caller, named[0] if named else None, refusal)
            elif not kinds(operation):
                yield Cell(operation, caller, None, REACHED)
            for thing in named:
                if is_public and operation not in relations.SAME_FOR_ALL:
                    is_there = thing.kind not in ("result announced", "result unsigned")
                    yield Cell(operation, caller, thing, REACHED if is_there else 404)
                elif caller.role in roles:
                    seen = reaches(world, operation, caller, thing)
                    yield Cell(operation, caller, thing, REACHED if seen else 404)


# --- playing a cell -----------------------------------------------------------------------------------------

_NOTHING = UUID("01a200ed-6325-762a-8d8d-25dc3465d7ad")
NOTHING = str(uuid5(_NOTHING, "nothing"))


def ids_of(world: World, thing: Thing | None) -> dict[str, str]:
    """Return what stands for the ids of an operation: the thing's own, and the world's for the rest."""
    common = {
        "period_id": world.period["id"],
        "unit_id": str(world.units["xa-31999"]),
        "reviewer_unit_id": str(world.units["huyen-964"]),
        "number": "1",
    }
    return common | (thing.ids if thing else {})


def of_nothing(thing: Thing, *kept: str) -> Thing:
    """Return the same kind of thing with ids that nothing has, but for those `kept`."""
    # The period of a list is common to many things.
    stays = {*kept, "period_id"} if len(thing.ids) > 1 else {*kept}
    ids = {
        name: str(uuid5(_NOTHING, name)) if _is_id(value) and name not in stays else value
        for name, value in thing.ids.items()
    }
    return replace(thing, ids=ids)


def _is_id(value: str) -> bool:
    return len(value) == 36


@cache
def _example(name: str, schemas: int) -> Any:
    return _SCHEMAS[schemas][name]["examples"][0]


_SCHEMAS: dict[int, Json] = {}


def body_of(app: FastAPI, operation: Json, ids: dict[str, str]) -> Any:
    """Return the documented example of an operation's body with the ids filled in; None without a body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    (named,) = [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]
    _SCHEMAS[id(app)] = app.openapi()["components"]["schemas"]
    return _filled(_example(named["$ref"].rsplit("/", 1)[1], id(app)), ids)


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: ids[key] if key in ids and isinstance(one, str) else _filled(one, ids)
            for key, one in value.items()
        }
    return [_filled(one, ids) for one in value] if isinstance(value, list) else value


async def play(
    world: World, client: CheckedClient, name: str, thing: Thing | None, **changes: Any
) -> httpx.Response:
    """Make the call of a cell; `changes` replace what is sent (json, headers)."""
    operation = operations_of(world.app)[name]
    method, path = name.split(" ", 1)
    ids = ids_of(world, thing)
    for part, value in ids.items():
        path = path.replace("{" + part + "}", value)
    query = {
        p["name"]: _query(p, ids)
        for p in operation.get("parameters", [])
        if p["in"] == "query" and (p.get("required") or name in relations.NAMED_ELSEWHERE)
    }
    query = {key: value for key, value in query.items() if value is not None}
    query |= relations.QUERY.get(name, {})
    sent: Json = {"headers": {"If-Match": f'"{thing.version if thing else 1}"'}}
    if (body := body_of(world.app, operation, ids)) is not None:
        sent["json"] = body
    if "evidence" in path and method in ("POST", "PATCH", "HEAD", "DELETE") and "json" not in sent:
        sent |= _bytes(name, ids, sent["headers"])
    elif "application/yaml" in operation.get("requestBody", {}).get("content", {}):
        sent |= {"content": b"key: x", "headers": {"Content-Type": "application/yaml"}}
    return await client.request(method, path, **{"params": query} | sent | changes)


def _query(parameter: Json, ids: dict[str, str]) -> str | None:
    if parameter["name"] in ids:
        return ids[parameter["name"]]
    if not parameter.get("required"):
        return None
    return "1" if parameter["schema"].get("type") == "integer" else "a.pdf"


def _bytes(name: str, ids: dict[str, str], headers: dict[str, str]) -> Json:
    """Return what an operation on files is sent: a document, or a step of a resumable upload."""
    if not name.startswith(("POST /api/v1/evidence/uploads", "POST /api/v1/evidence ")) and "uploads" in name:
        more = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        return {"headers": TUS | (more if name.startswith("PATCH") else {}), "content": b""}
    if "uploads" in name:
        said = metadata(filename="a.pdf", period_id=ids["period_id"], unit_id=ids["unit_id"])
        return {"headers": TUS | {"Upload-Length": "10", "Upload-Metadata": said}}
    if name == "POST /api/v1/evidence":
        return {"content": pdf(b"matrix"), "headers": headers | {"Content-Type": "application/pdf"}}
    return {}


_OPERATIONS: dict[int, dict[str, Json]] = {}


def operations_of(app: FastAPI) -> dict[str, Json]:
    """Return the operations of an application, made once."""
    if id(app) not in _OPERATIONS:
        _OPERATIONS[id(app)] = operations(app)
    return _OPERATIONS[id(app)]


def size(world: World) -> dict[str, int]:
    """Return how large the matrix is."""
    every = list(cells(world))
    return {
        "operations": len(operations_of(world.app)),
        "roles": len({one.role for one in CALLERS if one.role}),
        "callers": len(CALLERS),
        "things": len(world.things),
        "relations": len(Relation),
        "cells": len(every),
        "cells due 401": sum(one.expected == 401 for one in every),
        "cells due 403": sum(one.expected == 403 for one in every),
        "cells due 404": sum(one.expected == 404 for one in every),
        "cells reached": sum(one.expected == REACHED for one in every),
    }
