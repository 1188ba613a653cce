"""Who is told of what: exactly those it concerns, once, never whoever did it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Basis, Delegation, RoleGrant, User
from app.accounts.permissions import Role
from app.core.audit import SYSTEM, Actor, AuditEvent, OutboxEvent, record
from app.core.db import Row, new_id
from app.councils.models import Council, Minutes, Seat, SeatRole
from app.notifications.models import Notice
from app.notifications.rules import TOLD
from app.notifications.telling import tell
from app.notifications.templates import rendered
from app.periods.models import Period
from app.results.models import Appeal, AppealState, Result
from app.reviews.models import HandOver
from app.submissions.models import Submission
from app.units.models import UnitKind
from app.units.queries import unit_ids_by_key
from tests.conftest import START, Clock, logged_in
from tests.notifications.told import Ear, add_user, notices, tell_all, user_named
from tests.results.scene import dossiers, own_session, passed_scope
from tests.results.scene import finalize as finalize_scope
from tests.results.scene import publish as publish_result
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, full_content, points, return_body

REPORTER, LEADER, CHAIRMAN = f"{UNIT}.reporter", f"{UNIT}.leader", "huyen-964.chairman"
PEOPLE = {REPORTER, LEADER}  # of the commune
SECOND = "second.reviewer"  # of the commune's district
SO: dict[str, Any] = {"reviewer": "reviewer", "set_key": "camau-2023-so"}

Step = Callable[[Scene], Awaitable[Any]]


@pytest.fixture
async def ear(app: FastAPI, clock: Clock, session: AsyncSession) -> Ear:
    """Hear who is told; the district has a second reviewer, and one whose account was switched off."""
    await add_user(session, SECOND, Role.DISTRICT_REVIEWER, "huyen-964")
    await add_user(session, "off.reviewer", Role.DISTRICT_REVIEWER, "huyen-964", is_active=False)
    await add_user(session, "off.reporter", Role.UNIT_REPORTER, UNIT, is_active=False)
    return await Ear(app, clock, session).listens()


# --- what the API does already ------------------------------------------------------------------------------


async def nothing(_: Scene) -> None:
    """Begin with an empty dossier."""


async def approved(scene: Scene) -> None:
    await scene.filled()
    await scene.done(scene.act(LEADER, "approve"))


async def reopened_meanwhile(scene: Scene) -> None:
    await scene.claimed()
    await scene.done(scene.act(SECOND, "reopen-entry", REOPENING))


async def proved_and_reopened(scene: Scene) -> None:
    await scene.filled()
    proved = full_content("camau-2023-xa")["answers"]["1.1"] | {"evidence": [await scene.document()]}
    await scene.done(scene.save({"answers": {"1.1": proved}}))
    for who, verb in ((LEADER, "approve"), (LEADER, "submit"), (REVIEWER, "claim")):
        await scene.done(scene.act(who, verb))
    await scene.done(scene.act(SECOND, "reopen-entry", REOPENING))


async def correct(scene: Scene) -> None:
    (document,) = (await scene.read())["answers"]["1.1"]["evidence"]
    body = {"title": "Quyết định 12", "reason": "Ghi nhầm trích yếu"}
    reporter = await scene.as_(REPORTER)
    url = f"/api/v1/evidence/{document}"
    await scene.done(reporter.patch(url, json=body, headers={"If-Match": '"1"'}))


def act(who: str, verb: str, body: Any = None) -> Step:
    return lambda scene: scene.done(scene.act(who, verb, body))


def claimed(scene: Scene) -> Awaitable[None]:
    return scene.claimed()


def submitted(scene: Scene) -> Awaitable[None]:
    return scene.submitted()


def passed(scene: Scene) -> Awaitable[None]:
    return scene.passed()


async def changed(scene: Scene) -> None:
    answer = {"1.1": {"choice": "no", "note": "sửa lại"}}
    choices = full_content("camau-2023-xa")["answers"]["1.1"]
    body = {"answers": {"1.1": choices | {"note": "sửa lại"}}} if "choice" in choices else {"answers": answer}
    await scene.done(scene.save(body))


REOPENING = {"indicators": ["1.1"], "days": 3, "reason": "Nhập nhầm số liệu"}
BY_API: dict[str, tuple[Step, Step, dict[str, set[str]]]] = {
    "submission.approve": (lambda s: s.filled(), act(LEADER, "approve"), {"approved": {REPORTER}}),
    "submission.submit": (approved, act(REPORTER, "submit"), {"submitted": {REVIEWER, SECOND}}),
    "submission.recall": (submitted, act(REPORTER, "recall"), {"recalled": {REVIEWER, SECOND}}),
    "submission.reopen_entry": (
        nothing,
        act("reviewer", "reopen-entry", REOPENING),
        {"entry_reopened": PEOPLE},
    ),
    "submission.reopen_entry under review": (
        claimed,
        act(SECOND, "reopen-entry", REOPENING),
        {"entry_reopened": PEOPLE, "entry_reopened_meanwhile": {REVIEWER}},
    ),
    "submission.save under review": (reopened_meanwhile, changed, {"changed_after_reopening": {REVIEWER}}),
    "evidence.change under review": (
        proved_and_reopened,
        correct,
        {"document_changed_after_reopening": {REVIEWER}},
    ),
    "review.claim": (submitted, act(REVIEWER, "claim"), {"claimed": PEOPLE}),
    "review.return": (claimed, act(REVIEWER, "return", return_body()), {"returned": PEOPLE}),
    "review.adjust": (claimed, act(REVIEWER, "adjustments", points("1.1", "5")), {"adjusted": PEOPLE}),
    "review.reopen": (
        passed,
        act(REVIEWER, "reopen-review", {"reason": "Xem lại"}),
        {"review_reopened": PEOPLE},
    ),
}


@pytest.mark.parametrize("case", BY_API)
async def test_a_turn_tells_exactly_those_it_concerns(scene: Scene, ear: Ear, case: str) -> None:
    prepare, turn, expected = BY_API[case]
    await prepare(scene)
    await ear.told()
    await turn(scene)
    assert await ear.told() == expected
    assert await ear.told() == {}


async def test_a_pass_tells_the_unit(scene: Scene, ear: Ear) -> None:
    await scene.passed()
    assert (await ear.told())["passed"] == PEOPLE


async def test_nobody_hears_as_a_reviewer_of_his_own_unit(scene: Scene, ear: Ear) -> None:
    """The province's reviewer at Sở TT&TT does not review its dossier, so that only the other one is told."""
    await scene.submitted("so-tttt", "camau-2023-so")
    told = await ear.told()
    assert told["submitted"] == {"reviewer2"}
    await scene.submitted("so-noi-vu", "camau-2023-so")
    assert (await ear.told())["submitted"] == {"reviewer", "reviewer2"}


