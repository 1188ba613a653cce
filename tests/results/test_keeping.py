"""What is taken out of the store and what stays: everything that names a document, results, holds, equal bytes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import SYSTEM
from app.evidence.models import Document, Hold
from app.results.keeping_rules import Goes, Stays
from app.results.models import Appeal, AppealState
from app.reviews.models import AdjustmentKind, Clarification, ClarificationKind, ItemAnswer
from app.submissions.models import RankingScope, Submission
from app.units.models import UnitKind
from tests.conftest import START, LogIn
from tests.results import kept, scene
from tests.results.kept import CONTENT, GRACE, REVIEWED_AT

REVIEWER, CHAIRMAN = "huyen-964.reviewer", "huyen-964.chairman"
SECOND = timedelta(seconds=1)
TERM_ENDS = datetime(2024, 12, 31, 17, tzinfo=UTC)
FAR = datetime(2060, 1, 1, tzinfo=UTC)
NOTHING: dict[str, Any] = {}


@pytest.fixture
async def dossier(session: AsyncSession) -> Submission:
    """Give the dossier of a commune in the open year."""
    await scene.open_year(session)
    return await one_of(session, "xa-31999")


async def one_of(session: AsyncSession, unit: str) -> Submission:
    """Return the dossier of a commune of the district 964."""
    scope = await scene.scope_of(session, UnitKind.COMMUNE, "huyen-964")
    return (await scene.dossiers(session, scope))[unit]


def citing(*documents: str) -> dict[str, Any]:
    """Return answers that cite documents."""
    return {"1.1": {"choice": "chaired_by_head", "evidence": list(documents)}}


# --- what nothing cites -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-1, 0, 1])
async def test_what_nothing_cites_goes_after_its_grace_and_its_row_stays(
    app: FastAPI, session: AsyncSession, dossier: Submission, seconds: int
) -> None:
    document = await kept.document(app, session, dossier)
    done = await kept.run(app, REVIEWED_AT + GRACE + seconds * SECOND)
    goes = seconds >= 0
    assert (len(done.gone), dict(done.stayed)) == ((1, {}) if goes else (0, {Stays.IN_GRACE: 1}))
    assert (await kept.lies_there(app), await kept.is_marked(session)) == (not goes, goes)
    assert await kept.purges(session) == ([(document, Goes.NEVER_CITED)] if goes else [])
    assert await session.scalar(select(func.count()).select_from(Document)) == 1
    again = await kept.run(app, FAR)
    assert (len(again.gone), again.stayed.total()) == ((0, 0) if goes else (1, 0))


@pytest.mark.parametrize("seconds", [-1, 0, 1])
async def test_bytes_without_a_document_go_after_a_day(
    app: FastAPI, session: AsyncSession, seconds: int
) -> None:
    await kept.bytes_in_store(app, session)
    goes = seconds >= 0
    found = await kept.fate(app, START + timedelta(days=1) + seconds * SECOND, dry_run=False)
    assert found is (Goes.NO_DOCUMENT if goes else Stays.TOUCHED)
    assert (await kept.lies_there(app), await kept.is_marked(session)) == (not goes, goes)


async def in_an_earlier_revision(session: AsyncSession, dossier: Submission, document: str) -> None:
    await scene.declare(session, dossier, citing(document))
    await scene.declare(session, dossier, NOTHING)


async def in_the_present_content(session: AsyncSession, dossier: Submission, document: str) -> None:
    await scene.declare(session, dossier, citing(document))


async def in_a_decision(session: AsyncSession, dossier: Submission, document: str) -> None:
    value = {"disallowed": [document]}
    await scene.decide(session, dossier, "1.1", AdjustmentKind.EVIDENCE, value)


async def in_an_answer_to_the_reviewer(session: AsyncSession, dossier: Submission, document: str) -> None:
    asked = Clarification(
        submission_id=dossier.id,
        kind=ClarificationKind.SUPPLEMENT,
        asked_for=dossier.reviewer_unit_id,
        reason="thiếu tài liệu",
        items=[{"indicator": None, "kind": "other", "text": "bổ sung"}],
        due_at=START,
        asked_at=START,
        asked_by=SYSTEM.id,
        asked_by_name=SYSTEM.name,
    )
    session.add(asked)
    await session.flush()
    session.add(
        ItemAnswer(
            clarification_id=asked.id,
            item=0,
            text="đã bổ sung",
            evidence=[UUID(document)],
            is_late=False,
            made_at=START,
            made_by=SYSTEM.id,
            made_by_name=SYSTEM.name,
        )
    )
    await session.flush()


Citing = Callable[[AsyncSession, Submission, str], Awaitable[None]]
PLACES = [in_the_present_content, in_an_earlier_revision, in_a_decision, in_an_answer_to_the_reviewer]


@pytest.mark.parametrize("cite", PLACES)
async def test_what_was_ever_cited_anywhere_stays_for_ever(
    app: FastAPI, session: AsyncSession, dossier: Submission, cite: Citing
) -> None:
    document = await kept.document(app, session, dossier)
    await cite(session, dossier, document)
    assert await kept.fate(app, FAR, dry_run=False) is Stays.CITED
    assert await kept.lies_there(app)


async def test_what_another_unit_or_another_document_cites_keeps_nothing(
    app: FastAPI, session: AsyncSession, dossier: Submission
) -> None:
    document = await kept.document(app, session, dossier)
    await scene.declare(session, await one_of(session, "xa-32005"), citing(document))
    await scene.declare(session, dossier, {"1.1": {"choice": "chaired_by_head", "note": document}})
    assert await kept.fate(app, FAR) is Goes.NEVER_CITED


# --- terms and results --------------------------------------------------------------------------------------


@pytest.fixture
async def passed(session: AsyncSession) -> RankingScope:
    """Give a scope whose dossiers have passed, under a policy that keeps evidence for a year."""
    await kept.keeping_policy(session)
    return await scene.passed_scope(session, policy=kept.TERM)


@pytest.mark.parametrize("cite", PLACES)
@pytest.mark.parametrize("seconds", [-1, 0, 1])
async def test_what_was_cited_goes_after_the_term_of_the_policy(
    app: FastAPI, session: AsyncSession, passed: RankingScope, cite: Citing, seconds: int
) -> None:
    dossier = await one_of(session, "xa-31999")
    document = await kept.document(app, session, dossier)
    await cite(session, dossier, document)
    found = await kept.fate(app, TERM_ENDS + seconds * SECOND, dry_run=False)
    assert found is (Stays.TERM_RUNS if seconds < 0 else Goes.TERM_OVER)
    assert await kept.lies_there(app) is (seconds < 0)
    assert await kept.purges(session) == ([] if seconds < 0 else [(document, Goes.TERM_OVER)])


async def finalized(as_user: LogIn, scope: RankingScope, reason: str | None = None) -> str:
    made = await scene.finalize(await as_user(REVIEWER), scope, reason)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.mark.parametrize("cite", [PLACES[0], *PLACES[2:]])
@pytest.mark.parametrize(
    "turns",
    [
        [],
        ["announce"],
        ["publish"],
        ["announce", "publish"],
        ["announce", "withdraw"],
        ["publish", "withdraw"],
    ],
    ids="+".join,
)
async def test_nothing_goes_while_a_result_leans_on_it_whatever_became_of_the_result(
    app: FastAPI,
    session: AsyncSession,
    as_user: LogIn,
    passed: RankingScope,
    cite: Citing,
    turns: list[str],
) -> None:
    dossier = await one_of(session, "xa-31999")
    await cite(session, dossier, await kept.document(app, session, dossier))
    result_id, chairman = await finalized(as_user, passed), await as_user(CHAIRMAN)
    for turn in turns:
        done = await getattr(scene, turn)(chairman, result_id)
        assert done.status_code == 200, done.text
    assert await kept.fate(app, FAR, dry_run=False) is Stays.RESULT_LEANS
    assert await kept.lies_there(app)


@pytest.mark.parametrize("turn", ["announce", "publish", None])
async def test_a_superseded_result_keeps_what_it_was_made_from_if_people_were_told_of_it(
    app: FastAPI, session: AsyncSession, as_user: LogIn, passed: RankingScope, turn: str | None
) -> None:
    dossier = await one_of(session, "xa-31999")
    await scene.declare(session, dossier, citing(await kept.document(app, session, dossier)))
    first, chairman = await finalized(as_user, passed), await as_user(CHAIRMAN)
    if turn is not None:
        assert (await getattr(scene, turn)(chairman, first)).status_code == 200
    await scene.declare(session, dossier, scene.answers(await scene.index_set_of(session, dossier), 60))
    second = await finalized(as_user, passed, "số liệu mới")
    assert (await scene.publish(chairman, second)).status_code == 200
    state = (await chairman.get(f"{scene.RESULTS}/{first}")).json()["state"]
    assert state == "superseded"
    assert await kept.fate(app, FAR) is (Goes.TERM_OVER if turn is None else Stays.RESULT_LEANS)


async def test_a_result_leans_only_on_the_content_it_was_made_from(
    app: FastAPI, session: AsyncSession, as_user: LogIn, passed: RankingScope
) -> None:
    dossier = await one_of(session, "xa-31999")
    counted = scene.answers(await scene.index_set_of(session, dossier), 60)
    before, after = [
        await kept.document(app, session, dossier, content) for content in (CONTENT + b"1", CONTENT + b"2")
    ]
    await scene.declare(session, dossier, citing(before))
    await scene.declare(session, dossier, counted)
    assert (await scene.publish(await as_user(CHAIRMAN), await finalized(as_user, passed))).is_success
    await scene.declare(session, dossier, citing(after))
    await kept.run(app, FAR)
    assert sorted(await kept.purges(session)) == sorted([(before, "term_over"), (after, "term_over")])


async def test_a_result_leans_on_the_documents_of_the_appeals_against_it(
    app: FastAPI, session: AsyncSession, as_user: LogIn, passed: RankingScope
) -> None:
    dossier = await one_of(session, "xa-31999")
    document = await kept.document(app, session, dossier)
    result_id = await finalized(as_user, passed)
    assert (await scene.announce(await as_user(CHAIRMAN), result_id, "2023-12-20")).is_success
    body = {"indicator": "1.1", "grounds": "Chưa tính văn bản mới", "evidence": [document]}
    lodged = await (await as_user("xa-31999.leader")).post(f"{scene.RESULTS}/{result_id}/appeals", json=body)
    assert lodged.status_code == 201, lodged.text
    assert await kept.fate(app, TERM_ENDS - SECOND) is Stays.TERM_RUNS
    assert await kept.fate(app, FAR) is Stays.RESULT_LEANS
    row = (await session.scalars(select(Appeal))).one()
    row.state = AppealState.WITHDRAWN
    await session.flush()
    assert await kept.fate(app, FAR) is Stays.RESULT_LEANS
    await session.execute(delete(Appeal))
    assert await kept.fate(app, FAR) is Goes.NEVER_CITED


# --- holds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_unit", "released", "fate"),
    [
        (None, False, Stays.HELD),
        ("xa-31999", False, Stays.HELD),
        ("xa-32005", False, Goes.NEVER_CITED),
        (None, True, Goes.NEVER_CITED),
        ("xa-31999", True, Goes.NEVER_CITED),
    ],
)
async def test_a_hold_keeps_what_it_covers_until_it_is_released(
    app: FastAPI,
    session: AsyncSession,
    dossier: Submission,
    of_unit: str | None,
    released: bool,
    fate: Stays | Goes,
) -> None:
    await kept.document(app, session, dossier)
    unit_id = None if of_unit is None else (await one_of(session, of_unit)).unit_id
    await kept.hold(session, dossier.period_id, unit_id, released=released)
    assert await kept.fate(app, FAR, dry_run=False) is fate
    assert await kept.lies_there(app) is (fate is Stays.HELD)


async def test_a_hold_keeps_what_a_term_would_let_go(
    app: FastAPI, session: AsyncSession, passed: RankingScope
) -> None:
    dossier = await one_of(session, "xa-31999")
    await scene.declare(session, dossier, citing(await kept.document(app, session, dossier)))
    await kept.hold(session, dossier.period_id, None, released=True)
    assert await kept.fate(app, FAR) is Goes.TERM_OVER
    await kept.hold(session, dossier.period_id, dossier.unit_id, released=False)
    assert await kept.fate(app, FAR) is Stays.HELD


async def test_a_hold_on_another_year_keeps_nothing(
    app: FastAPI, session: AsyncSession, as_user: LogIn, dossier: Submission
) -> None:
    await kept.document(app, session, dossier)
    body = {"year": 2024, "guidance_on": "2024-12-16", "sets": {"commune": "camau-2023-xa"}}
    other = (await (await as_user("admin")).post("/api/v1/periods", json=body)).json()
    await kept.hold(session, UUID(other["id"]), None, released=False)
    assert await kept.fate(app, FAR) is Goes.NEVER_CITED


# --- the same bytes -----------------------------------------------------------------------------------------


async def test_bytes_of_two_units_stay_while_one_of_them_keeps_them(
    app: FastAPI, session: AsyncSession, dossier: Submission
) -> None:
    other = await one_of(session, "xa-32005")
    mine, theirs = [await kept.document(app, session, one) for one in (dossier, other)]
    await kept.hold(session, other.period_id, other.unit_id, released=False)
    await scene.declare(session, dossier, NOTHING)
    done = await kept.run(app, FAR)
    assert (done.gone, dict(done.stayed)) == ([], {Stays.HELD: 1})
    assert await kept.lies_there(app)
    assert await kept.purges(session) == []
    await session.execute(delete(Hold))
    (gone,) = (await kept.run(app, FAR)).gone
    assert {str(one) for one in gone.documents} == {mine, theirs}
    assert sorted(await kept.purges(session)) == sorted([(mine, "never_cited"), (theirs, "never_cited")])


async def test_of_many_files_each_meets_its_own_fate(
    app: FastAPI, session: AsyncSession, dossier: Submission
) -> None:
    old = [await kept.document(app, session, dossier, CONTENT + bytes([i])) for i in range(12)]
    await scene.declare(session, dossier, citing(*old[::2]))
    await kept.document(app, session, dossier, b"%PDF young", REVIEWED_AT + GRACE)
    done = await kept.run(app, REVIEWED_AT + GRACE)
    assert (len(done.gone), dict(done.stayed)) == (6, {Stays.CITED: 6, Stays.IN_GRACE: 1})
    assert sorted(one for one, _ in await kept.purges(session)) == sorted(old[1::2])
    for i in range(12):
        assert await kept.lies_there(app, CONTENT + bytes([i])) is (i % 2 == 0)
