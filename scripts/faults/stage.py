"""What is broken: an embedded PostgreSQL, the service as a process of its own over it, and its evidence folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from app.core.config import Settings
from app.core.embedded import EmbeddedPostgres
from app.core.files import FileStore

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STORE_MIB = 512

_OWN = ("DATABASE_URL", "DATABASE_OWNER_URL", "SECRET_KEY", "APP_ENV", "EVIDENCE_STORE", "EVIDENCE_DIR")
_SETTINGS = {
    "HOST": "127.0.0.1",
    "DB_POOL_SIZE": "4",  # soon exhausted
    "WORKER_SECONDS": "1",
    "ACCESS_TOKEN_SECONDS": "86400",  # nobody has to log in again while something is broken
    "RATE_LIMITS": "log-in=100000/minute,write=100000/minute,read=100000/minute,public=100000/minute",
}


class Stage:
    """A service that can be broken; every method waits until it is done, in seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.evidence = folder / "evidence"
        self.database = EmbeddedPostgres(folder / "postgres")
        self.store = FileStore(self.evidence)
        self.printed = folder / "printed"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.is_bounded = False

    @property
    def url(self) -> str:
        """Return the address of the service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        """Return the settings of the service."""
        return Settings(var_dir=self.folder).on_embedded(self.database.url)

    # --- the database -----------------------------------------------------------------------------------------

    def start_database(self) -> None:
        """Start the server; the leftovers of a killed one are cleared."""
        self.database.__enter__()

    def stop_database(self) -> None:
        """Stop the server in order, or put away what is left of a killed one."""
        self.database.__exit__()

    def postgres(self) -> list[int]:
        """Return the server's processes: the postmaster, then all others."""
        first = int((self.folder / "postgres/data/postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def backends(self) -> list[int]:
        """Return the processes that serve the service's connections."""
        return [
            pid for pid in self.postgres()[1:] if b"dti_app dti" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    # --- the service ------------------------------------------------------------------------------------------

    def start_service(self) -> None:
        """Start the service; it answers some seconds later."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OWN}
        environment = (
            inherited
            | _SETTINGS
            | {"VAR_DIR": str(self.folder), "PORT": str(self.port), "DATABASE": self.database.url}
        )
        with self.printed.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.faults.service"],
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def end_service(self, how: signal.Signals) -> int | None:
        """End the service and return its exit status; whatever does not end in time is killed."""
        if self.process is None:
            return None
        self.process.send_signal(how)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(10)

    def wait_until_ready(self) -> None:
        """Return when the service is ready.

        Raises: TimeoutError.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"the service was not ready within {START_SECONDS} seconds:\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what the service printed."""
        return "\n".join(self.printed.read_text(errors="replace").splitlines()[-10:])

    # --- the store --------------------------------------------------------------------------------------------

    def bound_store(self) -> None:
        """Give the evidence a file system of its own that can be full; only root can."""
        self.evidence.mkdir(mode=0o700, exist_ok=True)
        self.is_bounded = mount_small(self.evidence, STORE_MIB)

    def close(self) -> None:
        """End everything that was started."""
        self.end_service(signal.SIGTERM)
        self.stop_database()
        if self.is_bounded:
            unmount(self.evidence)


def mount_small(folder: Path, mebibytes: int) -> bool:
    """Put a file system of some mebibytes under a folder; answer whether that was allowed."""
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take it away again."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path) -> Path:
    """Fill a file system to the last byte and return the file that has to go again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1024**2, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    return filler
