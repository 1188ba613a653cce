"""The lock files hold what pyproject.toml asks for; the container files run what is there, as nobody's root."""

import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def locked(name: str) -> set[str]:
    """Return the names pinned in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {match.lower() for match in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}


def wanted(requirements: list[str]) -> set[str]:
    """Return the names of some requirements."""
    return {re.split(r"[\[<>=!; ]", one)[0].lower() for one in requirements}


def lock_faults() -> list[str]:
    """Return what the lock files lack or leave unpinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = wanted(project["project"]["dependencies"])
    development = runtime | wanted(project["dependency-groups"]["dev"])
    faults = [f"requirements.lock lacks {name}" for name in sorted(runtime - locked("requirements.lock"))]
    faults += [
        f"requirements-dev.lock lacks {n}" for n in sorted(development - locked("requirements-dev.lock"))
    ]
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        if "://" in text:
            faults.append(f"{name} names an address")
        faults += [
            f"{name}: {line.split('==')[0]} has no hash"
            for line in re.split(r"\n(?=\S)", text)
            if "==" in line and "--hash=" not in line
        ]
    return faults


def container_faults() -> list[str]:
    """Return what is wrong with Dockerfile and compose.yaml."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [line.split(maxsplit=1) for line in lines if line and not line.startswith(("#", " "))]
    commands = [name for name, *_ in words]
    faults = []
    if commands.count("FROM") != 2:
        faults.append("Dockerfile: two stages are expected")
    users = [rest[0] for name, *rest in words if name == "USER"]
    if not users or users[-1] in ("root", "0"):
        faults.append("Dockerfile: the last USER must not be root")
    if "HEALTHCHECK" not in commands:
        faults.append("Dockerfile: no HEALTHCHECK")
    for name, *rest in words:
        sources = rest[0].split()[:-1] if name == "COPY" and "--from" not in rest[0] else []
        faults += [
            f"Dockerfile: COPY of missing {source}" for source in sources if not (ROOT / source).exists()
        ]
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for service, options in compose["services"].items():
        if "healthcheck" not in options and "build" not in options:
            faults.append(f"compose.yaml: {service} has no healthcheck")
        for key, value in (options.get("environment") or {}).items():
            if ("SECRET" in key or "PASSWORD" in key) and "${" not in str(value):
                faults.append(f"compose.yaml: {service}.{key} is written down")
    return faults


if __name__ == "__main__":
    found = lock_faults() + container_faults()
    print("\n".join(found) or "lock files and container files: nothing missing")
    sys.exit(bool(found))
