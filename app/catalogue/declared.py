"""The value of an answer as the API takes it; `app.scoring.answers` judges it against the indicator's rule."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from app.core.http import Schema


def _one_value(value: Any) -> Any:
    """Cut off what is nested: it is no figure, however deep it goes, and is refused as such."""
    return [] if isinstance(value, dict | list) else value


# Taken as it comes and judged against the set, so that every fault is named with its indicator.
Scalar = Annotated[
    Any, AfterValidator(_one_value), WithJsonSchema({"type": ["integer", "number", "string", "null"]})
]
Choice = Annotated[str, Field(max_length=64, description="key of an option of the indicator")]
Checks = Annotated[
    list[Annotated[str, Field(max_length=64)]],
    Field(max_length=50, description="keys of the items that hold; an empty list: none of them"),
]
Figures = Annotated[
    dict[str, Scalar],
    Field(
        max_length=10,
        description="figures by variable: whole numbers or decimal strings; 1 or 0 for yes or no",
        examples=[{"a": 25, "b": "30.5"}],
    ),
]
VALUE_FIELDS = ("choice", "checks", "figures", "parts")


class PartIn(Schema):
    """What is declared for one part of an indicator: exactly one of choice, checks and figures."""

    choice: Choice | None = None
    checks: Checks | None = None
    figures: Figures | None = None


class ValueIn(Schema):
    """What is declared for one indicator: the one field its rule asks for."""

    choice: Choice | None = None
    checks: Checks | None = None
    figures: Figures | None = None
    parts: dict[Annotated[str, Field(max_length=64)], PartIn] | None = Field(
        None, max_length=20, description="by key of the part: all of them, each with its value"
    )


def value_of(body: ValueIn) -> dict[str, Any]:
    """Return what was declared, in the answer format, without absent fields."""
    return body.model_dump(mode="json", include=set(VALUE_FIELDS), exclude_none=True)
