"""A person with an account gets to know what is kept of him, and can have it erased; what he did stays."""

import asyncio
import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import FormerPassword, LoginSession, RecoveryCode, SsoAttempt, User, UserIdentity
from app.core.audit import AuditEvent
from app.core.repetition import IdempotencyRecord
from app.notifications.models import Notice
from app.privacy.erasing import ERASED_NAME
from app.privacy.forgetting import Forgetting
from tests.accounts.lending import hire, id_of
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in
from tests.scene import REVIEWER, UNIT, Scene, photograph

USERS = "/api/v1/users"
WHY = {"reason": "Đề nghị xóa dữ liệu cá nhân", "document": "Đơn số 12 ngày 01/12/2023"}
LEAVER, FULL_NAME = f"{UNIT}.leaver", f"Phó {UNIT}.leaver"


@pytest.fixture
async def leaver(app: FastAPI, scene: Scene, session: AsyncSession, clock: Clock) -> User:
    """Give a person with something of everything."""
    await hire(app, LEAVER, UNIT, email="nguoi-di@example.vn")
    user = (await session.scalars(select(User).where(User.username == LEAVER))).one()
    log_in = {"created_at": clock.now, "expires_at": clock.now, "address": "203.0.113.9"}
    session.add_all(
        [
            LoginSession(user_id=user.id, user_agent="Trình duyệt", **log_in),
            UserIdentity(user_id=user.id, issuer="https://sso.example", subject="s-1", linked_at=clock.now),
            FormerPassword(user_id=user.id, password_hash="bí mật", replaced_at=clock.now),
            RecoveryCode(user_id=user.id, code_hash="bí mật", made_at=clock.now),
        ]
    )
    await session.flush()
    return user


async def erase(
    admin: CheckedClient, user_id: Any, etag: str | None = None, **options: Any
) -> httpx.Response:
    """Erase a person on his present version."""
    etag = etag or (await admin.get(f"{USERS}/{user_id}")).headers["etag"]
    sent = {"json": WHY, "headers": {"If-Match": etag}} | options
    return await admin.post(f"{USERS}/{user_id}/erase", **sent)