async def test_saving_a_draft_tells_nobody(scene: Scene, ear: Ear) -> None:
    await scene.filled()
    assert await ear.told() == {}


async def test_results_are_told_to_their_signer_then_to_the_units_and_reported_above(
    own_app: FastAPI, clock: Clock
) -> None:
    async with own_session(own_app) as session, session.begin():
        scope = await passed_scope(session)
        units = set(await dossiers(session, scope))
    async with own_session(own_app) as session:
        ear = await Ear(own_app, clock, session).listens()
        finalized = await finalize_scope(await logged_in(own_app, clock, REVIEWER), scope)
        assert finalized.status_code == 201, finalized.text
        assert await ear.told() == {"finalized": {CHAIRMAN}}
        done = await publish_result(await logged_in(own_app, clock, CHAIRMAN), finalized.json()["id"])
        assert done.status_code == 200, done.text
        assert await ear.told() == {
            "published": {f"{unit}.{role}" for unit in units for role in ("reporter", "leader")},
            "reported": {"reviewer", "reviewer2", "leader"},
        }


# --- what is recorded elsewhere -----------------------------------------------------------------------------


async def dossier(session: AsyncSession, unit: str = UNIT) -> Submission:
    """Return the dossier of a unit."""
    ids = await unit_ids_by_key(session)
    return (await session.scalars(select(Submission).where(Submission.unit_id == ids[unit]))).one()


