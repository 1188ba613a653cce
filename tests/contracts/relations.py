"""Whose things somebody reaches, written down: by kind of thing, and for the operations that differ from their kind.

A new operation whose path names a known kind of thing needs no line here; one that differs gets one in BY_OPERATION,
a new kind of thing one in KINDS and READS, and an example in tests/contracts/world.py.
"""

from enum import StrEnum

from app.accounts.permissions import Role
from tests.contracts.access import ADMIN, AGENCY, AUDITOR, DOSSIER, EVERYBODY, LEADERS, REVIEWERS


class Relation(StrEnum):
    """How the place of the caller's role stands to the unit that a thing belongs to."""

    OWN = "own unit"
    BELOW = "subordinate"  # the thing is of a unit below the caller's
    ABOVE = "superior"  # the thing is of a unit above the caller's
    SIBLING = "sibling"
    ELSEWHERE = "elsewhere in the province"
    FOREIGN = "other province"


R = Relation
ALL = frozenset(Relation)
HOME = ALL - {R.FOREIGN}
OVERSEEN = frozenset({R.OWN, R.BELOW})
OWN = frozenset({R.OWN})

Sight = dict[Role, frozenset[Relation]]


def sight(*rows: tuple[frozenset[Role], frozenset[Relation]]) -> Sight:
    """Return what roles reach, row by row."""
    return {role: relations for roles, relations in rows for role in roles}


UNIT_ROLES = frozenset({Role.UNIT_REPORTER, Role.UNIT_LEADER})
OVERSEERS = ADMIN | REVIEWERS | LEADERS | AUDITOR
DISTRICT_ADMINS = frozenset({Role.DISTRICT_ADMIN})

NOBODY = sight()
ANYBODY = sight((EVERYBODY, ALL))
# Some things are of the whole installation, which is one province's (design.md): a second root in the tree does not
# split them. Who administers one of the roots administers these.
INSTALLATION = ANYBODY

OWN_AND_OVERSEEN = sight((OVERSEERS, OVERSEEN), (UNIT_ROLES, OWN))
OVERSEEN_ONLY = sight((OVERSEERS, OVERSEEN))
# A district's administrator looks after its communes' people, and not after his colleagues.
ACCOUNTS = sight((ADMIN | AUDITOR, OVERSEEN), (DISTRICT_ADMINS, frozenset({R.BELOW})))
# Of a dossier an agency reads the indicators it verifies, and nothing that speaks of the whole.
WHOLE = OWN_AND_OVERSEEN

READS: dict[str, Sight] = {
    # so-tttt verifies an indicator of every set, and reads those indicators of every dossier that answers it
    "dossier": sight((OVERSEERS, OVERSEEN), (UNIT_ROLES, OWN), (AGENCY, HOME)),
    "document": OWN_AND_OVERSEEN,
    "evidence of a unit": OWN_AND_OVERSEEN,
    "upload": NOBODY,  # but its maker
    "scope": OVERSEEN_ONLY,
    "hand-over": OVERSEEN_ONLY,
    "result announced": sight((OVERSEERS, OVERSEEN), (UNIT_ROLES, frozenset({R.OWN, R.ABOVE}))),
    "result published": sight((DOSSIER, ALL)),
    "result unsigned": OVERSEEN_ONLY,
    "appeal": OWN_AND_OVERSEEN,
    "council": OVERSEEN_ONLY,
    "reviewing unit": sight((REVIEWERS | LEADERS, OWN)),
    "delegation": ACCOUNTS,  # and those it is between
    "user": ACCOUNTS,
    "log-in": NOBODY,  # but who is logged in
    "notice": NOBODY,  # but whom it tells
    "hold": sight((ADMIN | AUDITOR, OVERSEEN)),
    "hold on all": INSTALLATION,
    "service account": sight((ADMIN | AUDITOR, OVERSEEN)),  # an auditor in his trail alone
    "event": sight((AUDITOR, OVERSEEN)),
    "event of the system": INSTALLATION,
    "period": INSTALLATION,
    "unit": INSTALLATION,
    "set": INSTALLATION,
    "policy": INSTALLATION,
    "day": INSTALLATION,
}

