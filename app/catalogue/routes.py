"""Index sets over HTTP: the method is public (R-011)."""

from datetime import datetime
from typing import Annotated

from fastapi import Header, Path, Response

from app.catalogue import queries
from app.catalogue.files import shown_set
from app.catalogue.schemas import IndexSetOut
from app.core.http import DbSession, Schema, problems, router
from app.units.models import UnitKind

routes = router("/index-sets", "Bộ chỉ số · Index sets")


class IndexSetSummary(Schema):
    """A version of an index set."""

    key: str
    version: int
    unit_kind: UnitKind
    title: str
    sha256: str
    loaded_at: datetime


@routes.get("", response_model=list[IndexSetSummary])
async def list_index_sets(session: DbSession) -> list[IndexSetSummary]:
    """List the index sets (public)."""
    return [
        IndexSetSummary(
            key=row.key,
            version=row.set_version,
            unit_kind=row.unit_kind,
            title=queries.set_file(row).title.vi,
            sha256=row.sha256,
            loaded_at=row.loaded_at,
        )
        for row in await queries.index_sets(session)
    ]


@routes.get(
    "/{key}",
    response_model=IndexSetOut,
    responses={304: {"description": "unchanged"}, **problems(queries.IndexSetNotFound)},
)
async def read_index_set(
    key: Annotated[str, Path(max_length=64)],
    session: DbSession,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> IndexSetOut | Response:
    """Show an index set with every rule, its source lines and what its document counts differently (public)."""
    row = await queries.index_set_by_key(session, key)
    if row is None:
        raise queries.IndexSetNotFound()
    etag = f'"{row.sha256}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return shown_set(queries.set_file(row))
