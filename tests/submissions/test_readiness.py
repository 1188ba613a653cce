"""The readiness check: every warning at its boundary, what explains it, and that nobody learns of another unit."""

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow
from app.reviews.settled import settle
from app.scoring.engine import UnitInput
from app.submissions.actions import self_scores
from app.submissions.models import ReadinessNote, Submission
from app.submissions.queries import content_of
from app.submissions.readiness import warnings_of
from tests.conftest import Clock, LogIn
from tests.evidence.files import PDF
from tests.scene import NOTE, SIBLING, UNIT, Json, Scene, full_content

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
DEPARTMENT, SO = "so-noi-vu", "camau-2023-so"


async def warnings(scene: Scene, unit: str = UNIT) -> list[Json]:
    found: list[Json] = (await scene.read(unit, path="/readiness"))["warnings"]
    return found


async def codes(scene: Scene, pointer: str, unit: str = UNIT) -> set[str]:
    return {one["code"] for one in await warnings(scene, unit) if one["pointer"] == pointer}


async def declare(scene: Scene, unit: str = UNIT, **entries: Json) -> None:
    await scene.done(scene.save(entries, unit))


def figures(code: str, **given: Any) -> Json:
    return {code: {"figures": given}}


async def upload(
    scene: Scene,
    unit: str = UNIT,
    *,
    content: bytes = PDF,
    name: str = "bao-cao.pdf",
    issued_on: str | None = None,
) -> str:
    unit_id = (await scene.read(unit))["unit_id"]
    params = {"period_id": scene.period["id"], "unit_id": unit_id, "file_name": name}
    params |= {"issued_on": issued_on} if issued_on else {}
    answer = await (await scene.as_(f"{unit}.reporter")).post(
        "/api/v1/evidence", params=params, content=content
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def cite(scene: Scene, document_id: str, unit: str = UNIT, code: str = "1.1") -> None:
    choice = {"choice": "chaired_by_head", "evidence": [document_id]}
    await declare(scene, unit, answers={code: choice})


# --- what scoring finds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [(4, 4, set()), (5, 4, {"ratio_above_full"}), (0, 0, {"zero_denominator"}), (0, 1, set())],
)
async def test_a_ratio_above_its_full_mark_and_a_denominator_of_zero_are_told(
    scene: Scene, a: int, b: int, found: set[str]
) -> None:
    await declare(scene, answers=figures("1.4", a=a, b=b))
    assert await codes(scene, "/answers/1.4") == found


# --- what contradicts the general information, or another indicator -----------------------------------------

INFORMATION, INDICATOR = "contradicts_information", "contradicts_indicator"


