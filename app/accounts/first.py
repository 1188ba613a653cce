"""The first accounts: demo accounts in the embedded default, one administrator anywhere else."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import actions, breached, services
from app.accounts.models import LoginSession, ServiceAccount, User
from app.accounts.passwords import hash_password, password_faults
from app.accounts.permissions import Grant, Permission, Role
from app.accounts.proving import is_initial_expired
from app.accounts.schemas import GrantIn, UserIn
from app.accounts.service_schemas import ServiceAccountIn
from app.core.audit import SYSTEM, record
from app.core.config import SettingMissing, Settings
from app.units.models import Unit, UnitKind
from app.units.queries import unit_ids_by_key

log = structlog.get_logger("accounts")
DEMO_PASSWORD = "demo-password-2023"  # noqa: S105  never used outside the embedded default
FIRST = "admin"
DEMO_SERVICE, DEMO_SERVICE_SECRET = "lgsp-so-tttt", "demo-service-secret-2023"

# (user name, role, home unit, unit of the role); a reviewer of the province works at Sở TT&TT (ruling 18), a second one
# elsewhere, because nobody reviews his own unit.
_PROVINCE = "tinh-ca-mau"
_DEMO = [
    ("admin", Role.PROVINCE_ADMIN, _PROVINCE, _PROVINCE),
    ("reviewer", Role.PROVINCE_REVIEWER, "so-tttt", _PROVINCE),
    ("reviewer2", Role.PROVINCE_REVIEWER, "van-phong-ubnd", _PROVINCE),
    ("leader", Role.PROVINCE_LEADER, _PROVINCE, _PROVINCE),
    ("auditor", Role.AUDITOR, "thanh-tra-tinh", _PROVINCE),
    ("dashboard", Role.DASHBOARD_READER, _PROVINCE, _PROVINCE),
]


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account to try the service with."""

    role: str
    username: str
    password: str


async def first_accounts(session: AsyncSession, settings: Settings, now: datetime) -> list[DemoAccount]:
    """Create the first accounts of a database that has none; return the demo accounts to show.

    Raises: SettingMissing if a real server has no account and no INITIAL_ADMIN_PASSWORD.
    """
    breached.use(settings.breached_passwords)
    is_empty = await session.scalar(select(User.id).limit(1)) is None
    if settings.is_demo:
        if is_empty:
            await _create_demo(session, now)
        return await _shown(session)
    if is_empty:
        await _create_administrator(session, settings, now)
    else:
        await _renew_initial_password(session, settings, now)
    return []


async def _create_administrator(session: AsyncSession, settings: Settings, now: datetime) -> None:
    if settings.initial_admin_password is None:
        raise SettingMissing("INITIAL_ADMIN_PASSWORD is missing: the database has no account yet")
    password = await _good(settings.initial_admin_password)
    province = (await session.scalars(select(Unit.id).where(Unit.kind == UnitKind.PROVINCE))).first()
    assert province is not None, "units are loaded before accounts"
    body = UserIn(
        username=FIRST,
        full_name="Quản trị tỉnh",
        unit_id=province,
        password=password,
        grants=[GrantIn(role=Role.PROVINCE_ADMIN, unit_id=province)],
    )
    await actions.create_user(session, body, by=SYSTEM, now=now)
    log.info("first_administrator_created", username=FIRST)


async def _good(initial: SecretStr) -> str:
    password = initial.get_secret_value()
    if faults := await password_faults(password, FIRST, ""):
        raise SettingMissing(f"INITIAL_ADMIN_PASSWORD {'; '.join(fault.en for fault in faults)}")
    return password


async def _renew_initial_password(session: AsyncSession, settings: Settings, now: datetime) -> None:
    """Give the first administrator his initial password again if it grew too old before anybody ever logged in."""
    first = await session.scalar(select(User).where(User.username == FIRST))
    if first is None or settings.initial_admin_password is None or not is_initial_expired(first, now):
        return
    if await session.scalar(select(LoginSession.id).limit(1)) is None:
        first.password_hash = await hash_password(await _good(settings.initial_admin_password))
        first.password_set_at = now
        first.touch()
        await record(session, SYSTEM, "user.change", first, now, after={"password": "replaced"})


async def _create_demo(session: AsyncSession, now: datetime) -> None:
    """Create the province's demo people, and per unit a reporter and leader, per district also its reviewing pair."""
    ids = await unit_ids_by_key(session)
    kinds = {key: kind for key, kind in (await session.execute(select(Unit.key, Unit.kind))).all()}
    people = list(_DEMO)
    for key, kind in kinds.items():
        if kind in (UnitKind.DEPARTMENT, UnitKind.DISTRICT, UnitKind.COMMUNE):
            people += [
                (f"{key}.reporter", Role.UNIT_REPORTER, key, key),
                (f"{key}.leader", Role.UNIT_LEADER, key, key),
            ]
        if kind is UnitKind.DISTRICT:
            # The reviewer and the chairman of a district's communes; its own dossier has other people.
            people.append((f"{key}.reviewer", Role.DISTRICT_REVIEWER, key, key))
            people.append((f"{key}.admin", Role.DISTRICT_ADMIN, key, key))
            people.append((f"{key}.chairman", Role.DISTRICT_LEADER, key, key))
        if kind is UnitKind.AGENCY:
            people.append((f"{key}.agency", Role.VERIFYING_AGENCY, key, key))
    people.append(("so-tttt.agency", Role.VERIFYING_AGENCY, "so-tttt", "so-tttt"))
    password_hash = await hash_password(DEMO_PASSWORD)
    for username, role, home, place in people:
        user = User(
            username=username,
            full_name=f"Tài khoản mẫu {username}",
            email=None,
            unit_id=ids[home],
            password_hash=password_hash,
            must_change_password=False,
            password_set_at=now,
            is_active=True,
            created_at=now,
            failed_logins=0,
            locked_until=None,
        )
        session.add(user)
        await session.flush()
        await actions.set_grants(session, user, [Grant(role, ids[place])], now)
    service = ServiceAccountIn(
        client_id=DEMO_SERVICE,
        name="LGSP – Sở TT&TT",
        unit_id=ids["so-tttt"],
        scopes=[Permission.FIGURE_GIVE, Permission.FIGURE_READ, Permission.FEED_READ],
    )
    await services.add_service_account(session, service, DEMO_SERVICE_SECRET, by=SYSTEM, now=now)


async def _shown(session: AsyncSession) -> list[DemoAccount]:
    """Return one account of each role, as long as it is there."""
    wanted = {
        **{name: role for name, role, _, _ in _DEMO},
        "huyen-964.admin": Role.DISTRICT_ADMIN,
        "huyen-964.reviewer": Role.DISTRICT_REVIEWER,
        "huyen-964.chairman": Role.DISTRICT_LEADER,
        "xa-31999.reporter": Role.UNIT_REPORTER,
        "xa-31999.leader": Role.UNIT_LEADER,
        "so-tttt.agency": Role.VERIFYING_AGENCY,
    }
    there = set(await session.scalars(select(User.username).where(User.username.in_(wanted))))
    shown = [DemoAccount(role.value, name, DEMO_PASSWORD) for name, role in wanted.items() if name in there]
    if await session.scalar(select(ServiceAccount.id).where(ServiceAccount.client_id == DEMO_SERVICE)):
        shown.append(DemoAccount(Role.SERVICE.value, DEMO_SERVICE, DEMO_SERVICE_SECRET))
    return shown
