"""The true clamd, where there is one: on the path, or unpacked by `scripts/clamav`. Its only signature is EICAR's."""

import asyncio
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.evidence.clamd import EICAR, NAME, STREAM_LIMIT

UNPACKED = Path(__file__).parents[2] / ".cache" / "clamav"


def binary() -> str | None:
    """Return the path of a clamd that can be run, None if there is none."""
    own = UNPACKED / "usr/sbin/clamd"
    return str(own) if own.is_file() else shutil.which("clamd", path=os.environ["PATH"] + ":/usr/sbin")


class RealClamd:
    """A clamd of the test's own, with its files in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        signatures = folder / "signatures"
        signatures.mkdir()
        # A body signature: these bytes, anywhere, in a file of any type.
        (signatures / "test.ndb").write_text(f"{NAME}:0:*:{EICAR.hex()}\n")
        settings = {
            "Foreground": "yes",
            "DatabaseDirectory": signatures,
            "TemporaryDirectory": folder,
            "TCPSocket": self.port,
            "TCPAddr": "127.0.0.1",
            "StreamMaxLength": STREAM_LIMIT,
            # Both alike: of a file in an archive it looks at the first MaxFileSize bytes and says nothing of the rest,
            # unless they are more than MaxScanSize too.
            "MaxFileSize": STREAM_LIMIT,
            "MaxScanSize": STREAM_LIMIT,
            "AlertExceedsMax": "yes",
        }
        lines = [f"{name} {value}\n" for name, value in settings.items()]
        (folder / "clamd.conf").write_text("".join(lines))

    @property
    def address(self) -> str:
        """Return what the setting names."""
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Start it and wait until it answers."""
        path = binary()
        assert path is not None
        libraries = ":".join(str(found) for found in UNPACKED.glob("usr/lib/*"))
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.to_thread(
                subprocess.Popen,
                [path, "--config-file", str(self._folder / "clamd.conf")],
                env=os.environ | {"LD_LIBRARY_PATH": libraries},
                stdout=log,
                stderr=log,
            )
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
        raise AssertionError((self._folder / "log").read_text())

    async def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None