@pytest.mark.parametrize(
    ("unit", "information", "answers", "pointer", "found"),
    [
        # the same quantity, asked twice: the population
        (UNIT, {"1.4": 900}, figures("3.1", a=1, b=900), "/answers/3.1", set()),
        (UNIT, {"1.4": 900}, figures("3.1", a=1, b=901), "/answers/3.1", {INFORMATION}),
        (UNIT, {"1.4": 900}, figures("3.1", a=1, b=899), "/answers/3.1", {INFORMATION}),
        # more staff than staff: a sum of two rows
        (DEPARTMENT, {"1.5": 7, "1.6": 3}, figures("4.2", a=1, b=10), "/answers/4.2", set()),
        (DEPARTMENT, {"1.5": 7, "1.6": 3}, figures("4.2", a=1, b=9), "/answers/4.2", set()),
        (DEPARTMENT, {"1.5": 7, "1.6": 3}, figures("4.2", a=11, b=11), "/answers/4.2", {INFORMATION}),
        # amounts of money to the last decimal
        (UNIT, {"1.16": "12.5"}, figures("6.11", a=0, b="12.5"), "/answers/6.11", set()),
        (UNIT, {"1.16": "12.5"}, figures("6.11", a=0, b="12.500001"), "/answers/6.11", {INFORMATION}),
        # the general information on the smaller side; explained beside the answer
        (UNIT, {"1.8": 20}, figures("4.3", a=1, b=20), "/answers/4.3", set()),
        (UNIT, {"1.8": 21}, figures("4.3", a=1, b=20), "/answers/4.3", {INFORMATION}),
        # two rows of the general information
        (UNIT, {"1.5": 8, "1.4": 8}, {}, "/general_information/1.5", set()),
        (UNIT, {"1.5": 9, "1.4": 8}, {}, "/general_information/1.5", {INFORMATION}),
        # two indicators
        (UNIT, {}, figures("3.6", a=1, b=8) | figures("5.3", a=1, b=8), "/answers/5.3", set()),
        (UNIT, {}, figures("3.6", a=1, b=8) | figures("5.3", a=1, b=9), "/answers/5.3", {INDICATOR}),
        (UNIT, {}, figures("3.6", a=1, b=8) | figures("5.3", a=1, b=7), "/answers/5.3", {INDICATOR}),
        # two figures of one indicator, below its full mark
        (UNIT, {}, figures("6.8", a=4, b=9, c=4, d=1), "/answers/6.8", set()),
        (UNIT, {}, figures("6.8", a=4, b=9, c=5, d=1), "/answers/6.8", {INDICATOR}),
        # what is not declared contradicts nothing
        (UNIT, {}, figures("3.1", a=1, b=900), "/answers/3.1", set()),
    ],
)  # fmt: skip
async def test_figures_that_cannot_all_be_right_are_told_and_equal_ones_are_not(
    scene: Scene, unit: str, information: Json, answers: Json, pointer: str, found: set[str]
) -> None:
    await declare(scene, unit, general_information=information, answers=answers)
    assert await codes(scene, pointer, unit) == found


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "vi",
            [
                "chỉ số 4.2, số liệu b = 11 lớn hơn thông tin chung 1.5 + 1.6 = 10",
                "chỉ số 4.2, số liệu b = 11 khác chỉ số 3.3, số liệu b = 12, dù cùng một số liệu",
            ],
        ),
        (
            "en",
            [
                "indicator 4.2, figure b = 11 is more than general information 1.5 + 1.6 = 10",
                "indicator 4.2, figure b = 11 differs from indicator 3.3, figure b = 12, though both ask for the same",
            ],
        ),
    ],
)
async def test_a_contradiction_says_which_two_numbers_and_where_they_stand(
    scene: Scene, lang: str, said: list[str]
) -> None:
    answers = figures("3.3", a=1, b=12) | figures("4.2", a=1, b=11)
    await declare(scene, DEPARTMENT, general_information={"1.5": 7, "1.6": 3}, answers=answers)
    caller = await scene.as_(f"{DEPARTMENT}.reporter")
    url = f"{await scene.url(DEPARTMENT)}/readiness"
    found = (await caller.get(url, headers={"Accept-Language": lang})).json()["warnings"]
    assert [one["message"] for one in found if one["pointer"] == "/answers/4.2"] == said


# --- the year before ----------------------------------------------------------------------------------------


@pytest.fixture
def next_year(scene: Scene, as_user: LogIn, clock: Clock) -> Callable[[], Any]:
    """Give `await next_year()`: the year 2024 is opened; the dossier of the unit in it is its dossier then."""

    async def opened() -> Scene:
        clock.now = datetime(2024, 12, 16, 2, 0, tzinfo=UTC)
        second = await Scene.opened(as_user, year=2024, guidance_on="2024-12-16")
        for unit in (UNIT, SIBLING):
            mine = await (await second.as_(f"{unit}.reporter")).get(
                "/api/v1/submissions", params={"period_id": second.period["id"]}
            )
            second._ids[unit] = mine.json()["items"][0]["id"]
        return second

    return opened


async def earlier(scene: Scene, session: AsyncSession) -> Submission:
    return await session.get_one(Submission, UUID((await scene.read())["id"]))


@pytest.mark.parametrize(
    ("then", "now", "jumps"),
    [
        ((100, 400), (300, 400), False),
        ((100, 400), (301, 400), True),
        ((300, 400), (100, 400), False),
        ((300, 400), (99, 400), True),
    ],
)
async def test_a_share_that_moved_by_more_than_half_of_the_maximum_is_told(
    scene: Scene, next_year: Any, then: tuple[int, int], now: tuple[int, int], jumps: bool
) -> None:
    await declare(scene, answers=figures("1.4", a=then[0], b=then[1]))
    second = await next_year()
    await declare(second, answers=figures("1.4", a=now[0], b=now[1]))
    assert await codes(second, "/answers/1.4") == ({"jump_since_last_year"} if jumps else set())


async def test_a_jump_says_both_shares_and_the_year(scene: Scene, next_year: Any) -> None:
    await declare(scene, answers=figures("1.4", a=1, b=3))
    second = await next_year()
    await declare(second, answers=figures("1.4", a=9, b=10))
    (found,) = await warnings(second)
    assert found["message"] == "chỉ số 1.4 đạt 90.00% điểm tối đa, năm 2023 đạt 33.33%"


async def test_what_was_not_answered_last_year_or_is_not_this_year_has_not_jumped(
    scene: Scene, next_year: Any
) -> None:
    await declare(scene, answers=figures("1.4", a=4, b=4))
    second = await next_year()
    await declare(second, answers=figures("3.1", a=4, b=4))
    await declare(second, SIBLING, answers=figures("1.4", a=4, b=4))
    assert await warnings(second) == []
    assert await warnings(second, SIBLING) == []


