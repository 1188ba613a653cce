"""Every JSON body in the documentation comes with an example, and the service takes it."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.core.http import Schema


def shapes(kind: type[Schema] = Schema) -> Iterator[type[Schema]]:
    """Give every shape of the API."""
    for one in kind.__subclasses__():
        yield one
        yield from shapes(one)


def bodies(app: FastAPI) -> set[str]:
    """Return the names of the shapes that the documented operations take as JSON."""
    found: set[str] = set()
    for item in app.openapi()["paths"].values():
        for operation in item.values():
            content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                # A body that may be left out is one shape or null.
                named = [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]
                found |= {one["$ref"].rsplit("/", 1)[1] for one in named}
    return found


def test_every_body_has_an_example_that_it_accepts(app: FastAPI) -> None:
    named = {one.__name__: one for one in shapes()}
    documented = app.openapi()["components"]["schemas"]
    assert len(bodies(app)) > 10
    for name in bodies(app):
        examples = documented[name].get("examples")
        assert examples, f"{name} has no example"
        for example in examples:
            assert named[name].model_validate(example) is not None
