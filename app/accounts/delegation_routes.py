"""Delegations over HTTP, and the colleagues to whom one can delegate."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts import delegation_actions as actions
from app.accounts import delegation_queries as queries
from app.accounts.auth import AnyPerson, Repeatable
from app.accounts.delegation_schemas import ColleagueOut, DelegationIn, DelegationOut, EndIn
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery

routes = router("/delegations", "Ủy quyền · Delegations")
colleague_routes = router("/colleagues", "Ủy quyền · Delegations")


@routes.get("", response_model=Page[DelegationOut])
async def list_delegations(
    caller: AnyPerson,
    session: DbSession,
    paging: PagingQuery,
    now: Now,
    lang: Language,
    running: Annotated[bool | None, Query(description="true: those that hold now; false: the others")] = None,
) -> Page[DelegationOut]:
    """List the delegations you gave and received, the latest first; who reads accounts sees theirs."""
    rows, total = await queries.delegations_page(session, caller, paging, now, running)
    return Page[DelegationOut].of([queries.delegation_out(row, lang) for row in rows], total, paging)


@routes.post(
    "",
    response_model=DelegationOut,
    status_code=201,
    responses=problems(actions.DelegationOverlaps),
    dependencies=[Repeatable()],
)
async def delegate(
    body: DelegationIn,
    caller: AnyPerson,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> DelegationOut:
    """Let somebody act for some days in a role you hold yourself; who manages accounts does so for anybody."""
    made = await actions.delegate(session, body, by=caller, now=now)
    set_etag(response, made.row)
    return queries.delegation_out(made, lang)


@routes.get("/{delegation_id}", response_model=DelegationOut, responses=problems(queries.DelegationNotFound))
async def read_delegation(
    delegation_id: UUID, caller: AnyPerson, session: DbSession, now: Now, lang: Language, response: Response
) -> DelegationOut:
    """Show a delegation."""
    found = await queries.delegation_for(session, caller, delegation_id, now)
    set_etag(response, found.row)
    return queries.delegation_out(found, lang)


@routes.post(
    "/{delegation_id}/end",
    response_model=DelegationOut,
    responses=problems(queries.DelegationNotFound, actions.DelegationNotEndable),
    dependencies=[Repeatable()],
)
async def end_delegation(
    delegation_id: UUID,
    body: EndIn,
    if_match: IfMatch,
    caller: AnyPerson,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> DelegationOut:
    """End a delegation before its last day, with a reason: its delegator, its delegate, who manages accounts."""
    found = await queries.delegation_for(session, caller, delegation_id, now, lock=True)
    require_version(found.row, if_match)
    ended = await actions.end(session, found, body.reason, by=caller, now=now)
    set_etag(response, ended.row)
    return queries.delegation_out(ended, lang)


@colleague_routes.get("", response_model=Page[ColleagueOut])
async def list_colleagues(
    caller: AnyPerson,
    session: DbSession,
    paging: PagingQuery,
    search: Annotated[str | None, Query(max_length=64, description="in names, accents ignored")] = None,
) -> Page[ColleagueOut]:
    """List the people of your own unit and of those you hold roles for, to find whom to delegate to."""
    items, total = await queries.colleagues_page(session, caller, paging, search)
    return Page[ColleagueOut].of(items, total, paging)