async def test_what_the_review_settled_counts_and_not_what_was_declared(
    scene: Scene, next_year: Any, session: AsyncSession
) -> None:
    """Declared 3 of 4 then; settled: 1.4 at 1 of 4, 3.1 by points, and 4.3 does not apply."""
    alike = figures("1.4", a=3, b=4) | figures("3.1", a=3, b=4) | figures("4.3", a=3, b=4)
    await declare(scene, answers=alike)
    before = await earlier(scene, session)
    index_set = catalogue.scoring_set(await catalogue.index_set_by_id(session, before.index_set_id))
    mine = UnitInput(
        key=str(before.unit_id),
        is_ranked=True,
        answers=figures("1.4", a=1, b=4) | {"4.3": {"not_applicable": True}},
        points={"3.1": Fraction(2)},
        not_applicable=frozenset({"4.3"}),
    )
    before.settled = settle(index_set, mine).decode()
    await session.flush()
    second = await next_year()
    await declare(second, answers=alike)
    jumped = [one for one in await warnings(second) if one["code"] == "jump_since_last_year"]
    assert [one["pointer"] for one in jumped] == ["/answers/3.1"]
    assert jumped[0]["message"].endswith("năm 2023 đạt 20.00%")
    before.settled = '{"format":0,"values":[]}'
    await session.flush()
    assert await codes(second, "/answers/3.1") == set()  # a form nobody knows: what was declared counts


async def test_a_dossier_under_another_set_is_no_measure(
    scene: Scene, next_year: Any, session: AsyncSession
) -> None:
    await declare(scene, answers=figures("1.4", a=0, b=4))
    other = await session.scalar(select(IndexSetRow.id).where(IndexSetRow.key == "camau-2023-huyen"))
    assert other is not None
    (await earlier(scene, session)).index_set_id = other
    await session.flush()
    second = await next_year()
    await declare(second, answers=figures("1.4", a=4, b=4))
    assert await warnings(second) == []


# --- documents ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued_on", "found"),
    [
        ("2022-12-14", {"document_outside_period"}),
        ("2022-12-15", set()),
        ("2023-12-14", set()),
        ("2023-12-15", {"document_outside_period"}),
        (None, set()),
    ],
)
async def test_a_document_dated_outside_the_period_is_told(
    scene: Scene, issued_on: str | None, found: set[str]
) -> None:
    document_id = await upload(scene, issued_on=issued_on)
    assert await warnings(scene) == []  # nobody cites it yet
    await cite(scene, document_id)
    assert await codes(scene, "/answers/1.1") == found


async def test_a_date_outside_the_period_is_told_with_the_file_and_the_period(scene: Scene) -> None:
    await cite(scene, await upload(scene, name="ke-hoach.pdf", issued_on="2021-03-04"))
    (found,) = await warnings(scene)
    assert found["message"] == "tệp ke-hoach.pdf đề ngày 04/03/2021, ngoài kỳ từ 15/12/2022 đến 14/12/2023"


SAME = {"document_used_by_another_unit"}


async def test_a_file_that_another_dossier_cites_is_told_without_its_name(scene: Scene) -> None:
    mine, theirs = await upload(scene), await upload(scene, SIBLING, name="cua-ho.pdf")
    await cite(scene, mine)
    assert await codes(scene, "/answers/1.1") == set()  # theirs is uploaded, but proves nothing
    await cite(scene, theirs, SIBLING)
    (found,) = await warnings(scene)
    assert (found["pointer"], found["code"]) == ("/answers/1.1", *SAME)
    assert found["message"] == "tệp bao-cao.pdf cũng là tài liệu của một đơn vị khác trong kỳ này"
    await declare(scene, SIBLING, answers={"1.1": None})
    assert await warnings(scene) == []


async def test_another_file_a_second_copy_and_another_year_are_no_common_use(
    scene: Scene, next_year: Any
) -> None:
    await cite(scene, await upload(scene, SIBLING), SIBLING)
    await cite(scene, await upload(scene, content=PDF + b"%", name="a.pdf"))
    second_copy = await upload(scene, content=PDF + b"%", name="b.pdf")
    await declare(scene, answers={"2.1": {"choice": "issued", "evidence": [second_copy]}})
    assert await warnings(scene) == []
    second = await next_year()
    await cite(second, await upload(second))
    assert await warnings(second) == []


