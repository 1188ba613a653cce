"""Everything that a body can hold has a bound: lists, texts and objects with names of the client's choice."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

# What has none in its shape, and what bounds it instead.
BOUNDED_OTHERWISE = {
    ("string", "post /api/v1/index-sets"): "a file, bounded by MAX_BODY_BYTES and its own checks"
}


class Shapes:
    """A walk over the shapes of a document, each named one once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.named, self.seen = document["components"]["schemas"], set[str]()

    def unbounded(self, shape: dict[str, Any], at: str) -> Iterator[tuple[str, str]]:
        """Give the kind and the place of everything without a bound."""
        if "$ref" in shape:
            at = shape["$ref"].rsplit("/", 1)[1]
            if at in self.seen:
                return
            self.seen.add(at)
            shape = self.named[at]
        if shape.get("type") == "array" and "maxItems" not in shape:
            yield "array", at
        if shape.get("type") == "string" and not {"maxLength", "enum", "const", "format", "pattern"} & set(
            shape
        ):
            yield "string", at
        for inner in [one for kind in ("anyOf", "allOf", "oneOf") for one in shape.get(kind, [])]:
            yield from self.unbounded(inner, at)
        for name, inner in shape.get("properties", {}).items():
            yield from self.unbounded(inner, f"{at}.{name}")
        free = shape.get("additionalProperties")
        if isinstance(free, dict):
            if "maxProperties" not in shape:
                yield "object", at
            yield from self.unbounded(free, f"{at}{{}}")
        if "items" in shape:
            yield from self.unbounded(shape["items"], f"{at}[]")


def test_everything_in_a_body_has_a_bound(app: FastAPI) -> None:
    document = app.openapi()
    shapes = Shapes(document)
    found = {
        one
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for one in shapes.unbounded(content.get("schema", {}), f"{method} {path}")
    }
    assert found == set(BOUNDED_OTHERWISE)
    assert len(shapes.seen) > 20
