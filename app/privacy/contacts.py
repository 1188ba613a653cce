"""People without an account: the contacts that units name in their dossiers."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.audit import record
from app.core.repetition import forget_answers
from app.periods.models import Period
from app.privacy.schemas import ContactErasureIn, ContactPlaceOut, KnownPerson, comparable
from app.submissions.models import Revision, Submission

_FIELDS = ("full_name", "workplace", "position", "phone", "email")
_BLANK = dict.fromkeys(_FIELDS, "")


def is_contact(who: KnownPerson, contact: Mapping[str, Any]) -> bool:
    """Answer whether everything known of a person fits a contact of a dossier."""
    known = who.comparable
    held = comparable(contact)
    return all(held[name] == value for name, value in known.items() if value)


async def places_of(
    session: AsyncSession, caller: Principal, who: KnownPerson, *, lock: bool = False
) -> list[tuple[Submission, ContactPlaceOut]]:
    """Return every dossier below the caller's unit in which a person stands as a contact, by year and unit.

    `lock`: against other writers, because his entries are to be taken out.
    """
    contacts = Revision.content["contacts"]
    query = (
        select(Submission, Period.year, Revision.number, contacts)
        .join(Submission, Submission.id == Revision.submission_id)
        .join(Period, Period.id == Submission.period_id)
        .where(Submission.path.overlap(list(caller.units_with(Permission.PERSONAL_MANAGE))))
        .where(contacts != cast({}, JSONB), *_could_be(who))
        .order_by(Period.year, Submission.sort_key, Submission.id, Revision.number)
    )
    if lock:
        query = query.with_for_update(of=Submission)
    found: dict[Submission, tuple[int, set[str], list[int]]] = {}
    for submission, year, number, named in await session.execute(query):
        keys = {key for key, contact in named.items() if is_contact(who, contact or {})}
        if keys:
            entry = found.setdefault(submission, (year, set(), []))
            entry[1].update(keys)
            entry[2].append(number)
    return [
        (submission, _place(submission, year, keys, numbers))
        for submission, (year, keys, numbers) in found.items()
    ]


def _could_be(who: KnownPerson) -> list[Any]:
    """Return what the database can say of a match: digits and an address; names are compared here."""
    text = cast(Revision.content["contacts"], Text)
    known = who.comparable
    conditions = []
    if known["phone"]:
        conditions.append(func.regexp_replace(text, r"\D", "", "g").contains(known["phone"]))
    if known["email"] and known["email"].isascii():
        conditions.append(func.lower(text).contains(known["email"], autoescape=True))
    return conditions


def _place(submission: Submission, year: int, keys: set[str], numbers: list[int]) -> ContactPlaceOut:
    return ContactPlaceOut(
        submission_id=submission.id,
        unit_id=submission.unit_id,
        unit_name=submission.unit_name,
        year=year,
        contacts=sorted(keys),
        revisions=numbers,
    )


async def erase_contact(
    session: AsyncSession, body: ContactErasureIn, *, by: Principal, now: datetime
) -> list[ContactPlaceOut]:
    """Blank a person's five fields in every revision in which he stands as a contact; return where.

    The hash of a revision stays what its leader approved; `erased_at` says that it is of what stood there before.
    """
    places = await places_of(session, by, body.who, lock=True)
    for submission, place in places:
        await _blank(session, submission, body.who, now)
        await forget_answers(session, submission.id)
        submission.touch()
        said = {"contacts": place.contacts, "revisions": place.revisions, "document": body.document}
        await record(session, by, "personal.erase_contact", submission, now, after=said, reason=body.reason)
    await session.flush()
    return [place for _, place in places]


async def _blank(session: AsyncSession, submission: Submission, who: KnownPerson, now: datetime) -> None:
    revisions = select(Revision.id, Revision.content["contacts"]).where(
        Revision.submission_id == submission.id
    )
    ids = defaultdict(list)
    for revision_id, named in (await session.execute(revisions)).all():
        for key, contact in named.items():
            if is_contact(who, contact or {}):
                ids[key].append(revision_id)
    for key, with_him in ids.items():
        place = cast(array(["contacts", key]), ARRAY(Text))
        blanked = func.jsonb_set(Revision.content, place, cast(_BLANK, JSONB))
        await session.execute(
            update(Revision).where(Revision.id.in_(with_him)).values(content=blanked, erased_at=now)
        )
