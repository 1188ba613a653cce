"""Who sees a dossier: the matrix of callers, and how much of it each of them sees."""

import pytest

from app.catalogue.files import catalogue
from tests.scene import SIBLING, UNIT, Scene

WHOLE, PART, HIDDEN, FORBIDDEN = "whole", "part", 404, 403

# Phường 9 is a commune of Thành phố Cà Mau (huyen-964).
SEEN_BY = {
    f"{UNIT}.reporter": WHOLE,
    f"{UNIT}.leader": WHOLE,
    f"{SIBLING}.reporter": HIDDEN,
    f"{SIBLING}.leader": HIDDEN,
    "huyen-964.reviewer": WHOLE,
    "huyen-964.chairman": WHOLE,
    "huyen-964.reporter": HIDDEN,  # declares for the district itself
    "huyen-964.leader": HIDDEN,
    "huyen-966.reviewer": HIDDEN,
    "huyen-966.chairman": HIDDEN,
    "so-noi-vu.reporter": HIDDEN,
    "so-tttt.reporter": HIDDEN,
    "admin": WHOLE,
    "reviewer": WHOLE,
    "leader": WHOLE,
    "auditor": WHOLE,
    "dashboard": FORBIDDEN,
    "cong-an-tinh.agency": PART,
    "so-tttt.agency": PART,
}


@pytest.fixture
async def scene(scene: Scene) -> Scene:
    """Give the open year with the complete dossier of Phường 9."""
    await scene.filled()
    return scene


@pytest.mark.parametrize(("who", "seen"), SEEN_BY.items(), ids=list(SEEN_BY))
async def test_a_dossier_is_seen_by(scene: Scene, who: str, seen: str | int) -> None:
    caller, url = await scene.as_(who), await scene.url()
    response = await caller.get(url)
    listed = await caller.get("/api/v1/submissions", params={"search": "phuong 9", "kind": "commune"})
    if isinstance(seen, int):
        assert response.status_code == seen
        assert listed.status_code == 403 if seen == FORBIDDEN else listed.json()["total"] == 0
    else:
        assert response.status_code == 200
        assert [one["unit_name"] for one in listed.json()["items"]] == ["Phường 9"]
        assert (len(response.json()["answers"]) == 49) is (seen == WHOLE)
    for path in ("readiness", "scorecard", "revisions", "revisions/2", "adjustments"):
        expected = 200 if seen == WHOLE else FORBIDDEN if seen == FORBIDDEN else HIDDEN
        assert (await caller.get(f"{url}/{path}")).status_code == expected, path


@pytest.mark.parametrize("agency", ["cong-an-tinh", "so-tttt", "tt-cntt-tt"])
async def test_an_agency_sees_only_the_indicators_it_verifies_and_no_contacts(
    scene: Scene, agency: str
) -> None:
    rows = [row for group in catalogue().sets["camau-2023-xa"].out.groups for row in group.indicators]
    named = {row.code for row in rows if agency in (*row.verified_by, row.declared_by)}
    dossier = await scene.read(who=f"{agency}.agency")
    assert 0 < len(named) < 49
    assert set(dossier["answers"]) == {
        code for code in named if code != "5.4"
    }  # 5.4 is not the unit's to declare
    assert (dossier["contacts"], dossier["general_information"]) == ({}, {})
    review = await scene.read(who=f"{agency}.agency", path="/review")
    assert {line["code"] for line in review["lines"]} == named
    assert (review["self_total"], review["appraised_total"], review["clarifications"]) == (None, None, [])


async def test_an_agency_that_no_row_of_the_set_names_sees_nothing_of_it(scene: Scene) -> None:
    """Sở Nội vụ verifies in the set of the departments only; its reporter sees his own dossier, no commune's."""
    caller = await scene.as_("so-noi-vu.reporter")
    listed = await caller.get("/api/v1/submissions")
    assert [one["unit_name"] for one in listed.json()["items"]] == ["Sở Nội vụ"]


@pytest.mark.parametrize(
    ("who", "count"), [("huyen-964.reviewer", 18), ("admin", 129), (f"{UNIT}.leader", 1)]
)
async def test_a_list_holds_exactly_what_its_reader_may_see(scene: Scene, who: str, count: int) -> None:
    """Thành phố Cà Mau has 17 communes; its reviewer also reads the city's own dossier."""
    listed = (await (await scene.as_(who)).get("/api/v1/submissions", params={"page_size": 200})).json()
    assert (listed["total"], len(listed["items"])) == (count, count)


async def test_every_agency_of_the_sets_sees_something_and_nobody_below_a_district_sees_another(
    scene: Scene,
) -> None:
    reviewer = await scene.as_("huyen-966.reviewer")
    listed = (await reviewer.get("/api/v1/submissions", params={"page_size": 200})).json()["items"]
    mine = {one["unit_name"] for one in listed}
    assert "Huyện U Minh" in mine
    assert "Phường 9" not in mine


async def test_an_agency_reads_the_evidence_of_the_indicators_it_verifies_and_no_other(scene: Scene) -> None:
    """Công an tỉnh verifies 6.3 (000:1530); 1.1 is none of its business."""
    uploaded = [await scene.document(number) for number in (1, 2)]
    answers = (await scene.read())["answers"]
    change = {
        code: {**answers[code], "evidence": [one]} for code, one in zip(("6.3", "1.1"), uploaded, strict=True)
    }
    await scene.done(scene.save({"answers": change}))
    police, url = await scene.as_("cong-an-tinh.agency"), await scene.url()
    assert (await police.get(f"{url}/evidence/{uploaded[0]}")).content.startswith(b"%PDF-1.7")
    assert (await police.get(f"{url}/evidence/{uploaded[1]}")).status_code == 404
    other = await scene.as_(f"{SIBLING}.reporter")
    assert (await other.get(f"{url}/evidence/{uploaded[0]}")).status_code == 404
