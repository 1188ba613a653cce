"""What everybody may read, without log-in: published results name units, never persons."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Response

from app.core.conditional import matches
from app.core.http import DbSession, Language, problems, router
from app.results import comparing, looking, publication, queries
from app.results.change_schemas import PublicChangesOut
from app.results.models import Result
from app.results.public import accepts_gzip
from app.results.schemas import PublicRankingOut, PublicYear, PublishedOut, UnitResultOut
from app.units.models import UnitKind

routes = router("/public", "Công khai · Public")
_FOUND = problems(queries.ResultNotFound)
_RANKING: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}, **_FOUND}


@routes.get("/periods", response_model=list[PublicYear])
async def list_public_periods(session: DbSession) -> list[PublicYear]:
    """List the years with published results."""
    return await queries.published_years(session)


@routes.get("/results", response_model=list[PublishedOut])
async def list_public_results(
    session: DbSession,
    year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    kind: UnitKind | None = None,
    superseded: Annotated[
        bool, Query(description="also versions that no longer hold, withdrawn ones included")
    ] = False,
) -> list[PublishedOut]:
    """List the published results, the latest year first."""
    rows = await queries.published_results(session, year, kind, superseded=superseded)
    return [publication.published_out(row) for row in rows]


@routes.get("/results/{result_id}", response_model=PublicRankingOut, responses=_RANKING)
async def read_public_ranking(
    result_id: UUID,
    session: DbSession,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Show a published ranking, as written at publication; one that no longer holds says so."""
    result = await queries.published(session, result_id, Result.ranking, Result.ranking_gzip, withdrawn=True)
    assert result.ranking is not None, "publication writes the ranking"
    assert result.ranking_gzip is not None, "publication writes the ranking"
    etag = result.ranking_etag or ""
    # no-cache: browsers keep it, and ask each time whether it still holds.
    headers = {"ETag": etag, "Cache-Control": "public, no-cache", "Vary": "Accept-Encoding"}
    if if_none_match and matches(if_none_match.encode(), etag.encode()):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(accept_encoding.encode()):
        headers["Content-Encoding"] = "gzip"
        return Response(result.ranking_gzip, headers=headers, media_type="application/json")
    return Response(result.ranking, headers=headers, media_type="application/json")


@routes.get("/results/{result_id}/units/{unit_id}", response_model=UnitResultOut, responses=_FOUND)
async def read_public_unit(
    result_id: UUID, unit_id: UUID, session: DbSession, lang: Language, response: Response
) -> UnitResultOut:
    """Show the points of one unit in a published result, each explained."""
    response.headers.update({"Content-Language": lang, "Vary": "Accept-Language"})
    result = await queries.published(session, result_id)
    return await looking.unit_result(session, result, unit_id, lang, in_public=True)


@routes.get("/results/{result_id}/changes", response_model=PublicChangesOut, responses=_FOUND)
async def read_public_changes(
    result_id: UUID,
    session: DbSession,
    against: Annotated[int | None, Query(ge=1, le=100_000, description="number of a version")] = None,
) -> PublicChangesOut:
    """Show every unit that moved between this published version and the one before it (or another one)."""
    result = await queries.published(session, result_id)
    return comparing.in_public(await comparing.result_changes(session, result, against, queries.IN_PUBLIC))


@routes.get(
    "/results/{result_id}/chart.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}, **_FOUND},
)
async def read_public_chart(result_id: UUID, session: DbSession) -> Response:
    """Draw a published ranking as a bar chart."""
    result = await queries.published(session, result_id)
    digits = (await queries.basis_of_result(session, result)).policy.digits
    lines = publication.in_order(await queries.lines_of(session, result.id), digits)
    title = f"DTI {result.year} – {result.scope_name}"
    drawn = publication.chart(title, [line for line in lines if line.rank is not None])
    return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": "public, no-cache"})
