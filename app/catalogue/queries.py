"""Reading the stored index sets and policies; parsed once per fingerprint."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import applied_policy, scored_set
from app.catalogue.models import IndexSetRow, PolicyRow
from app.catalogue.schemas import IndexSetFile, PolicyFile
from app.core.problems import NotFound
from app.scoring.model import IndexSet, Policy

_T = TypeVar("_T")
_Row = TypeVar("_Row", IndexSetRow, PolicyRow)
# Versions never change and are few: rows are read once per process, and parsed once per fingerprint.
_rows: dict[UUID, Any] = {}
_parsed: dict[tuple[str, str], Any] = {}


class IndexSetNotFound(NotFound):
    code = "index_set_not_found"
    title_vi, title_en = "Không tìm thấy bộ chỉ số", "Index set not found"


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
        for indicator in group.indicators
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
    """Return every stored set version by key, the latest version first."""
    ids = select(IndexSetRow.id).order_by(IndexSetRow.key, IndexSetRow.set_version.desc())
    return [await index_set_by_id(session, set_id) for set_id in await session.scalars(ids)]


async def index_set_by_key(session: AsyncSession, key: str) -> IndexSetRow | None:
    """Return the latest version of a set."""
    query = select(IndexSetRow.id).where(IndexSetRow.key == key).order_by(IndexSetRow.set_version.desc())
    set_id = await session.scalar(query.limit(1))
    return await index_set_by_id(session, set_id) if set_id else None


async def policy_by_key(session: AsyncSession, key: str) -> PolicyRow | None:
    """Return the latest version of a policy."""
    query = select(PolicyRow.id).where(PolicyRow.key == key).order_by(PolicyRow.policy_version.desc())
    policy_id = await session.scalar(query.limit(1))
    return await policy_by_id(session, policy_id) if policy_id else None
