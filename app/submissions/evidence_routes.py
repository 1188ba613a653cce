"""The documents behind a dossier's indicators over HTTP: one by one, by a link, or all in an archive."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.accounts.auth import Repeatable, Requires
from app.accounts.links import LINKED, VERB, Link, LinkIn, LinkNotValid, LinkOut, make_link
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.evidence.download import DOWNLOAD, UNREADABLE, Download, Inline, Sending
from app.evidence.queries import DocumentNotFound
from app.submissions import archive, queries

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ, Permission.EVIDENCE_READ)]

routes = router("/submissions", "Hồ sơ · Submissions")
_FOUND = problems(queries.SubmissionNotFound, DocumentNotFound)
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
_DOCUMENT = "/{submission_id}/evidence/{document_id}"


@routes.get("/{submission_id}/evidence.zip", response_class=Response, responses=_ZIP | _FOUND)
async def download_archive(
    submission_id: UUID, caller: CanRead, session: DbSession, sender: Sending
) -> StreamingResponse:
    """Send all documents behind the indicators you may see, in folders by indicator, with an index (`muc-luc.csv`)."""
    submission, content = await queries.dossier_for(session, caller, submission_id)
    lines = await archive.lines_of(session, submission, content, by=caller, sender=sender)
    zipped = archive.zipped(sender, lines)
    name = f"Tài liệu kiểm chứng – {submission.unit_name}.zip"
    return await sender.archived(zipped, name, {one.document.id for one in lines if one.path}, by=caller)


@routes.head(_DOCUMENT, response_class=Response, include_in_schema=False)
@routes.get(_DOCUMENT, response_class=Response, responses=DOWNLOAD | _FOUND)
async def read_cited_document(
    submission_id: UUID,
    document_id: UUID,
    caller: CanRead,
    session: DbSession,
    sender: Sending,
    inline: Inline = False,
) -> Download:
    """Send a document that an indicator you may see cites; a verifying agency reads here what it verifies."""
    document = await queries.cited_document(session, caller, submission_id, document_id)
    return await sender.sent(document, by=caller, inline=inline)


@routes.post(
    f"{_DOCUMENT}/{VERB}",
    response_model=LinkOut,
    status_code=201,
    responses=UNREADABLE | _FOUND,
    dependencies=[Repeatable(Permission.SUBMISSION_READ, Permission.EVIDENCE_READ)],
)
async def make_cited_document_link(
    submission_id: UUID,
    document_id: UUID,
    body: LinkIn,
    caller: CanRead,
    session: DbSession,
    sender: Sending,
    request: Request,
    response: Response,
    now: Now,
) -> LinkOut:
    """Make a link to such a document for a viewer, which works for some minutes without an access token."""
    document = await queries.cited_document(session, caller, submission_id, document_id)
    await sender.linked(document, by=caller)
    return make_link(request, response, by=caller, inline=body.inline, now=now)


@routes.head(f"{_DOCUMENT}/{LINKED}", response_class=Response, include_in_schema=False)
@routes.get(
    f"{_DOCUMENT}/{LINKED}", response_class=Response, responses=DOWNLOAD | _FOUND | problems(LinkNotValid)
)
async def follow_cited_document_link(
    submission_id: UUID, document_id: UUID, link: Link, session: DbSession, sender: Sending
) -> Download:
    """Send the document of a link, as long as its maker is logged in and sees an indicator that cites it."""
    reader = link.principal.only_with(Permission.EVIDENCE_READ)
    document = await queries.cited_document(session, reader, submission_id, document_id)
    return await sender.sent(document, by=reader, inline=link.is_inline, cached="no-store")
