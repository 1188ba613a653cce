"""Who may call what, written down: changed only together with the policy in app/accounts/permissions.py."""

from app.accounts.permissions import Role

PUBLIC: frozenset[Role] = frozenset()
EVERYBODY: frozenset[Role] = frozenset(Role)

ADMIN = frozenset({Role.PROVINCE_ADMIN})
REVIEWERS = frozenset({Role.PROVINCE_REVIEWER, Role.DISTRICT_REVIEWER})
LEADERS = frozenset({Role.PROVINCE_LEADER, Role.DISTRICT_LEADER})
REPORTER = frozenset({Role.UNIT_REPORTER})
UNIT_LEADER = frozenset({Role.UNIT_LEADER})
AGENCY = frozenset({Role.VERIFYING_AGENCY})
AUDITOR = frozenset({Role.AUDITOR})
SERVICE = frozenset({Role.SERVICE})
PEOPLE = EVERYBODY - SERVICE

# Those who read dossiers; rows they may not see are 404, not 403.
DOSSIER = ADMIN | REVIEWERS | LEADERS | REPORTER | UNIT_LEADER | AGENCY | AUDITOR
LOGGED_IN = DOSSIER | SERVICE | {Role.DASHBOARD_READER}
FEEDS = frozenset(
    {
        Role.PROVINCE_ADMIN,
        Role.PROVINCE_REVIEWER,
        Role.PROVINCE_LEADER,
        Role.AUDITOR,
        Role.DASHBOARD_READER,
        Role.SERVICE,
    }
)

ACCESS: dict[str, frozenset[Role]] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "POST /api/v1/auth/token": PUBLIC,
    "POST /api/v1/auth/logout": PEOPLE,
    "GET /api/v1/me": EVERYBODY,
    "POST /api/v1/me/password": PEOPLE,
    "GET /api/v1/users": ADMIN | AUDITOR,
    "POST /api/v1/users": ADMIN,
    "GET /api/v1/users/{user_id}": ADMIN | AUDITOR,
    "PATCH /api/v1/users/{user_id}": ADMIN,
    "GET /api/v1/service-accounts": ADMIN,
    "POST /api/v1/service-accounts": ADMIN,
    "PATCH /api/v1/service-accounts/{account_id}": ADMIN,
    "GET /api/v1/audit": AUDITOR,
    "GET /api/v1/units": LOGGED_IN,
    "GET /api/v1/units/{unit_id}": LOGGED_IN,
    "GET /api/v1/index-sets": PUBLIC,
    "GET /api/v1/index-sets/{key}": PUBLIC,
    "GET /api/v1/index-sets/{key}/diff": PUBLIC,
    "GET /api/v1/index-sets/{key}/method": PUBLIC,
    "POST /api/v1/index-sets": ADMIN,
    "GET /api/v1/index-sets/{key}/versions": ADMIN,
    "GET /api/v1/index-sets/{key}/versions/{version}": ADMIN,
    "POST /api/v1/index-sets/{key}/versions/{version}/publish": ADMIN,
    "POST /api/v1/index-sets/{key}/versions/{version}/retire": ADMIN,
    "GET /api/v1/policies": PUBLIC,
    "GET /api/v1/policies/{key}": PUBLIC,
    "GET /api/v1/periods": LOGGED_IN,
    "POST /api/v1/periods": ADMIN,
    "GET /api/v1/periods/{period_id}": LOGGED_IN,
    "PATCH /api/v1/periods/{period_id}": ADMIN,
    "POST /api/v1/periods/{period_id}/open": ADMIN,
    "GET /api/v1/periods/{period_id}/scopes": LOGGED_IN,
    "GET /api/v1/periods/{period_id}/progress": DOSSIER,
    "GET /api/v1/calendar/{day}": LOGGED_IN,
    "PUT /api/v1/calendar/{day}": ADMIN,
    "GET /api/v1/evidence": DOSSIER,
    "POST /api/v1/evidence": REPORTER,
    "GET /api/v1/evidence/{document_id}": DOSSIER,
    "PATCH /api/v1/evidence/{document_id}": REPORTER,
    "GET /api/v1/evidence/{document_id}/content": DOSSIER,
    "GET /api/v1/official-figures": DOSSIER | SERVICE,
    "POST /api/v1/official-figures": AGENCY | SERVICE,
    "GET /api/v1/submissions": DOSSIER,
    "GET /api/v1/submissions/{submission_id}": DOSSIER,
    "PATCH /api/v1/submissions/{submission_id}": REPORTER,
    "GET /api/v1/submissions/{submission_id}/completeness": DOSSIER,
    "GET /api/v1/submissions/{submission_id}/scorecard": DOSSIER,
    "GET /api/v1/submissions/{submission_id}/revisions": DOSSIER,
    "GET /api/v1/submissions/{submission_id}/revisions/{number}": DOSSIER,
    "GET /api/v1/submissions/{submission_id}/evidence/{document_id}": DOSSIER,
    "POST /api/v1/submissions/{submission_id}/approve": UNIT_LEADER,
    "POST /api/v1/submissions/{submission_id}/submit": REPORTER | UNIT_LEADER,
    "GET /api/v1/submissions/{submission_id}/review": DOSSIER,
    "GET /api/v1/submissions/{submission_id}/adjustments": DOSSIER,
    "POST /api/v1/submissions/{submission_id}/adjustments": REVIEWERS,
    "POST /api/v1/submissions/{submission_id}/claim": REVIEWERS,
    "POST /api/v1/submissions/{submission_id}/return": REVIEWERS,
    "POST /api/v1/submissions/{submission_id}/pass": REVIEWERS,
    "POST /api/v1/submissions/{submission_id}/reopen-review": REVIEWERS,
    "GET /api/v1/submissions/{submission_id}/points": DOSSIER,
    "GET /api/v1/scopes/{scope_id}/preview": DOSSIER,
    "POST /api/v1/scopes/{scope_id}/finalize": REVIEWERS,
    "GET /api/v1/results": DOSSIER,
    "GET /api/v1/results/{result_id}": DOSSIER,
    "GET /api/v1/results/{result_id}/units/{unit_id}": DOSSIER,
    "GET /api/v1/results/{result_id}/changes": DOSSIER,
    "GET /api/v1/results/{result_id}/projection": ADMIN,
    "POST /api/v1/results/{result_id}/announce": LEADERS,
    "POST /api/v1/results/{result_id}/publish": LEADERS,
    "POST /api/v1/results/{result_id}/withdraw": LEADERS,
    "GET /api/v1/results/{result_id}/appeals": DOSSIER,
    "POST /api/v1/results/{result_id}/appeals": UNIT_LEADER,
    "GET /api/v1/appeals": DOSSIER,
    "GET /api/v1/appeals/{appeal_id}": DOSSIER,
    "POST /api/v1/appeals/{appeal_id}/decide": REVIEWERS,
    "POST /api/v1/appeals/{appeal_id}/withdraw": UNIT_LEADER,
    "GET /api/v1/public/periods": PUBLIC,
    "GET /api/v1/public/results": PUBLIC,
    "GET /api/v1/public/results/{result_id}": PUBLIC,
    "GET /api/v1/public/results/{result_id}/changes": PUBLIC,
    "GET /api/v1/public/results/{result_id}/chart.svg": PUBLIC,
    "GET /api/v1/public/results/{result_id}/units/{unit_id}": PUBLIC,
    "GET /api/v1/feeds/progress": FEEDS,
    "GET /api/v1/feeds/results": FEEDS,
}
