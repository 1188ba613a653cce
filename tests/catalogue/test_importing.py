"""The province imports versions of sets: tried dry first, refused with every fault, kept as drafts."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.actions import load_catalogue
from app.catalogue.files import Catalogue, parse_set
from app.catalogue.models import IndexSetRow
from app.core.audit import AuditEvent
from tests.catalogue.importing import FIRST, KEY, URL, changed, imported, next_version, published, send
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import photograph


async def everything(session: AsyncSession) -> dict[str, list[str]]:
    """Return every row but the stored answers of repeatable requests."""
    rows = await photograph(session)
    return {table: found for table, found in rows.items() if table != "idempotency_record"}


async def refused(
    log_in: LogIn, session: AsyncSession, text: str | bytes, language: str = "en"
) -> list[dict[str, str]]:
    """Import a file that is refused, dry or not, without a trace; return its faults."""
    admin = await log_in("admin")
    before = await everything(session)
    headers = {"Accept-Language": language}
    dry, real = [await send(admin, text, dry_run=dry_run, headers=headers) for dry_run in (True, False)]
    assert [dry.status_code, dry.json()["code"]] == [422, "index_set_faulty"], dry.text
    assert dry.json()["errors"] == real.json()["errors"]
    assert await everything(session) == before
    faults: list[dict[str, str]] = dry.json()["errors"]
    return faults


async def test_a_dry_run_says_what_would_be_stored_and_stores_nothing(
    as_user: LogIn, session: AsyncSession
) -> None:
    admin = await as_user("admin")
    before = await everything(session)
    answer = await admin.post(URL, content=FIRST)  # dry, unless one asks for more
    assert answer.status_code == 200, answer.text
    assert await everything(session) == before
    said = answer.json()
    assert (said["key"], said["version"], said["state"], said["stored"]) == (KEY, 1, "draft", False)
    assert (said["counted"]["indicators"], said["counted"]["points"]) == (1, "10")
    assert said["counted_by_group"]["1"]["points"] == "10"
    assert (said["is_ranked"], said["not_ranked"], said["diff"]) == (True, None, None)
    assert (said["differences"], said["unknown_agencies"]) == ([], [])
    really = await imported(admin)
    assert really == said | {"stored": True}


async def test_the_file_in_the_documentation_is_one_that_is_taken(app: FastAPI, as_user: LogIn) -> None:
    body = app.openapi()["paths"][URL]["post"]["requestBody"]["content"]["application/yaml"]
    assert (await send(await as_user("admin"), body["example"], dry_run=True)).status_code == 200


async def test_what_is_imported_is_a_draft_with_a_trail(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    said = await imported(admin)
    row = await session.scalar(select(IndexSetRow).filter_by(key=KEY))
    assert row is not None and row.sha256 == said["sha256"]
    event = await session.scalar(select(AuditEvent).filter_by(object_id=row.id))
    assert event is not None and (event.action, event.object_type) == ("index_set.import", "index_set")
    assert event.after == {"key": KEY, "version": 1, "sha256": said["sha256"]}
    (held,) = (await admin.get(f"{URL}/{KEY}/versions")).json()
    assert held["state"] == "draft"
    (imported_event,) = held["events"]
    assert (imported_event["state"], imported_event["by_name"], imported_event["reason"]) == (
        "draft",
        "admin",
        None,
    )


@pytest.mark.parametrize(
    ("old", "new", "pointer", "where", "message"),
    [
        ('code: "1.1"', 'code: "2.1"', "/groups/0/indicators/0", "line 20, row 2.1", "does not belong to 1"),
        ('what: points, value: "10"', 'what: points, value: "11"', "/declared/0", "line 8", "11 points"),
        ('share: "1"', 'share: "3/2"', "/groups/0/indicators/0/rule/options/0/share", "line 31", "above 1"),
        ('share: "1"', "share: 1", "/groups/0/indicators/0/rule/options/0/share", "line 31", "valid string"),
        (
            "kind: options",
            "kind: median",
            "/groups/0/indicators/0/rule",
            "line 28, row 1.1",
            "does not match",
        ),
        ("        line: 4\n", "", "/groups/0/indicators/0/line", "line 20, row 1.1", "Field required"),
        ("notes: []", "notes: []\nowner: x", "/owner", "line 10", "Extra inputs"),
        ("notes: []", "notes: []\na/b~c: x", "/a~1b~0c", "line 10", "Extra inputs"),
        ("notes: []", "notes: []\nnotes: []", "", "line 10", "the key notes is repeated"),
        ("notes: []", "notes: &x []", "", "line 9", "anchors and aliases"),
        ("notes: []", "notes: *x", "", "line 9", "anchors and aliases"),
        ("notes: []", "notes: !!python/name:os.system ''", "", "line 9", "the tag"),
        ("notes: []", "notes: !!int ''", "", "line 9", "the tag"),
        ("notes: []", 'notes: ["\\0"]', "", "line 9", "U+0000"),
        ("notes: []", "notes: " + "[" * 30 + "]" * 30, "", "line 9", "nested deeper"),
        ("notes: []", "notes: " + '{"a": ' * 25 + "1" + "}" * 25, "", "line 9", "nested deeper"),
        ("notes: []", "notes: [", "", "line", "did not find"),
        ("line: 3", "line: 0x" + "F" * 5000, "", "line 17", "more than 20 digits"),
        ("line: 3", "line: 1" + ":59" * 100_000, "", "line 17", "more than 20 digits"),
        ("line: 3", "line: 12345678901234567890.5", "", "line 17", "more than 20 digits"),
        ("2024-01-15", "2024-13-15", "", "the file", "month"),
        ("notes: []", "notes: []\n" + "\n".join(f"k{i}: 1" for i in range(2000)), "", "line 1", "keys"),
    ],
)
async def test_a_fault_is_told_with_its_line_its_row_and_a_pointer(
    as_user: LogIn, session: AsyncSession, old: str, new: str, pointer: str, where: str, message: str
) -> None:
    english = await refused(as_user, session, changed(FIRST, (old, new)))
    told = [fault for fault in english if message in fault["message"]]
    assert told and told[0]["pointer"] == pointer, english
    assert told[0]["message"].startswith(where), english


@pytest.mark.parametrize(
    ("replacement", "vi", "en"),
    [
        (
            ('code: "1.1"', 'code: "2.1"'),
            "dòng 20, mục 2.1: groups.indicators: mã 2.1 không thuộc 1",
            "line 20, row 2.1: groups.indicators: the code 2.1 does not belong to 1",
        ),
        (
            ("        line: 4\n", ""),
            "dòng 20, mục 1.1: groups.indicators.line: thiếu trường bắt buộc",
            "line 20, row 1.1: groups.indicators.line: Field required",
        ),
        (
            ("notes: []", "notes: []\nnotes: []"),
            "dòng 10: khóa notes bị lặp lại",
            "line 10: the key notes is repeated",
        ),
        (
            ("2024-01-15", "2024-13-15"),
            "tệp: có giá trị không hợp lệ: month must be in 1..12",
            "the file: month must be in 1..12",
        ),
    ],
    ids=["of the rules", "of the shape", "of the YAML", "of the file"],
)
async def test_a_fault_is_told_in_the_language_of_the_caller(
    as_user: LogIn, session: AsyncSession, replacement: tuple[str, str], vi: str, en: str
) -> None:
    text = changed(FIRST, replacement)
    for language, said in (("vi", vi), ("en", en), ("fr", vi)):
        assert [fault["message"] for fault in await refused(as_user, session, text, language)] == [said]


TIERS = """kind: tiers
          method: "Theo mức"
          variables: [{key: a, label: "Số lượng", number: count}]
          variable: a
          tiers:
            - {from: "10", share: "1", label: "Từ 10"}
            - {from: "0", share: "0", label: "Dưới 10"}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", ""),
        ("variable: a", "variable: b", "unknown variable b"),
        ('from: "10"', 'from: "0"', "they overlap"),
        ('from: "0"', 'from: "2"', "there is a gap"),
        ('from: "10", share: "1"', 'from: "10", share: "1.5"', "above 1"),
    ],
)
async def test_tiers_cover_everything_once(
    as_user: LogIn, session: AsyncSession, old: str, new: str, message: str
) -> None:
    text = FIRST[: FIRST.index("kind: options")] + (changed(TIERS, (old, new)) if old else TIERS)
    if not message:
        assert (await send(await as_user("admin"), text)).status_code == 201
        return
    assert any(message in fault["message"] for fault in await refused(as_user, session, text))


