"""The second factor: codes of an app (TOTP, RFC 6238: 30 s, six digits), and recovery codes for a lost device."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.log_in_schemas import SecondFactorBegun, SecondFactorOut
from app.accounts.models import LoginSession, RecoveryCode, User
from app.accounts.passwords import fingerprint
from app.accounts.permissions import Principal, Role
from app.accounts.proving import count_failure, proves
from app.accounts.sealing import Seal, Unsealable
from app.accounts.sessions import end_log_ins
from app.core.audit import Actor, record
from app.core.config import SettingMissing, Settings
from app.core.problems import Fault, InvalidRequest, NothingChanged, Problem

STEP_SECONDS, DRIFT_STEPS = 30, 1
RECOVERY_CODES = 10
# 16 letters of 32: 80 bits, so that a plain hash is enough.
_LETTERS, _LENGTH = "abcdefghijklmnopqrstuvwxyz234567", 16
ISSUER = "DTI"


class SecondFactorPresent(Problem):
    status, code = 409, "second_factor_present"
    title_vi, title_en = "Tài khoản đã có xác thực hai lớp", "The account has a second factor already"


class SecondFactorNotBegun(Problem):
    status, code = 409, "second_factor_not_begun"
    title_vi, title_en = (
        "Chưa có xác thực hai lớp để làm việc này",
        "There is no second factor to do this with",
    )


class OwnSecondFactor(Problem):
    """Taking one's own off asks for password and code, whoever one is."""

    status, code = 409, "own_second_factor"
    title_vi, title_en = "Không tự gỡ xác thực hai lớp của mình ở đây", "Not for one's own second factor"


def strong_roles(settings: Settings) -> frozenset[Role]:
    """Return the roles that act only with a second factor; "none" or the embedded default: no role.

    Raises: SettingMissing for a role that does not exist.
    """
    names = {one.strip() for one in settings.second_factor_roles.split(",")} - {"", "none"}
    if unknown := names - {role.value for role in Role}:
        raise SettingMissing(f"SECOND_FACTOR_ROLES names no role of ours: {', '.join(sorted(unknown))}")
    return frozenset() if settings.is_demo else frozenset(map(Role, names))


# --- codes --------------------------------------------------------------------------------------------------


async def is_code(session: AsyncSession, seal: Seal, user: User, given: str, now: datetime) -> bool:
    """Answer whether a code is good now, of the app or for recovery, and use it up: none is good twice.

    The caller holds the lock of the user's row, and counts a wrong one.
    """
    typed = "".join(given.split()).replace("-", "").lower()
    if _is_step(seal, user, typed, now):
        return True
    query = (
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == fingerprint(typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.id)
    )
    return await session.scalar(query) is not None


def _is_step(seal: Seal, user: User, typed: str, now: datetime) -> bool:
    """Answer whether a code is one of the steps around now, none before the last one used; remember its step."""
    if user.totp_secret is None:
        return False
    try:
        secret = seal.open(user.totp_secret)
    except Unsealable:
        return False  # the recovery codes are left
    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        is_later = user.totp_step is None or step > user.totp_step
        if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step).encode(), typed.encode()) and is_later:
            user.totp_step = step
            user.totp_secret = seal.close(secret)  # with the present key
            return True
    return False


async def _new_recovery_codes(session: AsyncSession, user: User, now: datetime) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=fingerprint(code), made_at=now) for code in codes)
    return ["-".join(code[at : at + 4] for at in range(0, _LENGTH, 4)) for code in codes]


# --- one's own ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows to take his second factor off."""

    password: str
    code: str


async def state_of(session: AsyncSession, caller: Principal, roles: frozenset[Role]) -> SecondFactorOut:
    """Return whether the caller has a second factor, and whether he needs one to act."""
    user = await session.get_one(User, caller.id)
    left = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return SecondFactorOut(
        confirmed_at=user.totp_confirmed_at,
        is_missing=caller.lacks_second_factor(roles),
        recovery_codes_left=await session.scalar(left) or 0,
    )


