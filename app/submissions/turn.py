"""What every turn of a dossier shares over HTTP: the dossier as the caller saw it, and what it has become."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.auth import Caller
from app.accounts.permissions import Principal
from app.core.http import DbSession, IfMatch, Language, Now, require_version, set_etag
from app.submissions.models import Submission
from app.submissions.queries import content_of, submission_for, submission_out
from app.submissions.schemas import SubmissionOut


async def _locked(submission_id: UUID, if_match: IfMatch, caller: Caller, session: DbSession) -> Submission:
    """Return the dossier as the caller saw it, locked for this turn."""
    submission = await submission_for(session, caller, submission_id, lock=True)
    require_version(submission, if_match)
    return submission


# It only needs to know who calls: the permission is declared by the route.
TurnOf = Annotated[Submission, Depends(_locked, scope="function")]


async def shown(
    session: AsyncSession,
    caller: Principal,
    dossier: Submission,
    now: Now,
    lang: Language,
    response: Response,
) -> SubmissionOut:
    """Return the dossier after a turn, with its new ETag."""
    set_etag(response, dossier)
    return await submission_out(session, caller, dossier, await content_of(session, dossier), now, lang)
