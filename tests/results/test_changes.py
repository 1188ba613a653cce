"""What a version of a result changed: every unit that moved, by how much, and why."""

import json
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import new_id
from app.results.change_schemas import UnitChange, Why
from app.results.changes import Method, changes
from app.results.snapshot import Basis, Document, Named, Taking, lines_of
from app.reviews.models import AdjustmentKind
from app.reviews.settled import settle
from app.scoring.engine import UnitInput
from app.scoring.model import Decision, Ratio
from app.submissions.models import RankingScope
from app.units.models import UnitKind
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.results import scene
from tests.scoring.examples import EXACT, YES_NO, best_of, counts, set_of

REVIEWER, CHAIRMAN = "huyen-964.reviewer", "huyen-964.chairman"
SET = set_of(Ratio(counts("a", "b"), ("a",), ("b",)), best_of("n"), YES_NO)
IDS = [str(new_id()) for _ in range(4)]

cells = st.fixed_dictionaries(
    {
        "1.1": st.builds(lambda a: {"figures": {"a": a, "b": 7}}, st.integers(0, 7)),
        "1.2": st.builds(lambda n: {"figures": {"n": n}}, st.integers(0, 5)),
        "1.3": st.sampled_from([{"choice": "yes"}, {"choice": "no"}]),
    }
)
decided = st.dictionaries(st.sampled_from(["1.1", "1.2", "1.3"]), st.integers(0, 10).map(str), max_size=1)
versions = st.lists(st.tuples(cells, decided), min_size=len(IDS), max_size=len(IDS))


def finalized(units: list[tuple[dict[str, Any], dict[str, str]]]) -> tuple[dict[str, Any], list[Document]]:
    """Score units as a finalization does; return the peers and the documents."""
    taking = Taking(Basis(new_id(), SET, "0", EXACT, "0"))
    for unit_id, (answers, points) in zip(IDS, units, strict=True):
        unit = UnitInput(
            key=unit_id,
            is_ranked=True,
            answers=answers,
            points={code: Fraction(value) for code, value in points.items()},
            decisions={
                code: (Decision("points", {"points": value}, "vì vậy"),) for code, value in points.items()
            },
        )
        revision = {"number": 1, "content_hash": "0"}
        taking.put(
            [(Named(unit_id, unit_id, None, f"Xã {unit_id}", True, True, revision), settle(SET, unit))]
        )
    snapshot = taking.finish()
    peers = json.loads(json.dumps(snapshot.peers))
    return peers, [json.loads(line.document) for line in lines_of(snapshot)]


def between(before: Any, after: Any) -> list[UnitChange]:
    """Compare two versions."""
    method = Method(SET, 2, before[0], after[0])
    return changes(method, zip(before[1], after[1], strict=True))


@given(versions)
@settings(max_examples=50, deadline=None)
def test_without_a_difference_nothing_has_changed(units: Any) -> None:
    assert between(finalized(units), finalized(units)) == []


@given(versions, versions)
@settings(max_examples=150, deadline=None)
def test_what_moved_is_listed_and_explained_and_the_way_back_mirrors_it(one: Any, other: Any) -> None:
    before, after = finalized(one), finalized(other)
    there = {change.unit_id: change for change in between(before, after)}
    back = {change.unit_id: change for change in between(after, before)}
    cards = [{doc["input"]["unit"]["id"]: doc["scorecard"] for doc in side[1]} for side in (before, after)]
    assert {str(unit_id) for unit_id in there} == {key for key in IDS if cards[0][key] != cards[1][key]}
    assert there.keys() == back.keys()
    for unit_id, change in there.items():
        mirrored = back[unit_id]
        assert (change.before, change.after, change.why) == (mirrored.after, mirrored.before, mirrored.why)
        assert change.places is not None and mirrored.places == -change.places
        assert [(i.code, i.before, i.after, i.why) for i in change.indicators] == [
            (i.code, i.after, i.before, i.why) for i in mirrored.indicators
        ]
        index = IDS.index(str(unit_id))
        assert change.why, "nothing moves without a reason"
        if Why.OTHERS_MOVED in change.why:
            assert change.indicators == [] and change.before.total == change.after.total
        for indicator in change.indicators:
            same = all(
                one[index][part].get(indicator.code) == other[index][part].get(indicator.code)
                for part in (0, 1)
            )
            if indicator.why is Why.PEERS:
                assert same and indicator.code == "1.2"
            assert indicator.why is not Why.METHOD


def test_an_engine_that_rounds_another_way_is_named_as_such() -> None:
    peers, documents = finalized([({"1.3": {"choice": "yes"}}, {}) for _ in IDS])
    altered = json.loads(json.dumps(documents))
    altered[0]["scorecard"]["points"][2] -= 1
    (change,) = between((peers, documents), (peers, altered))
    assert (change.why, [one.code for one in change.indicators]) == ([Why.METHOD], ["1.3"])


def test_a_total_that_moves_by_less_than_people_see_is_still_explained() -> None:
    peers, documents = finalized([({"1.2": {"figures": {"n": 1}}}, {}) for _ in IDS])
    others, altered = json.loads(json.dumps([peers, documents]))
    others["1.2"]["best"] = "1.0001"
    altered[0]["scorecard"]["total"] = "99999/10000"
    (change,) = between((peers, documents), (others, altered))
    assert [(one.code, one.before == one.after, one.why) for one in change.indicators] == [
        ("1.2", True, Why.PEERS)
    ]


def test_results_of_the_first_engine_are_compared_too() -> None:
    peers, documents = finalized([({"1.3": {"choice": "yes"}}, {}) for _ in IDS])
    old = json.loads(json.dumps(documents))
    for document in old:
        stored, card = document["input"], document["scorecard"]
        stored.pop("settled"), stored.pop("reviewed")
        stored |= {"answers": {"1.3": {"choice": "yes"}}, "points": {}, "not_applicable": []}
        card["points"] = [str(Fraction(one, 100)) for one in card["points"]]
    assert between((peers, old), (peers, documents)) == []


