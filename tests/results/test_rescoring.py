"""A stored result is reproduced byte for byte, and whatever was altered is found."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.commands import database_url
from app.core.config import SettingMissing, Settings
from app.core.db import Database, new_id
from app.core.embedded import EmbeddedPostgres
from app.results import rescore
from app.results.models import Result, ResultLine
from app.results.queries import basis_of_result
from app.results.snapshot import Basis, retake
from app.reviews.models import AdjustmentKind
from app.units.models import UnitKind
from tests.conftest import Clock, LogIn, logged_in
from tests.results import scene


async def test_a_published_result_and_its_correction_are_reproduced(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    reviewer, leader = await as_user("reviewer"), await as_user("leader")
    dossiers = await scene.dossiers(session, scope)
    first = (await scene.finalize(reviewer, scope)).json()
    assert (await scene.publish(leader, first["id"])).status_code == 200
    submission = dossiers["so-tttt"]
    await scene.decide(session, submission, "1.1", AdjustmentKind.NOT_APPLICABLE, {"accepted": True})
    await scene.decide(session, submission, "1.2", AdjustmentKind.POINTS, {"points": "7/3"})
    second = (await scene.finalize(reviewer, scope, "theo kết luận kiểm tra")).json()
    assert await rescore.differences(session, UUID(second["id"])) == []
    assert (await scene.publish(leader, second["id"])).status_code == 200
    for result in (first, second):
        session.expunge_all()
        assert await rescore.differences(session, UUID(result["id"])) == []


async def test_notes_and_evidence_are_not_stored_and_claims_are(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    given = scene.answers(await scene.index_set_of(session, submission), 80)
    given["1.1"] |= {"note": "ghi chú của cán bộ", "evidence": [str(new_id())]}
    given["1.2"] = {"not_applicable": True, "reason": "không phát sinh"}
    await scene.declare(session, submission, given)
    made = (await scene.finalize(await as_user("huyen-964.reviewer"), scope)).json()
    query = select(ResultLine.document).where(ResultLine.unit_id == submission.unit_id)
    text = (await session.scalars(query)).one()
    settled = json.loads(text)["input"]["settled"]
    assert settled["values"][:2] == [given["1.1"]["choice"], None]
    assert settled["claimed"] == ["1.2"]
    assert "ghi chú" not in text and given["1.1"]["evidence"][0] not in text
    assert await rescore.differences(session, UUID(made["id"])) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE result_line SET rank = 2 WHERE rank = 1", "rank is not reproduced"),
        ("UPDATE result_line SET total = '1' WHERE rank = 1", "total is not reproduced"),
        ("UPDATE result_line SET unit_name = 'X' WHERE rank = 1", "unit_name is not reproduced"),
        (
            "UPDATE result_line SET document = replace(document, '[67,', '[99,') WHERE rank = 1",
            "document does not have its fingerprint",
        ),
        ("UPDATE result_line SET document = document || ' ' WHERE rank = 1", "document is not reproduced"),
        ("UPDATE result_line SET document = '{' WHERE rank = 1", "cannot be scored"),
        ("UPDATE result_line SET sha256 = '0' WHERE rank = 1", "sha256 is not reproduced"),
        ("DELETE FROM result_line WHERE rank = 17", "result: sha256 is not reproduced"),
        ("UPDATE result SET sha256 = '0'", "result: sha256 is not reproduced"),
        ("UPDATE result SET peers = '{\"3.1\": null}'", "result: peers is not reproduced"),
        ("UPDATE result SET engine_version = '0'", "scored by engine 0"),
        ("UPDATE result SET policy_sha256 = '0'", "policy: the content does not have its fingerprint"),
        ("UPDATE index_set SET sha256 = sha256 || '0'", "index set: the content"),
        ("UPDATE result SET ranking = ranking || ' '::bytea", "the ranking is not reproduced"),
        ("UPDATE result SET ranking_gzip = 'x'", "the gzipped ranking is not reproduced"),
        ("UPDATE result SET ranking_etag = 'x'", "the ETag is not reproduced"),
    ],
)
async def test_whatever_was_altered_is_found(
    session: AsyncSession, as_user: LogIn, change: str, found: str
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user("huyen-964.reviewer"), scope)).json()
    await scene.publish(await as_user("huyen-964.chairman"), made["id"])
    await (await session.connection()).exec_driver_sql(change)
    session.expunge_all()
    differing = await rescore.differences(session, UUID(made["id"]))
    assert any(found in line for line in differing), differing


async def test_a_line_altered_with_its_fingerprint_is_still_found(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    made = (await scene.finalize(await as_user("huyen-964.reviewer"), scope)).json()
    query = select(ResultLine.document).where(ResultLine.rank == 2)
    forged = (await session.scalars(query)).one().replace("[66,", "[67,")
    (line,) = retake(await basis(session, made["id"]), [json.loads(forged)])[1]
    values = {"document": line.document, "sha256": line.sha256, "total": line.total, "dti": line.dti}
    await session.execute(update(ResultLine).where(ResultLine.rank == 2).values(values))
    session.expunge_all()
    differing = await rescore.differences(session, UUID(made["id"]))
    assert "result: sha256 is not reproduced" in differing


async def basis(session: AsyncSession, result_id: str) -> Basis:
    return await basis_of_result(session, await session.get_one(Result, UUID(result_id)))


async def test_the_command_reads_the_configured_database(
    own_app: FastAPI,
    own_database: Database,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    async with await logged_in(own_app, clock, "huyen-964.reviewer") as reviewer:
        result_id = (await scene.finalize(reviewer, scope)).json()["id"]
    url = own_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    capsys.readouterr()  # what was logged so far
    assert await asyncio.to_thread(rescore.main, [result_id]) == 0
    assert capsys.readouterr().out == f"OK {result_id}\n"
    async with scene.own_session(own_app) as session, session.begin():
        await session.execute(update(ResultLine).where(ResultLine.rank == 1).values(rank=None))
    assert await asyncio.to_thread(rescore.main, [result_id]) == 1
    assert "rank is not reproduced" in capsys.readouterr().out
    assert await asyncio.to_thread(rescore.main, [str(new_id())]) == 2
    assert await asyncio.to_thread(rescore.main, ["not-an-id"]) == 2
    assert "there is no result" in capsys.readouterr().err


def test_without_a_database_the_command_makes_none(settings: Settings) -> None:
    plain = Settings(var_dir=settings.var_dir)
    with pytest.raises(SettingMissing), database_url(plain):
        pass
    assert list(settings.var_dir.iterdir()) == []


def test_the_command_is_let_in_by_a_running_embedded_server(
    server: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "postgres").symlink_to(server._folder)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert rescore.main([str(new_id())]) == 2
    assert "there is no result" in capsys.readouterr().err