async def test_a_code_that_stands_twice_is_a_fault_of_the_second_row(
    as_user: LogIn, session: AsyncSession
) -> None:
    text = FIRST + FIRST[FIRST.index('      - code: "1.1"') :]
    faults = await refused(as_user, session, text)
    assert [(fault["pointer"], fault["message"]) for fault in faults if "twice" in fault["message"]] == [
        ("/groups/0/indicators/1", "line 33, row 1.1: groups.indicators: the code 1.1 appears twice")
    ]


async def test_every_fault_of_a_file_is_listed_at_once(as_user: LogIn, session: AsyncSession) -> None:
    text = changed(FIRST, ("line: 2}", "line: 0}"), ("line: 3", "line: x"), ("kind: options", "kind: many"))
    faults = await refused(as_user, session, text)
    assert [fault["pointer"] for fault in faults] == [
        "/declared/0/line",
        "/groups/0/line",
        "/groups/0/indicators/0/rule",
    ]


async def test_a_file_with_faults_without_end_is_answered_all_the_same(
    as_user: LogIn, session: AsyncSession
) -> None:
    rows = "".join(f"title{i}: 1\n" for i in range(900))
    text = changed(FIRST, ("notes: []", f"notes: []\n{rows}"))
    faults = await refused(as_user, session, text)
    assert len(faults) == 501
    assert "400 more faults" in faults[-1]["message"]
    assert "còn 400 lỗi nữa" in (await refused(as_user, session, text, "vi"))[-1]["message"]


