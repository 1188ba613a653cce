"""The results, as a part of the machine: finalizing, announcing, publishing and withdrawing."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import httpx

from tests.machine.checks import agree
from tests.machine.dossier import Dossier, Refused
from tests.machine.life import Life, scope_units
from tests.machine.people import PEOPLE, UNITS, Person

REASON = "Chốt lại sau khi sửa số liệu"
DECISION = {"decision_number": "12/QĐ-UBND", "decision_date": "2023-12-15", "signer": "Người Ký Mẫu"}
_RESULTS = """
SELECT r.id::text, r.number, r.state, r.sha256, r.version, r.finalized_by_name,
       (SELECT md5(string_agg(l.sha256, ',' ORDER BY l.unit_id)) FROM result_line l WHERE l.result_id = r.id) AS lines
  FROM result r WHERE r.scope_id = $1::text::uuid ORDER BY r.number
"""


@dataclass(frozen=True)
class Signed:
    """What a signature does to a version, and to the others of its scope."""

    begins_in: frozenset[str]
    leads_to: str
    supersedes: frozenset[str]


SIGNED = {
    "announce": Signed(frozenset({"provisional"}), "announced", frozenset({"announced"})),
    "publish": Signed(
        frozenset({"provisional", "announced"}), "published", frozenset({"announced", "published"})
    ),
    "withdraw": Signed(frozenset({"announced", "published"}), "withdrawn", frozenset()),
}


@dataclass
class Version:
    """A finalized result: its state, and what stood in the dossiers then."""

    state: str
    stood: list[Any]
    id: str = ""
    kept: tuple[str, str] | None = None  # its hash and that of its lines, which never change


@dataclass
class Scope:
    """Units that are ranked together, as far as they are played, and the versions of their result."""

    finalizer: str
    units: list[str]
    review_due: datetime | None  # after it a unit that nobody reviewed counts with 0 points (004:77)
    versions: list[Version] = field(default_factory=list)

    def is_waiting(self, life: Life) -> bool:
        """Answer whether a dossier keeps it from being finalized (ruling 11)."""
        is_over = self.review_due is not None and life.now >= self.review_due
        dossiers = [life.dossiers[unit] for unit in self.units]
        return any(d.state != "passed" and not (is_over and d.passed_at is None) for d in dossiers)

    def stands(self, life: Life) -> list[Any]:
        """Return everything a result may depend on: nothing has changed while it is the same."""
        return [_standing(life.dossiers[unit]) for unit in self.units]

    def expected(self, life: Life, who: Person, reason: str | None) -> list[Refused | None]:
        """Return what may be answered to a finalization; None: it is done."""
        if not who.has("finalize"):
            return [Refused(403, "not_permitted")]
        if not who.has("finalize", self.finalizer):
            return [Refused(404, "scope_not_found")]
        if self.is_waiting(life):
            return [Refused(409, "scope_not_reviewed")]
        if not self.versions:
            return [None]
        done = None if reason else Refused(409, "reason_missing")
        if self.versions[-1].state == "withdrawn":
            return [done]
        if self.versions[-1].stood == self.stands(life):
            return [Refused(409, "nothing_changed")]
        # What was changed may have been changed back.
        return [Refused(409, "nothing_changed"), done]


def _standing(d: Dossier) -> Any:
    return d.state, d.passed_at, len(d.contents), len(d.decisions), d.figures, len(d.log)


class Finals:
    """The part of a life that ends it: whoever may finalizes and signs, and others try to."""

    world: Any
    life: Life
    tally: Any
    last_event: Any

    def _scopes(self) -> dict[str, Scope]:
        if not hasattr(self, "_held_scopes"):
            is_strict, due = self.life.is_strict, self.world.review_due
            self._held_scopes: dict[str, Scope] = {}
            for unit in UNITS:
                finalizer, units = scope_units(unit, is_strict=is_strict)
                scope = Scope(finalizer, units, due if is_strict and len(units) > 1 else None)
                self._held_scopes.setdefault(self.world.scopes[unit], scope)
        return self._held_scopes

    def _finalize(self, chance: Random) -> None:
        """Somebody finalizes a scope: all or nothing, and once for the same content."""
        scopes = [*self._scopes().items()]
        ready = [(one, scope) for one, scope in scopes if not scope.is_waiting(self.life)]
        scope_id, scope = chance.choice(ready if ready and chance.random() < 0.7 else scopes)
        able = [name for name, who in PEOPLE.items() if who.has("finalize", scope.finalizer)]
        name = chance.choice(able if chance.random() < 0.8 else [*PEOPLE])
        reason = chance.choice([REASON, REASON, None])
        path = f"/scopes/{scope_id}"
        etag = self.world.call("admin", "GET", f"{path}/preview").headers["etag"]
        expected = scope.expected(self.life, PEOPLE[name], reason)
        headers = {"If-Match": etag, "Idempotency-Key": self._key()}  # type: ignore[attr-defined]
        answer = self.world.call(name, "POST", f"{path}/finalize", json={"reason": reason}, headers=headers)
        if self._came("finalize", scope, answer, expected):
            for earlier in scope.versions:
                earlier.state = "superseded" if earlier.state == "provisional" else earlier.state
            scope.versions.append(Version("provisional", scope.stands(self.life), answer.json()["id"]))
            self._written_by("result.finalize", name, "result_line")
        self._check_results(scope_id, scope)

    def _sign(self, chance: Random) -> None:
        """Somebody announces, publishes or withdraws a version, most often the newest one."""
        scope_id, scope = chance.choice([*self._scopes().items()])
        if not scope.versions:
            return
        turn, version = chance.choice([*SIGNED]), chance.choice([scope.versions[-1], *scope.versions])
        able = [name for name, who in PEOPLE.items() if who.has("publish", scope.finalizer)]
        name = chance.choice(able if chance.random() < 0.8 else [*PEOPLE])
        expected = self._signing(turn, scope, version, PEOPLE[name])
        etag = self.world.call("admin", "GET", f"/results/{version.id}").headers["etag"]
        headers = {"If-Match": etag, "Idempotency-Key": self._key()}  # type: ignore[attr-defined]
        body = {"announce": {}, "publish": DECISION, "withdraw": {"reason": REASON}}[turn]
        answer = self.world.call(name, "POST", f"/results/{version.id}/{turn}", json=body, headers=headers)
        if self._came(turn, scope, answer, expected):
            signed = SIGNED[turn]
            for other in scope.versions:
                if other is not version and other.state in signed.supersedes:
                    other.state = "superseded"
            version.state = signed.leads_to
            self._written_by(f"result.{turn}", name)
        self._check_results(scope_id, scope)

    def _signing(self, turn: str, scope: Scope, version: Version, who: Person) -> list[Refused | None]:
        """Return what may be answered to a signature; None: it is done."""
        if not who.has("publish"):
            return [Refused(403, "not_permitted")]
        if not who.has("publish", scope.finalizer):
            return [Refused(404, "result_not_found")]
        refused = Refused(409, "not_publishable" if turn == "publish" else "action_not_allowed")
        if version.state not in SIGNED[turn].begins_in:
            return [refused]
        if turn != "withdraw" and version is not scope.versions[-1]:
            return [refused]
        if turn != "publish":
            return [None]
        if scope.is_waiting(self.life):
            return [refused]
        # What was changed since may have been changed back.
        return [None] if scope.stands(self.life) == version.stood else [None, refused]

    def _came(self, turn: str, scope: Scope, answer: httpx.Response, expected: list[Refused | None]) -> bool:
        """Compare an answer with what may come, and tell whether it was done."""
        code = None if answer.is_success else answer.json()["code"]
        may_come = [(one.status, one.code) if one else (None, None) for one in expected]
        found = (None if code is None else answer.status_code, code)
        assert found in may_come, f"{turn}: the service says {answer.text}, the model {may_come}"
        if code is not None:
            self._require_written(set())  # type: ignore[attr-defined]
        self.tally.count(turn, self.life.dossiers[scope.units[0]].state, code or "done")
        return code is None

    def _written_by(self, action: str, name: str, *tables: str) -> None:
        """Check the tables and the one audit row of a finalization or a publication."""
        written = {"result", "audit_event", "idempotency_record", *tables}
        self._require_written(written, {"ranking_scope", "outbox_event"})  # type: ignore[attr-defined]
        rows = self.world.events_after(self.last_event)
        agree("audit", [one["actor_name"] for one in rows if one["action"] == action], [name])
        assert {one["action"] for one in rows} <= {action, "result.supersede"}
        self.last_event = rows[-1]["id"]

    def _check_results(self, scope_id: str, scope: Scope) -> None:
        """Check that versions are gapless, in the model's state, and that nothing in them has changed."""
        rows = self.world.fetch(_RESULTS, scope_id)
        agree("result numbers", [one["number"] for one in rows], [*range(1, len(scope.versions) + 1)])
        for row, version in zip(rows, scope.versions, strict=True):
            agree("result state", (row["id"], row["state"]), (version.id, version.state))
            now = (row["sha256"], row["lines"])
            agree("result content", now, version.kept or now)
            version.kept = now
