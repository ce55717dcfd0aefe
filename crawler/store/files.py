"""Whole files or none: part file, verification, then the final name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from crawler.model import Known, Saved


class Origin(Struct, frozen=True):
    """Where a file's bytes came from: the task's URL, and the validators of the answer."""

    url: str
    etag: str | None = None
    last_modified: str | None = None


NOWHERE = Origin("")


@dataclass(frozen=True, slots=True)
class Finalizing:
    """The intent to give a whole, fsynced part file its final name.

    ``origin`` is what the next run needs to record the file in full, should this one die here.
    """

    job: str
    key: str
    target: str
    sha256: str
    size: int
    origin: Origin = NOWHERE


class Journal(Protocol):
    """Where intents are committed before the disk is changed; the ledger is one."""

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        """Commit the batch durably before returning; called on the committer's thread."""


class SpanFile(Protocol):
    """One run of bytes of a part file, written while others are written beside it."""

    async def write(self, data: bytes) -> None:
        """Append to the run; small pieces are coalesced. Raises ``StorageFailed``."""


class PartFile(Protocol):
    """A ``NAME.part`` beside its target that this attempt alone writes."""

    @property
    def offset(self) -> int:
        """Bytes written so far, what an earlier run left included."""

    async def write(self, data: bytes) -> None:
        """Append; small pieces are coalesced. Raises ``StorageFailed``."""

    async def room(self) -> memoryview:
        """Where to receive what follows, so that it need not be copied; the caller's until ``filled``."""

    async def filled(self, size: int) -> None:
        """Append the first ``size`` bytes of the latest ``room``. Raises ``StorageFailed``."""

    def span(self, start: int) -> SpanFile:
        """Write from ``start`` on beside other spans, until ``join``."""

    async def join(self, size: int) -> None:
        """Every span is full: from here on this is a file of ``size`` bytes written in order."""

    async def checkpoint(self) -> int:
        """Make what was written durable, in spans too; the offset that may now be recorded."""

    async def hand_over(self) -> None:
        """Let what was written reach the file, be it ever so little; not between ``room`` and ``filled``."""

    async def save(self) -> int:
        """Make durable what has reached the file, while more is written; the offset to record."""

    async def restart(self) -> None:
        """Throw away every byte (the remote file is another version) and begin at 0."""

    async def digest(self, algorithm: str) -> str:
        """Hex digest of everything written, by hashlib's name; sha256 is computed on the way."""

    async def finish(self, *, replace: bool, mtime: float | None = None, origin: Origin = NOWHERE) -> Saved:
        """Durable order of contract §6: fsync, final name, directory. Raises ``TargetExists``."""

    async def keep(self) -> None:
        """Close and leave the bytes for a later resume."""

    async def discard(self) -> None:
        """Close and unlink our own part file."""


class Files(Protocol):
    """The output root."""

    async def open(
        self,
        target: str,
        *,
        job: str,
        key: str,
        resume_at: int | None = None,
        gaps: bool = False,
        algorithms: frozenset[str] = frozenset(),
    ) -> PartFile:
        """Claim ``target``'s part file: fresh, or cut back to ``resume_at`` bytes.

        Where fewer bytes are left than that, ``offset`` is 0. With ``gaps`` among them nothing is cut
        off, and the file is written by ``span`` until ``join``. ``algorithms`` names digests to compute
        on the way, besides sha256. Raises ``UnsafePath``, ``TargetExists`` (another task holds it) or
        ``StorageFailed``.
        """

    def is_intact(self, known: Known) -> bool:
        """Whether the file that the ledger knows still has its size and modification time."""

    def read(self, target: str) -> bytes:
        """A file's content; from any thread. Raises ``StorageFailed`` or ``UnsafePath``."""

    def exists(self, target: str) -> bool:
        """Whether anything stands at the target."""

    def is_folder(self, target: str) -> bool:
        """Whether a folder stands at the target."""

    async def recover(self, target: str, *, sha256: str, size: int, replace: bool = False) -> Saved | None:
        """Finish what a recorded ``Finalizing`` intent began; ``None`` if it must be fetched again."""

    def close(self) -> None:
        """Finish what was handed in and release everything."""
