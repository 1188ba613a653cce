"""PostgreSQL's own programs: they know how to write a database down and how to make it again."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from app.core.embedded import EmbeddedPostgresError, bin_folder


class ToolFailed(Exception):
    """A program of PostgreSQL is not there, or failed; the message says what it said."""


def tool(name: str, major: int) -> str:
    """Return the path of a program of the server's major version: the system's, else the one of the wheel.

    Raises: ToolFailed.
    """
    for path in filter(None, (shutil.which(name), _of_the_wheel(name))):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        found = re.search(r"\) (\d+)", said)
        if found and int(found[1]) == major:
            return path
    raise ToolFailed(f"{name} of PostgreSQL {major} is needed: install postgresql-client-{major}")


def _of_the_wheel(name: str) -> str | None:
    try:
        return str(bin_folder() / name)
    except EmbeddedPostgresError:
        return None


async def run(program: str, url: str, *arguments: str) -> None:
    """Run a program on a database; the password goes through the environment, which others cannot read.

    Raises: ToolFailed.
    """
    parsed = make_url(url)
    query = {"sslmode" if name == "ssl" else name: value for name, value in parsed.query.items()}
    address = parsed.set(drivername="postgresql", password=None, query=query).render_as_string()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if parsed.password:
        environment["PGPASSWORD"] = str(parsed.password)
    process = await asyncio.create_subprocess_exec(
        program,
        f"--dbname={address}",
        *arguments,
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise ToolFailed(f"{Path(program).name}: {''.join(last) or process.returncode}")
