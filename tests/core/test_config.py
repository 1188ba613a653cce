"""Settings: demo secrets never leave the embedded default, and what is missing is named."""

import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import DEMO_SECRET, SettingMissing, Settings

SERVER = "postgresql://dti:secret-word@db.example/dti"
GOOD = "0123456789abcdef0123456789abcdef"


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Read settings from exactly these variables."""
    for name in ("DATABASE_URL", "SECRET_KEY", "APP_ENV", "IS_DEMO"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_the_embedded_default_starts_on_demo_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch)
    read.refuse_default_secrets()
    assert read.is_embedded
    assert read.secret_key.get_secret_value() == DEMO_SECRET


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"APP_ENV": "production"}, "DATABASE_URL"),
        ({"APP_ENV": "production", "SECRET_KEY": GOOD}, "DATABASE_URL"),
        ({"DATABASE_URL": SERVER}, "SECRET_KEY is missing"),
        ({"DATABASE_URL": SERVER, "SECRET_KEY": DEMO_SECRET}, "SECRET_KEY is missing"),
        ({"DATABASE_URL": SERVER, "SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"DATABASE_URL": "mysql://dti@db.example/dti", "SECRET_KEY": GOOD}, "DATABASE_URL must begin"),
        ({"DATABASE_URL": "postgresql://dti:secret-word@db:port/dti", "SECRET_KEY": GOOD}, "DATABASE_URL"),
        ({"DATABASE_URL": "nothing like it", "SECRET_KEY": GOOD}, "DATABASE_URL cannot be read"),
    ],
)
def test_a_real_server_is_refused_what_everybody_knows(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    with pytest.raises(SettingMissing, match=missing) as refused:
        settings(monkeypatch, **variables).refuse_default_secrets()
    assert "secret-word" not in str(refused.value)


def test_a_real_server_starts_on_secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, DATABASE_URL=SERVER, SECRET_KEY=GOOD)
    read.refuse_default_secrets()
    assert not read.is_embedded
    assert not read.is_demo


def test_no_variable_can_claim_to_be_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"DATABASE_URL": SERVER, "SECRET_KEY": GOOD, "IS_DEMO": "true", "_IS_DEMO": "true"}
    assert not settings(monkeypatch, **variables).is_demo


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p%2Fq@h:5433/d", "postgresql+asyncpg://u:p%2Fq@h:5433/d"),
        ("postgresql://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql+asyncpg://u@/d?host=/run/pg", "postgresql+asyncpg://u@/d?host=%2Frun%2Fpg"),
    ],
)
def test_the_address_of_the_database_is_taken_in_its_common_forms(given: str, used: str) -> None:
    assert Settings(database_url=SecretStr(given)).sqlalchemy_url == used


@pytest.mark.parametrize("named", ["", "clamd:3310", "127.0.0.1:3310", "[::1]:3310", "unix:/run/clamd.sock"])
def test_a_scanner_is_a_port_or_a_path(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    assert settings(monkeypatch, CLAMD=named).clamd == named


@pytest.mark.parametrize(
    "named", ["clamd", "clamd:", ":3310", "clamd:0", "clamd:65536", "clamd:-1", "clamd:x", "unix:clamd.sock"]
)
def test_anything_else_is_not_taken_for_a_scanner(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    with pytest.raises(ValidationError, match="clamd"):
        settings(monkeypatch, CLAMD=named)
