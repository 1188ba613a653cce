"""Reading the stored index sets and policies; parsed once per fingerprint."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import shown_set
from app.catalogue.method import method_page
from app.catalogue.models import IndexSetEvent, IndexSetRow, PolicyRow, SetState
from app.catalogue.rules import all_rows, scored_rows
from app.catalogue.schemas import IndexSetFile, PolicyFile
from app.catalogue.scored import applied_policy, scored_set
from app.catalogue.version_schemas import (
    NOT_RANKED,
    EventOut,
    SetOut,
    SetSummary,
    VersionOut,
    WholeVersionOut,
)
from app.core.http import AllowedAction
from app.core.problems import Lang, NotFound, Problem, title_of
from app.scoring.model import IndexSet, Policy
from app.units.models import Unit, UnitVersion
from app.units.queries import valid_on

_T = TypeVar("_T")
_Row = TypeVar("_Row", IndexSetRow, PolicyRow)
# Versions never change and are few: rows are read once per process, and parsed once per fingerprint. What became of a
# version does change, and is asked for every time.
_rows: dict[UUID, Any] = {}
_parsed: dict[tuple[str, str], Any] = {}


class IndexSetNotDraft(Problem):
    status, code = 409, "index_set_not_draft"
    title_vi, title_en = "Chỉ công bố được bản dự thảo", "Only a draft can be published"


class IndexSetRetired(Problem):
    status, code = 409, "index_set_retired"
    title_vi, title_en = "Phiên bản này đã ngừng sử dụng", "This version is retired already"


class IndexSetNotFound(NotFound):
    code = "index_set_not_found"
    title_vi, title_en = "Không tìm thấy bộ chỉ số", "Index set not found"


class PolicyNotFound(NotFound):
    code = "policy_not_found"
    title_vi, title_en = "Không tìm thấy chính sách", "Policy not found"


@dataclass(frozen=True, slots=True)
class Version:
    """A stored version of a set with everything that became of it, the first event first."""

    row: IndexSetRow
    events: tuple[IndexSetEvent, ...]

    @property
    def state(self) -> SetState:
        """Return what holds now."""
        return self.events[-1].state

    @property
    def published_at(self) -> datetime | None:
        """Return when it was published: from then on everybody may read it, for ever."""
        return next((event.at for event in self.events if event.state is SetState.PUBLISHED), None)


def _once(kind: str, sha256: str, make: Callable[[], _T]) -> _T:
    key = (kind, sha256)
    if key not in _parsed:
        _parsed[key] = make()
    found: _T = _parsed[key]
    return found


def set_file(row: IndexSetRow) -> IndexSetFile:
    """Return the content of a stored set, typed."""
    return _once("set", row.sha256, lambda: IndexSetFile.model_validate(row.content))


def scoring_set(row: IndexSetRow) -> IndexSet:
    """Return a stored set as scoring takes it."""
    return _once("scoring set", row.sha256, lambda: scored_set(set_file(row)))


def policy_file(row: PolicyRow) -> PolicyFile:
    """Return the content of a stored policy, typed."""
    return _once("policy", row.sha256, lambda: PolicyFile.model_validate(row.content))


def scoring_policy(row: PolicyRow) -> Policy:
    """Return a stored policy as scoring takes it."""
    return _once("scoring policy", row.sha256, lambda: applied_policy(policy_file(row)))


def codes_naming(row: IndexSetRow, agencies: set[str]) -> frozenset[str]:
    """Return the indicators that name one of these agencies as verifier or as source of the figures."""
    return frozenset(
        indicator.code
        for group in set_file(row).groups
        for indicator in scored_rows(group.indicators)
        if agencies.intersection((*indicator.verified_by, indicator.declared_by))
    )


async def _row_by_id(session: AsyncSession, table: type[_Row], row_id: UUID) -> _Row:
    if row_id not in _rows:
        row = await session.get_one(table, row_id)
        session.expunge(row)
        _rows[row_id] = row
    found: _Row = _rows[row_id]
    return found


async def index_set_by_id(session: AsyncSession, set_id: UUID) -> IndexSetRow:
    """Return a stored set version that something refers to."""
    return await _row_by_id(session, IndexSetRow, set_id)


async def policy_by_id(session: AsyncSession, policy_id: UUID) -> PolicyRow:
    """Return a stored policy version that something refers to."""
    return await _row_by_id(session, PolicyRow, policy_id)


async def index_sets(session: AsyncSession) -> list[IndexSetRow]:
    """Return every stored set version, whatever became of it, by key, the latest version first."""
    ids = select(IndexSetRow.id).order_by(IndexSetRow.key, IndexSetRow.set_version.desc())
    return [await index_set_by_id(session, set_id) for set_id in await session.scalars(ids)]


async def versions(session: AsyncSession, key: str | None = None) -> list[Version]:
    """Return every stored version of one set or of all, drafts included: by key, the latest version first."""
    query = (
        select(IndexSetEvent)
        .join(IndexSetRow, IndexSetRow.id == IndexSetEvent.index_set_id)
        .order_by(IndexSetRow.key, IndexSetRow.set_version.desc(), IndexSetEvent.number)
    )
    if key is not None:
        query = query.where(IndexSetRow.key == key)
    found = groupby(await session.scalars(query), lambda event: event.index_set_id)
    held = {set_id: tuple(events) for set_id, events in found}
    return [Version(await index_set_by_id(session, set_id), events) for set_id, events in held.items()]


async def public_versions(session: AsyncSession, key: str | None = None) -> list[Version]:
    """Return the versions that are or were published, in the same order; a draft is nobody's but the province's."""
    return [version for version in await versions(session, key) if version.published_at is not None]


async def public_version(session: AsyncSession, key: str, number: int | None = None) -> Version:
    """Return a version that is or was published, by default the latest that is published now.

    Raises: IndexSetNotFound.
    """
    for version in await public_versions(session, key):
        if version.row.set_version == number or (number is None and version.state is SetState.PUBLISHED):
            return version
    raise IndexSetNotFound()


async def version_of(session: AsyncSession, key: str, number: int) -> Version:
    """Return any version, drafts included.

    Raises: IndexSetNotFound.
    """
    for version in await versions(session, key):
        if version.row.set_version == number:
            return version
    raise IndexSetNotFound()


async def index_set_by_key(session: AsyncSession, key: str, version: int | None = None) -> IndexSetRow | None:
    """Return the latest published version of a set, or a given one that is or was published."""
    try:
        return (await public_version(session, key, version)).row
    except IndexSetNotFound:
        return None


async def method_of(session: AsyncSession, version: Version) -> str:
    """Return the page that shows the method to everybody, with the agencies' present names."""
    row, state = version.row, version.state.value
    file = set_file(row)
    query = select(Unit.key, UnitVersion.name).join(UnitVersion, UnitVersion.unit_id == Unit.id)
    query = query.where(Unit.key.in_(_agencies(file))).order_by(UnitVersion.valid_from)
    names = {key: name for key, name in (await session.execute(query)).all()}  # the latest name last
    written = f"method, {state}, {sorted(names.items())}"
    return _once(written, row.sha256, lambda: method_page(file, row.sha256, state, names))


