"""Nothing that is read without log-in names a person, whatever people wrote during the year."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.reviews.models import Adjustment, AdjustmentKind
from app.submissions.models import Reopening
from tests.client import CheckedClient
from tests.conftest import START, LogIn
from tests.results import scene

NAME, PHONE, MAIL = "Trần Thị Không Ai", "0290 765 4321", "khong-ai@example.vn"
PLANTED = f"{NAME}, {PHONE}, {MAIL}"


async def planted(session: AsyncSession, as_user: LogIn) -> tuple[str, str]:
    """Publish a result of a year in which a person is named wherever somebody can write; return it and a unit."""
    scope = await scene.passed_scope(session)
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    given = scene.answers(await scene.index_set_of(session, submission), 80)
    given["1.1"] |= {"note": PLANTED}
    given["1.2"] = {"not_applicable": True, "reason": PLANTED}
    await scene.declare(session, submission, given)
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "1/2"})
    await scene.decide(session, submission, "1.2", AdjustmentKind.NOT_APPLICABLE, {"accepted": True})
    session.add(
        Reopening(
            submission_id=submission.id,
            granted_at=START,
            granted_by=submission.id,
            granted_by_name=NAME,
            until_at=START,
            indicators=None,
            reason=PLANTED,
        )
    )
    await session.execute(update(Adjustment).values(reason=PLANTED, made_by_name=NAME))
    await session.execute(update(User).values(full_name=NAME, email=MAIL))
    await session.flush()
    made = (await scene.finalize(await as_user("huyen-964.reviewer"), scope)).json()
    published = await scene.publish(await as_user("huyen-964.chairman"), made["id"], signer=NAME)
    assert published.status_code == 200, published.text
    return made["id"], str(submission.unit_id)


def public_operations(app: FastAPI) -> list[tuple[str, dict[str, Any]]]:
    """Return every GET that asks for no log-in."""
    return [
        (path, item["get"])
        for path, item in app.openapi()["paths"].items()
        if "get" in item and not item["get"].get("security")
    ]


async def test_no_public_answer_names_a_person(
    app: FastAPI, session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    result, unit = await planted(session, as_user)
    known = {"result_id": result, "unit_id": unit, "key": "camau-2023-xa"}
    seen = 0
    for path, operation in public_operations(app):
        filled = path
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                filled = filled.replace("{" + parameter["name"] + "}", known.get(parameter["name"], "1"))
        for lang in ("vi", "en"):
            answer = await client.get(filled, headers={"Accept-Language": lang})
            assert not any(one in answer.text for one in (NAME, PHONE, MAIL)), filled
            seen += answer.status_code == 200
    assert seen >= 20


async def test_the_unit_still_reads_why(session: AsyncSession, as_user: LogIn) -> None:
    result, unit = await planted(session, as_user)
    reporter = await as_user("xa-31999.reporter")
    lines = (await reporter.get(f"/api/v1/results/{result}/units/{unit}")).json()["scorecard"]["lines"]
    said = next(line for line in lines if line["code"] == "1.1")
    assert any(PLANTED in step["text"] for step in said["steps"] if step["key"] == "decision")
    public = (await reporter.get(f"/api/v1/public/results/{result}/units/{unit}")).json()
    told = next(line for line in public["scorecard"]["lines"] if line["code"] == "1.1")
    steps = {step["key"]: step["text"] for step in told["steps"]}
    assert steps["decision"] and PLANTED not in steps["decision"]
    assert told["shown"] == said["shown"]
