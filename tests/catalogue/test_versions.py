"""Versions of a set: drafts are the province's alone, what was published stays readable, and every step is traced."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.files import catalogue, parse_set
from app.catalogue.models import IndexSetEvent, IndexSetRow, SetState
from app.catalogue.schemas import IndexSetFile
from app.catalogue.version_schemas import DiffOut, RowStatus
from app.catalogue.versions import diff
from app.core.audit import SYSTEM, AuditEvent
from app.core.db import Database
from app.core.embedded import owner_of
from app.core.migrate import config, upgrade
from tests.catalogue.importing import (
    FIRST,
    KEY,
    URL,
    act,
    changed,
    imported,
    next_version,
    published,
)
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn, logged_in
from tests.scene import Scene, photograph

ONE = f"{URL}/{KEY}"
PERIOD = {"year": 2023, "guidance_on": "2023-12-16", "sets": {"commune": KEY}}


async def seen_by(caller: CheckedClient) -> list[tuple[int, str]]:
    """Return the versions of the small set in the public list, with their states."""
    listed = (await caller.get(URL)).json()
    return [(one["version"], one["state"]) for one in listed if one["key"] == KEY]


# --- drafts -------------------------------------------------------------------------------------------------


async def test_nobody_but_the_province_sees_a_draft_anywhere(as_user: LogIn, client: CheckedClient) -> None:
    admin = await as_user("admin")
    await published(admin)
    await imported(admin, next_version(2))
    for caller in (client, await as_user("xa-31999.reporter"), admin):
        assert await seen_by(caller) == [(1, "published")]
        assert (await caller.get(ONE)).json()["version"] == 1
        for path in ("?version=2", "/method?version=2", "/diff?before=1&after=2", "/diff?before=2&after=1"):
            hidden = await caller.get(f"{ONE}{path}")
            assert (hidden.status_code, hidden.json()["code"]) == (404, "index_set_not_found"), path
        assert "(lần 2)" not in (await caller.get(f"{ONE}/method")).text
    for path in ("/versions", "/versions/2"):
        assert (await client.get(ONE + path)).status_code == 401
        assert (await (await as_user("xa-31999.reporter")).get(ONE + path)).status_code == 403


async def test_a_set_that_has_only_a_draft_is_not_there(as_user: LogIn, client: CheckedClient) -> None:
    admin = await as_user("admin")
    await imported(admin)
    assert await seen_by(client) == []
    for path in ("", "?version=1", "/method", "/diff?before=1&after=1"):
        assert (await client.get(ONE + path)).status_code == 404
    refused = await admin.post("/api/v1/periods", json=PERIOD)
    assert refused.json()["errors"][0]["code"] == "unknown_index_set"


async def test_a_draft_that_is_given_up_is_never_seen(as_user: LogIn, client: CheckedClient) -> None:
    admin = await as_user("admin")
    await imported(admin)
    assert (await act(admin, "retire")).json()["state"] == "retired"
    assert await seen_by(client) == []
    assert (await client.get(f"{ONE}?version=1")).status_code == 404
    assert (await act(admin, "publish")).json()["code"] == "index_set_not_draft"


async def test_the_province_reads_a_draft_in_full(as_user: LogIn) -> None:
    admin = await as_user("admin")
    said = await imported(admin)
    read = await admin.get(f"{ONE}/versions/1")
    assert (read.status_code, read.headers["etag"]) == (200, '"1"')
    draft = read.json()
    assert (draft["state"], draft["published_at"], draft["sha256"]) == ("draft", None, said["sha256"])
    assert draft["groups"][0]["indicators"][0]["code"] == "1.1"
    assert [event["state"] for event in draft["events"]] == ["draft"]
    for path in (f"{ONE}/versions/2", f"{URL}/khong-co/versions/1", f"{URL}/khong-co/versions"):
        assert (await admin.get(path)).json()["code"] == "index_set_not_found"


# --- published, retired -------------------------------------------------------------------------------------


async def test_a_published_version_is_read_by_everybody(
    as_user: LogIn, client: CheckedClient, clock: Clock
) -> None:
    admin = await as_user("admin")
    await imported(admin)
    clock.advance(hours=1)
    answer = await act(admin, "publish")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert [event["state"] for event in answer.json()["events"]] == ["draft", "published"]
    (listed,) = [one for one in (await client.get(URL)).json() if one["key"] == KEY]
    assert (listed["state"], listed["changes"], listed["is_ranked"]) == ("published", [], True)
    assert listed["published_at"] > listed["loaded_at"]
    read = await client.get(ONE)
    assert (read.json()["state"], read.json()["is_ranked"], read.json()["not_ranked"]) == (
        "published",
        True,
        None,
    )
    again = await client.get(ONE, headers={"If-None-Match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_new_version_takes_the_place_of_the_one_before_and_leaves_it_readable(
    as_user: LogIn, client: CheckedClient
) -> None:
    admin = await as_user("admin")
    await published(admin)
    await published(admin, next_version(2))
    assert await seen_by(client) == [(2, "published"), (1, "published")]
    assert (await client.get(ONE)).json()["version"] == 2
    assert (await client.get(f"{ONE}?version=1")).json()["version"] == 1
    assert (await client.get(ONE)).json()["changes"] == ["Sửa theo góp ý lần 2"]
    prepared = await admin.post("/api/v1/periods", json=PERIOD)
    assert prepared.json()["sets"][0]["index_set_version"] == 2


async def test_a_retired_version_is_no_longer_chosen_and_stays_readable(
    as_user: LogIn, client: CheckedClient
) -> None:
    admin = await as_user("admin")
    await published(admin)
    before = (await client.get(ONE)).headers["etag"]
    await published(admin, next_version(2))
    retired = await act(admin, "retire", 2, reason="Có sai sót")
    assert (retired.status_code, retired.headers["etag"]) == (200, '"3"')
    assert (retired.json()["events"][-1]["reason"], retired.json()["state"]) == ("Có sai sót", "retired")
    assert (await client.get(ONE)).json()["version"] == 1
    old = await client.get(f"{ONE}?version=2")
    assert (old.json()["state"], old.json()["version"]) == ("retired", 2)
    assert (await client.get(f"{ONE}/diff?before=1&after=2")).status_code == 200
    await act(admin, "retire", 1)
    assert (await client.get(ONE)).status_code == 404
    changed_state = await client.get(f"{ONE}?version=1", headers={"If-None-Match": before})
    assert (changed_state.status_code, changed_state.json()["state"]) == (200, "retired")
    refused = await admin.post("/api/v1/periods", json=PERIOD)
    assert refused.json()["errors"][0]["code"] == "unknown_index_set"


async def test_a_period_keeps_the_version_it_began_with(as_user: LogIn) -> None:
    admin = await as_user("admin")
    await published(admin)
    scene = await Scene.opened(as_user, sets={"commune": KEY})
    await published(admin, next_version(2))
    assert (await act(admin, "retire", 1)).status_code == 200
    (used,) = (await admin.get(f"/api/v1/periods/{scene.period['id']}")).json()["sets"]
    assert used["index_set_version"] == 1
    saved = await scene.save({"answers": {"1.1": {"choice": "yes", "note": "Có quyết định"}}})
    assert saved.status_code == 200, saved.text
    assert (await scene.read(path="/scorecard"))["total"] == "10"


async def test_each_step_needs_its_state(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    await published(admin)
    refused = await act(admin, "publish")
    assert (refused.status_code, refused.json()["code"]) == (409, "index_set_not_draft")
    assert refused.json()["state"] == "published"
    await act(admin, "retire")
    before = await photograph(session)
    refused = await act(admin, "retire")
    assert (refused.status_code, refused.json()["code"]) == (409, "index_set_retired")
    assert await photograph(session) == before


@pytest.mark.parametrize("verb", ["publish", "retire"])
@pytest.mark.parametrize(("etag", "status"), [("", 428), ('"2"', 412), ('"0"', 412), ("*", 412)])
async def test_each_step_is_based_on_what_was_read(
    as_user: LogIn, session: AsyncSession, verb: str, etag: str, status: int
) -> None:
    admin = await as_user("admin")
    await imported(admin)
    before = await photograph(session)
    assert (await act(admin, verb, etag=etag)).status_code == status
    assert await photograph(session) == before


@pytest.mark.parametrize("reason", ["", "ngắn", "x" * 5001, None])
async def test_retiring_needs_a_reason(as_user: LogIn, reason: Any) -> None:
    admin = await as_user("admin")
    await imported(admin)
    assert (await act(admin, "retire", reason=reason)).status_code == 422


async def test_a_step_that_is_repeated_is_done_once(as_user: LogIn) -> None:
    admin = await as_user("admin")
    await imported(admin)
    headers = {"If-Match": '"1"', "Idempotency-Key": "p"}
    first, again = [await admin.post(f"{ONE}/versions/1/publish", headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert len(again.json()["events"]) == 2


async def test_of_those_who_act_at_once_one_wins(own_app: FastAPI, clock: Clock) -> None:
    hands = [await logged_in(own_app, clock, "admin") for _ in range(4)]
    await imported(hands[0])
    verbs = ("publish", "publish", "publish", "retire")
    steps = [act(hand, verb, etag='"1"') for hand, verb in zip(hands, verbs, strict=True)]
    answers = await asyncio.gather(*steps)
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert {answer.status_code for answer in answers if answer.status_code != 200} <= {409, 412}
    assert [answer.status_code for answer in answers].count(200) == 1
    (held,) = (await hands[0].get(f"{ONE}/versions")).json()
    assert len(held["events"]) == 2


async def test_every_step_leaves_a_trail(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    await published(admin)
    await act(admin, "retire", reason="Không dùng nữa")
    row = await session.scalar(select(IndexSetRow).filter_by(key=KEY))
    assert row is not None
    trail = select(AuditEvent).filter_by(object_id=row.id).order_by(AuditEvent.id)
    _, publish, retire = (await session.scalars(trail)).all()
    assert (publish.action, publish.before) == ("index_set.publish", {"state": "draft"})
    assert publish.after == {"key": KEY, "version": 1, "sha256": row.sha256, "state": "published"}
    assert (retire.action, retire.reason, retire.actor_name) == (
        "index_set.retire",
        "Không dùng nữa",
        "admin",
    )
    events = (await admin.get(f"{ONE}/versions/1")).json()["events"]
    assert [(one["number"], one["state"], one["reason"], one["by_name"]) for one in events] == [
        (1, "draft", None, "admin"),
        (2, "published", None, "admin"),
        (3, "retired", "Không dùng nữa", "admin"),
    ]


# --- what comes with the service ----------------------------------------------------------------------------


async def test_the_sets_that_come_with_the_service_are_published(session: AsyncSession) -> None:
    events = (await session.scalars(select(IndexSetEvent))).all()
    assert len(events) == len(catalogue().sets)
    assert {(one.number, one.state, one.reason, one.at, one.by, one.by_name) for one in events} == {
        (1, SetState.PUBLISHED, None, START, SYSTEM.id, SYSTEM.name)
    }


async def test_a_set_that_cannot_be_ranked_says_so(client: CheckedClient) -> None:
    """Ruling 6: the plan of Kon Tum gives no maxima."""
    listed = {one["key"]: one["is_ranked"] for one in (await client.get(URL)).json()}
    assert listed["camau-2023-xa"]
    assert not listed["kontum-2024-tinh"]
    read = (await client.get(f"{URL}/kontum-2024-tinh")).json()
    assert (read["is_ranked"], read["not_ranked"]["en"]) == (
        False,
        "Some rows have no maximum points: it is tracked, not ranked.",
    )


async def test_sets_stored_before_there_were_states_are_published_by_the_migration(
    own_database: Database,
) -> None:
    async with own_database.session() as session:
        before = {row.id: row.loaded_at for row in await session.scalars(select(IndexSetRow))}
    url = own_database.engine.url.render_as_string(hide_password=False)
    await asyncio.to_thread(command.downgrade, config(owner_of(url)), "0001")
    await asyncio.to_thread(upgrade, owner_of(url), url)
    async with own_database.session() as session:
        events = (await session.scalars(select(IndexSetEvent))).all()
    assert {one.index_set_id: one.at for one in events} == before
    assert {(one.number, one.state, one.by, one.by_name) for one in events} == {
        (1, SetState.PUBLISHED, UUID(int=0), "system")
    }


# --- the page, the policies ---------------------------------------------------------------------------------


async def test_the_method_is_a_page_that_loads_nothing(client: CheckedClient) -> None:
    page = await client.get(f"{URL}/camau-2023-xa/method")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "Bộ chỉ số" in page.text
    headers = {"If-None-Match": page.headers["etag"]}
    again = await client.get(f"{URL}/camau-2023-xa/method", headers=headers)
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_of_a_version_says_what_became_of_it(as_user: LogIn, client: CheckedClient) -> None:
    admin = await as_user("admin")
    await published(admin)
    before = await client.get(f"{ONE}/method")
    await act(admin, "retire")
    assert (await client.get(f"{ONE}/method")).status_code == 404
    after = await client.get(f"{ONE}/method?version=1", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.text != before.text


async def test_anybody_reads_the_policies(client: CheckedClient) -> None:
    listed = {one["key"]: one for one in (await client.get("/api/v1/policies")).json()}
    assert set(listed) == set(catalogue().policies)
    read = await client.get("/api/v1/policies/camau-2023")
    assert read.headers["etag"] == f'"{listed["camau-2023"]["sha256"]}"'
    assert read.json() == catalogue().policies["camau-2023"].out.model_dump(mode="json")
    headers = {"If-None-Match": read.headers["etag"]}
    again = await client.get("/api/v1/policies/camau-2023", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    missing = await client.get("/api/v1/policies/khong-co")
    assert (missing.status_code, missing.json()["code"]) == (404, "policy_not_found")


# --- what differs -------------------------------------------------------------------------------------------


def file_of(content: str) -> IndexSetFile:
    return parse_set("test", content.encode()).out


TWO = FIRST + changed(
    FIRST[FIRST.index('      - code: "1.1"') :],
    ('code: "1.1"', 'code: "1.2"'),
    ("kind: options", "kind: ratio"),
    (
        FIRST[FIRST.index("          options:") :],
        """\
          variables:
            - {key: a, label: "Tử số", number: count}
            - {key: b, label: "Mẫu số", number: count}
          numerator: [a]
          denominator: [b]
          full_mark: "0.5"
