"""Versions of index sets over HTTP: the province imports, publishes and retires them."""

from typing import Annotated

from fastapi import Query, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.catalogue import actions, queries
from app.catalogue.version_schemas import (
    EXAMPLE,
    ImportOut,
    Key,
    RetireIn,
    Version,
    VersionOut,
    WholeVersionOut,
)
from app.core.http import DbSession, IfMatch, Language, Now, StrictRequest, etag, problems, router

CanManage = Annotated[Principal, Requires(Permission.CATALOGUE_MANAGE)]

routes = router("/index-sets", "Bộ chỉ số · Index sets")
_YAML = {"schema": {"type": "string"}, "example": EXAMPLE}
_FOUND = problems(queries.IndexSetNotFound)


@routes.post(
    "",
    response_model=ImportOut,
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"application/yaml": _YAML}}},
    responses={
        200: {"model": ImportOut, "description": "a dry run: nothing was kept"},
        **problems(actions.IndexSetFaulty),
    },
    dependencies=[Repeatable(Permission.CATALOGUE_MANAGE)],
)
async def import_index_set(
    request: StrictRequest,
    caller: CanManage,
    session: DbSession,
    now: Now,
    response: Response,
    dry_run: Annotated[bool, Query(description="say what would be, and keep nothing")] = True,
) -> ImportOut:
    """Import a new set, or the next version of one, as a draft; the body is the YAML file. Try it dry first."""
    if dry_run:
        response.status_code = 200
    return await actions.import_set(session, await request.body(), dry_run=dry_run, by=caller, now=now)


@routes.get("/{key}/versions", response_model=list[VersionOut], responses=_FOUND)
async def list_versions(key: Key, _: CanManage, session: DbSession, lang: Language) -> list[VersionOut]:
    """List the versions of a set, drafts included, with everything that became of them; the latest first."""
    found = await queries.versions(session, key)
    if not found:
        raise queries.IndexSetNotFound()
    return [queries.version_out(version, lang) for version in found]


@routes.get("/{key}/versions/{version}", response_model=WholeVersionOut, responses=_FOUND)
async def read_version(
    key: Key, version: Version, _: CanManage, session: DbSession, lang: Language, response: Response
) -> WholeVersionOut:
    """Show a version in full, drafts included; the ETag counts its events."""
    found = await queries.version_of(session, key, version)
    response.headers["ETag"] = etag(len(found.events))
    return queries.whole_version_out(found, lang)


@routes.post(
    "/{key}/versions/{version}/publish",
    response_model=VersionOut,
    responses=problems(queries.IndexSetNotFound, queries.IndexSetNotDraft),
    dependencies=[Repeatable(Permission.CATALOGUE_MANAGE)],
)
async def publish_version(
    key: Key,
    version: Version,
    if_match: IfMatch,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> VersionOut:
    """Publish a draft: everybody reads it, and new periods can use it. Earlier versions stay published."""
    draft = await queries.version_of(session, key, version)
    published = await actions.publish(session, draft, based_on=if_match, by=caller, now=now)
    response.headers["ETag"] = etag(len(published.events))
    return queries.version_out(published, lang)


@routes.post(
    "/{key}/versions/{version}/retire",
    response_model=VersionOut,
    responses=problems(queries.IndexSetNotFound, queries.IndexSetRetired),
    dependencies=[Repeatable(Permission.CATALOGUE_MANAGE)],
)
async def retire_version(
    key: Key,
    version: Version,
    body: RetireIn,
    if_match: IfMatch,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> VersionOut:
    """Retire a version: no new period can use it. Periods that do keep it; what was published stays readable."""
    held = await queries.version_of(session, key, version)
    retired = await actions.retire(session, held, body.reason, based_on=if_match, by=caller, now=now)
    response.headers["ETag"] = etag(len(retired.events))
    return queries.version_out(retired, lang)
