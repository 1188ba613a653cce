"""Storing the index sets and policies of the data files."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import Catalogue, catalogue
from app.catalogue.models import IndexSetRow, PolicyRow
from app.catalogue.schemas import IndexSetFile, IndexSetOut
from app.units.models import UnitKind


class VersionChanged(RuntimeError):
    """A stored version differs from the file that claims to be it: raise the file's version instead."""


async def load_catalogue(session: AsyncSession, now: datetime, files: Catalogue | None = None) -> int:
    """Store every set and policy version of the data files that is not stored yet, and return how many were new.

    Raises: VersionChanged if a file was altered without a new version: a version in use never changes.
    """
    files = files or catalogue()
    rows: list[IndexSetRow | PolicyRow] = []
    for loaded in files.sets.values():
        file = loaded.out
        stored = await session.scalar(select(IndexSetRow).filter_by(key=file.key, set_version=file.version))
        if _is_new(stored, loaded.out.sha256, file.key):
            rows.append(
                IndexSetRow(
                    key=file.key,
                    set_version=file.version,
                    unit_kind=UnitKind(file.unit_kind),
                    sha256=loaded.out.sha256,
                    content=_content(file),
                    loaded_at=now,
                )
            )
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
    return len(rows)


def _content(out: IndexSetOut) -> dict[str, Any]:
    """Return what the file says, without what was counted."""
    return out.model_dump(mode="json", exclude_none=True, include=set(IndexSetFile.model_fields))


def _is_new(stored: IndexSetRow | PolicyRow | None, sha256: str, key: str) -> bool:
    if stored is not None and stored.sha256 != sha256:
        raise VersionChanged(f"{key}: the stored version differs from the file; give the file a new version")
    return stored is None