""",
    ),
)
TWO = changed(
    TWO, ('value: "10"', 'value: "20"'), ('    max_points: "10"\n    line', '    max_points: "20"\n    line')
)
POINTS = ('value: "20"', 'value: "25"'), ('max_points: "20"', 'max_points: "25"')
RATIO = '"1.2"\n        name: "Người đứng đầu chủ trì chuyển đổi số"\n        max_points: "10"'


def compared(*replacements: tuple[str, str]) -> DiffOut:
    return diff(
        file_of(TWO), file_of(changed(TWO, ("version: 1", "version: 2\nchanges: [x]"), *replacements))
    )


@pytest.mark.parametrize(
    ("replacements", "status", "fields"),
    [
        ((), "unchanged", []),
        ((('full_mark: "0.5"', 'full_mark: "1/2"'),), "unchanged", []),
        ((('"Tử số"', '"Số trên"'),), "reworded", ["rule.variables.a.label"]),
        ((('full_mark: "0.5"', 'full_mark: "0.6"'),), "rule_changed", ["rule.full_mark"]),
        ((('full_mark: "0.5"', 'full_mark: "0.5"\n          full_if_zero: a'),), "rule_changed", ["rule.full_if_zero"]),
        ((("numerator: [a]", "numerator: [a, b]"),), "rule_changed", ["rule.numerator"]),
        ((('"Mẫu số", number: count', '"Mẫu số", number: amount'),), "rule_changed", ["rule.variables.b.number"]),
        (((RATIO, RATIO.replace('"10"', '"15"')), *POINTS), "rescaled", ["max_points"]),
        (
            ((RATIO, RATIO.replace('"10"', '"15"').replace("Người", "Ai")), *POINTS),
            "rescaled",
            ["name", "max_points"],
        ),
        (
            ((RATIO, RATIO.replace('"10"', '"15"')), *POINTS, ('full_mark: "0.5"', 'full_mark: "0.6"')),
            "rule_changed",
            ["max_points", "rule.full_mark"],
        ),
    ],
)  # fmt: skip
def test_the_strongest_change_of_a_row_is_told_with_all_that_changed(
    replacements: tuple[tuple[str, str], ...], status: str, fields: list[str]
) -> None:
    first, second = compared(*replacements).rows
    assert (first.code, first.status, first.changed) == ("1.1", "unchanged", [])
    assert (second.code, second.status) == ("1.2", status)
    assert [change.field for change in second.changed] == fields


def test_where_a_row_stands_and_what_is_noted_of_it_is_no_change() -> None:
    old = file_of(TWO)
    row = old.groups[0].indicators[1].model_copy(update={"line": 99, "note": "Ghi chú"})
    group = old.groups[0].model_copy(update={"indicators": [old.groups[0].indicators[0], row]})
    found = diff(old, old.model_copy(update={"groups": [group]}))
    assert [one.status for one in found.rows] == ["unchanged", "unchanged"]


def test_rows_that_come_and_go_are_told_in_the_order_of_the_new_version() -> None:
    found = compared(('code: "1.1"', 'code: "1.3"'))
    assert [(one.code, one.status) for one in found.rows] == [
        ("1.3", "new"),
        ("1.2", "unchanged"),
        ("1.1", "gone"),
    ]
    assert found.counts == {
        RowStatus.UNCHANGED: 1,
        RowStatus.REWORDED: 0,
        RowStatus.RESCALED: 0,
        RowStatus.RULE_CHANGED: 0,
        RowStatus.NEW: 1,
        RowStatus.GONE: 1,
    }


def test_another_kind_of_rule_is_another_rule() -> None:
    kinds = diff(
        file_of(TWO), file_of(changed(TWO, ("kind: options", "kind: checklist"), ("options:\n", "items:\n")))
    )
    first, _ = kinds.rows
    assert first.status is RowStatus.RULE_CHANGED
    (kind,) = [change for change in first.changed if change.field == "rule.kind"]
    assert (kind.before, kind.after) == ("options", "checklist")


@pytest.mark.parametrize("key", sorted(catalogue().sets))
def test_nothing_differs_between_a_set_and_itself(key: str) -> None:
    """Nested rows are compared like all others."""
    file = catalogue().sets[key].out
    found = diff(file, file)
    assert found.counts[RowStatus.UNCHANGED] == len(found.rows)
    assert len(found.rows) == file.counted.indicators + file.counted.nested_rows


def test_a_changed_row_below_another_is_told_by_its_own_code() -> None:
    file = catalogue().sets["kontum-2024-tinh"].out
    group, above, row = next(
        (group, above, row) for group in file.groups for above in group.indicators for row in above.rows or []
    )
    reworded = above.model_copy(
        update={"rows": [row.model_copy(update={"name": "Tên khác"}), *(above.rows or [])[1:]]}
    )
    indicators = [reworded if one is above else one for one in group.indicators]
    groups = [
        group.model_copy(update={"indicators": indicators}) if one is group else one for one in file.groups
    ]
    found = diff(file, file.model_copy(update={"groups": groups}))
    assert [(one.code, one.status) for one in found.rows if one.changed] == [(row.code, "reworded")]


async def test_the_difference_of_two_published_versions_is_public(
    as_user: LogIn, client: CheckedClient
) -> None:
    admin = await as_user("admin")
    await published(admin)
    await published(admin, next_version(2))
    found = (await client.get(f"{ONE}/diff?before=1&after=2")).json()
    assert (found["key"], found["before"], found["after"]) == (KEY, 1, 2)
    (row,) = found["rows"]
    assert row["changed"] == [
        {
            "field": "name",
            "before": "Người đứng đầu chủ trì chuyển đổi số",
            "after": "Người đứng đầu chủ trì (lần 2) chuyển đổi số",
        }
    ]
    assert (await client.get(f"{ONE}/diff?before=1&after=3")).status_code == 404
    assert (await client.get(f"{ONE}/diff?before=1")).status_code == 422
    assert (await client.get(f"{ONE}/diff?before=0&after=1")).status_code == 422


@pytest.mark.parametrize("path", ["", "/method"])
async def test_whoever_holds_it_already_is_told_so(client: CheckedClient, path: str) -> None:
    """A proxy that compresses makes a strong tag weak, and clients may name several."""
    url = f"{URL}/camau-2023-so{path}"
    first = await client.get(url)
    tag = first.headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(url, headers={"If-None-Match": held})
        assert (again.status_code, again.headers["etag"]) == (304, tag), held
        if path:
            assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert (await client.get(url, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_the_page_calls_agencies_by_their_names(client: CheckedClient) -> None:
    page = (await client.get(f"{URL}/camau-2023-xa/method")).text
    assert "Sở Thông tin và Truyền thông (thay cho đơn vị)" in page
    assert "so-tttt" not in page