async def test_the_reviewers_view_names_the_other_units_and_the_units_does_not(
    scene: Scene, session: AsyncSession
) -> None:
    for unit in (UNIT, SIBLING, "xa-32002"):
        await cite(scene, await upload(scene, unit), unit)
    names = sorted([(await scene.read(unit))["unit_name"] for unit in (SIBLING, "xa-32002")])
    submission = await earlier(scene, session)
    content = await content_of(session, submission)
    scores = await self_scores(session, submission, content)
    (for_unit,) = await warnings_of(session, submission, content, scores)
    (for_reviewer,) = await warnings_of(session, submission, content, scores, for_reviewer=True)
    assert all(name in for_reviewer.vi and name in for_reviewer.en for name in names)
    assert "one other unit" in for_unit.en
    assert not any(name in for_unit.vi + for_unit.en for name in names)


# --- going on in spite of warnings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "set_key"), [(UNIT, "camau-2023-xa"), ("huyen-964", "camau-2023-huyen"), (DEPARTMENT, SO)]
)
async def test_a_full_dossier_explains_its_warnings_beside_the_answers_and_is_handed_in(
    scene: Scene, unit: str, set_key: str
) -> None:
    await scene.filled(unit, set_key)
    found = await scene.read(unit, path="/readiness")
    assert found["is_ready"]
    assert found["errors"] == []
    assert {one["code"] for one in found["warnings"]} >= {INFORMATION, INDICATOR}
    assert all(one["is_explained"] for one in found["warnings"])
    await scene.done(scene.act(f"{unit}.leader", "approve", unit=unit))
    await scene.done(scene.act(f"{unit}.reporter", "submit", unit=unit))


async def proved(scene: Scene) -> None:
    """Fill the dossier, then prove one answer by a document instead of a note, and have it approved."""
    await scene.filled()
    given = full_content("camau-2023-xa")["answers"]["3.1"]["figures"]
    answer = {"figures": given, "evidence": [await upload(scene)]}
    await declare(scene, answers={"3.1": answer})
    await scene.done(scene.act(LEADER, "approve"))


async def test_a_warning_that_nobody_explained_keeps_a_dossier_until_a_note_says_why(
    scene: Scene, session: AsyncSession
) -> None:
    await proved(scene)
    found = await scene.read(path="/readiness")
    assert not found["is_ready"]
    open_ones = [one for one in found["warnings"] if not one["is_explained"]]
    assert [(one["pointer"], one["code"]) for one in open_ones] == [("/answers/3.1", INFORMATION)]
    refused = await scene.act(REPORTER, "submit")
    assert (refused.status_code, refused.json()["code"]) == (409, "note_missing")
    told = [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
    assert told == [("/answers/3.1", INFORMATION)]
    note = "Số dân tính theo điều tra giữa kỳ"
    await scene.done(scene.act(REPORTER, "submit", {"note": note}))
    kept = (await session.scalars(select(ReadinessNote))).one()
    assert (kept.note, [one["pointer"] for one in kept.warnings]) == (note, ["/answers/3.1"])


async def test_a_note_beside_the_answer_explains_it_too(scene: Scene) -> None:
    await proved(scene)
    given = full_content("camau-2023-xa")["answers"]["3.1"]["figures"]
    await declare(scene, answers={"3.1": {"figures": given, "note": NOTE}})
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(REPORTER, "submit"))


async def test_a_contradiction_between_general_figures_is_explained_at_the_submission(scene: Scene) -> None:
    await scene.filled()
    await declare(scene, general_information={"1.5": 13})
    await scene.done(scene.act(LEADER, "approve"))
    refused = await scene.act(REPORTER, "submit")
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/general_information/1.5"]
    await scene.done(scene.act(REPORTER, "submit", {"note": "Lao động từ nơi khác đến"}))


# --- who reads it, and what it costs ------------------------------------------------------------------------


async def test_nobody_reads_the_check_of_another_unit(scene: Scene) -> None:
    other = await (await scene.as_(f"{SIBLING}.reporter")).get(f"{await scene.url()}/readiness")
    assert (other.status_code, other.json()["code"]) == (404, "submission_not_found")


async def test_a_long_dossier_costs_no_more_queries_than_a_short_one(
    scene: Scene, connection: AsyncConnection
) -> None:
    async def counted() -> int:
        said: list[str] = []

        def hear(*heard: Any) -> None:
            said.append(heard[2])

        event.listen(connection.sync_connection, "before_cursor_execute", hear)
        await warnings(scene)
        event.remove(connection.sync_connection, "before_cursor_execute", hear)
        return len([one for one in said if one.startswith("SELECT")])

    await cite(scene, await upload(scene))
    few = await counted()
    await scene.filled()
    documents = [await upload(scene, content=PDF + b"%" * i) for i in range(5)]
    for _ in documents:
        await cite(scene, await upload(scene, SIBLING), SIBLING)
    answer = full_content("camau-2023-xa")["answers"]["1.4"] | {"evidence": documents}
    await declare(scene, answers={"1.4": answer})
    assert await counted() == few