async def begin(
    session: AsyncSession, seal: Seal, caller: Principal, password: str, now: datetime
) -> SecondFactorBegun | None:
    """Give the caller a secret for his app, or None if the password is wrong; it counts once it is confirmed.

    Raises: SecondFactorPresent (409).
    """
    user = await session.get_one(User, caller.id)
    if not await proves(session, user, password, now):
        return None
    if user.totp_confirmed_at is not None:
        raise SecondFactorPresent(
            "Gỡ xác thực hai lớp hiện có trước (POST …/end).", "Take the present one off first (POST …/end)."
        )
    secret = pyotp.random_base32()
    user.totp_secret, user.totp_step = seal.close(secret), None
    await record(session, caller, "user.begin_second_factor", user, now)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER)
    return SecondFactorBegun(secret=secret, uri=uri, qr_svg=segno.make_qr(uri).svg_inline(scale=4))


async def confirm(
    session: AsyncSession, seal: Seal, caller: Principal, code: str, now: datetime
) -> list[str]:
    """Let the second factor count, strengthen this log-in, end the others, and return the recovery codes.

    Raises: SecondFactorNotBegun (409), InvalidRequest (422) for a wrong code.
    """
    user = await session.get_one(User, caller.id, with_for_update=True, populate_existing=True)
    if user.totp_secret is None or user.totp_confirmed_at is not None:
        raise SecondFactorNotBegun(
            "Bắt đầu bằng POST /api/v1/me/second-factor.", "Begin with POST /api/v1/me/second-factor."
        )
    if not _is_step(seal, user, "".join(code.split()), now):
        vi, en = "mã không đúng; kiểm tra giờ của thiết bị", "wrong code; look at the clock of the device"
        raise InvalidRequest(faults=[Fault("/code", "wrong_code", vi, en)])
    user.totp_confirmed_at = now
    user.touch()
    await _change_log_ins(session, caller, is_strong=True, why="second factor added", now=now)
    await record(session, caller, "user.add_second_factor", user, now)
    return await _new_recovery_codes(session, user, now)


async def end(session: AsyncSession, seal: Seal, caller: Principal, proof: Proof, now: datetime) -> bool:
    """Take the caller's second factor off and end his other log-ins; return False if password or code are wrong.

    Raises: SecondFactorNotBegun (409).
    """
    user = await session.get_one(User, caller.id)
    if not await proves(session, user, proof.password, now):
        return False
    if user.totp_confirmed_at is None:
        raise SecondFactorNotBegun()
    if not await is_code(session, seal, user, proof.code, now):
        count_failure(user, now)
        return False
    await _take_off(session, user)
    await _change_log_ins(session, caller, is_strong=False, why="second factor taken off", now=now)
    await record(session, caller, "user.end_second_factor", user, now)
    return True


async def _change_log_ins(
    session: AsyncSession, caller: Principal, *, is_strong: bool, why: str, now: datetime
) -> None:
    await end_log_ins(session, caller.id, now, why, keep=caller.session_id)
    present = update(LoginSession).where(LoginSession.id == caller.session_id)
    await session.execute(present.values(is_strong=is_strong))


async def _take_off(session: AsyncSession, user: User) -> None:
    user.totp_secret = user.totp_confirmed_at = user.totp_step = None
    user.touch()
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


# --- another's ----------------------------------------------------------------------------------------------


async def remove(session: AsyncSession, user: User, reason: str, *, by: Actor, now: datetime) -> None:
    """Take a lost device off somebody's account and end all his log-ins; he enrols anew at the next one.

    Raises: OwnSecondFactor (409), NothingChanged (409) if there is none.
    """
    if user.id == by.id:
        raise OwnSecondFactor(
            "Dùng POST /api/v1/me/second-factor/end.", "Use POST /api/v1/me/second-factor/end."
        )
    if user.totp_confirmed_at is None:
        raise NothingChanged()
    await _take_off(session, user)
    await end_log_ins(session, user.id, now, "second factor removed by an administrator")
    await record(session, by, "user.remove_second_factor", user, now, reason=reason)
