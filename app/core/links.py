"""Links of the OpenAPI document: which answers say what other operations are called with (OpenAPI 3.1, Link Object).

A list and what was made in it lead to the item; the item, by its ETag, to its changes.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_ETAG = {"header.If-Match": "$response.header.ETag"}


def add_links(document: Json) -> None:
    """Add a link for every operation whose path an answer completes, and for every change that its ETag allows."""
    paths, schemas = document["paths"], document["components"]["schemas"]
    for path, item in paths.items():
        for method in ("get", "post", "patch", "put"):
            for status in ("200", "201"):
                answer = item.get(method, {}).get("responses", {}).get(status)
                if answer is not None:
                    links = _to_items(paths, schemas, path, answer)
                    if method == "get" and path.endswith("}"):
                        links |= _to_changes(paths, path)
                    links.pop(item[method]["operationId"], None)
                    if links:
                        answer["links"] = links


def _to_items(paths: Json, schemas: Json, path: str, answer: Json) -> Json:
    """Return the links from a collection: to whatever has one parameter more, that an answer names."""
    etag = _ETAG if "ETag" in answer.get("headers", {}) else {}
    return {
        operation["operationId"]: _link(
            operation, path, {f"path.{name}": found} | (etag if _takes_etag(operation) else {})
        )
        for name, operation in _below(paths, path)
        if (found := _where(schemas, answer, name)) is not None
    }


def _to_changes(paths: Json, path: str) -> Json:
    """Return the links from an item: to what takes its ETag as If-Match."""
    return {
        operation["operationId"]: _link(operation, path, _ETAG)
        for name, operation in _below(paths, path)
        if not name and _takes_etag(operation)
    }


def _below(paths: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Give the operations of a path and below it, with the name of the one parameter more, or none, that each has."""
    for other, item in paths.items():
        rest = other.removeprefix(path)
        if other.startswith(path) and rest[:1] in ("", "/") and rest.count("{") <= 1:
            name = rest[2:].split("}")[0] if rest.startswith("/{") else ""
            if name or "{" not in rest:
                for operation in item.values():
                    yield name, operation


def _link(operation: Json, path: str, found: Json) -> Json:
    known = {f"path.{part.split('}')[0]}" for part in path.split("{")[1:]}
    same = {name: f"$request.{name}" for name in sorted(known)}
    return {"operationId": operation["operationId"], "parameters": same | found}


def _where(schemas: Json, answer: Json, name: str) -> str | None:
    """Return where an answer says a parameter: of itself, or of the first in its list; None: nowhere."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    place = "$response.body#"
    shape = _resolved(schemas, schema)
    if "items" in shape.get("properties", {}):
        shape, place = shape["properties"]["items"], f"{place}/items"
    if shape.get("type") == "array":
        shape, place = _resolved(schemas, shape["items"]), f"{place}/0"
    wanted = [name, "id"] if name.endswith("_id") else [name]
    said = [one for one in wanted if one in shape.get("properties", {})]
    return f"{place}/{said[0]}" if name and said else None


def _resolved(schemas: Json, schema: Json) -> Json:
    found: Json = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    return found


def _takes_etag(operation: Json) -> bool:
    return any(
        one["in"] == "header" and one["name"].lower() == "if-match" for one in operation.get("parameters", [])
    )