# The kinds that an operation's path may name, by its parameters; the first that fits.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("{submission_id}", ("dossier",)),
    ("{document_id}", ("document",)),
    ("{upload_id}", ("upload",)),
    ("{council_id}", ("council",)),
    ("{hold_id}", ("hold", "hold on all")),
    ("{hand_over_id}", ("hand-over",)),
    ("{scope_id}", ("scope",)),
    ("{result_id}", ("result announced", "result published", "result unsigned")),
    ("{appeal_id}", ("appeal",)),
    ("{delegation_id}", ("delegation",)),
    ("{user_id}", ("user",)),
    ("{account_id}", ("service account",)),
    ("{log_in_id}", ("log-in",)),
    ("{event_id}", ("event", "event of the system")),
    ("{notice_id}", ("notice",)),
    ("/hand-overs", ("reviewing unit", "period")),
    ("{period_id}", ("period",)),
    ("{unit_id}", ("unit",)),
    ("policies/{key}", ("policy",)),
    ("{key}", ("set",)),
    ("{day}", ("day",)),
)

# What an operation names in its query, its body or a header, and not in its path.
NAMED_ELSEWHERE: dict[str, str] = {
    "GET /api/v1/evidence": "evidence of a unit",
    "POST /api/v1/evidence": "evidence of a unit",
    "POST /api/v1/evidence/uploads": "evidence of a unit",
    "POST /api/v1/evidence-holds": "evidence of a unit",
    "POST /api/v1/councils": "reviewing unit",
    "POST /api/v1/periods/{period_id}/hand-overs": "reviewing unit",
    "GET /api/v1/periods/{period_id}/hand-overs": "period",
    "POST /api/v1/me/notices/read-all": "notice",
}

# What an operation needs in its query, so that a thing that is there is found.
QUERY: dict[str, dict[str, str]] = {
    "GET /api/v1/submissions/{submission_id}/changes": {"from": "1", "to": "1"},
}

BY_OPERATION: dict[str, Sight] = {
    **{
        f"GET /api/v1/submissions/{{submission_id}}/{part}": WHOLE
        for part in (
            "adjustments",
            "changes",
            "groups",
            "points",
            "readiness",
            "review/readiness",
            "revisions",
            "revisions/{number}",
            "scorecard",
            # cited for an indicator that the agency does not verify
            "evidence/{document_id}",
            "evidence/{document_id}/signatures",
        )
    },
    "POST /api/v1/submissions/{submission_id}/evidence/{document_id}/links": WHOLE,
    "POST /api/v1/evidence-holds": sight((ADMIN, OVERSEEN)),
    # whoever may see a council need not be the one who manages it
    "PUT /api/v1/councils/{council_id}/seats": sight((REVIEWERS | LEADERS, OWN)),
    "POST /api/v1/scopes/{scope_id}/finalize": sight((REVIEWERS, OWN)),
    # signed where it is finalized
    "POST /api/v1/results/{result_id}/announce": sight((LEADERS, OWN)),
    "POST /api/v1/results/{result_id}/publish": sight((LEADERS, OWN)),
    "POST /api/v1/results/{result_id}/withdraw": sight((LEADERS, OWN)),
}

# Operations that answer the same whoever calls and whatever is named: a link is judged by its token, metrics by theirs.
SAME_FOR_ALL: dict[str, int] = {
    "GET /metrics": 404,
    "GET /api/v1/evidence/{document_id}/linked": 401,
    "GET /api/v1/submissions/{submission_id}/evidence/{document_id}/linked": 401,
}

# What asks the province's provider of log-ins, which is away here.
PROVIDER_IS_AWAY = frozenset(
    {
        "POST /api/v1/auth/sso/begin",
        "POST /api/v1/auth/sso/finish",
        "POST /api/v1/me/identity/begin",
        "POST /api/v1/me/identity/finish",
    }
)
