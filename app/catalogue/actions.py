"""Storing the index sets and policies of the data files, and versions of sets that the province imports."""

import asyncio
from collections.abc import Iterator, Set
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries
from app.catalogue.files import Catalogue, LoadedSet, catalogue, parse_set
from app.catalogue.models import IndexSetEvent, IndexSetRow, PolicyRow, SetState
from app.catalogue.plausibility import plausibilities
from app.catalogue.queries import Version, set_file
from app.catalogue.reading import CatalogueFault, CatalogueFaulty
from app.catalogue.schemas import IndexSetFile
from app.catalogue.version_schemas import NOT_RANKED, ImportOut
from app.catalogue.versions import diff
from app.core.audit import SYSTEM, Actor, record
from app.core.http import require_present
from app.core.problems import Fault, Problem
from app.core.vietnamese import VIETNAM
from app.units.models import UnitKind


class VersionChanged(RuntimeError):
    """A stored version differs from the file that claims to be it: raise the file's version instead."""


class IndexSetFaulty(Problem):
    """The file cannot become a version of a set; every fault is listed."""

    status, code = 422, "index_set_faulty"
    title_vi, title_en = "Tệp bộ chỉ số có lỗi", "The file of the index set is faulty"


# --- the data files -----------------------------------------------------------------------------------------


async def load_catalogue(session: AsyncSession, now: datetime, files: Catalogue | None = None) -> int:
    """Store every set and policy version of the data files that is not stored yet, and return how many were new.

    What comes with the service is published at once.

    Raises: VersionChanged if a file was altered without a new version: a version in use never changes.
    """
    files = files or catalogue()
    plausibilities()  # a faulty file of cross-checks stops the start too, not the first dossier it would judge
    rows: list[IndexSetRow | PolicyRow] = []
    for loaded in files.sets.values():
        file = loaded.out
        stored = await session.scalar(select(IndexSetRow).filter_by(key=file.key, set_version=file.version))
        if stored is not None and await _was_imported(session, stored):
            continue  # the province made a version of that number before one came with the service: it keeps it
        if _is_new(stored, file.sha256, file.key):
            rows.append(_set_row(loaded, now))
    for policy in files.policies.values():
        read = policy.out
        held = await session.scalar(select(PolicyRow).filter_by(key=read.key, policy_version=read.version))
        if _is_new(held, policy.sha256, read.key):
            rows.append(
                PolicyRow(
                    key=read.key,
                    policy_version=read.version,
                    sha256=policy.sha256,
                    content=read.model_dump(mode="json", exclude_none=True),
                    loaded_at=now,
                )
            )
    session.add_all(rows)
    await session.flush()
    session.add_all(
        _event(row, 1, SetState.PUBLISHED, SYSTEM, now) for row in rows if isinstance(row, IndexSetRow)
    )
    await session.flush()
    return len(rows)


async def _was_imported(session: AsyncSession, row: IndexSetRow) -> bool:
    query = select(IndexSetEvent.by).filter_by(index_set_id=row.id, number=1)
    return await session.scalar(query) != SYSTEM.id


def _set_row(loaded: LoadedSet, now: datetime) -> IndexSetRow:
    file = loaded.out
    return IndexSetRow(
        key=file.key,
        set_version=file.version,
        unit_kind=UnitKind(file.unit_kind),
        sha256=file.sha256,
        content=_content(file),
        loaded_at=now,
    )


def _event(
    row: IndexSetRow, number: int, state: SetState, by: Actor, now: datetime, reason: str | None = None
) -> IndexSetEvent:
    return IndexSetEvent(
        index_set_id=row.id, number=number, state=state, reason=reason, at=now, by=by.id, by_name=by.name
    )


def _content(file: IndexSetFile, exclude: Set[str] = frozenset()) -> dict[str, Any]:
    """Return what the file says, without what was counted."""
    return file.model_dump(mode="json", exclude_none=True, include=set(IndexSetFile.model_fields) - exclude)


def _is_new(stored: IndexSetRow | PolicyRow | None, sha256: str, key: str) -> bool:
    if stored is not None and stored.sha256 != sha256:
        raise VersionChanged(f"{key}: the stored version differs from the file; give the file a new version")
    return stored is None


# --- versions of the province -------------------------------------------------------------------------------