# --- over HTTP ----------------------------------------------------------------------------------------------


async def corrected(
    session: AsyncSession, as_user: LogIn, scope: RankingScope, code: str = "3.1", points: str = "10"
) -> dict[str, Any]:
    """Finalize a correction of Phường 9."""
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    await scene.decide(session, submission, code, AdjustmentKind.POINTS, {"points": points})
    made = await scene.finalize(await as_user(REVIEWER), scope, "sửa điểm theo kết luận kiểm tra")
    found: dict[str, Any] = made.json()
    return found


async def test_a_correction_lists_who_moved_and_why(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope = await scene.passed_scope(session)
    reviewer, chairman = await as_user(REVIEWER), await as_user(CHAIRMAN)
    first = (await scene.finalize(reviewer, scope)).json()
    alone = (await reviewer.get(f"{scene.RESULTS}/{first['id']}/changes")).json()
    assert (alone["against"], alone["units"], alone["unchanged"]) == (None, [], 17)
    await scene.publish(chairman, first["id"])
    second = await corrected(session, as_user, scope)
    shown = (await reviewer.get(f"{scene.RESULTS}/{second['id']}/changes")).json()
    assert (shown["version"]["number"], shown["against"]["number"]) == (2, 1)
    assert shown["reason"] == "sửa điểm theo kết luận kiểm tra"
    overtaken, mine = shown["units"][1], shown["units"][0]
    assert (mine["unit_key"], mine["places"], mine["why"]) == ("xa-31999", 1, ["inputs"])
    assert (mine["before"]["rank"], mine["after"]["rank"]) == (17, 16)
    (indicator,) = mine["indicators"]
    assert (indicator["code"], indicator["after"], indicator["why"]) == ("3.1", "10.00", "inputs")
    assert indicator["decisions"] == [{"kind": "points", "reason": "theo kết quả kiểm tra"}]
    assert (overtaken["places"], overtaken["why"], overtaken["indicators"]) == (-1, ["others_moved"], [])
    assert (len(shown["units"]), shown["unchanged"]) == (2, 15)
    # In public only once it is published, and without the reviewer's reasons.
    url = f"{scene.PUBLIC}/{second['id']}/changes"
    assert (await client.get(url)).status_code == 404
    await scene.publish(chairman, second["id"])
    public = await client.get(url)
    bare = json.loads(json.dumps(shown["units"]))
    for unit in bare:
        for one in unit["indicators"]:
            one.pop("decisions")
    assert public.json()["units"] == bare
    assert "theo kết quả kiểm tra" not in public.text


async def test_a_correction_that_moves_the_best_moves_those_measured_against_it(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    reviewer = await as_user("reviewer")
    await scene.finalize(reviewer, scope)
    dossiers = await scene.dossiers(session, scope)
    best = max(
        (key for key, one in dossiers.items() if one.is_ranked), key=list(dossiers).index
    )  # each is a little better than the one before
    index_set = await scene.index_set_of(session, dossiers[best])
    answers = scene.answers(index_set, 51 + list(dossiers).index(best))
    answers["3.1"] = {"figures": dict.fromkeys(answers["3.1"]["figures"], 500)}
    await scene.declare(session, dossiers[best], answers)
    second = (await scene.finalize(reviewer, scope, "số liệu bổ sung của đơn vị")).json()
    units = (await reviewer.get(f"{scene.RESULTS}/{second['id']}/changes")).json()["units"]
    whys = {unit["unit_key"]: {one["code"]: one["why"] for one in unit["indicators"]} for unit in units}
    assert best not in whys  # it had all the points of 3.1 before, and has them now
    assert whys and all(why == {"3.1": "peers"} for why in whys.values() if why)
    assert any(whys.values())


async def test_versions_are_compared_as_far_as_the_caller_may_read_them(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope = await scene.passed_scope(session)
    reviewer, chairman, unit = [await as_user(name) for name in (REVIEWER, CHAIRMAN, "xa-31999.reporter")]
    first = (await scene.finalize(reviewer, scope)).json()["id"]
    await scene.publish(chairman, first)
    second = (await corrected(session, as_user, scope, points="1"))["id"]
    third = (await corrected(session, as_user, scope, points="2"))["id"]
    await scene.announce(chairman, third)

    async def against(caller: CheckedClient, of: str, **params: Any) -> tuple[int, int | None]:
        base = scene.PUBLIC if caller is client else scene.RESULTS
        answer = await caller.get(f"{base}/{of}/changes", params=params)
        shown = answer.json().get("against")
        return answer.status_code, shown and shown["number"]

    assert await against(reviewer, third) == (200, 1)  # which people know, not the one overtaken in between
    assert await against(reviewer, third, against=2) == (200, 2)
    assert await against(unit, third) == (200, 1)
    assert await against(unit, third, against=2) == (404, None)
    assert await against(unit, second) == (404, None)
    assert await against(reviewer, third, against=9) == (404, None)
    assert await against(client, third) == (404, None)
    await scene.publish(chairman, third)
    assert await against(client, third) == (200, 1)
    # What was withdrawn is compared with nothing in public any more.
    await scene.withdraw(chairman, third)
    assert await against(client, third) == (404, None)
    fourth = (await scene.finalize(reviewer, scope, "công bố lại cho đúng")).json()["id"]
    await scene.publish(chairman, fourth)
    assert await against(client, fourth) == (200, 1)
    assert await against(client, fourth, against=3) == (404, None)
    assert await against(reviewer, fourth) == (200, 3)
