"""Once a day the end of the audit trail is published: whoever keeps it outside can tell whether it was rewritten."""

from collections.abc import Callable
from datetime import date, datetime

import structlog

from app.core.audit_chain import publish_head
from app.core.db import Database
from app.core.vietnamese import VIETNAM
from app.core.work import Step

log = structlog.get_logger("audit")


class Heads:
    """Publishes the head of each day in its first round; of several processes one does."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._published: date | None = None

    @property
    def steps(self) -> list[Step]:
        """Return the steps of a round."""
        return [self._publish]

    async def _publish(self) -> None:
        now = self._clock()
        today = now.astimezone(VIETNAM).date()
        if self._published == today:
            return
        async with self._database.session() as session, session.begin():
            head = await publish_head(session, now)
        self._published = today
        if head is not None:
            log.info("audit_head", day=head.day.isoformat(), seq=head.seq, hash=head.hash.hex())
