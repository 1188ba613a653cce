"""A real S3 server of a test's own: nanio checks the signature of every request and keeps objects as plain files."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

BUCKET = "evidence"


class S3Server:
    """A process with one bucket; use it as a context, it comes back under the same address after `kill`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.secret = secrets.token_hex(10), secrets.token_urlsafe(30)
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / BUCKET).mkdir(parents=True)

    def __enter__(self) -> "S3Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def endpoint(self) -> str:
        """Return the address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, prefix: str = "") -> dict[str, Any]:
        """Return the settings of a service whose evidence lies in the bucket (in a folder of it)."""
        return {
            "evidence_store": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.endpoint,
            "s3_access_key_id": self.key,
            "s3_secret_access_key": SecretStr(self.secret),
        }

    def variables(self, prefix: str = "") -> dict[str, str]:
        """Return the same settings as variables of an environment."""
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self.settings(prefix).items()
        }

    def path(self, name: str, prefix: str = "") -> Path:
        """Return the file in which the server keeps an object."""
        return self.folder / BUCKET / prefix / name

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "nanio", "serve", "--data-dir", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error"],
            env={**os.environ, "NANIO_ACCESS_KEY": self.key, "NANIO_SECRET_KEY": self.secret},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the S3 server does not answer")

    def kill(self) -> None:
        """End the server at once, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def hold(self) -> None:
        """Let the server accept connections and never answer."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
