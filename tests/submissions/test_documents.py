"""Documents behind answers: what the readiness check says of them, and how many bytes an indicator may have."""

from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from tests.scene import NOTE, UNIT, Json, Scene, photograph

REPORTER = f"{UNIT}.reporter"
CHOICES = {"1.1": "chaired_by_head", "2.1": "issued"}


def citing(documents: list[str], *codes: str) -> Json:
    """Return a change by which indicators cite documents."""
    return {"answers": {code: {"choice": CHOICES[code], "evidence": documents} for code in codes}}


async def said(scene: Scene, document: str, **facts: str) -> None:
    """Say something of a document that nobody has seen yet."""
    caller = await scene.as_(REPORTER)
    url = f"/api/v1/evidence/{document}"
    answer = await caller.patch(url, json=facts, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text


async def replaced(scene: Scene, document: str) -> str:
    """Upload another document in the place of one."""
    params = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    caller = await scene.as_(REPORTER)
    sent = await caller.post(
        "/api/v1/evidence",
        params=params | {"file_name": "bản mới.pdf", "replaces_id": document},
        content=(await caller.get(f"/api/v1/evidence/{document}/content")).content,
    )
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


async def found(scene: Scene, lang: str = "vi") -> list[tuple[str, str, str]]:
    """Return what the check warns of: where, what, in which words."""
    caller = await scene.as_(REPORTER)
    answer = await caller.get(f"{await scene.url()}/readiness", headers={"Accept-Language": lang})
    return [(one["pointer"], one["code"], one["message"]) for one in answer.json()["warnings"]]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"valid_until": "2022-12-14"}, "document_expired"),
        ({"valid_until": "2022-12-15"}, None),
        ({"valid_from": "2023-12-14"}, None),
        ({"valid_from": "2023-12-15"}, "document_not_yet_valid"),
        ({"valid_from": "2020-01-01", "valid_until": "2030-12-31"}, None),
    ],
)
async def test_a_document_that_was_never_in_force_in_the_period_is_told(
    scene: Scene, facts: dict[str, str], code: str | None
) -> None:
    document = await scene.document()
    await said(scene, document, **facts)
    await scene.done(scene.save(citing([document], "1.1")))
    assert [one[:2] for one in await found(scene)] == ([("/answers/1.1", code)] if code else [])


@pytest.mark.parametrize(
    ("facts", "vi", "en"),
    [
        (
            {"valid_until": "2021-12-31"},
            "tệp tài liệu 1.pdf hết hiệu lực ngày 31/12/2021, trước kỳ từ 15/12/2022",
            "the file tài liệu 1.pdf was in force until 2021-12-31, before the period from 2022-12-15",
        ),
        (
            {"valid_from": "2024-02-01"},
            "tệp tài liệu 1.pdf có hiệu lực từ 01/02/2024, sau kỳ đến 14/12/2023",
            "the file tài liệu 1.pdf is in force from 2024-02-01, after the period until 2023-12-14",
        ),
    ],
)
async def test_it_is_told_with_the_file_the_day_and_the_period(
    scene: Scene, facts: dict[str, str], vi: str, en: str
) -> None:
    document = await scene.document()
    await said(scene, document, **facts)
    await scene.done(scene.save(citing([document], "1.1")))
    assert [one[2] for one in await found(scene)] == [vi]
    assert [one[2] for one in await found(scene, "en")] == [en]


async def test_a_document_with_a_successor_is_told_until_the_successor_is_cited(scene: Scene) -> None:
    old = await scene.document()
    await scene.done(scene.save(citing([old], "1.1")))
    assert await found(scene) == []
    new = await replaced(scene, old)
    assert (await scene.read())["answers"]["1.1"]["evidence"] == [old]  # nothing moves by itself
    told = ("/answers/1.1", "document_replaced", "tệp tài liệu 1.pdf đã có tài liệu khác thay thế")
    assert await found(scene) == [told]
    await scene.done(scene.save(citing([old, new], "1.1")))
    assert await found(scene) == [told]
    await scene.done(scene.save(citing([new], "1.1")))
    assert await found(scene) == []