async def acting(session: AsyncSession, username: str) -> Actor:
    """Return an account as it acts."""
    user = await user_named(session, username)
    return Actor(id=user.id, name=username, acting_for=user.unit_id, request_id="-")


async def a_result(session: AsyncSession, submission: Submission) -> Result:
    """Write a result of the dossier's scope."""
    if found := (await session.scalars(select(Result))).one_or_none():
        return found
    ids = await unit_ids_by_key(session)
    period = await session.get_one(Period, submission.period_id)
    result = Result(
        **dict.fromkeys(column.key for column in Result.__table__.columns if column.nullable),
        scope_id=submission.scope_id,
        period_id=submission.period_id,
        number=1,
        year=2023,
        unit_kind=UnitKind.COMMUNE,
        scope_name="Thành phố Cà Mau",
        overseen_by=[ids["huyen-964"], ids["tinh-ca-mau"]],
        index_set_id=submission.index_set_id,
        index_set_sha256="-",
        policy_id=period.policy_id,
        policy_sha256="-",
        engine_version="-",
        peers={},
        units=17,
        sha256="-",
        finalized_at=START,
        finalized_by=SYSTEM.id,
        finalized_by_name=SYSTEM.name,
        state="announced",
        notes=[],
    )
    session.add(result)
    await session.flush()
    return result


async def an_appeal(session: AsyncSession, submission: Submission) -> Appeal:
    """Write an appeal of the unit."""
    result = await a_result(session, submission)
    appeal = Appeal(
        **dict.fromkeys(column.key for column in Appeal.__table__.columns if column.nullable),
        result_id=result.id,
        scope_id=submission.scope_id,
        submission_id=submission.id,
        unit_id=submission.unit_id,
        indicator_code="1.1",
        grounds="Số liệu khác",
        evidence=[],
        state=AppealState.LODGED,
        lodged_at=START,
        lodged_by=SYSTEM.id,
        lodged_by_name="-",
    )
    session.add(appeal)
    await session.flush()
    return appeal


async def a_council(session: AsyncSession, submission: Submission) -> Council:
    """Write a council of the district's two reviewers."""
    if found := (await session.scalars(select(Council))).one_or_none():
        return found
    council = Council(
        period_id=submission.period_id,
        reviewer_unit_id=submission.reviewer_unit_id,
        unit_kind=UnitKind.COMMUNE,
        name="Hội đồng thẩm định",
        decision="5/QĐ-UBND",
        created_at=START,
        changed_at=START,
    )
    session.add(council)
    await session.flush()
    for name, role in ((REVIEWER, SeatRole.CHAIR), (SECOND, SeatRole.MEMBER)):
        user = await user_named(session, name)
        session.add(Seat(council_id=council.id, user_id=user.id, role=role, groups=["1"]))
    await session.flush()
    return council


async def some_minutes(session: AsyncSession, submission: Submission) -> Minutes:
    """Write minutes of a council."""
    council = await a_council(session, submission)
    chair = await user_named(session, REVIEWER)
    minutes = Minutes(
        council_id=council.id,
        number=1,
        held_on=date(2024, 1, 5),
        place="Phòng họp",
        chair_id=chair.id,
        secretary_id=chair.id,
        present=[],
        absent=[],
        conclusions=[],
        corrects=None,
        recorded_at=START,
        recorded_by=chair.id,
        recorded_by_name=chair.username,
    )
    session.add(minutes)
    await session.flush()
    return minutes


