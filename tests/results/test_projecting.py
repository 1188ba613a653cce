"""What a result would look like under another version of its set: which ranks would move, and what is left out."""

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from typing import Any

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import DATA
from app.reviews.models import AdjustmentKind
from tests.catalogue.importing import imported
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.results import scene
from tests.scene import photograph

KEY = "camau-2023-xa"
REVIEWER = "huyen-964.reviewer"
Rows = dict[str, dict[str, Any]]


def second(change: Callable[[Rows], None]) -> str:
    """Return another version of the communes' set, its rows changed."""
    content = yaml.safe_load((DATA / f"{KEY}.yaml").read_text(encoding="utf-8"))
    content |= {"version": 2, "changes": ["Thử phiên bản mới"]}
    content["source"]["signed_on"] = content["source"]["signed_on"].isoformat()
    change({row["code"]: row for group in content["groups"] for row in group["indicators"]})
    for group in content["groups"]:
        group["differs"] = "bản thử"
        group["declared"] = []
    content["declared"] = []
    text: str = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    return text


async def projection(admin: CheckedClient, result_id: str) -> dict[str, Any]:
    answer = await admin.get(f"{scene.RESULTS}/{result_id}/projection", params={"version": 2})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_other_words_move_no_rank_and_nothing_is_kept(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    admin = await as_user("admin")
    await imported(admin, second(lambda rows: rows["1.1"].update(name="Người đứng đầu là Trưởng ban")))
    before = await photograph(session)
    said = await projection(admin, made["id"])
    assert await photograph(session) == before
    assert (said["version"], said["version_projected"]) == (1, 2)
    assert (said["carried"], said["left_out"], said["gone"], said["moved"]) == (50, {}, [], 0)
    assert all(line["rank"] == line["rank_projected"] for line in said["lines"])
    assert all(line["dti_shown"] == line["dti_projected_shown"] for line in said["lines"])


async def test_a_unit_that_lived_on_one_row_falls_where_the_row_goes(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    dossiers = await scene.dossiers(session, scope)
    last, submission = next(iter(dossiers.items()))
    index_set = await scene.index_set_of(session, submission)
    for place, one in enumerate(dossiers.values()):
        full = index_set.by_code["8.1"].max_points if one is submission else Fraction(place, 100)
        await scene.decide(session, one, "8.1", AdjustmentKind.POINTS, {"points": str(full)})
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()

    def change(rows: Rows) -> None:
        rows["8.1"]["code"] = "8.9"
        rows["8.2"]["rule"] = deepcopy(rows["8.1"]["rule"]) | {"full_mark": "0.5"}
        rows["8.3"]["max_points"] = str(2 * int(rows["8.3"]["max_points"]))
        del rows["8.4"]["max_points"]
        rows["1.4"]["rule"] = deepcopy(rows["1.1"]["rule"])

    admin = await as_user("admin")
    await imported(admin, second(change))
    said = await projection(admin, made["id"])
    assert said["left_out"] == {"8.9": "new", "8.4": "no_maximum", "1.4": "other_answers"}
    assert (said["gone"], said["carried"]) == (["8.1"], 47)
    line = next(one for one in said["lines"] if one["unit_id"] == str(submission.unit_id))
    assert line["rank"] < line["rank_projected"] and line["moved"] == line["rank"] - line["rank_projected"], (
        last
    )
    assert said["moved"] == sum(bool(one["moved"]) for one in said["lines"]) > 0


async def test_decided_points_keep_their_share_of_the_maximum(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    for submission in (await scene.dossiers(session, scope)).values():
        index_set = await scene.index_set_of(session, submission)
        for row in index_set.indicators:
            half = {"points": str((row.max_points or 0) / 2)}
            await scene.decide(session, submission, row.code, AdjustmentKind.POINTS, half)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    admin = await as_user("admin")
    await imported(admin, second(lambda rows: rows["8.1"].update(max_points="300")))
    said = await projection(admin, made["id"])
    assert {line["dti_projected_shown"] for line in said["lines"]} == {"50.00"}


async def test_only_the_province_projects_and_only_what_there_is(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user(REVIEWER), scope)).json()
    url = f"{scene.RESULTS}/{made['id']}/projection"
    assert (await (await as_user(REVIEWER)).get(url, params={"version": 1})).status_code == 403
    missing = await (await as_user("admin")).get(url, params={"version": 7})
    assert (missing.status_code, missing.json()["code"]) == (404, "index_set_not_found")
