"""Files of the store in one ZIP, made while it is sent: stored, not packed, so that its size is known before."""

from collections.abc import AsyncIterator, Iterator

from zipstream import ZipStream

from app.core.files import FileStore, content_name


class Zipped:
    """A ZIP in the making; it holds one block of one file at a time.

    The library takes its bytes from iterators, the store gives them to those who await: an empty piece, which a ZIP
    can hold anywhere, asks for the next block.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._archive = ZipStream(sized=True)
        self._asked_for: tuple[str, int] | None = None
        self._block = b""

    def add_text(self, path: str, content: bytes) -> None:
        """Add a file whose bytes are at hand."""
        self._archive.add(content, path)

    def add(self, path: str, sha256: str, size_bytes: int) -> None:
        """Add a file of the store."""
        self._archive.add(self._pieces(content_name(sha256), size_bytes), path, size=size_bytes)

    @property
    def size_bytes(self) -> int:
        """Return how many bytes the whole ZIP has."""
        return len(self._archive)

    def _pieces(self, name: str, size_bytes: int) -> Iterator[bytes]:
        self._asked_for = name, size_bytes
        while True:
            yield b""
            if not self._block:
                return
            yield self._block

    async def blocks(self) -> AsyncIterator[bytes]:
        """Give the ZIP in blocks. Where a file is not there, or not as long as was said, it breaks off.

        Raises: StoreUnavailable, RuntimeError.
        """
        source: AsyncIterator[bytes] | None = None
        for piece in self._archive:
            if piece:
                yield piece
                continue
            if self._asked_for is not None:
                name, size_bytes = self._asked_for
                source, self._asked_for = await self._files.read(name, 0, size_bytes), None
            assert source is not None, "a file asks for itself before its first block"
            self._block = await anext(source, b"")