async def a_hand_over(session: AsyncSession, submission: Submission) -> HandOver:
    """Write a list handed from the district to the province."""
    list_ = HandOver(
        period_id=submission.period_id,
        reviewer_unit_id=submission.reviewer_unit_id,
        to_unit_id=submission.path[-1],
        unit_kind=UnitKind.COMMUNE,
        number=1,
        document_number="9/BC-UBND",
        note=None,
        units=[],
        sha256="-",
        handed_at=START,
        handed_by=SYSTEM.id,
        handed_by_name="-",
    )
    session.add(list_)
    await session.flush()
    return list_


async def a_delegation(session: AsyncSession, submission: Submission) -> Delegation:
    """Write a delegation from the unit's leader to its reporter, in force."""
    leader, reporter = await user_named(session, LEADER), await user_named(session, REPORTER)
    delegation = Delegation(
        delegator_id=leader.id,
        delegate_id=reporter.id,
        role=Role.UNIT_LEADER,
        unit_id=submission.unit_id,
        basis=Basis.TUQ,
        document="3/GUQ-UBND",
        starts_on=date(2023, 12, 15),
        ends_on=date(2023, 12, 20),
        created_at=START,
        created_by=leader.id,
        created_by_name=leader.username,
        ended_at=None,
        end_reason=None,
    )
    session.add(delegation)
    await session.flush()
    return delegation


async def the_dossier(_: AsyncSession, submission: Submission) -> Submission:
    return submission


async def the_result(session: AsyncSession, submission: Submission) -> Result:
    return await a_result(session, submission)


SCOPE_PEOPLE = "everybody of the communes of the district"
Made = Callable[[AsyncSession, Submission], Awaitable[Row]]
DISTRICT, PROVINCE = "district", "province"  # put in for the ids of the units