async def test_what_a_file_makes_long_is_not_repeated_in_every_fault(
    as_user: LogIn, session: AsyncSession
) -> None:
    long = "k" * 200_000
    faults = await refused(as_user, session, changed(FIRST, ("notes: []", f"notes: []\n{long}: 1")))
    assert max(len(fault["message"]) + len(fault["pointer"]) for fault in faults) < 1000


async def test_a_list_of_more_rows_than_any_set_has_is_refused_at_once(
    as_user: LogIn, session: AsyncSession
) -> None:
    text = changed(FIRST, ("notes: []", "notes: [" + "1," * 20_000 + "]"))
    (fault,) = await refused(as_user, session, text)
    assert "at most 200 items" in fault["message"]


async def test_points_of_any_size_are_counted(as_user: LogIn, session: AsyncSession) -> None:
    row = FIRST[FIRST.index('      - code: "1.1"') :]
    big = row.replace('"10"', '"999999"')
    text = FIRST.replace(row, big + big.replace('"1.1"', '"1.2"'))
    faults = await refused(as_user, session, text)
    assert len(faults) == 2 and all("1999998" in fault["message"] for fault in faults)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no mapping"),
        (b"{}", "Field required"),
        (b"- 1\n", "holds no mapping"),
        (b"key: \xff\n", "not UTF-8"),
        (FIRST.encode("utf-16"), "not UTF-8"),
        (b"\x00", ""),
        (b"a: 1\n---\nb: 2\n", "another document"),
        (b"#" * (1024 * 1024 + 1), "larger than 1048576 bytes"),
    ],
    ids=["empty", "nothing said", "a list", "not UTF-8", "UTF-16", "NUL", "two documents", "1 MiB + 1"],
)
async def test_what_is_no_catalogue_file_is_refused(
    as_user: LogIn, session: AsyncSession, content: bytes, message: str
) -> None:
    assert message in (await refused(as_user, session, content))[0]["message"]