def kinds(data: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{one['table']}.{one['columns'][0]}": one for one in data}


async def test_a_person_reads_everything_about_himself_without_the_secrets(
    scene: Scene, leaver: User
) -> None:
    answer = await (await scene.as_(LEAVER)).get("/api/v1/me/personal-data")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = kinds(answer.json()["data"])
    assert found["app_user.username"]["rows"] == [
        {"username": LEAVER, "full_name": FULL_NAME, "email": "nguoi-di@example.vn"}
    ]
    assert {row["address"] for row in found["login_session.address"]["rows"]} == {"203.0.113.9", None}
    assert found["user_identity.issuer"]["rows"][0]["subject"] == "s-1"
    assert (found["recovery_code.code_hash"]["count"], found["recovery_code.code_hash"]["rows"]) == (1, [])
    assert "bí mật" not in answer.text


async def test_what_somebody_did_is_counted(scene: Scene) -> None:
    await scene.submitted()
    answer = await (await scene.as_(f"{UNIT}.reporter")).get("/api/v1/me/personal-data")
    found = kinds(answer.json()["data"])
    assert found["submission_revision.created_by_name"]["count"] == 1
    assert found["audit_event.actor_name"]["count"] >= 2


async def test_who_answers_a_persons_request_reads_the_same_and_that_is_recorded(
    scene: Scene, leaver: User, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    answer = await admin.get(f"{USERS}/{leaver.id}/personal-data")
    assert kinds(answer.json()["data"])["app_user.username"]["count"] == 1
    read = select(AuditEvent.actor_name).where(AuditEvent.action == "personal.export")
    assert (await session.scalars(read.where(AuditEvent.object_id == leaver.id))).all() == ["admin"]


async def test_an_erasure_leaves_a_pseudonym_that_never_logs_in_again(
    scene: Scene, leaver: User, session: AsyncSession, client: CheckedClient
) -> None:
    admin, his = await scene.as_("admin"), await scene.as_(LEAVER)
    answer = await erase(admin, leaver.id)
    assert (answer.status_code, answer.json()["is_done"]) == (200, True)
    shown = (await admin.get(f"{USERS}/{leaver.id}")).json()
    assert (shown["full_name"], shown["email"], shown["is_active"]) == (ERASED_NAME, None, False)
    assert shown["username"].startswith("erased-") and shown["grants"] == []
    assert (await his.get("/api/v1/me")).status_code == 401
    for table in (UserIdentity, FormerPassword, RecoveryCode):
        query = select(func.count()).select_from(table).where(table.user_id == leaver.id)
        assert await session.scalar(query) == 0, table
    log_ins = select(LoginSession.address, LoginSession.user_agent).where(LoginSession.user_id == leaver.id)
    assert {tuple(row) for row in await session.execute(log_ins)} == {(None, None)}
    everything = await photograph(session)
    left = {name for name, rows in everything.items() if any(FULL_NAME in row for row in rows)}
    assert left == set()


async def test_trying_an_erasure_says_what_would_go_and_changes_nothing(
    scene: Scene, leaver: User, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    answer = await erase(admin, leaver.id, params={"dry_run": True})
    assert answer.json()["is_done"] is False
    erased, kept = kinds(answer.json()["erased"]), kinds(answer.json()["kept"])
    assert erased["login_session.address"]["erasure"] == "blanked"
    assert kept["audit_event.actor_name"]["kept_because"].startswith("Truy vết")
    await session.refresh(leaver)
    assert (leaver.full_name, leaver.erased_at) == (FULL_NAME, None)


async def test_an_erasure_is_refused_twice_for_oneself_and_on_an_old_version(
    scene: Scene, leaver: User
) -> None:
    admin = await scene.as_("admin")
    assert (await erase(admin, leaver.id, etag='"7"')).status_code == 412
    assert (await erase(admin, leaver.id)).status_code == 200
    assert (await erase(admin, leaver.id)).json()["code"] == "already_erased"
    assert (await erase(admin, await id_of(scene, "admin"))).json()["code"] == "not_oneself"


async def test_nothing_brings_an_erased_account_back(
    scene: Scene, leaver: User, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    assert (await erase(admin, leaver.id)).status_code == 200
    url, why = f"{USERS}/{leaver.id}", {"reason": "Theo đề nghị"}
    shown = await admin.get(url)
    held = {"If-Match": shown.headers["etag"]}
    unit_id = str(leaver.unit_id)
    for change in (
        {"is_active": True},
        {"password": "một câu dài của riêng tôi"},
        {"full_name": FULL_NAME},
        {"grants": [{"role": "unit_leader", "unit_id": unit_id}]},
    ):
        answer = await admin.patch(url, json=change | why, headers=held)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_erased"), change
    row = {"action": "change", "username": shown.json()["username"], "full_name": FULL_NAME}
    answer = await admin.post(f"{USERS}/bulk", json={"rows": [row]})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "account_erased")
    for verb in ("end-log-ins", "remove-second-factor"):
        answer = await admin.post(f"{url}/{verb}", json=why, headers=held)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_erased"), verb
    await session.refresh(leaver)
    assert (leaver.is_active, leaver.full_name) == (False, ERASED_NAME)


async def test_no_answer_that_was_kept_still_has_what_was_erased(
    scene: Scene, leaver: User, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    assert (await admin.post(f"{USERS}/{leaver.id}/end-log-ins", json={"reason": "Nghỉ"})).status_code == 204
    made = await admin.post(USERS, json=of_second_leaver(str(leaver.unit_id)))
    other = made.json()["id"]
    done = await erase(admin, other)
    assert (done.status_code, done.headers["cache-control"]) == (200, "no-store")
    bodies = (await session.scalars(select(IdempotencyRecord.body))).all()
    kept = b"".join(base64.b64decode(body or "") for body in bodies).decode()
    assert "Phó thứ hai" not in kept and other not in kept


def of_second_leaver(unit_id: str) -> dict[str, Any]:
    return {
        "username": f"{UNIT}.leaver2",
        "full_name": "Phó thứ hai",
        "unit_id": unit_id,
        "password": "một câu dài của riêng tôi",
        "grants": [],
    }


async def test_a_look_at_what_would_go_is_a_reading_like_any_other(
    scene: Scene, leaver: User, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    assert (await erase(admin, leaver.id, params={"dry_run": True})).status_code == 200
    read = select(AuditEvent.actor_name).where(AuditEvent.action == "personal.export")
    assert (await session.scalars(read.where(AuditEvent.object_id == leaver.id))).all() == ["admin"]


async def test_who_has_a_dossier_on_his_desk_hands_it_over_first(scene: Scene) -> None:
    await scene.claimed()
    admin = await scene.as_("admin")
    answer = await erase(admin, await id_of(scene, REVIEWER))
    assert (answer.status_code, answer.json()["code"]) == (409, "person_has_duties")
    assert (answer.json()["claimed"], answer.json()["delegations"]) == (1, 0)


async def test_notices_to_others_forget_the_name(
    scene: Scene, leaver: User, session: AsyncSession, clock: Clock
) -> None:
    delegation = {
        "delegate_id": str(leaver.id),
        "role": "unit_leader",
        "unit_id": str(leaver.unit_id),
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-15",
        "ends_on": "2023-12-16",
    }
    made = await (await scene.as_(f"{UNIT}.leader")).post("/api/v1/delegations", json=delegation)
    assert made.status_code == 201, made.text
    about = {"delegate": FULL_NAME, "delegator": "Tài khoản mẫu", "count": 3}
    session.add(
        Notice(
            user_id=leaver.id,
            key="k",
            topic="delegated",
            object_type="delegation",
            object_id=made.json()["id"],
            about=about,
            created_at=clock.now,
            mailing="off",
        )
    )
    await session.flush()
    admin = await scene.as_("admin")
    assert (await erase(admin, leaver.id)).json()["code"] == "person_has_duties"
    clock.advance(days=3)  # the last day is over
    assert (await erase(admin, leaver.id)).status_code == 200
    shown = (await session.scalars(select(Notice.about).where(Notice.key == "k"))).one()
    assert shown == about | {"delegate": ERASED_NAME}


async def test_the_last_administrator_is_not_erased(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    admin = await scene.as_("admin")
    await session.execute(update(User).where(User.username == "admin").values(is_active=True))
    other = {
        "username": "admin.second",
        "full_name": "Quản trị thứ hai",
        "unit_id": (await admin.get("/api/v1/me")).json()["unit_id"],
        "password": "một câu dài của riêng tôi",
        "grants": [],
    }
    made = await admin.post(USERS, json=other)
    assert made.status_code == 201, made.text
    assert (await erase(admin, made.json()["id"])).status_code == 200  # held no role: others remain


async def test_what_is_kept_for_some_days_goes_by_itself(
    app: FastAPI, scene: Scene, session: AsyncSession, clock: Clock, leaver: User
) -> None:
    row = {"caller_id": leaver.id, "fingerprint": "f", "body": "e30="}
    old, young = clock.now - timedelta(days=30, seconds=1), clock.now - timedelta(days=30)
    session.add(IdempotencyRecord(key="old", created_at=old, **row))
    session.add(IdempotencyRecord(key="young", created_at=young, **row))
    year = clock.now - timedelta(days=365, seconds=1)
    session.add(LoginSession(user_id=leaver.id, created_at=year, expires_at=year, address="203.0.113.7"))
    attempt = {"nonce": "n", "code_verifier": "v", "begun_at": clock.now}
    day = clock.now - timedelta(days=1)
    session.add(SsoAttempt(state_hash="old", expires_at=day - timedelta(seconds=1), **attempt))
    session.add(SsoAttempt(state_hash="young", expires_at=day, **attempt))
    await session.flush()
    forgetting = Forgetting(app.state.database, clock)
    await forgetting.forget()
    keys = select(IdempotencyRecord.key).where(IdempotencyRecord.caller_id == leaver.id)
    assert (await session.scalars(keys)).all() == ["young"]
    assert (await session.scalars(select(SsoAttempt.state_hash))).all() == ["young"]
    addresses = select(LoginSession.address).where(LoginSession.user_id == leaver.id)
    assert set(await session.scalars(addresses)) == {None, "203.0.113.9"}
    clock.advance(hours=23)
    await forgetting.forget()
    assert (await session.scalars(keys)).all() == ["young"]  # once a day
    clock.advance(hours=1)
    await forgetting.forget()
    assert (await session.scalars(keys)).all() == []


async def test_a_log_in_under_way_leaves_no_address_behind(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    found = (await admin.get(USERS, params={"search": f"{UNIT}.reporter"})).json()["items"][0]
    sessions = own_app.state.database.session
    async with sessions() as session, session.begin():
        user = await session.get_one(User, UUID(found["id"]), with_for_update=True)
        log_in = {"created_at": clock.now, "expires_at": clock.now, "address": "203.0.113.9"}
        session.add(LoginSession(user_id=user.id, **log_in))
        await session.flush()
        erasing = asyncio.create_task(erase(admin, user.id, etag='"1"'))
        await asyncio.sleep(1)  # until it waits for the row that the log-in holds
    assert (await erasing).status_code == 200
    async with sessions() as session:
        kept = select(LoginSession.address).where(LoginSession.user_id == user.id)
        assert (await session.scalars(kept)).all() == [None]
