"""One part file, from its first byte to its final name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from crawler.model import Saved
from crawler.store.committer import Committer
from crawler.store.files import NOWHERE, Origin
from crawler.store.ready import Ready, named
from crawler.store.sink import Piece
from crawler.store.span import BLOCK, Span
from crawler.store.stream import Stream
from crawler.store.threaded import Workshop
from crawler.store.where import Where

# A hop to a thread and back costs about 100 µs; hashing and writing costs 1.1 µs a KiB on tmpfs and
# up to 1.9 on ext4. Less than this is therefore hashed and written directly, on the loop.
INLINE_BYTES = 64 * 1024


class Part:
    """Implements ``PartFile``.

    The file itself is made with the first full chunk or checkpoint, or at the end for a file that is
    smaller: a failed small download leaves nothing behind.
    """

    def __init__(
        self,
        where: Where,
        shop: Workshop,
        committer: Committer,
        *,
        job: str,
        key: str,
        algorithms: frozenset[str],
        release: Callable[[], None],
    ) -> None:
        """``release`` is called once nothing more of this part file can reach the disk."""
        self._stream = Stream(where, shop, algorithms)
        self._spans: list[Span] = []
        self._chunk_size = shop.chunk_size
        self._durable = shop.durable
        self._committer = committer
        self._job = job
        self._key = key
        self._release: Callable[[], None] | None = release
        self._offset = 0
        self._checkpointed = 0

    @property
    def offset(self) -> int:
        """Bytes written so far, what an earlier run left included."""
        return self._offset

    async def resume(self, size: int, *, gaps: bool = False) -> None:
        """Take over the first ``size`` bytes of what an earlier attempt left, if they are there.

        With ``gaps`` among them the file goes on by ``span`` and ``join``.
        """
        await self._stream.take_over(size, gaps=gaps)
        if self._stream.sink is not None:
            self._offset = self._checkpointed = size if gaps else self._stream.sink.size

    async def write(self, data: bytes) -> None:
        """Append; small pieces are coalesced into blocks of ``chunk_size``. Raises ``StorageFailed``."""
        self._refuse_closed()
        self._offset += len(data)
        await self._stream.append(data)

    async def room(self) -> memoryview:
        """Where to receive what follows, up to ``chunk_size`` bytes; ``filled`` says how far it was used.

        The memory is the caller's until then. Raises ``StorageFailed``.
        """
        self._refuse_closed()
        return await self._stream.room()

    async def filled(self, size: int) -> None:
        """Append the first ``size`` bytes of the latest ``room``. Raises ``StorageFailed``."""
        self._refuse_closed()
        self._offset += size
        await self._stream.filled(size)

    def span(self, start: int) -> Span:
        """Write from ``start`` on beside other spans, until ``join``; nothing is hashed before that."""
        self._refuse_closed()
        span = Span(self._stream, start, min(BLOCK, self._chunk_size))
        self._spans.append(span)
        return span

    async def join(self, size: int) -> None:
        """Every span is full: the file is its first ``size`` bytes, and is hashed now, on a thread."""
        self._refuse_closed()
        for span in self._spans:
            await span.flush()
        self._spans.clear()
        await self._stream.cut(size)
        self._offset = size

    async def checkpoint(self) -> int:
        """Bring every byte to the disk (by ``durability``); the offset that may now be recorded.

        Where spans are written, what they took in before the call is durable after it. Raises
        ``StorageFailed``; after a failed fdatasync the part file is gone, for what the kernel still
        has of it can no longer be trusted.
        """
        self._refuse_closed()
        if self._spans:
            return await self._checkpoint_spans()
        reached = self._offset
        if reached > self._checkpointed:
            if self._durable:
                await self._stream.sync()
            else:
                await self._stream.flush()
            self._checkpointed = reached
        return self._checkpointed

    async def hand_over(self) -> None:
        """Let what was written reach the file, be it ever so little; not between ``room`` and ``filled``."""
        self._refuse_closed()
        await self._stream.hand_over()

    async def save(self) -> int:
        """Make durable what has reached the file, while more comes in; the offset that may be recorded.

        Not where spans are written. Raises ``StorageFailed``, as ``checkpoint`` does.
        """
        self._refuse_closed()
        self._checkpointed = max(self._checkpointed, await self._stream.sync_written())
        return self._checkpointed

    async def restart(self) -> None:
        """Throw away every byte (the remote file is another version) and begin at 0."""
        self._refuse_closed()
        self._spans.clear()
        await self._stream.quiet()
        await self._stream.cut(0)
        self._offset = self._checkpointed = 0

    async def digest(self, algorithm: str) -> str:
        """Hex digest of everything written, by hashlib's name.

        sha256 and the algorithms named at ``open`` are computed on the way; another one costs a
        second reading of the file. Raises ``StorageFailed``.
        """
        self._refuse_closed()
        stream = self._stream
        if stream.sink is None and stream.pending <= INLINE_BYTES:
            return _hash_pieces(algorithm, stream.pieces)
        sink = await stream.flush()
        if sink.computes(algorithm):
            return sink.digest(algorithm)
        return str(await stream.on_thread(sink.digest, algorithm))

    async def finish(self, *, replace: bool, mtime: float | None = None, origin: Origin = NOWHERE) -> Saved:
        """Durable order of contract §6: fsync, intent, final name, folder.

        Whatever happens, the part file is given up: unlinked after ``TargetExists`` and after a failed
        fsync, left for a later resume otherwise. A cancellation that comes before the final name takes
        the file back; one that comes later is raised once the whole file stands there.
        """
        self._refuse_closed()
        try:
            await self._stream.settled()
            if self._committer.immediate:
                return await self._name_here(replace, mtime, origin)
        except BaseException:
            self._close()
            raise
        release, self._release = self._release, None
        assert release is not None
        ready = self._ready(replace, mtime, origin)
        return await named(ready, self._committer.submit, lambda _: self._stream.close(release))

    async def keep(self) -> None:
        """Close and leave the file for a later resume, which reaches up to the last checkpoint."""
        if self._release is None:
            return
        try:
            await self._stream.quiet()
        finally:
            self._close()

    async def discard(self) -> None:
        """Close and unlink our own part file. Raises ``StorageFailed``."""
        if self._release is None:
            return
        try:
            self._stream.unlink()
            await self._stream.quiet()
        finally:
            self._close()

    async def _checkpoint_spans(self) -> int:
        stream = self._stream
        for span in self._spans:
            await span.flush()
        if self._durable:
            await stream.wait_for(stream.begin_beside(stream.made().sync_data))
        return self._offset

    async def _name_here(self, replace: bool, mtime: float | None, origin: Origin) -> Saved:
        if self._stream.pending > INLINE_BYTES:
            await self._stream.flush()
        saved = self._committer.commit_now(self._ready(replace, mtime, origin))
        self._close()
        return saved

    def _ready(self, replace: bool, mtime: float | None, origin: Origin) -> Ready:
        return Ready(
            where=self._stream.where,
            job=self._job,
            key=self._key,
            store=self._stream.store,
            replace=replace,
            mtime=mtime,
            origin=origin,
        )

    def _close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            self._stream.close(release)

    def _refuse_closed(self) -> None:
        if self._release is None:
            raise ValueError(f"{self._stream.shown} is closed; open the target again")


def _hash_pieces(algorithm: str, pieces: list[Piece]) -> str:
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
