"""Reproduce a stored result from its own inputs, byte for byte.

    python -m app.results.rescore RESULT_ID

Reads the database of DATABASE_URL, or the embedded one whether or not its server is running. Exit 0: everything is
reproduced. Exit 1: each difference on a line. Exit 2: there is no such result, or no database to read.
"""

import asyncio
import gzip
import json
import sys
from hashlib import sha256
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.catalogue.files import content_sha256
from app.catalogue.models import IndexSetRow, PolicyRow
from app.catalogue.queries import policy_file, set_file
from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgresError
from app.results import publication, queries
from app.results.models import Result, ResultLine
from app.results.snapshot import Line, retake
from app.scoring.engine import ENGINE_VERSION


async def differences(session: AsyncSession, result_id: UUID) -> list[str]:
    """Return where a stored result differs from what its inputs give; an empty list if it is reproduced.

    Raises: LookupError if there is no such result.
    """
    every = [undefer(column) for column in (Result.ranking, Result.ranking_gzip)]
    result = await session.get(Result, result_id, options=every)
    if result is None:
        raise LookupError(f"there is no result {result_id}")
    query = select(ResultLine).where(ResultLine.result_id == result_id).order_by(ResultLine.unit_id)
    lines = (await session.scalars(query.options(undefer(ResultLine.document)))).all()
    found = await _of_measures(session, result)
    found += [
        f"unit {line.unit_id}: the document does not have its fingerprint"
        for line in lines
        if sha256(line.document.encode()).hexdigest() != line.sha256
    ]
    try:
        again, made = retake(
            await queries.basis_of_result(session, result), [json.loads(row.document) for row in lines]
        )
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        return [*found, f"the stored inputs cannot be scored: {type(error).__name__}: {error}"]
    for line, scored in zip(lines, made, strict=True):
        found += _of_line(line, scored)
    known = {"sha256": again.sha256, "peers": json.loads(json.dumps(again.peers)), "units": len(made)}
    found += [
        f"result: {name} is not reproduced" for name, value in known.items() if getattr(result, name) != value
    ]
    return found + await _of_publication(session, result, made)


async def _of_measures(session: AsyncSession, result: Result) -> list[str]:
    """Compare what was measured by with its fingerprints."""
    index_set = await session.get_one(IndexSetRow, result.index_set_id)
    policy = await session.get_one(PolicyRow, result.policy_id)
    checks = {
        f"result: scored by engine {result.engine_version}, this is {ENGINE_VERSION}": (
            result.engine_version == ENGINE_VERSION
        ),
        "index set: the content does not have its fingerprint": (
            content_sha256(set_file(index_set)) == index_set.sha256 == result.index_set_sha256
        ),
        "policy: the content does not have its fingerprint": (
            content_sha256(policy_file(policy)) == policy.sha256 == result.policy_sha256
        ),
    }
    return [text for text, holds in checks.items() if not holds]


def _of_line(line: ResultLine, scored: Line) -> list[str]:
    return [
        f"unit {line.unit_id}: {name} is not reproduced"
        for name, value in scored._asdict().items()
        if getattr(line, name) != value
    ]


def _without_what_is_newer(ready: publication.Ready, stored: bytes) -> publication.Ready:
    """Return a ranking as an earlier release wrote it: without the members that rankings did not have then."""
    try:
        known = json.loads(stored)
        made = json.loads(ready.body)
    except ValueError:
        return ready
    if not isinstance(known, dict) or not made.keys() > known.keys():
        return ready
    return publication.served(to_json({name: value for name, value in made.items() if name in known}))


async def _of_publication(session: AsyncSession, result: Result, lines: list[Line]) -> list[str]:
    """Compare the bytes that the public reads with what the snapshot says."""
    if result.ranking is None:
        return []
    measures = await queries.measures_shown(session, result)
    digits = (await queries.basis_of_result(session, result)).policy.digits
    superseder = await queries.superseder_of(session, result)
    ready = publication.ready(result, lines, measures, digits, superseder)
    ready = _without_what_is_newer(ready, result.ranking)
    try:
        unpacked = gzip.decompress(result.ranking_gzip or b"")
    except (OSError, EOFError):
        unpacked = b""
    checks = {
        "publication: the ranking is not reproduced": result.ranking == ready.body,
        "publication: the gzipped ranking is not reproduced": unpacked == ready.body,
        "publication: the ETag is not reproduced": result.ranking_etag == ready.etag,
    }
    return [text for text, holds in checks.items() if not holds]


async def _differences_in(url: str, result_id: UUID) -> list[str]:
    database = Database(url, is_local=True, is_patient=True)
    try:
        async with database.session() as session:
            return await differences(session, result_id)
    finally:
        await database.close()


def main(arguments: list[str]) -> int:
    """Rescore the result named by its id; give the exit status."""
    try:
        (result_id,) = [UUID(argument) for argument in arguments]
        with database_url(Settings()) as url:
            found = asyncio.run(_differences_in(url, result_id))
    except (ValueError, LookupError, SettingMissing, EmbeddedPostgresError, OSError) as error:
        sys.stderr.write(f"scripts/rescore RESULT_ID: {error}\n")
        return 2
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"OK {result_id}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