async def test_one_document_proves_many_indicators_and_is_told_of_at_each(scene: Scene) -> None:
    document = await scene.document()
    await said(scene, document, issued_on="2020-01-01", valid_until="2021-01-01")
    await scene.done(scene.save(citing([document], "1.1", "2.1")))
    answers = (await scene.read())["answers"]
    assert [answers[code]["evidence"] for code in ("1.1", "2.1")] == [[document]] * 2
    assert [one[:2] for one in await found(scene)] == [
        (f"/answers/{code}", warning)
        for code in ("1.1", "2.1")
        for warning in ("document_outside_period", "document_expired")
    ]
    await scene.done(scene.save({"answers": {"2.1": None}}))
    assert {one[0] for one in await found(scene)} == {"/answers/1.1"}


async def test_a_document_named_twice_is_told_of_once(scene: Scene) -> None:
    document = await scene.document()
    await said(scene, document, issued_on="2020-01-01")
    await scene.done(scene.save(citing([document, document], "1.1")))
    assert len(await found(scene)) == 1


# --- how much -----------------------------------------------------------------------------------------------


def limited(app: FastAPI, max_bytes: int) -> None:
    """Let the documents of an indicator have so many bytes together."""
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"max_indicator_bytes": max_bytes})


async def sizes(scene: Scene, documents: list[str]) -> list[int]:
    caller = await scene.as_(REPORTER)
    return [(await caller.get(f"/api/v1/evidence/{one}")).json()["size_bytes"] for one in documents]


@pytest.mark.parametrize(("more", "status"), [(-1, 422), (0, 200), (1, 200)])
async def test_the_documents_of_an_indicator_have_a_limit_together(
    scene: Scene, app: FastAPI, session: AsyncSession, more: int, status: int
) -> None:
    documents = [await scene.document(number) for number in (1, 2)]
    both = sum(await sizes(scene, documents))
    limited(app, both + more)
    etag, before = await scene.etag(), await photograph(session)
    answer = await scene.save(citing(documents, "1.1"), etag=etag)
    assert answer.status_code == status
    if status == 422:
        (fault,) = answer.json()["errors"]
        assert (fault["pointer"], fault["code"]) == ("/answers/1.1/evidence", "documents_too_large")
        assert str(both + more) in fault["message"]
        assert await photograph(session) == before


async def test_the_limit_counts_each_indicator_apart_and_each_document_once(
    scene: Scene, app: FastAPI
) -> None:
    one, other = [await scene.document(number) for number in (1, 2)]
    limited(app, max(await sizes(scene, [one, other])))
    await scene.done(scene.save(citing([one, one], "1.1", "2.1")))
    refused = await scene.save(
        {"answers": citing([one], "1.1")["answers"] | citing([one, other], "2.1")["answers"]}
    )
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/answers/2.1/evidence"]
    await scene.done(scene.save(citing([other], "2.1")))


async def test_a_lower_limit_keeps_nobody_from_changing_another_answer(scene: Scene, app: FastAPI) -> None:
    await scene.done(scene.save(citing([await scene.document()], "1.1")))
    limited(app, 1)
    await scene.done(scene.save({"answers": {"2.1": {"choice": "issued", "note": NOTE}}}))
    refused = await scene.save(citing([await scene.document(2)], "2.1"))
    assert [fault["code"] for fault in refused.json()["errors"]] == ["documents_too_large"]


async def test_a_document_nobody_knows_is_named_at_each_place(scene: Scene) -> None:
    unknown = str(uuid4())
    refused = await scene.save(citing([await scene.document(), unknown], "1.1", "2.1"))
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        (f"/answers/{code}/evidence/1", "unknown_document") for code in ("1.1", "2.1")
    ]
