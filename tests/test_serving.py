"""The newcomer's command, for real: it starts everything, survives kill -9, and Ctrl-C ends all it started."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from app.accounts.first import DEMO_PASSWORD
from tests.s3 import Place, S3Server

ROOT = Path(__file__).parents[1]


class Service:
    """The service as its own process; what it prints goes to a file beside its data."""

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.printed = folder, folder / "printed"
        inherited = {
            n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "SECRET_KEY", "APP_ENV")
        }
        environment = {**inherited, "VAR_DIR": str(folder), "PORT": "0", **variables}
        with self.printed.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app"],
                cwd=ROOT,
                env=environment,
                stderr=file,
                start_new_session=True,
            )

    def text(self) -> str:
        """Return what it has printed so far."""
        return self.printed.read_text(encoding="utf-8")

    def address(self) -> str:
        """Return where the service says it is, once it says so and is ready."""
        for _ in range(600):
            for line in self.text().splitlines():
                if line.startswith("health"):
                    url = line.split()[1].removesuffix("/healthz")
                    wait_until_ready(url)
                    return url
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(self.text())

    def database(self) -> int:
        """Return the process of the embedded server."""
        return int((self.folder / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def wait_until_ready(url: str) -> None:
    """Return when the service is ready."""
    for _ in range(100):
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("not ready")


def is_running(pid: int) -> bool:
    """Answer whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ended(pid: int) -> bool:
    """Answer whether a process ends within ten seconds."""
    for _ in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.1)
    return False


def log_in(url: str) -> int:
    """Log in as a demo account and return the status."""
    form = {"grant_type": "password", "username": "admin", "password": DEMO_PASSWORD}
    return httpx.post(f"{url}/api/v1/auth/token", data=form, timeout=10).status_code


def test_it_starts_survives_a_kill_and_ends_with_everything_it_started(tmp_path: Path) -> None:
    first = Service(tmp_path)
    assert log_in(first.address()) == 200
    database = first.database()
    first.process.kill()
    first.process.wait(10)
    assert ended(database), "the database outlived the service"

    second = Service(tmp_path)
    assert log_in(second.address()) == 200, "the accounts of the first start are gone"
    database = second.database()
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(20) in (0, 130)
    assert ended(database), "the database outlived Ctrl-C"


def test_the_docs_name_no_other_server(tmp_path: Path) -> None:
    service = Service(tmp_path)
    url = service.address()
    for page in ("docs", "redoc"):
        text = httpx.get(f"{url}/{page}").text
        assert "://" not in text, page
        for asset in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            assert httpx.get(url + asset).status_code == 200, asset
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) in (0, 130, 143)


def test_a_real_server_is_not_started_on_demo_secrets(tmp_path: Path) -> None:
    service = Service(tmp_path, APP_ENV="production")
    assert service.process.wait(30) == 2
    assert "DATABASE_URL is missing" in service.text()
    assert not (tmp_path / "postgres").exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = Service(tmp_path, PORT=str(port))
        assert service.process.wait(60) == 2
        assert f"127.0.0.1:{port} cannot be used" in service.text()


def test_a_bucket_that_cannot_be_written_is_named_before_anything_is_started(
    tmp_path: Path, s3_server: S3Server
) -> None:
    place = Place(tmp_path / "evidence", s3_server)
    service = Service(tmp_path / "var", **place.variables() | {"EVIDENCE_STORE": "s3://no-such-bucket"})
    assert service.process.wait(40) == 2
    assert "Not started: EVIDENCE_STORE: there is no such bucket" in service.text()
    assert not (tmp_path / "var/postgres").exists()
    service = Service(tmp_path / "var", **place.variables())
    assert log_in(service.address()) == 200
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) in (0, 130, 143)
