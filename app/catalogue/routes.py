"""Index sets and policies over HTTP, for everybody: the method is public (R-011)."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.responses import HTMLResponse

from app.catalogue import queries
from app.catalogue.schemas import PolicyFile
from app.catalogue.version_schemas import DiffOut, Key, SetOut, SetSummary, Version
from app.catalogue.versions import diff
from app.core.conditional import matches
from app.core.http import PAGE_POLICY, DbSession, Schema, problems, router

OfVersion = Annotated[Version | None, Query(description="default: the latest that is published")]
IfNoneMatch = Annotated[str, Header()]

_TAG = "Bộ chỉ số · Index sets"
routes = router("/index-sets", _TAG)
policy_routes = router("/policies", _TAG)
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "unchanged"}}
_FOUND = _UNCHANGED | problems(queries.IndexSetNotFound)


class PolicySummary(Schema):
    """The latest version of a policy."""

    key: str
    version: int
    title: str
    sha256: str
    loaded_at: datetime


@routes.get("", response_model=list[SetSummary])
async def list_index_sets(session: DbSession) -> list[SetSummary]:
    """List every version that is or was published, the latest version of a set first (public)."""
    return [queries.summary_of(version) for version in await queries.public_versions(session)]


@routes.get("/{key}", response_model=SetOut, responses=_FOUND)
async def read_index_set(
    key: Key,
    session: DbSession,
    response: Response,
    version: OfVersion = None,
    if_none_match: IfNoneMatch = "",
) -> SetOut | Response:
    """Show an index set with every rule, its source lines and what its document counts differently (public)."""
    found = await queries.public_version(session, key, version)
    etag = f'"{found.row.sha256}-{found.state}"'
    if matches(if_none_match.encode(), etag.encode()):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return queries.set_out(found)


@routes.get("/{key}/diff", response_model=DiffOut, responses=problems(queries.IndexSetNotFound))
async def compare_index_sets(key: Key, before: Version, after: Version, session: DbSession) -> DiffOut:
    """Show what differs between two versions, row by row (public)."""
    old = await queries.public_version(session, key, before)
    new = await queries.public_version(session, key, after)
    return diff(queries.set_file(old.row), queries.set_file(new.row))


@routes.get("/{key}/method", response_class=HTMLResponse, responses=_FOUND)
async def read_method(
    key: Key, session: DbSession, version: OfVersion = None, if_none_match: IfNoneMatch = ""
) -> Response:
    """Show the method as a page to read and to print (public)."""
    found = await queries.public_version(session, key, version)
    page = await queries.method_of(session, found)
    # Of the page, not of the set: a page that is written otherwise is sent again.
    etag = f'"{sha256(page.encode()).hexdigest()}"'
    headers = {"ETag": etag, "Content-Security-Policy": PAGE_POLICY}
    if matches(if_none_match.encode(), etag.encode()):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(page, headers=headers)


@policy_routes.get("", response_model=list[PolicySummary])
async def list_policies(session: DbSession) -> list[PolicySummary]:
    """List the latest version of every policy (public)."""
    return [
        PolicySummary(
            key=row.key,
            version=row.policy_version,
            title=queries.policy_file(row).title.vi,
            sha256=row.sha256,
            loaded_at=row.loaded_at,
        )
        for row in await queries.policies(session)
    ]


@policy_routes.get(
    "/{key}", response_model=PolicyFile, responses=_UNCHANGED | problems(queries.PolicyNotFound)
)
async def read_policy(
    key: Key, session: DbSession, response: Response, if_none_match: IfNoneMatch = ""
) -> PolicyFile | Response:
    """Show the latest version of a policy: how the province reads what the documents leave open (public)."""
    row = await queries.policy_by_key(session, key)
    if row is None:
        raise queries.PolicyNotFound()
    etag = f'"{row.sha256}"'
    if matches(if_none_match.encode(), etag.encode()):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return queries.policy_file(row)