# action, by whom, on what, claimed by, before, after → who is told
BY_RECORD: list[tuple[str, str, Made, str | None, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "submission.submit",
        LEADER,
        the_dossier,
        None,
        {},
        {"state": "resubmitted"},
        {"resubmitted": {REVIEWER, SECOND}},
    ),
    ("review.call_in", REVIEWER, the_dossier, REVIEWER, {}, {}, {"called_in": PEOPLE}),
    (
        "review.take_over",
        SECOND,
        the_dossier,
        SECOND,
        {"claimed_by": REVIEWER},
        {},
        {"taken_over": {REVIEWER}},
    ),
    ("review.take_over", SECOND, the_dossier, SECOND, {"claimed_by": "off.reviewer"}, {}, {}),
    ("review.ask", REVIEWER, the_dossier, REVIEWER, {}, {"asked_for": DISTRICT}, {"asked_for_more": PEOPLE}),
    (
        "review.ask",
        "reviewer",
        the_dossier,
        REVIEWER,
        {},
        {"asked_for": PROVINCE},
        {"asked_for_more": PEOPLE, "asked_over": {REVIEWER}},
    ),
    (
        "review.ask",
        "reviewer",
        the_dossier,
        None,
        {},
        {"asked_for": PROVINCE},
        {"asked_for_more": PEOPLE, "asked_over": {REVIEWER, SECOND}},
    ),
    (
        "review.answer",
        REPORTER,
        the_dossier,
        REVIEWER,
        {},
        {"asked_for": PROVINCE, "indicator": "1.1"},
        {"answered": {"reviewer", "reviewer2", REVIEWER}},
    ),
    (
        "review.answer",
        REPORTER,
        the_dossier,
        REVIEWER,
        {},
        {"asked_for": DISTRICT},
        {"answered": {REVIEWER, SECOND}},
    ),
    ("review.reply", REPORTER, the_dossier, REVIEWER, {}, {"indicator": "1.1"}, {"replied": {REVIEWER}}),
    ("review.reply", REPORTER, the_dossier, None, {}, {"indicator": "1.1"}, {"replied": {REVIEWER, SECOND}}),
    ("review.correct", REVIEWER, the_dossier, REVIEWER, {}, {"indicator": "1.1"}, {"corrected": PEOPLE}),
    ("review.check_group", SECOND, the_dossier, REVIEWER, {}, {"group": "1"}, {"group_checked": {REVIEWER}}),
    ("review.check_group", REVIEWER, the_dossier, REVIEWER, {}, {"group": "1"}, {}),
    (
        "review.hand_over",
        REVIEWER,
        a_hand_over,
        None,
        {},
        {},
        {"handed_over": {"reviewer", "reviewer2", "leader"}},
    ),
    ("council.create", CHAIRMAN, a_council, None, {}, {}, {"council_created": {REVIEWER, SECOND}}),
    ("council.change", REVIEWER, a_council, None, {}, {}, {"council_changed": {SECOND}}),
    ("council.minutes", REVIEWER, some_minutes, None, {}, {}, {"council_minutes": {SECOND}}),
    ("result.finalize", REVIEWER, the_result, None, {}, {}, {"finalized": {CHAIRMAN}}),
    ("result.announce", CHAIRMAN, the_result, None, {}, {}, {"announced": SCOPE_PEOPLE}),
    (
        "result.publish",
        CHAIRMAN,
        the_result,
        None,
        {},
        {},
        {"published": SCOPE_PEOPLE, "reported": {"reviewer", "reviewer2", "leader"}},
    ),
    (
        "result.withdraw",
        CHAIRMAN,
        the_result,
        None,
        {},
        {},
        {"withdrawn": (SCOPE_PEOPLE, {"reviewer", "reviewer2", "leader"})},
    ),
    ("appeal.lodge", LEADER, an_appeal, None, {}, {}, {"appeal_lodged": {REVIEWER, SECOND}}),
    ("appeal.withdraw", LEADER, an_appeal, None, {}, {}, {"appeal_withdrawn": {REVIEWER, SECOND}}),
    ("appeal.decide", REVIEWER, an_appeal, None, {}, {"state": "accepted"}, {"appeal_accepted": PEOPLE}),
    ("appeal.decide", REVIEWER, an_appeal, None, {}, {"state": "refused"}, {"appeal_refused": PEOPLE}),
    ("delegation.create", LEADER, a_delegation, None, {}, {}, {"delegated": {REPORTER}}),
    ("delegation.end", "admin", a_delegation, None, {}, {}, {"delegation_ended": {LEADER, REPORTER}}),
]


@pytest.mark.parametrize("row", BY_RECORD, ids=lambda row: row[0])
async def test_an_event_tells_exactly_those_it_concerns(session: AsyncSession, ear: Ear, row: Any) -> None:
    action, who, made, claimant, before, after, expected = row
    submission = await dossier(session)
    units = {DISTRICT: str(submission.reviewer_unit_id), PROVINCE: str(submission.path[-1])}
    if claimant:
        submission.claimed_by = (await user_named(session, claimant)).id
        await session.flush()
    if "claimed_by" in before:
        before = {"claimed_by": str((await user_named(session, before["claimed_by"])).id)}
    after = {name: units.get(value, value) for name, value in after.items()}
    target = await made(session, submission)
    actor = await acting(session, who)
    await record(
        session, actor, action, target, START, before=before, after=after, reason="Vì thế", tell=True
    )
    assert await ear.told() == {topic: await _meant(session, names) for topic, names in expected.items()}


async def _meant(session: AsyncSession, names: Any) -> set[str]:
    """Return the user names an expectation stands for."""
    if isinstance(names, tuple):
        return set[str]().union(*[await _meant(session, one) for one in names])
    if names != SCOPE_PEOPLE:
        return set(names)
    keys = {v: k for k, v in (await unit_ids_by_key(session)).items()}
    scope = (await dossier(session)).scope_id
    found = (await session.scalars(select(Submission.unit_id).where(Submission.scope_id == scope))).all()
    return {f"{keys[unit]}.{role}" for unit in found for role in ("reporter", "leader")}