async def import_set(
    session: AsyncSession, content: bytes, *, dry_run: bool, by: Actor, now: datetime
) -> ImportOut:
    """Store a new set, or the next version of one, as a draft; a dry run says the same and stores nothing.

    Raises: IndexSetFaulty (422) with every fault.
    """
    loaded = await _read(content)
    latest = next(iter(await queries.versions(session, loaded.out.key)), None)
    before = None if latest is None else set_file(latest.row)
    if faults := list(_faults_against(before, loaded.out)):
        raise IndexSetFaulty(faults=faults)
    if not dry_run:
        row = _set_row(loaded, now)
        session.add(row)
        await session.flush()
        session.add(_event(row, 1, SetState.DRAFT, by, now))
        await record(session, by, "index_set.import", row, now, after=_named(row))
    file, is_ranked = loaded.out, loaded.scored.is_ranked
    return ImportOut(
        key=file.key,
        version=file.version,
        sha256=file.sha256,
        state=SetState.DRAFT,
        stored=not dry_run,
        is_ranked=is_ranked,
        not_ranked=None if is_ranked else NOT_RANKED,
        counted=file.counted,
        counted_by_group=file.counted_by_group,
        differences=file.differences,
        unknown_agencies=await queries.unknown_agencies(session, file, now.astimezone(VIETNAM).date()),
        diff=None if before is None else diff(before, file),
    )


async def _read(content: bytes) -> LoadedSet:
    try:
        # A large file takes a second: other requests are served meanwhile.
        return await asyncio.to_thread(parse_set, "body", content)
    except CatalogueFaulty as error:
        raise IndexSetFaulty(faults=[_fault(fault) for fault in error.faults]) from None


def _fault(found: CatalogueFault) -> Fault:
    """Say where a fault stands in the file, which people read by line and row, and programs by pointer."""
    line = (f"dòng {found.line}", f"line {found.line}") if found.line else ("tệp", "the file")
    row = (f", mục {found.row}", f", row {found.row}") if found.row else ("", "")
    vi, en = (f"{at}{of}: {what}" for at, of, what in zip(line, row, found.message, strict=True))
    return Fault(found.pointer, "faulty", vi, en)


def _faults_against(before: IndexSetFile | None, file: IndexSetFile) -> Iterator[Fault]:
    """Judge a file against the version before it, of whatever state: numbers are never given twice."""
    expected = 1 if before is None else before.version + 1
    if file.version != expected:
        vi, en = f"phiên bản tiếp theo phải là {expected}", f"the next version must be {expected}"
        yield Fault("/version", "version_not_next", vi, en)
    if file.unit_kind not in list(UnitKind):
        vi, en = "không có loại đơn vị này", "there is no such kind of unit"
        yield Fault("/unit_kind", "unknown_unit_kind", vi, en)
    if before is None:
        return
    if file.unit_kind != before.unit_kind:
        vi = f"các phiên bản trước dành cho loại đơn vị {before.unit_kind}"
        en = f"the versions before are for units of the kind {before.unit_kind}"
        yield Fault("/unit_kind", "unit_kind_changed", vi, en)
    numbering = {"version", "changes"}
    if _content(file, exclude=numbering) == _content(before, exclude=numbering):
        vi = f"nội dung không khác phiên bản {before.version}"
        en = f"the content does not differ from version {before.version}"
        yield Fault("", "nothing_changed", vi, en)


async def publish(
    session: AsyncSession, version: Version, *, based_on: int, by: Actor, now: datetime
) -> Version:
    """Let periods choose a draft from now on, and everybody read it.

    Raises: StaleVersion (412), IndexSetNotDraft (409).
    """
    require_present(len(version.events), based_on)
    if version.state is not SetState.DRAFT:
        raise queries.IndexSetNotDraft(state=version.state.value)
    return await _move(session, version, SetState.PUBLISHED, by, now)


async def retire(
    session: AsyncSession, version: Version, reason: str, *, based_on: int, by: Actor, now: datetime
) -> Version:
    """Let no period choose a version any more; those that use it keep it, and what was published stays readable.

    Raises: StaleVersion (412), IndexSetRetired (409).
    """
    require_present(len(version.events), based_on)
    if version.state is SetState.RETIRED:
        raise queries.IndexSetRetired()
    return await _move(session, version, SetState.RETIRED, by, now, reason)


async def _move(
    session: AsyncSession,
    version: Version,
    state: SetState,
    by: Actor,
    now: datetime,
    reason: str | None = None,
) -> Version:
    row = version.row
    event = _event(row, len(version.events) + 1, state, by, now, reason)
    session.add(event)
    verb = {SetState.PUBLISHED: "publish", SetState.RETIRED: "retire"}[state]
    before, after = {"state": version.state.value}, {**_named(row), "state": state.value}
    await record(session, by, f"index_set.{verb}", row, now, before=before, after=after, reason=reason)
    await session.flush()
    return Version(row, (*version.events, event))


def _named(row: IndexSetRow) -> dict[str, Any]:
    return {"key": row.key, "version": row.set_version, "sha256": row.sha256}
