"""Metrics: for who has the token, by template and not by address, cheap to keep."""

import asyncio

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.core import work
from app.core.metrics import Metrics, measuring_lag
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in
from tests.core.conftest import AppWith

TOKEN = "a-token-for-operators-only"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}


async def measured(app: FastAPI) -> dict[tuple[str, ...], float]:
    """Return the values by name and labels."""
    async with CheckedClient(app) as client:
        answer = await client.get("/metrics", headers=KNOWN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN}",
        "Bearer ư",
    ],
)
async def test_without_the_token_there_is_nothing(app: FastAPI, app_with: AppWith, given: str) -> None:
    for one in (app, app_with(metrics_token=SecretStr(TOKEN))):
        async with CheckedClient(one) as client:
            answer = await client.get("/metrics", headers=[("Authorization", given.encode())])  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    async with CheckedClient(app) as client:
        assert (await client.get("/metrics", headers=KNOWN)).status_code == 404, "no setting, no metrics"


async def test_requests_are_counted_by_template(app_with: AppWith, clock: Clock) -> None:
    app = app_with(metrics_token=SecretStr(TOKEN), rate_limits="write=1/hour")
    admin = await logged_in(app, clock, "admin")
    for number in range(5):
        await admin.get(f"/api/v1/periods/01a200ed-6325-762a-8d8d-25dc3465d7a{number}")
        await admin.get(f"/nothing/{number}")
        await admin.request(f"METHOD{number}", "/nothing")
    await admin.post("/api/v1/periods", json={})
    await admin.post("/api/v1/periods", json={})
    await admin.head("/api/v1/me")
    found = await measured(app)
    assert found["dti_requests_total", "GET", "/api/v1/periods/{period_id}", "4xx"] == 5
    assert found["dti_requests_total", "GET", "-", "4xx"] == 5
    assert found["dti_requests_total", "other", "-", "4xx"] == 5
    assert found["dti_requests_total", "HEAD", "/api/v1/me", "2xx"] == 1
    assert found["dti_request_seconds_count", "GET", "/api/v1/periods/{period_id}"] == 5
    assert found["dti_problems_total", "too_many_requests"] == 1
    assert found["dti_problems_total", "invalid_request"] == 1
    assert found["dti_requests_running",] == 1, "the one that asks"
    assert found["dti_outbox_events",] >= 0
    assert ("dti_pool_size",) in found
    assert not any("25dc3465d7a" in part for key in found for part in key)


async def test_failed_log_ins_and_failed_work_are_seen(app_with: AppWith) -> None:
    app = app_with(metrics_token=SecretStr(TOKEN))
    form = {"grant_type": "password", "username": "admin", "password": "wrong"}
    async with CheckedClient(app) as client:
        await client.post("/api/v1/auth/token", data=form)

    async def failing() -> None:
        raise ValueError("nothing to do with people")

    before = work.failures["failing"]
    await work.one_round([failing])
    found = await measured(app)
    assert found["dti_problems_total", "invalid_grant"] == 1
    assert found["dti_work_failed", "failing"] == before + 1


async def test_each_application_counts_for_itself(app_with: AppWith) -> None:
    one, other = (app_with(metrics_token=SecretStr(TOKEN)) for _ in range(2))
    async with CheckedClient(one) as client:
        await client.get("/healthz")
    assert ("dti_requests_total", "GET", "/healthz", "2xx") in await measured(one)
    assert ("dti_requests_total", "GET", "/healthz", "2xx") not in await measured(other)


async def test_a_stalled_event_loop_is_seen(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("app.core.metrics.LAG_SECONDS", 0.01)
    metrics: Metrics = app.state.metrics
    async with measuring_lag(metrics):
        await asyncio.sleep(0.02)
        time.sleep(0.3)  # noqa: ASYNC251  what must be noticed
        await asyncio.sleep(0.02)
    assert (metrics.registry.get_sample_value("dti_event_loop_lag_seconds_sum") or 0) > 0.2