def test_every_action_that_is_told_is_tried_here() -> None:
    tried = {case.split()[0] for case in BY_API} | {row[0] for row in BY_RECORD}
    # each of these has a test of its own
    assert set(TOLD) - tried == {"review.pass", "period.open", "evidence.infected"}


async def test_every_notice_of_every_event_has_all_its_words(
    app: FastAPI, clock: Clock, session: AsyncSession, ear: Ear
) -> None:
    """What is told of an event fills the title and the first sentence of its template, in both languages."""
    submission = await dossier(session)
    made: dict[Made, Row] = {}
    for action, who, make, _, _, after, _ in BY_RECORD:
        made[make] = made.get(make) or await make(session, submission)
        known = {"claimed_by": str((await user_named(session, REVIEWER)).id)}
        full = {"indicator": "1.1", "group": "1", "asked_for": str(submission.path[-1])}
        await record(
            session,
            await acting(session, who),
            action,
            made[make],
            START,
            before=known,
            after=full | {k: v for k, v in after.items() if k == "state"},
            tell=True,
        )
    await tell_all(app, clock)
    for _, notice in await notices(session):
        for lang in ("vi", "en"):
            title, text = rendered(notice.topic, notice.about, lang)
            assert "…" not in title and "{" not in title + text, (notice.topic, title)
            assert text, notice.topic


# --- delegation, disabled accounts, ended roles -------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "is_told"),
    [("2023-12-14", False), ("2023-12-15", True), ("2023-12-20", True), ("2023-12-21", False)],
)
async def test_whoever_acts_for_a_leader_hears_what_the_leader_hears(
    session: AsyncSession, ear: Ear, clock: Clock, today: str, is_told: bool
) -> None:
    helper = await add_user(session, "helper", Role.AUDITOR, "tinh-ca-mau")
    submission = await dossier(session)
    delegation = await a_delegation(session, submission)
    delegation.delegate_id = helper.id
    await session.flush()
    clock.now = START.replace(day=date.fromisoformat(today).day)
    await record(session, SYSTEM, "review.claim", submission, START, tell=True)
    expected = PEOPLE | ({"helper"} if is_told else set())
    assert await ear.told() == {"claimed": expected}


async def test_a_delegation_tells_nobody_once_the_delegator_has_lost_his_account(
    session: AsyncSession, ear: Ear
) -> None:
    helper = await add_user(session, "helper", Role.AUDITOR, "tinh-ca-mau")
    submission = await dossier(session)
    (await a_delegation(session, submission)).delegate_id = helper.id
    (await user_named(session, LEADER)).is_active = False
    await session.flush()
    await record(session, SYSTEM, "review.claim", submission, START, tell=True)
    assert await ear.told() == {"claimed": {REPORTER}}


# --- once, and never in the way -----------------------------------------------------------------------------


class Crash(Exception):
    """The process ends here."""


async def test_a_crash_between_telling_and_marking_tells_once(
    app: FastAPI, clock: Clock, session: AsyncSession, ear: Ear
) -> None:
    await record(session, SYSTEM, "review.claim", await dossier(session), START, tell=True)
    with pytest.raises(Crash):
        async with app.state.database.session() as crashing, crashing.begin():
            assert await tell(crashing, clock.now, mails=True) == 1
            raise Crash
    assert await ear.told() == {"claimed": PEOPLE}
    # Even notices that were kept while the mark was lost are not made again.
    await session.execute(update(OutboxEvent).values(done_at=None))
    assert await ear.told() == {}
    assert await session.scalar(select(func.count()).where(OutboxEvent.done_at.is_(None))) == 0


async def test_what_cannot_be_told_does_not_stand_in_the_way(session: AsyncSession, ear: Ear) -> None:
    submission = await dossier(session)
    gone = Submission(id=new_id())
    await record(session, SYSTEM, "submission.invented", submission, START, tell=True)
    await record(session, SYSTEM, "review.claim", gone, START, tell=True)
    await record(session, SYSTEM, "review.answer", submission, START, after={"asked_for": "?"}, tell=True)
    await record(session, SYSTEM, "review.answer", submission, START, tell=True)
    await record(session, SYSTEM, "review.pass", submission, START, tell=True)
    assert await ear.told() == {"passed": PEOPLE}
    assert await session.scalar(select(func.count()).where(OutboxEvent.done_at.is_(None))) == 0


