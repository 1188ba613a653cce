"""Opening a year: who gets a dossier, and in which ranking."""

from collections import Counter

from tests.conftest import LogIn
from tests.scene import SETS, Scene


async def test_opening_creates_129_dossiers_and_11_scopes(as_user: LogIn) -> None:
    scene = await Scene.opened(as_user)
    admin = await scene.as_("admin")
    listed = await admin.get("/api/v1/submissions", params={"page_size": 200})
    kinds = Counter(one["unit_kind"] for one in listed.json()["items"])
    assert kinds == {"department": 19, "district": 9, "commune": 101}
    assert {one["state"] for one in listed.json()["items"]} == {"draft"}
    scopes = (await admin.get(f"/api/v1/periods/{scene.period['id']}/scopes")).json()
    assert Counter(scope["unit_kind"] for scope in scopes) == {"department": 1, "district": 1, "commune": 9}
    assert sum(scope["units"] for scope in scopes) == 129


async def test_17_departments_are_ranked_and_two_are_only_assessed(as_user: LogIn) -> None:
    """000:39: Ban Dân tộc and Thanh tra tỉnh take no rank."""
    scene = await Scene.opened(as_user)
    admin = await scene.as_("admin")
    listed = await admin.get("/api/v1/submissions", params={"kind": "department", "page_size": 200})
    unranked = {one["unit_name"] for one in listed.json()["items"] if not one["is_ranked"]}
    assert unranked == {"Ban Dân tộc", "Thanh tra tỉnh"}
    assert listed.json()["total"] - len(unranked) == 17
