"""What a backup says of itself: every file with its hash, every table with its rows, and what it was made of."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

FORMAT = 1
MANIFEST, SEAL, DUMP, FILES = "manifest.json", "manifest.sha256", "database.dump", "files"

_BLOCK_BYTES = 1024**2


class BackupUnusable(Exception):
    """The backup is not whole, not ours, or was changed; the message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a backup: its name in the store (the dump: in the backup), its size and its hash."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole backup. `lost` names what the store itself did not have, or not as it was, and why."""

    made_at: str
    migration: str
    postgres: str
    dump: Kept
    rows: dict[str, int]
    files: list[Kept] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def size_bytes(self) -> int:
        """Return how many bytes the backup holds beside this."""
        return self.dump.size_bytes + sum(one.size_bytes for one in self.files)

    def write(self, folder: Path) -> None:
        """Write it with the hash of its own text beside it."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()
        (folder / MANIFEST).write_bytes(text)
        (folder / SEAL).write_text(f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n", encoding="ascii")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a backup.

        Raises: BackupUnusable.
        """
        try:
            text, seal = (folder / MANIFEST).read_bytes(), (folder / SEAL).read_text(encoding="ascii")
        except (OSError, UnicodeError) as error:
            raise BackupUnusable(f"{folder} holds no whole backup: {MANIFEST} or {SEAL}") from error
        if seal.split()[:1] != [hashlib.sha256(text).hexdigest()]:
            raise BackupUnusable(f"{MANIFEST} was changed: it has another hash than {SEAL} says")
        try:
            said: dict[str, Any] = json.loads(text)
            if said["format"] != FORMAT:
                raise BackupUnusable(
                    f"{MANIFEST} has the format {said['format']}, this release reads {FORMAT}"
                )
            return cls(
                **said | {"dump": Kept(**said["dump"]), "files": [Kept(**one) for one in said["files"]]}
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BackupUnusable(f"{MANIFEST} is not one of ours") from error

    def faults(self, folder: Path, tell: Callable[[int], None] = lambda _: None) -> Iterator[str]:
        """Read every byte of a backup and give what is wrong: missing, changed, or not of it."""
        expected = {folder / DUMP: self.dump} | {folder / FILES / one.name: one for one in self.files}
        for place, kept in expected.items():
            if not place.is_file() or place.is_symlink():
                yield f"{kept.name}: is missing"
            elif place.stat().st_size != kept.size_bytes:
                yield f"{kept.name}: {place.stat().st_size} bytes instead of {kept.size_bytes}"
            elif sha256_of_file(place, tell) != kept.sha256:
                yield f"{kept.name}: was changed, it has another hash"
        ours = {*expected, folder / MANIFEST, folder / SEAL}
        for place in sorted(folder.rglob("*")):
            if not place.is_dir() and place not in ours:
                yield f"{place.relative_to(folder)}: is not of this backup"


def sha256_of_file(place: Path, tell: Callable[[int], None] = lambda _: None) -> str:
    """Return the hash of a local file (hex)."""
    digest = hashlib.sha256()
    with place.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            tell(len(block))
    return digest.hexdigest()
