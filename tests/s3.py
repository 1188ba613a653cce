"""Both places of evidence, for tests: a folder, and a bucket of a real S3 server.

The server is nanio: it checks the signature of every request and keeps each object as a plain file.
"""

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

from app.core.config import Settings
from app.core.db import new_id
from app.core.files import FileStore, file_store

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


class Place:
    """A store of a test's own under a folder: on the disk, or in a folder of its own of a server's bucket."""

    def __init__(self, folder: Path, server: S3Server | None = None) -> None:
        self.prefix = new_id().hex
        self.settings: dict[str, Any] = {"evidence_dir": folder} | (
            server.settings(self.prefix) if server else {}
        )
        self.is_bucket = server is not None
        self._incoming = folder / "incoming"
        self._objects = server.folder / BUCKET / self.prefix if server else folder

    def variables(self) -> dict[str, str]:
        """Return the settings as variables of an environment."""
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in self.settings.items()
        }

    def store(self) -> FileStore:
        """Return a store over the place, as another process would open it."""
        return file_store(Settings(**self.settings))

    def path(self, name: str) -> Path:
        """Return the file that holds an object's bytes."""
        return self._objects / name

    def files(self) -> list[Path]:
        """Return every file there is, finished or not."""
        found = {path for folder in (self._objects, self._incoming) for path in folder.rglob("*")}
        return sorted(path for path in found if path.is_file())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
