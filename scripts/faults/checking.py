"""What must be true after a fault: what was acknowledged is there, and nothing was done by halves."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from app.core.db import Database
from app.evidence.verify import Kind, Verification
from scripts.faults.calling import Acknowledged
from scripts.faults.stage import Stage

TELL_SECONDS = 30

# What a dossier's last act left behind.
_LAST_ACTS = """
    WITH act AS (
        SELECT DISTINCT ON (object_id) object_id, action FROM audit_event
        WHERE object_type = 'submission'
          AND action IN ('submission.submit', 'submission.recall', 'review.claim', 'review.return', 'review.pass',
                         'review.reopen')
        ORDER BY object_id, id DESC)
    SELECT s.id FROM submission s LEFT JOIN act ON act.object_id = s.id
    WHERE NOT CASE coalesce(act.action, '')
        WHEN '' THEN s.state = 'draft'
        WHEN 'submission.submit' THEN s.state IN ('submitted', 'resubmitted')
        WHEN 'submission.recall' THEN s.state IN ('draft', 'returned')
        WHEN 'review.return' THEN s.state = 'returned'
        WHEN 'review.pass' THEN s.state = 'passed' AND s.settled IS NOT NULL AND s.passed_at IS NOT NULL
        ELSE s.state = 'under_review' END"""

# Each gives the ids of what is half done; all of them are asked as of one instant.
INVARIANTS = {
    "every key that was taken has its answer": "SELECT id FROM idempotency_record WHERE status IS NULL",
    "a dossier points to its last revision": """
        SELECT s.id FROM submission s LEFT JOIN submission_revision r ON r.id = s.revision_id
        WHERE r.id IS NULL OR r.submission_id <> s.id OR (r.number, r.content_hash) IS DISTINCT FROM
            (s.revision_number, s.content_hash)
            OR r.number <> (SELECT max(number) FROM submission_revision WHERE submission_id = s.id)""",
    "revisions have no gaps": """
        SELECT submission_id FROM submission_revision GROUP BY submission_id
        HAVING max(number) - min(number) + 1 <> count(*)""",
    "a dossier is where its last act left it": _LAST_ACTS,
    "every save has its revision and its audit row": """
        SELECT s.id FROM submission s
        WHERE (SELECT count(*) FROM submission_revision r WHERE r.submission_id = s.id) >
            1 + (SELECT count(*) FROM audit_event e WHERE e.object_id = s.id
                 AND e.action IN ('submission.save', 'review.answer'))""",
    "every decision has its audit row": """
        SELECT s.id FROM submission s WHERE (SELECT count(*) FROM adjustment a WHERE a.submission_id = s.id) <>
            (SELECT count(*) FROM audit_event e WHERE e.object_id = s.id AND e.action = 'review.adjust')""",
    "a result has all its lines, one audit row, and the next number": """
        SELECT r.id FROM result r
        WHERE r.units <> (SELECT count(*) FROM result_line l WHERE l.result_id = r.id)
           OR 1 <> (SELECT count(*) FROM audit_event e WHERE e.object_id = r.id AND e.action = 'result.finalize')
           OR r.number <> (SELECT count(*) FROM result o WHERE o.scope_id = r.scope_id AND o.number <= r.number)""",
    "a published result has its ranking and its audit row": """
        SELECT r.id FROM result r WHERE r.published_at IS NOT NULL AND (r.ranking IS NULL OR 1 <>
            (SELECT count(*) FROM audit_event e WHERE e.object_id = r.id AND e.action = 'result.publish'))""",
    "one version of a ranking is published": """
        SELECT scope_id FROM result WHERE state = 'published' GROUP BY scope_id HAVING count(*) > 1""",
    "a superseded version names the next one": """
        SELECT id FROM result WHERE (state = 'superseded') <> (superseded_by_id IS NOT NULL)""",
    "a document has its first revision, its bytes and one audit row": """
        SELECT d.id FROM document d JOIN stored_file f ON f.sha256 = d.sha256
        WHERE f.purged_at IS NOT NULL OR f.size_bytes <> d.size_bytes
           OR NOT EXISTS (SELECT FROM document_revision r WHERE r.document_id = d.id AND r.number = 1)
           OR 1 <> (SELECT count(*) FROM audit_event e WHERE e.object_id = d.id AND e.action = 'evidence.upload')""",
    "the pieces of an upload lie end to end": """
        SELECT upload_id FROM upload_piece GROUP BY upload_id
        HAVING sum(size_bytes) <> max(offset_bytes + size_bytes) OR min(offset_bytes) <> 0""",
    "an upload that ended is a document or says why not": """
        SELECT u.id FROM resumable_upload u WHERE u.ended_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM document d WHERE d.id = u.id)
          AND NOT EXISTS (SELECT FROM audit_event e WHERE e.object_id = u.id AND e.action = 'evidence.end_upload')""",
    "who has to be told is in the outbox": """
        SELECT e.id FROM audit_event e
        WHERE e.action IN ('submission.submit', 'submission.approve', 'review.pass', 'review.reopen',
                           'result.finalize', 'result.publish')
          AND 1 <> (SELECT count(*) FROM outbox_event o WHERE o.audit_event_id = e.id)""",
}


async def half_done(stage: Stage) -> list[str]:
    """Return what is not as a whole: the invariant and what breaks it."""
    found: list[str] = []
    connection = await asyncpg.connect(stage.database.dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name, query in INVARIANTS.items():
                found += [f"not so: {name}: {row[0]}" for row in await connection.fetch(query)]
    finally:
        await connection.close()
    return found


async def lost(stage: Stage, acknowledged: Sequence[Acknowledged]) -> list[str]:
    """Return the acknowledged changes that are not there: by key with the very answer, and by request in the audit."""
    connection = await asyncpg.connect(stage.database.dsn)
    try:
        keys = [one.key for one in acknowledged if one.method == "POST"]
        rows = await connection.fetch(
            "SELECT key, status, body FROM idempotency_record WHERE key = ANY($1)", keys
        )
        requests = await connection.fetch(
            "SELECT DISTINCT request_id FROM audit_event WHERE request_id = ANY($1)",
            [one.request_id for one in acknowledged],
        )
    finally:
        await connection.close()
    answers = {row["key"]: (row["status"], base64.b64decode(row["body"] or "")) for row in rows}
    audited = {row[0] for row in requests}
    return [
        f"lost: {one.method} {one.path} ({one.status})"
        for one in acknowledged
        if (one.method == "POST" and answers.get(one.key) != (one.status, one.body))
        or not (one.is_replay or one.request_id in audited or one.path.startswith("/evidence/uploads"))
    ]


async def untold(stage: Stage) -> int:
    """Return how many changes somebody is still to be told of, after some seconds in which the work may be done."""
    connection = await asyncpg.connect(stage.database.dsn)
    try:
        for _ in range(TELL_SECONDS):
            waiting = await connection.fetchval("SELECT count(*) FROM outbox_event WHERE done_at IS NULL")
            if not waiting:
                return 0
            await asyncio.sleep(1)
        return int(waiting)
    finally:
        await connection.close()


async def lost_bytes(stage: Stage) -> list[str]:
    """Return the files that are missing or damaged, every byte read."""
    database = Database(stage.database.url, is_local=True, is_patient=True)
    try:
        verification = Verification(database, stage.store, datetime.now(UTC))
        return [
            f"lost: {finding.kind} {finding.name}: {finding.detail}"
            async for finding in verification.findings()
            if finding.kind in (Kind.MISSING, Kind.DAMAGED)
        ]
    finally:
        await database.close()
