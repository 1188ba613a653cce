"""The document's links lead from what an answer says to operations that take it."""

from typing import Any

from fastapi import FastAPI

from tests.conftest import LogIn
from tests.contracts.cells import operations


def links(app: FastAPI) -> dict[str, dict[str, Any]]:
    """Return the links of every operation that has some."""
    return {
        name: found
        for name, operation in operations(app).items()
        if (
            found := {
                k: v for one in operation["responses"].values() for k, v in one.get("links", {}).items()
            }
        )
    }


def test_a_link_gives_every_parameter_of_the_path_and_names_one_that_is_there(app: FastAPI) -> None:
    by_id = {one["operationId"]: (name, one) for name, one in operations(app).items()}
    for name, found in links(app).items():
        for link in found.values():
            target, operation = by_id[link["operationId"]]
            given = set(link["parameters"])
            assert {f"path.{part.split('}')[0]}" for part in target.split("{")[1:]} <= given, (name, target)
            taken = {f"{one['in']}.{one['name'].lower()}" for one in operation["parameters"]}
            assert {one.lower() for one in given} <= taken, (name, target)


def test_lists_and_what_was_made_lead_to_the_item_and_the_item_to_its_changes(app: FastAPI) -> None:
    found = {
        name: {one["operationId"] for one in links(app).get(name, {}).values()} for name in operations(app)
    }
    ids = {name: one["operationId"] for name, one in operations(app).items()}
    item, change = "GET /api/v1/users/{user_id}", "PATCH /api/v1/users/{user_id}"
    assert {ids[item], ids[change]} <= found["GET /api/v1/users"] & found["POST /api/v1/users"]
    assert ids[change] in found[item]
    assert ids["POST /api/v1/periods/{period_id}/open"] in found["POST /api/v1/periods"]


async def test_an_item_whose_changes_are_linked_by_its_etag_has_one(app: FastAPI, as_user: LogIn) -> None:
    admin = await as_user("admin")
    for path in ("users", "service-accounts", "periods"):
        listed = (await admin.get(f"/api/v1/{path}")).json()
        for one in (listed if isinstance(listed, list) else listed["items"])[:1]:
            assert (await admin.get(f"/api/v1/{path}/{one['id']}")).headers["etag"].startswith('"'), path
    etag = "$response.header.ETag"
    named = {
        n
        for n, found in links(app).items()
        if any(etag in one["parameters"].values() for one in found.values())
    }
    assert "GET /api/v1/submissions/{submission_id}" in named
