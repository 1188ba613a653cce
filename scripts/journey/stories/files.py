"""The files of a unit in a story's books: what was sent, what they prove, who signed them."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from scripts.journey import declaring
from scripts.journey.books import Json, UnitBook
from scripts.journey.client import Caller
from scripts.journey.stories.play import Play
from scripts.journey.stories.signing import Holder, authority, office, person, signed

MISSING = ["signature_organisation_missing", "signature_person_missing"]
_PATIENCE_SECONDS = 60

T = TypeVar("T")


@dataclass
class Files:
    """A unit's files; `contents` is what was sent, by document, `sound` are those that bear both signatures."""

    play: Play
    unit: UnitBook
    contents: dict[str, bytes] = field(default_factory=dict)
    sound: set[str] = field(default_factory=set)
    root: Holder = field(default_factory=authority)
    signers: list[Holder] = field(init=False)

    def __post_init__(self) -> None:
        self.signers = [person(self.names[0], self.root), office(self.names[1], self.root)]

    @property
    def names(self) -> list[str]:
        """Return who signs: the leader and the office."""
        return [f"Lãnh đạo {self.unit.name}", f"UBND {self.unit.name}"]

    @property
    def reporter(self) -> str:
        """Return who sends the files."""
        return f"{self.unit.key}.reporter"

    @property
    def sender(self) -> Caller:
        """Return the client of who sends the files."""
        return self.play.stage.people[self.reporter]

    @property
    def cited(self) -> dict[str, list[str]]:
        """Return the indicators that each document proves."""
        found: dict[str, list[str]] = {}
        for code, answer in self.unit.answers.items():
            for one in answer.get("evidence", ()):
                found.setdefault(one, []).append(code)
        return {one: sorted(codes) for one, codes in found.items()}

    async def signed(self, pdf: bytes) -> bytes:
        """Return a PDF that the leader and the office have signed now."""
        return await signed(pdf, *self.signers, now=self.play.stage.clock.now)

    async def sends(self, content: bytes, title: str, **said: str) -> str:
        """Send a file in one go and return the document's id."""
        said = {"file_name": f"{title}.pdf", "title": title, **said}
        document = await declaring.send(self.play.world, self.unit, content, said)
        self.contents[document["id"]] = content
        self.play.tells(self.reporter, f"uploads {title}", f"{document['size_bytes']} bytes")
        return str(document["id"])

    def keeps(self, document: str, content: bytes) -> None:
        """Write a document into the books."""
        self.contents[document], self.unit.files[document] = content, sha256(content)

    async def cites(self, code: str, document: str) -> None:
        """Prove an indicator with this document alone."""
        answer = self.unit.answers[code] | {"evidence": [document]}
        await self.play.corrects(self.unit, f"cites a document for {code}", {code: answer})

    async def reports(self, number: int, *among: str) -> dict[str, Json]:
        """Wait until every file (of some) has been looked at so many times, and return what was found."""

        async def found() -> dict[str, Json] | None:
            ids = among or tuple(self.unit.files)
            all_of = {one: await self.sender.get(f"/evidence/{one}/signatures") for one in ids}
            made = {len(one["earlier"]) + (one["present"] is not None) for one in all_of.values()}
            return all_of if made == {number} else None

        return await until(found)

    async def check_signatures(self, of_sound: list[str]) -> None:
        """Compare what the readiness check says of signatures: `of_sound` of each document that bears both."""
        ours = [
            (f"/answers/{code}", why)
            for one, codes in self.cited.items()
            for code in codes
            for why in (of_sound if one in self.sound else MISSING)
        ]
        self.play.check("missing signatures", sorted(ours), await self.warnings("signature_"))

    async def warnings(self, kind: str) -> list[tuple[str, str]]:
        """Return the warnings of a kind of the readiness check, by pointer and code."""
        found = await self.play.reads(self.reporter, self.unit, "/readiness")
        told = [(one["pointer"], one["code"]) for one in found["warnings"]]
        return sorted(one for one in told if one[1].startswith(kind))


async def until(happens: Callable[[], Awaitable[T | None]]) -> T:
    """Return what comes true while the service works behind the requests.

    Raises: TimeoutError.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (found := await happens()) is None:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.1)
        return found


def sha256(content: bytes) -> str:
    """Return the hash of some bytes, hex."""
    return hashlib.sha256(content).hexdigest()
