"""A body on its way to everything that wants it: the file, the parser, the archive."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from typing import IO

from crawler.errors import StorageFailed, TooLarge
from crawler.job_types.tools import Gauge
from crawler.net.transport import Response
from crawler.store.files import PartFile

# A document of more bytes is not read for its links; it is as large as what crawler.pages reads.
MOST_PARSED = 16 * 1024 * 1024
# A body that only the archive wants is kept in memory up to this, beyond it in a nameless file.
MOST_HELD = 1024 * 1024


class Content:
    """Takes the pieces of one body. ``parsed`` keeps it in memory, ``archived`` until the archive has it."""

    def __init__(
        self, part: PartFile | None, *, parsed: bool, archived: bool, folder: str | None = None
    ) -> None:
        self.size = 0
        self._part = part
        self._parsed = parsed
        self._archived = archived
        self._folder = folder
        self._pieces: list[bytes] = []
        self._held = 0
        self._file: IO[bytes] | None = None
        self._hasher = hashlib.sha256()  # of what is not held to be parsed
        self._digest: str | None = None

    async def receive(self, response: Response, gauge: Gauge, cap: int | None) -> None:
        """Take in the whole body. Raises ``TooLarge`` past ``cap`` bytes, and as reading does."""
        gauge.start(None if response.encoded else response.length)
        whole = response.small_body()
        if whole is not None:
            gauge.add(len(whole))
            await self._take(whole, cap)
            return
        async for piece in response.chunks():
            gauge.add(len(piece))
            await self._take(piece, cap)

    @property
    def whole(self) -> bytes | None:
        """The body, if it was to be parsed and is not too large for that."""
        if not self._parsed:
            return None
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    @property
    def for_archive(self) -> bytes | IO[bytes]:
        """The body: in memory, or an open file that holds it."""
        if self._file is not None:
            self._file.flush()
            return self._file
        return b"".join(self._pieces)

    def digest(self) -> str:
        """sha256 of the body, in hex."""
        if self._digest is None:
            if self._parsed:
                self._hash_held()
            self._digest = self._hasher.hexdigest()
        return self._digest

    def know_digest(self, digest: str | None) -> None:
        """Take the sha256 from whoever has read the ``whole``: to hash it here would let go of the lock."""
        self._digest = digest

    def close(self) -> None:
        """Let go of everything."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()

    async def _take(self, piece: bytes, cap: int | None) -> None:
        self.size += len(piece)
        if cap is not None and self.size > cap:
            raise TooLarge(
                f"the body is longer than the {cap} bytes that a file of this crawl may have",
                sent=True,
                answered=True,
            )
        if self._part is not None and piece:
            await self._part.write(piece)
        if self._parsed and self.size > MOST_PARSED:
            self._parsed = False
            self._hash_held()
            if not self._archived:
                self._pieces.clear()
        if not self._parsed:
            self._hasher.update(piece)
        if self._parsed or self._archived:
            await self._hold(piece)

    def _hash_held(self) -> None:
        for piece in self._pieces:
            self._hasher.update(piece)

    async def _hold(self, piece: bytes) -> None:
        if self._file is None:
            self._pieces.append(piece)
            self._held += len(piece)
            if self._parsed or self._held <= MOST_HELD:
                return
            try:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # closed by ``close``
            except OSError as error:
                raise StorageFailed(f"no room for a body that is to be archived: {error.strerror}") from error
            piece = b"".join(self._pieces)
            self._pieces.clear()
        try:
            await asyncio.to_thread(self._file.write, piece)
        except OSError as error:
            raise StorageFailed(f"no room for a body that is to be archived: {error.strerror}") from error
