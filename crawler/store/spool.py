"""A file of the state folder that is whole or not there, and may be lost: it can be fetched again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from crawler.errors import StorageFailed
from crawler.store.disk import storage_failed

BLOCK = 1 << 20  # bytes written at once; below it a thread's hop costs more than the write


class Spool:
    """One such file. Its folder is made when it is filled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Whether it is there, whole."""
        return self._path.is_file()

    def discard(self) -> None:
        """Remove it. Raises ``StorageFailed``."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_failed(error, "removing", str(self._path)) from error

    async def fill(self, chunks: AsyncIterator[bytes]) -> int:
        """Write the pieces and give the file its name; the number of bytes.

        Raises ``StorageFailed``, and what ``chunks`` raises.
        """
        import aiofiles  # imported here: only row files on servers need it

        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            size, waiting = 0, bytearray()
            async with aiofiles.open(draft, "wb") as file:
                async for piece in chunks:
                    size += len(piece)
                    waiting += piece
                    if len(waiting) >= BLOCK:
                        await file.write(bytes(waiting))
                        waiting.clear()
                await file.write(bytes(waiting))
            draft.replace(self._path)
        except OSError as error:
            raise self._failed(error) from error
        return size

    def _failed(self, error: OSError) -> StorageFailed:
        return storage_failed(error, "writing", str(self._path))