async def test_a_body_above_the_limit_of_the_service_is_not_read(as_user: LogIn) -> None:
    answer = await send(await as_user("admin"), b"#" * (3 * 1024 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("replacements", "pointer", "code"),
    [
        ((), "/version", "version_not_next"),
        ((("version: 1", 'version: 3\nchanges: ["Sửa"]'),), "/version", "version_not_next"),
        ((("version: 1", 'version: 2\nchanges: ["Không sửa gì"]'),), "", "nothing_changed"),
        ((("version: 1", "version: 2\nchanges: [x]"), ("commune", "district")), "/unit_kind", "unit_kind_changed"),
        ((("commune", "village"),), "/unit_kind", "unknown_unit_kind"),
    ],
)  # fmt: skip
async def test_a_file_is_judged_against_the_version_before(
    as_user: LogIn, session: AsyncSession, replacements: tuple[Any, ...], pointer: str, code: str
) -> None:
    await imported(await as_user("admin"))
    faults = await refused(as_user, session, changed(FIRST, *replacements))
    assert (pointer, code) in [(fault["pointer"], fault["code"]) for fault in faults]


async def test_a_new_set_begins_with_version_1_and_a_known_kind_of_unit(
    as_user: LogIn, session: AsyncSession
) -> None:
    faults = await refused(as_user, session, changed(next_version(2), ("commune", "village")), "vi")
    assert [fault["code"] for fault in faults] == ["version_not_next", "unknown_unit_kind"]
    assert faults[0]["message"] == "phiên bản tiếp theo phải là 1"


async def test_the_same_content_comes_back_only_after_another(as_user: LogIn) -> None:
    admin = await as_user("admin")
    await imported(admin)
    await imported(admin, next_version(2))
    back = changed(FIRST, ("version: 1", 'version: 3\nchanges: ["Trở lại như bản 1"]'))
    assert (await imported(admin, back))["diff"]["counts"]["reworded"] == 1


async def test_an_import_tells_what_differs_from_the_version_before(as_user: LogIn) -> None:
    admin = await as_user("admin")
    await published(admin)
    said = await imported(admin, next_version(2))
    assert (said["diff"]["before"], said["diff"]["after"]) == (1, 2)
    (row,) = said["diff"]["rows"]
    assert (row["code"], row["status"]) == ("1.1", "reworded")
    assert [change["field"] for change in row["changed"]] == ["name"]


async def test_a_set_that_cannot_be_ranked_is_taken_and_says_so(as_user: LogIn) -> None:
    """Ruling 6: without a maximum a row is tracked, not ranked."""
    rows = '        max_points: "10"\n        line: 4\n'
    text = changed(FIRST, (rows, "        line: 4\n"))
    totals = ('  - {what: points, value: "10", line: 2}\n', ""), ('    max_points: "10"\n', "")
    text = changed(text, *totals)
    text = changed(text, ("declared:\nnotes", "declared: []\nnotes"))
    said = await imported(await as_user("admin"), text)
    assert (said["is_ranked"], said["counted"]["points"]) == (False, None)
    assert "không xếp hạng" in said["not_ranked"]["vi"]


async def test_agencies_that_no_unit_is_called_are_listed_and_not_refused(as_user: LogIn) -> None:
    named = ("verified_by: []", "verified_by: [cong-an-tinh, so-chua-co, so-cu]\n        declared_by: cuc-x")
    said = await imported(await as_user("admin"), changed(FIRST, named))
    assert said["unknown_agencies"] == ["cuc-x", "so-chua-co", "so-cu"]


async def test_an_import_that_is_repeated_is_answered_as_before(as_user: LogIn) -> None:
    admin = await as_user("admin")
    first, again = [await send(admin, FIRST, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await send(admin, next_version(2), headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len((await admin.get(f"{URL}/{KEY}/versions")).json()) == 1


async def test_of_two_imports_at_once_one_is_kept(own_app: FastAPI, clock: Clock) -> None:
    hands = [await logged_in(own_app, clock, "admin") for _ in range(3)]
    answers = await asyncio.gather(*(send(hand, FIRST) for hand in hands))
    assert sorted(answer.status_code for answer in answers).count(201) == 1
    assert {answer.json().get("code", "") for answer in answers} <= {"", "conflict", "index_set_faulty"}
    assert len((await hands[0].get(f"{URL}/{KEY}/versions")).json()) == 1


@pytest.mark.parametrize("who", ["xa-31999.reporter", "reviewer", "leader", "auditor"])
async def test_only_the_administrator_of_the_province_imports(as_user: LogIn, who: str) -> None:
    for dry_run in (True, False):
        answer = await send(await as_user(who), FIRST, dry_run=dry_run)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_a_version_of_the_province_is_kept_where_the_service_brings_one_of_that_number(
    as_user: LogIn, session: AsyncSession, clock: Clock
) -> None:
    await imported(await as_user("admin"))
    row = (await session.scalars(select(IndexSetRow).filter_by(key=KEY))).one()
    fingerprint = row.sha256
    ours = parse_set("shipped.yaml", changed(FIRST, ("Người đứng đầu chủ trì", "Người đứng đầu ký")).encode())
    assert ours.out.sha256 != fingerprint
    assert await load_catalogue(session, clock.now, Catalogue({KEY: ours}, {})) == 0
    await session.refresh(row)
    assert row.sha256 == fingerprint
