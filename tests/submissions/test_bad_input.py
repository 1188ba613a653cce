"""Bad input: every write refuses with the field and the reason, and changes nothing in any table."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.conftest import Clock
from tests.scene import SIBLING, UNIT, Scene, photograph

REPORTER = f"{UNIT}.reporter"


@pytest.fixture
async def scene(scene: Scene) -> Scene:
    """Give the open year with two answers of Phường 9."""
    body = {"answers": {"1.1": {"choice": "chaired_by_head"}, "1.4": {"figures": {"a": 1, "b": 2}}}}
    await scene.done(scene.save(body))
    return scene


def figures(**given: Any) -> dict[str, Any]:
    """Return figures for the ratio 1.4 (a / b, whole numbers)."""
    return {"answers": {"1.4": {"figures": given}}}


def answer(code: str, **given: Any) -> dict[str, Any]:
    """Return one answer."""
    return {"answers": {code: given}}


FAULTS: dict[str, tuple[Any, str, str]] = {
    "an unknown indicator": (answer("9.99", choice="yes"), "/answers/9.99", "unknown_indicator"),
    "an indicator with a slash": (answer("1/1", choice="yes"), "/answers/1~11", "unknown_indicator"),
    "an unknown option": (answer("1.1", choice="maybe"), "/answers/1.1/choice", "unknown_option"),
    "an empty option": (answer("1.1", choice=""), "/answers/1.1/choice", "unknown_option"),
    "an option of another indicator": (
        answer("1.1", choice="issued"),
        "/answers/1.1/choice",
        "unknown_option",
    ),
    "an option in capitals": (
        answer("1.1", choice="CHAIRED_BY_HEAD"),
        "/answers/1.1/choice",
        "unknown_option",
    ),
    "a negative figure": (figures(a=-1, b=2), "/answers/1.4/figures/a", "negative"),
    "a negative figure as text": (figures(a="-0.5", b=2), "/answers/1.4/figures/a", "negative"),
    "a word": (figures(a="ba", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "true": (figures(a=True, b=2), "/answers/1.4/figures/a", "not_a_number"),
    "NaN as text": (figures(a="NaN", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "infinity as text": (figures(a="Infinity", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "an exponent": (figures(a="1e3", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "digits of another script": (figures(a="١٢", b=20), "/answers/1.4/figures/a", "not_a_number"),
    "a thousands separator": (figures(a="1.000.000", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "an empty text": (figures(a="", b=2), "/answers/1.4/figures/a", "not_a_number"),
    "a list": (figures(a=[1], b=2), "/answers/1.4/figures/a", "not_a_number"),
    "an object": (figures(a={"b": 1}, b=2), "/answers/1.4/figures/a", "not_a_number"),
    "a part of a document": (figures(a="1.5", b=2), "/answers/1.4/figures/a", "not_whole"),
    "16 digits": (figures(a=10**15, b=2), "/answers/1.4/figures/a", "too_large"),
    "60 digits": (figures(a=10**59, b=2), "/answers/1.4/figures/a", "too_large"),
    "4000 digits as text": (figures(a="9" * 4000, b=2), "/answers/1.4/figures/a", "too_large"),
    "a over nothing": (figures(a=1, b=0), "/answers/1.4/figures/b", "zero_denominator"),
    "a alone": (figures(a=1), "/answers/1.4/figures/b", "missing_variable"),
    "an unknown variable": (figures(a=1, b=2, c=3), "/answers/1.4/figures/c", "unknown_variable"),
    "a choice for a ratio": (answer("1.4", choice="full"), "/answers/1.4/choice", "wrong_kind"),
    "figures for a choice": (answer("1.1", figures={"a": 1, "b": 2}), "/answers/1.1/figures", "wrong_kind"),
    "no figures for a choice": (answer("1.1", figures={}), "/answers/1.1/figures", "wrong_kind"),
    "a choice and a claim": (
        answer("1.1", choice="chaired_by_head", not_applicable=True, reason="Không phát sinh"),
        "/answers/1.1",
        "malformed",
    ),
    "a claim without a reason": (answer("1.1", not_applicable=True), "/answers/1.1/reason", "reason_missing"),
    "a claim with a blank reason": (
        answer("1.1", not_applicable=True, reason="  "),
        "/answers/1.1/reason",
        "reason_missing",
    ),
    "an agency's figures": (
        answer("5.4", figures={"a": 1, "b": 2, "infected": 1}),
        "/answers/5.4",
        "not_declared_by_unit",
    ),
    "a claim for an agency's figures": (
        answer("5.4", not_applicable=True, reason="Không phát sinh"),
        "/answers/5.4",
        "not_declared_by_unit",
    ),
    "removing an unknown indicator": ({"answers": {"9.99": None}}, "/answers/9.99", "unknown"),
    "an unknown general figure": ({"general_information": {"9.9": 1}}, "/general_information/9.9", "unknown"),
    "a negative population": ({"general_information": {"1.4": -1}}, "/general_information/1.4", "wrong_kind"),
    "a population in words": (
        {"general_information": {"1.4": "đông"}},
        "/general_information/1.4",
        "wrong_kind",
    ),
    "half a person": ({"general_information": {"1.4": "0.5"}}, "/general_information/1.4", "wrong_kind"),
    "a name that is a number": (
        {"general_information": {"1.1": 9}},
        "/general_information/1.1",
        "wrong_kind",
    ),
    "a name without end": (
        {"general_information": {"1.1": "x" * 1001}},
        "/general_information/1.1",
        "wrong_kind",
    ),
    "an unknown contact": ({"contacts": {"mayor": {"full_name": "X"}}}, "/contacts/mayor", "unknown"),
    "a document nobody has": (
        answer("1.1", evidence=["00000000-0000-0000-0000-000000000001"]),
        "/answers/1.1/evidence/0",
        "unknown_document",
    ),
}

# Refused by their shape: the pointer is enough.
SHAPES: dict[str, tuple[Any, str]] = {
    "a true population": ({"general_information": {"1.4": True}}, "/general_information/1.4"),
    "a list of answers": ({"answers": []}, "/answers"),
    "an answer that is a text": ({"answers": {"1.1": "chaired_by_head"}}, "/answers/1.1"),
    "an answer with an unknown key": (answer("1.1", points=10), "/answers/1.1/points"),
    "a choice that is a number": (answer("1.1", choice=1), "/answers/1.1/choice"),
    "a note without end": (answer("1.1", note="x" * 5001), "/answers/1.1/note"),
    "evidence that is no id": (answer("1.1", evidence=["x"]), "/answers/1.1/evidence/0"),
    "a state": ({"state": "passed"}, "/state"),
    "an unknown field of a contact": ({"contacts": {"leader": {"age": 50}}}, "/contacts/leader/age"),
    "a code without end": (answer("1." * 9, choice="yes"), "/answers"),
}


@pytest.mark.parametrize(("body", "pointer", "code"), FAULTS.values(), ids=list(FAULTS))
async def test_a_faulty_answer_is_named_and_nothing_changes(
    scene: Scene, session: AsyncSession, body: Any, pointer: str, code: str
) -> None:
    good_too = {"general_information": {"1.6": 5}} | body
    before = await photograph(session)
    response = await scene.save(good_too)
    assert response.status_code == 422, response.text
    assert (pointer, code) in [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]]
    assert await photograph(session) == before


@pytest.mark.parametrize(("body", "pointer"), SHAPES.values(), ids=list(SHAPES))
async def test_a_body_of_another_shape_is_named_and_nothing_changes(
    scene: Scene, session: AsyncSession, body: Any, pointer: str
) -> None:
    before = await photograph(session)
    response = await scene.save(body)
    assert response.status_code == 422, response.text
    assert any(fault["pointer"].startswith(pointer) for fault in response.json()["errors"]), response.text
    assert await photograph(session) == before


async def test_all_faults_are_named_at_once(scene: Scene) -> None:
    body = {"answers": {"9.9": {}, "1.1": {"choice": "x"}, "1.4": {"figures": {"a": -1, "b": "x"}}}}
    response = await scene.save(body | {"contacts": {"mayor": {}}})
    assert [fault["pointer"] for fault in response.json()["errors"]] == [
        "/answers/9.9",
        "/answers/1.1/choice",
        "/answers/1.4/figures/a",
        "/answers/1.4/figures/b",
        "/contacts/mayor",
    ]


RAW: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"xin chao", 400),
    "nothing": (b"", 422),
    "half of it": (b'{"answers": {', 400),
    "NaN": (b'{"answers": {"1.4": {"figures": {"a": NaN, "b": 2}}}}', 400),
    "Infinity": (b'{"answers": {"1.4": {"figures": {"a": -Infinity, "b": 2}}}}', 400),
    "a number beyond all bounds": (b'{"answers": {"1.4": {"figures": {"a": 1e999, "b": 2}}}}', 400),
    "65 digits": (b'{"answers": {"1.4": {"figures": {"a": ' + b"9" * 65 + b', "b": 2}}}}', 400),
    "5000 digits": (b'{"answers": {"1.4": {"figures": {"a": ' + b"9" * 5000 + b', "b": 2}}}}', 400),
    "NUL in a text": (b'{"answers": {"1.1": {"note": "a\\u0000b"}}}', 400),
    "NUL in a name": (b'{"answers": {"1.1\\u0000": {"choice": "x"}}}', 400),
    "half a character": (b'{"answers": {"1.1": {"note": "\\ud83d"}}}', 400),
    "another encoding": ('{"answers": {"1.1": {"note": "Cà"}}}'.encode("utf-16"), 400),
    "bytes that are no text": (b'{"answers": {"1.1": {"note": "\xff"}}}', 400),
    "100 000 brackets": (b"[" * 100_000, 400),
    "nested figures": (b'{"answers": {"1.4": {"figures": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}}}", 400),
    "the same answer twice": (b'{"answers": {"1.2": {"choice": "full"}, "1.2": {"choice": "none"}}}', 400),
    "a number that rounds to 1": (
        b'{"answers": {"1.4": {"figures": {"a": 0.99999999999999999, "b": 2}}}}',
        422,
    ),
    "null": (b"null", 422),
    "a text": (b'"xin chao"', 422),
}


@pytest.mark.parametrize(("content", "status"), RAW.values(), ids=list(RAW))
async def test_a_body_that_cannot_be_read_is_refused_and_nothing_changes(
    scene: Scene, session: AsyncSession, content: bytes, status: int
) -> None:
    before = await photograph(session)
    headers = {"Content-Type": "application/json", "Accept-Language": "en"}
    response = await scene.save(None, content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.json()["code"] == ("body_unreadable" if status == 400 else "invalid_request")
    assert await photograph(session) == before


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_an_unreadable_body_is_explained_in_the_language_of_the_caller(
    scene: Scene, language: str
) -> None:
    headers = {"Content-Type": "application/json", "Accept-Language": language}
    response = await scene.save(None, content=b'{"answers": NaN}', headers=headers)
    assert "JSON" in response.json()["detail"]
    assert ("phải" in response.json()["detail"]) is (language == "vi")


@pytest.mark.parametrize(
    ("etag", "status"), [("", 428), ('"1"', 412), ('"999999999"', 412), ('"9999999999"', 412), ("*", 412)]
)
async def test_a_change_needs_the_version_it_is_based_on(
    scene: Scene, session: AsyncSession, etag: str, status: int
) -> None:
    caller, url = await scene.as_(REPORTER), await scene.url()
    before = await photograph(session)
    headers = {"If-Match": etag} if etag else {}
    response = await caller.patch(url, json=figures(a=2, b=2), headers=headers)
    assert response.status_code == status
    assert await photograph(session) == before


async def test_somebody_elses_dossier_is_not_found_and_not_changed(
    scene: Scene, session: AsyncSession
) -> None:
    url = await scene.url()
    for who in (f"{SIBLING}.reporter", "huyen-964.reporter", "huyen-966.reviewer", "so-noi-vu.reporter"):
        caller = await scene.as_(who)
        before = await photograph(session)
        response = await caller.patch(url, json=figures(a=2, b=2), headers={"If-Match": '"2"'})
        assert response.status_code in (403, 404), who
        assert (response.status_code == 403) is who.endswith("reviewer")
        assert await photograph(session) == before


async def test_a_locked_entry_is_refused_from_the_exact_second(
    scene: Scene, session: AsyncSession, clock: Clock
) -> None:
    body = figures(a=2, b=2)
    due = (await scene.read())["entry_due_at"]
    clock.now = clock.now.fromisoformat(due) - timedelta(seconds=1)
    assert (await scene.save(body)).status_code == 200
    clock.advance(seconds=1)
    etag, before = await scene.etag(), await photograph(session)
    response = await scene.save(figures(a=0, b=2), etag=etag)
    assert (response.status_code, response.json()["reason_code"]) == (409, "entry_closed")
    assert await photograph(session) == before


@pytest.mark.parametrize("token", ["", "Bearer x.y.z", "Basic eDp5"])
async def test_without_a_good_token_nothing_is_read_or_written(
    scene: Scene, session: AsyncSession, token: str
) -> None:
    caller, url = await scene.as_(REPORTER), await scene.url()
    before = await photograph(session)
    headers = {"If-Match": '"2"', "Authorization": token}
    caller.headers.pop("Authorization")
    assert (await caller.patch(url, json=figures(a=2, b=2), headers=headers)).status_code == 401
    assert (await caller.get(url, headers={"Authorization": token})).status_code == 401
    assert await photograph(session) == before
