"""Settings: demo secrets never leave the embedded default, and what is missing is named."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import DEMO_SECRET, Bucket, SettingMissing, Settings
from app.core.files import file_store

SERVER = "postgresql://dti:secret-word@db.example/dti"
GOOD = "0123456789abcdef0123456789abcdef"


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Read settings from exactly these variables."""
    evidence = ("EVIDENCE_STORE", "EVIDENCE_DIR", "S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")
    for name in ("DATABASE_URL", "SECRET_KEY", "APP_ENV", "IS_DEMO", "VAR_DIR", *evidence):
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


@pytest.mark.parametrize(
    ("previous", "why"),
    [
        ("short", "at least 32 bytes"),
        (f"{GOOD},short", "at least 32 bytes"),
        (f"{GOOD}, {DEMO_SECRET}", "everybody knows"),
    ],
)
def test_a_former_secret_is_as_good_as_the_present_one(
    monkeypatch: pytest.MonkeyPatch, previous: str, why: str
) -> None:
    read = settings(monkeypatch, DATABASE_URL=SERVER, SECRET_KEY=GOOD, PREVIOUS_SECRET_KEYS=previous)
    with pytest.raises(SettingMissing, match=f"PREVIOUS_SECRET_KEYS: .*{why}"):
        read.refuse_default_secrets()


def test_former_secrets_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(
        monkeypatch, DATABASE_URL=SERVER, SECRET_KEY=GOOD, PREVIOUS_SECRET_KEYS=f" {GOOD[::-1]} ,,{GOOD}x"
    )
    read.refuse_default_secrets()
    assert read.previous_secrets == (GOOD[::-1], f"{GOOD}x")
    assert GOOD[::-1] not in repr(read)


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


# --- where evidence lies ------------------------------------------------------------------------------------


def test_without_a_word_evidence_lies_in_a_folder_beside_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variables, folder in [
        ({}, "var/evidence"),
        ({"VAR_DIR": "/data"}, "/data/evidence"),
        ({"VAR_DIR": "/data", "EVIDENCE_DIR": "/mnt/files"}, "/mnt/files"),
        ({"EVIDENCE_STORE": ""}, "var/evidence"),
    ]:
        read = settings(monkeypatch, **variables)
        assert read.evidence_bucket is None
        assert read.evidence_path == Path(folder)


def test_one_line_puts_evidence_into_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, used in [
        ("s3://evidence", Bucket("evidence", "")),
        ("s3://evidence/", Bucket("evidence", "")),
        ("s3://dti.camau-2/evidence/2023", Bucket("dti.camau-2", "evidence/2023")),
        ("s3://evidence/a_b=c.d/", Bucket("evidence", "a_b=c.d")),
    ]:
        assert settings(monkeypatch, EVIDENCE_STORE=given).evidence_bucket == used
        monkeypatch.delenv("EVIDENCE_STORE")


@pytest.mark.parametrize("endpoint", ["", "https://s3.example", "http://10.0.0.7:9000/", "http://[::1]:9000"])
def test_a_bucket_is_taken_at_every_form_of_address(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    file_store(settings(monkeypatch, EVIDENCE_STORE="s3://evidence", S3_ENDPOINT=endpoint))


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"EVIDENCE_STORE": "evidence"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "/var/evidence"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3:///folder"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "https://s3.example/bucket"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://bucket/../other"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://bucket//folder"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://bucket/tài-liệu"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://key:secret-word@bucket"}, "EVIDENCE_STORE must be"),
        ({"EVIDENCE_STORE": "s3://bucket", "S3_ENDPOINT": "s3.example:9000"}, "S3_ENDPOINT must be"),
        ({"EVIDENCE_STORE": "s3://bucket", "S3_ENDPOINT": "https://u:secret-word@s3.example"}, "S3_ENDPOINT"),
        ({"EVIDENCE_STORE": "s3://bucket", "S3_ACCESS_KEY_ID": "key"}, "S3_SECRET_ACCESS_KEY"),
        ({"EVIDENCE_STORE": "s3://bucket", "S3_SECRET_ACCESS_KEY": "secret-word"}, "S3_ACCESS_KEY_ID"),
    ],
)
def test_a_bucket_that_cannot_be_meant_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    with pytest.raises(SettingMissing, match=missing) as refused:
        file_store(settings(monkeypatch, **variables))
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("named", ["", "clamd:3310", "127.0.0.1:3310", "[::1]:3310", "unix:/run/clamd.sock"])
def test_a_scanner_is_a_port_or_a_path(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    assert settings(monkeypatch, CLAMD=named).clamd == named


@pytest.mark.parametrize(
    "named", ["clamd", "clamd:", ":3310", "clamd:0", "clamd:65536", "clamd:-1", "clamd:x", "unix:clamd.sock"]
)
def test_anything_else_is_not_taken_for_a_scanner(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    with pytest.raises(ValidationError, match="clamd"):
        settings(monkeypatch, CLAMD=named)
