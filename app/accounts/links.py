"""Signed links: an address that one person may read for some minutes without sending his access token.

Made for viewers and image tags, which send no header. The token stands in the query, which no log of ours holds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from app.accounts import queries
from app.accounts.auth import NotAuthenticated, unready
from app.accounts.permissions import Principal
from app.accounts.tokens import Claims, LinkClaims, TokenRefused
from app.core.http import DbSession, Now, Schema

VERB, LINKED = "links", "linked"


class LinkNotValid(NotAuthenticated):
    """The link was altered, is for something else, has expired, or who made it has logged out since."""

    code = "link_not_valid"
    title_vi, title_en = "Liên kết không còn hiệu lực", "The link is not valid any more"


class LinkIn(Schema, json_schema_extra={"examples": [{"inline": True}]}):
    """How what is behind the link is to be shown."""

    inline: bool = Field(False, description="in place of a download, where the type of file allows it")


class LinkOut(Schema):
    """A link; it works until `expires_at`, as long as its maker stays logged in and keeps his rights."""

    url: str = Field(description="relative to the service")
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """Who made the link that is being followed, with his roles as they are now."""

    principal: Principal
    is_inline: bool


async def get_link(
    request: Request,
    session: DbSession,
    now: Now,
    token: Annotated[str, Query(description="as it was given")],
) -> LinkHolder:
    """Return who made the link of this request.

    Raises: LinkNotValid (401).
    """
    try:
        link = request.app.state.tokens.read_link(token, now)
    except TokenRefused as error:
        raise LinkNotValid() from error
    login = Claims(link.subject, link.session_id, is_service=False)
    maker = await queries.principal_for(session, login, now, request.state.request_id)
    if link.address != request.scope["path"] or maker is None or unready(request, maker):
        raise LinkNotValid()
    return LinkHolder(maker, link.is_inline)


Link = Annotated[LinkHolder, Depends(get_link)]


def make_link(request: Request, response: Response, *, by: Principal, inline: bool, now: datetime) -> LinkOut:
    """Return a link to what is read at `…/linked`, beside the address `…/links` of this request."""
    assert by.session_id is not None, "no service account reads evidence"
    address = request.scope["path"].removesuffix(VERB) + LINKED
    # Whole seconds, as the token counts them.
    expires_at = now.replace(microsecond=0) + timedelta(seconds=request.app.state.settings.link_seconds)
    claims = LinkClaims(address, by.id, by.session_id, inline)
    token = request.app.state.tokens.issue_link(claims, now, expires_at)
    response.headers["Cache-Control"] = "no-store"  # a secret: it is not kept to be repeated
    return LinkOut(url=f"{quote(address)}?token={token}", expires_at=expires_at)
