"""Limits of requests: per account or address, exact to the second, in bounded memory, declared everywhere."""

import time
from collections.abc import Iterator
from itertools import count
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.accounts.first import DEMO_PASSWORD
from app.core.config import Settings
from app.core.limits import Buckets, Rate, RateLimits, rates_of
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in
from tests.core.conftest import AppWith

ME, PERIODS, SETS = "/api/v1/me", "/api/v1/periods", "/api/v1/public/results"
TOKEN = "/api/v1/auth/token"


class Ticks:
    """A monotonic clock in the test's hands."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def slowed(app: FastAPI) -> Ticks:
    """Put the limits of an application on a clock that stands still."""
    ticks = Ticks()
    for buckets in app.state.limits.buckets.values():
        buckets._now = ticks
    return ticks


# --- the arithmetic -----------------------------------------------------------------------------------------


def test_a_caller_has_so_many_requests_at_once_and_then_one_by_one() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(60, 60), ticks)
    assert [buckets.take("a") for _ in range(60)] == [0] * 60
    assert buckets.take("a") == pytest.approx(1)
    for later, taken in ((0.99, False), (0.01, True), (0.0, False), (1.0, True)):
        ticks.now += later
        assert (buckets.take("a") == 0) is taken
    ticks.now += 60
    assert [buckets.take("a") for _ in range(61)].count(0) == 60
    assert buckets.take("b") == 0, "another caller has a bucket of his own"


@given(amount=st.integers(1, 500), seconds=st.sampled_from([1, 60, 3600]), gaps=st.lists(st.floats(0, 100)))
def test_nobody_ever_gets_more_than_twice_his_share_in_a_window(
    amount: int, seconds: int, gaps: list[float]
) -> None:
    ticks, taken = Ticks(), []
    buckets = Buckets(Rate(amount, seconds), ticks)
    for gap in gaps:
        ticks.now += gap
        wait = buckets.take("a")
        assert wait >= 0
        if not wait:
            taken.append(ticks.now)
    for began in taken:
        assert sum(began <= one < began + seconds for one in taken) <= 2 * amount


def test_waiting_as_long_as_told_is_always_enough() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(7, 60), ticks)
    for _ in range(50):
        ticks.now += buckets.take("a")
        if buckets.wait("a"):
            ticks.now += buckets.wait("a")
        assert buckets.take("a") == 0


def test_any_number_of_addresses_fits_into_bounded_memory() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(5, 60), ticks, callers=1000)
    for number in range(20_000):
        ticks.now += 0.001
        buckets.take(f"a{number}")
        assert buckets.known <= 1000


def test_who_is_being_limited_stays_so_while_others_come_and_go() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(5, 60), ticks, callers=1000)
    taken = 0
    for number in range(20_000):
        ticks.now += 0.05  # an empty bucket is forgotten after 12 seconds
        buckets.take(f"a{number}")
        taken += buckets.take("flood") == 0
    assert taken == 5 + 1000 // 12, "five at once, then one in 12 seconds, for 1,000 seconds"


def test_counting_costs_microseconds_however_many_have_called() -> None:
    """The memory of the library that is usual for this walks over every caller at every request."""
    buckets = Buckets(Rate(5, 60), time.monotonic)
    for number in range(50_000):
        buckets.take(str(number))
    began = time.perf_counter()
    for number in range(10_000):
        buckets.take(str(number))
    assert (time.perf_counter() - began) / 10_000 < 50e-6


# --- the setting --------------------------------------------------------------------------------------------


def test_the_default_limits_can_be_read() -> None:
    assert set(rates_of(Settings().rate_limits)) == {"log-in", "write", "read", "public", "pieces"}
    assert rates_of("read=5/second, write=10/hour") == {"read": Rate(5, 1), "write": Rate(10, 3600)}
    assert rates_of("off") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "read",
        "read=0/minute",
        "read=-1/minute",
        "read=5",
        "read=5/day",
        "red=5/minute",
        "read=5/minute,read=6/minute",
        "read=5/minute;write=5/minute",
        "read=1e3/minute",
        "read=٥/minute",
        ",",
        "OFF",
    ],
)
def test_a_wrong_limit_stops_the_start_with_a_sentence(text: str) -> None:
    with pytest.raises(ValidationError, match="each class once") as refused:
        Settings(rate_limits=text)
    assert "rate_limits" in str(refused.value)


# --- over HTTP ----------------------------------------------------------------------------------------------


async def test_an_account_is_limited_wherever_it_calls_from(app_with: AppWith, clock: Clock) -> None:
    app = app_with(rate_limits="read=3/minute,write=1/minute")
    ticks = slowed(app)
    admin, other = await logged_in(app, clock, "admin"), await logged_in(app, clock, "admin")
    assert [(await one.get(ME)).status_code for one in (admin, other, admin, other)] == [200, 200, 200, 429]
    assert (await admin.post(PERIODS, json={})).status_code == 422, "writing is another class"
    assert (await admin.post(PERIODS, json={})).status_code == 429
    assert (await (await logged_in(app, clock, "reviewer")).get(ME)).status_code == 200
    refused = await admin.get(ME)
    assert refused.json()["code"] == "too_many_requests"
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["ratelimit"] == '"read";r=0;t=20'
    assert refused.headers["ratelimit-policy"] == '"read";q=3;w=60'
    assert "20 giây" in refused.json()["detail"]
    for later, status in ((19, 429), (1, 200), (0, 429)):
        ticks.now += later
        assert (await admin.get(ME)).status_code == status


async def test_a_request_is_counted_once_however_often_it_is_asked_who_calls(
    app_with: AppWith, clock: Clock
) -> None:
    app = app_with(rate_limits="write=2/minute")
    slowed(app)
    admin = await logged_in(app, clock, "admin")
    assert [(await admin.post(PERIODS, json={})).status_code for _ in range(3)] == [422, 422, 429]


async def test_who_is_not_logged_in_is_limited_by_address(app_with: AppWith, clock: Clock) -> None:
    app = app_with(rate_limits="public=2/minute")
    slowed(app)
    admin = await logged_in(app, clock, "admin")
    async with CheckedClient(app) as nobody:
        answers = [await nobody.get("/api/v1/meta/workflow") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert (await nobody.get(ME)).status_code == 429, "refused before it is asked who calls"
        assert (await nobody.get("/healthz")).status_code == 200, "nobody's flood makes the service look dead"
        assert (await nobody.get("/nowhere")).status_code == 429
    assert (await admin.get(ME)).status_code == 200


@pytest.mark.parametrize("path", [ME, "/api/v1/meta/workflow", "/nowhere", "/openapi.json"])
async def test_a_token_that_proves_nothing_is_no_way_around_the_limit(
    app_with: AppWith, clock: Clock, path: str
) -> None:
    app = app_with(rate_limits="public=2/minute")
    slowed(app)
    admin = await logged_in(app, clock, "admin")
    async with CheckedClient(app) as nobody:
        for number in range(4):
            headers = {"Authorization": f"Bearer {number}"}
            status = (await nobody.get(path, headers=headers)).status_code
            assert (status == 429) == (number >= 2), status
    assert (await admin.get(ME)).status_code == 200, "the flood of another one of the same address is not his"


async def test_a_good_token_is_counted_by_its_account_on_public_pages_too(
    app_with: AppWith, clock: Clock
) -> None:
    """A whole office behind one address, its frontend sending its token along wherever it calls."""
    app = app_with(rate_limits="public=2/minute,read=5/minute")
    slowed(app)
    admin, reviewer = await logged_in(app, clock, "admin"), await logged_in(app, clock, "reviewer")
    for one in (admin, reviewer):
        statuses = [(await one.get("/api/v1/meta/workflow")).status_code for _ in range(8)]
        assert 200 in statuses[:5], "whatever the other one has sent"
        assert statuses[7] == 429
    clock.advance(minutes=16)
    assert (await reviewer.get(ME)).status_code == 429, "an expired token proves nothing"


async def test_log_ins_have_a_limit_of_their_own(app_with: AppWith) -> None:
    app = app_with(rate_limits="log-in=2/minute")
    slowed(app)
    form = {"grant_type": "password", "username": "admin", "password": "wrong"}
    async with CheckedClient(app) as client:
        statuses = [(await client.post(TOKEN, data=form)).status_code for _ in range(3)]
        assert statuses == [400, 400, 429]
        right = await client.post(TOKEN, data=form | {"password": DEMO_PASSWORD})
        assert right.status_code == 429
        with_token = await client.post(TOKEN, data=form, headers={"Authorization": "Bearer x"})
        assert with_token.status_code == 429
        assert (await client.get("/api/v1/meta/workflow")).status_code == 200


def scopes(host: str) -> Iterator[dict[str, object]]:
    for _ in count():
        yield {"path": "/x", "client": (host, 1), "headers": [], "method": "GET", "state": {}}


@pytest.mark.parametrize(
    ("one", "other", "are_the_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("rubbish", "more rubbish", True),
    ],
)
def test_an_ipv6_network_is_one_client(one: str, other: str, are_the_same: bool) -> None:
    limits = RateLimits("public=1/minute", monotonic=Ticks())
    assert limits.refuse_address(next(scopes(one))) is None
    assert (limits.refuse_address(next(scopes(other))) is not None) is are_the_same


def test_a_connection_without_an_address_is_limited_too() -> None:
    limits = RateLimits("public=1/minute", monotonic=Ticks())
    scope = next(scopes("x")) | {"client": None}
    assert limits.refuse_address(scope) is None
    assert limits.refuse_address(scope) is not None


def test_pieces_of_uploads_are_a_class_of_their_own() -> None:
    limits, account = RateLimits("write=1/minute,pieces=2/minute", monotonic=Ticks()), uuid4()
    for _ in range(2):
        scope = next(scopes("10.0.0.1")) | {"method": "PATCH", "path": f"/api/v1/evidence/uploads/{account}"}
        limits.require_account(scope, account)
    assert limits.buckets["write"].known == 0


def test_every_operation_says_that_there_are_limits(app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            assert "too_many_requests" in operation["responses"]["429"]["x-codes"], f"{method} {path}"
