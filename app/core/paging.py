"""Lists in pages: stable order, a page number from 1, and the total."""

import math
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from app.core.http import Schema

T = TypeVar("T")


class Paging(BaseModel):
    """Which slice of a list: `page` from 1, `page_size` rows."""

    page: int = Field(1, ge=1, le=100_000)
    page_size: int = Field(50, ge=1, le=200)

    @property
    def offset(self) -> int:
        """Return the number of rows to skip."""
        return (self.page - 1) * self.page_size


async def get_paging(
    page: Annotated[int, Query(ge=1, le=100_000)] = 1, page_size: Annotated[int, Query(ge=1, le=200)] = 50
) -> Paging:
    """Return the asked-for slice of a list."""
    return Paging(page=page, page_size=page_size)


PagingQuery = Annotated[Paging, Depends(get_paging)]


class Page(Schema, Generic[T]):
    """One page of a list in a stable order, with the total count."""

    items: list[T]
    page: int
    page_size: int
    total: int
    pages: int

    @classmethod
    def of(cls, items: list[Any], total: int, paging: Paging) -> "Page[T]":
        """Return the page holding items."""
        pages = math.ceil(total / paging.page_size)
        return cls.model_construct(
            items=items, page=paging.page, page_size=paging.page_size, total=total, pages=pages
        )
