"""What is logged: one line per event whatever is in it, and no secret in any byte."""

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi import FastAPI, Request

from app.accounts.first import DEMO_PASSWORD
from app.core import log
from app.core.db import Database
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
WORD = "Bi-mat-2026"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Log as the service does, into a text."""
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    level, out = logging.root.level, io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    log.configure("info")
    structlog.configure(cache_logger_on_first_use=False)
    yield out
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(printed: io.StringIO) -> list[dict[str, Any]]:
    """Return what was logged, and require that every line is one JSON object of harmless characters."""
    text = printed.getvalue()
    found = [json.loads(line) for line in text.split("\n")[:-1]]
    assert text.endswith("\n")
    assert len(text.splitlines()) == len(found), "something in it looks like the end of a line"
    assert not [letter for letter in text.replace("\n", "") if ord(letter) < 32 or 127 <= ord(letter) < 160]
    return found


EVIL = 'a\r\n{"event":"forged"}\n\x1b[2J\x1b]0;owned\x07\x9b31m' + "\u2028b\u2029c\x85d\u202ee\x7f\x00"


def test_nothing_logged_makes_a_second_line_or_moves_a_cursor(printed: io.StringIO) -> None:
    structlog.get_logger("app").info(
        "event", said=EVIL + "\ud800", inner={"deep": [EVIL]}, **{"key\n\x1b": 1}
    )
    logging.getLogger("uvicorn.error").warning("said %s", EVIL)
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        structlog.get_logger("app").error("crash", exc_info=error)
        logging.getLogger("asyncio").exception("crash")
    found = lines(printed)
    assert len(found) == 4
    assert found[0]["said"].startswith("a\r\n{"), "nothing is lost"
    assert "\u202e" not in printed.getvalue()


def test_vietnamese_stays_readable(printed: io.StringIO) -> None:
    structlog.get_logger("app").info("event", unit="Ủy ban nhân dân xã Đất Mũi")
    assert "Ủy ban nhân dân xã Đất Mũi" in printed.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "Authorization",
        "refresh_token",
        "client_secret",
        "otp",
        "code",
        "cookie",
        "S3_SECRET_ACCESS_KEY",
        "api_key",
        "totp_secret",
        "code_verifier",
        "recovery_codes",
        "access_token",
    ],
)
def test_what_has_the_name_of_a_secret_is_hidden(printed: io.StringIO, name: str) -> None:
    structlog.get_logger("app").info("event", **{name: WORD}, inner={"list": [{name: WORD}]})
    logging.getLogger("uvicorn.error").warning("%s", {name: WORD})
    logging.getLogger("uvicorn.error").warning('%s=%s&x=1 "%s": "%s"', name, WORD, name, WORD)
    if name != "code":  # in a text, a code may be the code of anything
        assert WORD not in printed.getvalue()
    assert lines(printed)[0][name] == log.HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        f"got {JWT} from somebody",
        f"Bearer {WORD}",
        f"Authorization: Bearer {WORD}",
        f"Authorization: Basic {WORD}",
        f"postgresql://dti:{WORD}@db.example/dti",
        f"grant_type=password&username=admin&password={WORD}",
        f"/api/v1/evidence/1/linked?token={JWT}",
        f"(sqlalchemy) [SQL: UPDATE x SET y=%s]\n[parameters: ('{WORD}', 1, [2])]\n(Background on this error)",
        f'{{"password": "{WORD} and more", "x": 1}}',
    ],
)
def test_what_has_the_form_of_a_secret_is_hidden_everywhere(printed: io.StringIO, text: str) -> None:
    logger = structlog.get_logger("app")
    logger.info(text, said=text, inner=[{"deep": (text,)}])
    logging.getLogger("httpx").error(text)
    try:
        raise RuntimeError(text) from ValueError(text)
    except RuntimeError as error:
        logger.error("crash", exc_info=error, error=error)
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
    assert WORD not in printed.getvalue()
    assert JWT not in printed.getvalue()
    assert "more" not in printed.getvalue()
    assert len(lines(printed)) == 4


def test_a_librarys_crash_shows_where_it_happened(printed: io.StringIO) -> None:
    try:
        raise RuntimeError("in the depths")
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    (line,) = lines(printed)
    assert "Traceback" in line["exception"]
    assert "in the depths" in line["exception"]
    assert "<traceback object" not in printed.getvalue()


@pytest.mark.parametrize(
    "part",
    ["a", "token", "eyJ", "eyJ-", "token-", "://a:", "Bearer ", "[parameters: ", "password=", "token' "],
)
def test_no_text_takes_long_to_look_at(part: str) -> None:
    text = (part * 16_384)[:16_384]
    began = time.perf_counter()
    log.hidden(text)
    assert time.perf_counter() - began < 1


async def test_a_request_is_one_line_that_says_who_and_where_but_no_name(
    own_app: FastAPI, clock: Clock, printed: io.StringIO
) -> None:
    admin = await logged_in(own_app, clock, "admin")
    answer = await admin.get("/api/v1/periods/01a200ed-6325-762a-8d8d-25dc3465d7ad?q=secret-query")
    (line,) = [one for one in lines(printed) if one["event"] == "request"]
    me = (await admin.get("/api/v1/me")).json()
    assert line["account"] == me["id"]
    assert line["route"] == "/api/v1/periods/{period_id}"
    assert line["path"].endswith("25dc3465d7ad")
    assert (line["method"], line["status"], line["address"]) == ("GET", 404, "127.0.0.1")
    assert line["bytes"] == len(answer.content)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["ms"] > 0
    assert "secret-query" not in printed.getvalue()


async def test_no_byte_of_a_log_in_or_a_crash_is_a_secret(
    own_app: FastAPI, own_database: Database, printed: io.StringIO
) -> None:
    @own_app.get("/crash")
    async def crash(request: Request) -> None:
        given = request.headers["authorization"]
        raise RuntimeError(f"cannot read {given} password={WORD} {tokens}")

    async with CheckedClient(own_app) as client:
        form = {"grant_type": "password", "username": "admin", "password": DEMO_PASSWORD}
        answer = await client.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        refused = await client.post("/api/v1/auth/token", data=form | {"password": WORD})
        assert refused.status_code == 400
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        crashed = await client.get("/crash", headers=headers)
        assert (crashed.status_code, crashed.json()["code"]) == (500, "internal_error")
    text = printed.getvalue()
    (line,) = [one for one in lines(printed) if one["event"] == "unhandled_error"]
    assert line["path"] == "/crash"
    assert "cannot read" in line["exception"]
    for secret in (DEMO_PASSWORD, WORD, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in text
