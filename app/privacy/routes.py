"""Personal data over HTTP: the register, what there is about a person, and its erasure."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts import remits
from app.accounts.actions import LastAdministrator
from app.accounts.auth import AnyPerson, Caller, Repeatable, Requires
from app.accounts.models import User
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router
from app.privacy import contacts, erasing, queries
from app.privacy.register import OnErasure
from app.privacy.schemas import (
    ContactErasureIn,
    ContactErasureOut,
    ContactPlaceOut,
    ErasureIn,
    ErasureOut,
    FieldOut,
    KnownPerson,
    PersonalDataOut,
)

CanManage = Annotated[Principal, Requires(Permission.PERSONAL_MANAGE)]
DryRun = Annotated[bool, Query(description="only tell, change nothing")]

routes = router("/personal-data", "Dữ liệu cá nhân · Personal data")
me_routes = router("/me", "Dữ liệu cá nhân · Personal data")
user_routes = router("/users", "Dữ liệu cá nhân · Personal data")


@routes.get("/fields", response_model=list[FieldOut])
async def list_personal_fields(_: Caller, lang: Language) -> list[FieldOut]:
    """List what the service keeps about persons, what an erasure does with it, and why some of it stays."""
    return queries.fields_out(lang)


@me_routes.get("/personal-data", response_model=PersonalDataOut)
async def read_my_personal_data(
    caller: AnyPerson, session: DbSession, now: Now, lang: Language, response: Response
) -> PersonalDataOut:
    """Show everything about the caller, to be kept as a file."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = 'attachment; filename="personal-data.json"'
    user = await session.get_one(User, caller.id)
    return await queries.personal_data(session, user, now, lang)


@user_routes.get(
    "/{user_id}/personal-data", response_model=PersonalDataOut, responses=problems(remits.UserNotFound)
)
async def read_personal_data(
    user_id: UUID, caller: CanManage, session: DbSession, now: Now, lang: Language, response: Response
) -> PersonalDataOut:
    """Show everything about a person with an account, for whoever answers his request; the reading is recorded."""
    response.headers["Cache-Control"] = "no-store"
    user = await remits.account_for(session, await remits.remit_of(session, caller, now), user_id)
    await queries.record_export(session, caller, user, now)
    return await queries.personal_data(session, user, now, lang)


@user_routes.post(
    "/{user_id}/erase",
    response_model=ErasureOut,
    responses=problems(
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        remits.AlreadyErased,
        erasing.NotOneself,
        erasing.PersonHasDuties,
        LastAdministrator,
    ),
    dependencies=[Repeatable(Permission.PERSONAL_MANAGE)],
)
async def erase_person(
    user_id: UUID,
    body: ErasureIn,
    if_match: IfMatch,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
    dry_run: DryRun = False,
) -> ErasureOut:
    """Erase what is known of a person with an account; who did what stays, under a pseudonym.

    The answer lists it once more and is kept nowhere; a look at what would go is recorded as a reading.
    """
    response.headers["Cache-Control"] = "no-store"
    user = await remits.account_managed(session, caller, user_id, now)
    require_version(user, if_match)
    found = await queries.held(session, user.id, lang)
    await erasing.require_erasable(session, user, by=caller, now=now)
    if dry_run:
        await queries.record_export(session, caller, user, now)
    else:
        await erasing.erase(session, user, body, by=caller, now=now)
    kept = [one for one in found if one.erasure is OnErasure.KEPT]
    return ErasureOut(is_done=not dry_run, erased=[one for one in found if one not in kept], kept=kept)


@routes.post("/contacts/search", response_model=list[ContactPlaceOut])
async def find_contact(
    body: KnownPerson, caller: CanManage, session: DbSession, now: Now, response: Response
) -> list[ContactPlaceOut]:
    """List the dossiers in which somebody stands as a contact; a POST, because names do not belong in addresses."""
    response.headers["Cache-Control"] = "no-store"
    places = await contacts.places_of(session, caller, body)
    await queries.record_search(session, caller, body, len(places), now)
    return [place for _, place in places]


@routes.post(
    "/contacts/erase",
    response_model=ContactErasureOut,
    dependencies=[Repeatable(Permission.PERSONAL_MANAGE)],
)
async def erase_contact(
    body: ContactErasureIn, caller: CanManage, session: DbSession, now: Now, dry_run: DryRun = False
) -> ContactErasureOut:
    """Take somebody out of every dossier in which he stands as a contact; answers, approvals and results stay."""
    if dry_run:
        places = [place for _, place in await contacts.places_of(session, caller, body.who)]
        await queries.record_search(session, caller, body.who, len(places), now)
    else:
        places = await contacts.erase_contact(session, body, by=caller, now=now)
    return ContactErasureOut(is_done=not dry_run, places=places)