def summary_of(version: Version) -> SetSummary:
    """Return a version that is or was published as the public list shows it."""
    assert version.published_at is not None, "the public list holds no drafts"
    told = version_out(version).model_dump(exclude={"events", "allowed_actions"})
    return SetSummary(**told, loaded_at=version.row.loaded_at, published_at=version.published_at)


def version_out(version: Version, lang: Lang = "vi") -> VersionOut:
    """Return a version in short, with its events and what may be done with it."""
    row, file = version.row, set_file(version.row)
    return VersionOut(
        key=row.key,
        version=row.set_version,
        unit_kind=row.unit_kind,
        title=file.title.vi,
        sha256=row.sha256,
        state=version.state,
        changes=file.changes or [],
        is_ranked=scoring_set(row).is_ranked,
        events=[EventOut.model_validate(event) for event in version.events],
        allowed_actions=_allowed_actions(version.state, lang),
    )


def _allowed_actions(state: SetState, lang: Lang) -> list[AllowedAction]:
    denied: dict[str, type[Problem] | None] = {
        "publish": None if state is SetState.DRAFT else IndexSetNotDraft,
        "retire": IndexSetRetired if state is SetState.RETIRED else None,
    }
    return [
        AllowedAction.of(action, why.code if why else None, title_of(why), lang)
        for action, why in denied.items()
    ]


def set_out(version: Version) -> SetOut:
    """Return a version in full."""
    is_ranked = scoring_set(version.row).is_ranked
    return SetOut(
        **dict(shown_set(set_file(version.row))),
        state=version.state,
        published_at=version.published_at,
        is_ranked=is_ranked,
        not_ranked=None if is_ranked else NOT_RANKED,
    )


def whole_version_out(version: Version, lang: Lang) -> WholeVersionOut:
    """Return a version in full, with its events."""
    short = version_out(version, lang)
    return WholeVersionOut(
        **dict(set_out(version)), events=short.events, allowed_actions=short.allowed_actions
    )


def _agencies(file: IndexSetFile) -> set[str]:
    return {key for row in all_rows(file) for key in (*row.verified_by, row.declared_by)} - {"unit"}


async def unknown_agencies(session: AsyncSession, file: IndexSetFile, today: date) -> list[str]:
    """Return the agencies that a set names and no unit of today is called."""
    named = _agencies(file)
    query = select(Unit.key).join(UnitVersion, UnitVersion.unit_id == Unit.id)
    known = await session.scalars(query.where(valid_on(today), Unit.key.in_(named)))
    return sorted(named.difference(known))


async def policies(session: AsyncSession) -> list[PolicyRow]:
    """Return the latest version of every policy, by key."""
    ids = select(PolicyRow.id).order_by(PolicyRow.key, PolicyRow.policy_version.desc())
    latest = await session.scalars(ids.ext(distinct_on(PolicyRow.key)))
    return [await policy_by_id(session, policy_id) for policy_id in latest]


async def policy_by_key(session: AsyncSession, key: str) -> PolicyRow | None:
    """Return the latest version of a policy."""
    query = select(PolicyRow.id).where(PolicyRow.key == key).order_by(PolicyRow.policy_version.desc())
    policy_id = await session.scalar(query.limit(1))
    return await policy_by_id(session, policy_id) if policy_id else None
