"""Who may do what: the whole policy on one screen. No I/O."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from app.core.audit import Actor


class Permission(StrEnum):
    """What a route asks for, as resource:action."""

    UNIT_READ = "unit:read"
    USER_READ = "user:read"
    USER_MANAGE = "user:manage"
    IDENTITY_MANAGE = "identity:manage"
    SERVICE_MANAGE = "service:manage"
    CATALOGUE_MANAGE = "catalogue:manage"
    PERIOD_READ = "period:read"
    PERIOD_MANAGE = "period:manage"
    SUBMISSION_READ = "submission:read"
    SUBMISSION_EDIT = "submission:edit"
    SUBMISSION_APPROVE = "submission:approve"
    SUBMISSION_SUBMIT = "submission:submit"
    EVIDENCE_READ = "evidence:read"
    EVIDENCE_UPLOAD = "evidence:upload"
    EVIDENCE_KEEP = "evidence:keep"
    HOLD_READ = "hold:read"
    EVIDENCE_TRACE = "evidence:trace"
    FIGURE_READ = "figure:read"
    FIGURE_GIVE = "figure:give"
    REVIEW_ACT = "review:act"
    COUNCIL_MANAGE = "council:manage"
    RESULT_READ = "result:read"
    RESULT_FINALIZE = "result:finalize"
    RESULT_PUBLISH = "result:publish"
    APPEAL_LODGE = "appeal:lodge"
    FEED_READ = "feed:read"
    AUDIT_READ = "audit:read"
    PERSONAL_MANAGE = "personal:manage"


class Role(StrEnum):
    """What somebody is, for one unit (see Grant)."""

    PROVINCE_ADMIN = "province_admin"
    PROVINCE_REVIEWER = "province_reviewer"
    PROVINCE_LEADER = "province_leader"
    DISTRICT_ADMIN = "district_admin"
    DISTRICT_REVIEWER = "district_reviewer"
    DISTRICT_LEADER = "district_leader"
    UNIT_REPORTER = "unit_reporter"
    UNIT_LEADER = "unit_leader"
    VERIFYING_AGENCY = "verifying_agency"
    AUDITOR = "auditor"
    DASHBOARD_READER = "dashboard_reader"
    SERVICE = "service"


class Reach(StrEnum):
    """Which dossiers a role reads: the unit's own, those of the unit and all below it, or those with its indicators.

    SERVED is both of the latter: what a service account reads for its unit.
    """

    OWN = "own"
    SUBTREE = "subtree"
    VERIFIED = "verified"
    SERVED = "served"
    NONE = "none"


# Held for the whole province: granted for a unit of that kind only, so that "everywhere" is meant.
PROVINCE_ROLES = frozenset(
    {
        Role.PROVINCE_ADMIN,
        Role.PROVINCE_REVIEWER,
        Role.PROVINCE_LEADER,
        Role.AUDITOR,
        Role.DASHBOARD_READER,
    }
)

P = Permission
_READ = frozenset({P.UNIT_READ, P.PERIOD_READ})
_DOSSIER = _READ | {P.SUBMISSION_READ, P.EVIDENCE_READ, P.RESULT_READ, P.FIGURE_READ}
_REVIEWER = _DOSSIER | {P.REVIEW_ACT, P.COUNCIL_MANAGE, P.RESULT_FINALIZE}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.PROVINCE_ADMIN: _DOSSIER
    | {P.USER_READ, P.USER_MANAGE, P.SERVICE_MANAGE, P.CATALOGUE_MANAGE, P.PERIOD_MANAGE, P.FEED_READ}
    | {P.IDENTITY_MANAGE, P.EVIDENCE_KEEP, P.HOLD_READ, P.EVIDENCE_TRACE, P.PERSONAL_MANAGE},
    Role.PROVINCE_REVIEWER: _REVIEWER | {P.FEED_READ},
    Role.PROVINCE_LEADER: _DOSSIER | {P.COUNCIL_MANAGE, P.RESULT_PUBLISH, P.FEED_READ},
    Role.DISTRICT_ADMIN: _READ | {P.USER_READ, P.USER_MANAGE},
    Role.DISTRICT_REVIEWER: _REVIEWER,
    Role.DISTRICT_LEADER: _DOSSIER | {P.COUNCIL_MANAGE, P.RESULT_PUBLISH},
    Role.UNIT_REPORTER: _DOSSIER
    | {P.SUBMISSION_EDIT, P.SUBMISSION_SUBMIT, P.EVIDENCE_UPLOAD, P.EVIDENCE_TRACE},
    Role.UNIT_LEADER: _DOSSIER
    | {P.SUBMISSION_APPROVE, P.SUBMISSION_SUBMIT, P.APPEAL_LODGE, P.EVIDENCE_TRACE},
    Role.VERIFYING_AGENCY: _DOSSIER | {P.FIGURE_GIVE},
    Role.AUDITOR: _DOSSIER | {P.USER_READ, P.FEED_READ, P.AUDIT_READ, P.HOLD_READ, P.EVIDENCE_TRACE},
    Role.DASHBOARD_READER: _READ | {P.FEED_READ},
    Role.SERVICE: _READ,  # a service account adds the scopes it was given
}

# Whose turns others may take for some days, on a written basis.
DELEGABLE = frozenset(
    {
        Role.PROVINCE_REVIEWER,
        Role.PROVINCE_LEADER,
        Role.DISTRICT_REVIEWER,
        Role.DISTRICT_LEADER,
        Role.UNIT_LEADER,
    }
)


@dataclass(frozen=True, slots=True)
class RoleRemit:
    """Whose accounts a role looks after: of the units below its own (and of its own), and the roles it gives there."""

    includes_own_unit: bool
    gives: frozenset[Role]


# Who looks after whose accounts, and may give what. Who holds anything he may not give is not his to change; nobody
# changes his own roles. Agencies that verify serve the whole province, so a district makes none.
ROLE_REMIT: dict[Role, RoleRemit] = {
    Role.PROVINCE_ADMIN: RoleRemit(includes_own_unit=True, gives=frozenset(Role) - {Role.SERVICE}),
    Role.DISTRICT_ADMIN: RoleRemit(
        includes_own_unit=False, gives=frozenset({Role.UNIT_REPORTER, Role.UNIT_LEADER})
    ),
    Role.AUDITOR: RoleRemit(includes_own_unit=True, gives=frozenset()),
}

# What a service account may be given, as OAuth2 scopes.
SERVICE_SCOPES = frozenset({P.FIGURE_GIVE, P.FIGURE_READ, P.FEED_READ})

ROLE_REACH: dict[Role, Reach] = {
    Role.PROVINCE_ADMIN: Reach.SUBTREE,
    Role.PROVINCE_REVIEWER: Reach.SUBTREE,
    Role.PROVINCE_LEADER: Reach.SUBTREE,
    Role.DISTRICT_ADMIN: Reach.NONE,
    Role.DISTRICT_REVIEWER: Reach.SUBTREE,
    Role.DISTRICT_LEADER: Reach.SUBTREE,
    Role.UNIT_REPORTER: Reach.OWN,
    Role.UNIT_LEADER: Reach.OWN,
    Role.VERIFYING_AGENCY: Reach.VERIFIED,
    Role.AUDITOR: Reach.SUBTREE,
    Role.DASHBOARD_READER: Reach.NONE,
    Role.SERVICE: Reach.SERVED,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held for a unit: one's own, or by a delegation in another's place until the end of a day.

    `barred` are the units whoever is acted for does not review himself: nobody does it in his place either.
    """

    role: Role
    unit_id: UUID
    on_behalf_of: UUID | None = None
    basis: str | None = None
    until: date | None = None
    barred: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Actor):
    """The caller: a person or a service account, with the roles held at this moment.

    `unit_id` is the home unit (nobody reviews it himself); `scopes` are extra permissions of a service account.
    """

    unit_id: UUID
    grants: frozenset[Grant]
    scopes: frozenset[Permission] = frozenset()
    session_id: UUID | None = None
    must_change_password: bool = False
    # Whether this log-in showed a second factor; a program has none to show.
    is_strong: bool = True

    def lacks_second_factor(self, roles: frozenset[Role]) -> bool:
        """Answer whether the caller holds one of these roles, in whosever place, without a second factor."""
        return not self.is_strong and any(grant.role in roles for grant in self.grants)

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return everything the caller's roles and scopes allow, wherever."""
        return frozenset[Permission]().union(*(ROLE_PERMISSIONS[g.role] for g in self.grants)) | self.scopes

    def units_with(self, permission: Permission) -> frozenset[UUID]:
        """Return the units for which the caller holds a role (or a scope) with this permission."""
        units = {g.unit_id for g in self.grants if permission in ROLE_PERMISSIONS[g.role]}
        return frozenset(units | ({self.unit_id} if permission in self.scopes else set()))

    def may(self, permission: Permission, unit_id: UUID) -> bool:
        """Answer whether the caller may do this for exactly this unit."""
        return unit_id in self.units_with(permission)

    def only_with(self, permission: Permission) -> "Principal":
        """Return the caller with those roles alone that allow this: what he sees as one who may do it."""
        return replace(
            self, grants=frozenset(g for g in self.grants if permission in ROLE_PERMISSIONS[g.role])
        )

    @property
    def own_units(self) -> frozenset[UUID]:
        """Return the home unit and those the caller declares for or leads: he reviews none of them.

        Nor those of the people he acts for: what one may not do himself, nobody does in his place.
        """
        return self.units_reaching(Reach.OWN).union({self.unit_id}, *(g.barred for g in self.grants))

    def acting_as(self, unit_id: UUID, permission: Permission) -> "Principal":
        """Return the caller in the role in which he does this for a unit, his own before a delegated one."""
        held = [g for g in self.grants if g.unit_id == unit_id and permission in ROLE_PERMISSIONS[g.role]]
        used = min(held, key=lambda g: (g.on_behalf_of is not None, str(g.on_behalf_of)), default=None)
        if used is None:
            return replace(self, acting_for=unit_id)
        return replace(self, acting_for=unit_id, on_behalf_of=used.on_behalf_of, basis=used.basis)

    def units_reaching(self, reach: Reach) -> frozenset[UUID]:
        """Return the units of the caller's roles that read that far."""
        reaches = {reach, Reach.SERVED} if reach in (Reach.SUBTREE, Reach.VERIFIED) else {reach}
        return frozenset(g.unit_id for g in self.grants if ROLE_REACH[g.role] in reaches)