async def test_a_change_that_is_rolled_back_is_told_to_nobody(
    app: FastAPI, session: AsyncSession, ear: Ear
) -> None:
    submission = await dossier(session)
    with pytest.raises(Crash):
        async with app.state.database.session() as crashing, crashing.begin():
            await record(crashing, SYSTEM, "review.claim", submission, START, tell=True)
            raise Crash
    assert await ear.told() == {}


async def test_two_workers_at_once_tell_everything_once(own_app: FastAPI, clock: Clock) -> None:
    scene = await Scene.opened(partial(logged_in, own_app, clock))
    for unit in (UNIT, SIBLING):
        await scene.filled(unit)
        await scene.done(scene.act(f"{unit}.leader", "approve", unit=unit))
    counts = await asyncio.gather(*(tell_all(own_app, clock) for _ in range(4)))
    async with own_app.state.database.session() as session:
        events = await session.scalar(select(func.count()).select_from(OutboxEvent))
        assert sum(counts) == events == 3  # the opening and two approvals
        approvals = [name for name, one in await notices(session) if one.topic == "approved"]
        assert sorted(approvals) == sorted([REPORTER, f"{SIBLING}.reporter"])


# --- thousands ----------------------------------------------------------------------------------------------


async def test_thousands_are_told_of_an_opening_in_one_statement(
    app: FastAPI, clock: Clock, session: AsyncSession
) -> None:
    await tell_all(app, clock)
    before = await session.scalar(select(func.count()).select_from(Notice)) or 0
    assert before == 2 * 129
    ids = await unit_ids_by_key(session)
    for n in range(1500):
        await _add_reporter(session, f"p{n}", ids[UNIT if n % 2 else "huyen-964"])
    await session.flush()
    period = (await session.scalars(select(Period))).one()
    await record(session, SYSTEM, "period.open", period, START, tell=True)
    inserts: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT INTO notice", "WITH")):
            inserts.append(statement)

    engine = app.state.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    await tell_all(app, clock)
    event.remove(engine, "before_cursor_execute", count)
    assert len(inserts) == 1
    told = (await session.execute(select(Notice).where(Notice.topic == "period_opened"))).scalars().all()
    assert len(told) == 2 * before + 1500
    assert len({one.id for one in told}) == len(told)


async def _add_reporter(session: AsyncSession, name: str, unit_id: UUID) -> None:
    """Copy an account under another name, as a reporter."""
    like = await user_named(session, REPORTER)
    copied = {
        column.key: getattr(like, column.key) for column in User.__table__.columns if column.key != "id"
    }
    user = User(**copied | {"username": name})
    session.add(user)
    await session.flush()
    grant = {"role": Role.UNIT_REPORTER, "unit_id": unit_id, "granted_at": START, "ended_at": None}
    session.add(RoleGrant(user_id=user.id, **grant))


async def test_notices_of_one_person_are_in_the_order_in_which_they_were_made(
    app: FastAPI, clock: Clock, session: AsyncSession, ear: Ear
) -> None:
    submission = await dossier(session)
    turns = ["review.claim", "review.pass", "review.reopen"] * 7
    for turn in turns:
        await record(session, SYSTEM, turn, submission, START, tell=True)
    await tell_all(app, clock)
    mine = [one.topic for name, one in await notices(session) if name == REPORTER]
    assert mine[-21:] == ["claimed", "passed", "review_reopened"] * 7
    assert all(one.created_at - START < timedelta(1) for _, one in await notices(session))
    assert await session.scalar(select(func.count()).select_from(AuditEvent)) is not None
