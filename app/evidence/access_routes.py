"""Who reads a document without a token in his hand, and who has read it."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.links import LINKED, VERB, Link, LinkIn, LinkNotValid, LinkOut, make_link
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.core.paging import Page, PagingQuery
from app.evidence import accesses, queries
from app.evidence.access_schemas import AccessOut
from app.evidence.download import DOWNLOAD, UNREADABLE, Download, Sending

CanRead = Annotated[Principal, Requires(Permission.EVIDENCE_READ)]
CanTrace = Annotated[Principal, Requires(Permission.EVIDENCE_TRACE)]

routes = router("/evidence", "Tài liệu kiểm chứng · Evidence")


@routes.post(
    f"/{{document_id}}/{VERB}",
    response_model=LinkOut,
    status_code=201,
    responses=UNREADABLE,
    dependencies=[Repeatable(Permission.EVIDENCE_READ)],
)
async def make_document_link(
    document_id: UUID,
    body: LinkIn,
    caller: CanRead,
    session: DbSession,
    sender: Sending,
    request: Request,
    response: Response,
    now: Now,
) -> LinkOut:
    """Make a link to a document for a viewer, which works for some minutes without an access token."""
    document = await queries.document_for(session, caller, document_id)
    await sender.linked(document, by=caller)
    return make_link(request, response, by=caller, inline=body.inline, now=now)


@routes.head(f"/{{document_id}}/{LINKED}", response_class=Response, include_in_schema=False)
@routes.get(
    f"/{{document_id}}/{LINKED}", response_class=Response, responses=DOWNLOAD | problems(LinkNotValid)
)
async def follow_document_link(
    document_id: UUID, link: Link, session: DbSession, sender: Sending
) -> Download:
    """Send the document of a link, as long as its maker is logged in and sees the document."""
    reader = link.principal.only_with(Permission.EVIDENCE_READ)
    document = await queries.document_for(session, reader, document_id)
    return await sender.sent(document, by=reader, inline=link.is_inline, cached="no-store")


@routes.get(
    "/{document_id}/accesses",
    response_model=Page[AccessOut],
    responses=problems(queries.DocumentNotFound),
)
async def list_accesses(
    document_id: UUID, caller: CanTrace, session: DbSession, paging: PagingQuery
) -> Page[AccessOut]:
    """List who has got a document's bytes, the latest first: for its unit, the administrator and the auditor."""
    # Somebody may see a document by another role than the one that lets him know its readers.
    watching = caller.only_with(Permission.EVIDENCE_TRACE)
    document = await queries.document_for(session, watching, document_id)
    rows, total = await accesses.accesses_page(session, document, paging)
    return Page[AccessOut].of(rows, total, paging)
