"""Whole files or none: part file, verification, then the final name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crawler.model import Known, Saved


@dataclass(frozen=True, slots=True)
class Finalizing:
    """The intent to give a whole, fsynced part file its final name."""

    job: str
    key: str
    target: str
    sha256: str
    size: int


class Journal(Protocol):
    """Where intents are committed before the disk is changed; the ledger is one."""

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        """Commit the batch durably before returning; called on the committer's thread."""


class PartFile(Protocol):
    """A ``NAME.part`` beside its target that this attempt alone writes."""

    @property
    def offset(self) -> int:
        """Bytes written so far, what an earlier run left included."""

    async def write(self, data: bytes) -> None:
        """Append; small pieces are coalesced. Raises ``StorageFailed``."""

    async def checkpoint(self) -> int:
        """Make what was written durable; the offset that may now be recorded."""

    async def restart(self) -> None:
        """Throw away every byte (the remote file is another version) and begin at 0."""

    async def digest(self, algorithm: str) -> str:
        """Hex digest of everything written, by hashlib's name; sha256 is computed on the way."""

    async def finish(self, *, replace: bool, mtime: float | None = None) -> Saved:
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
        algorithms: frozenset[str] = frozenset(),
    ) -> PartFile:
        """Claim ``target``'s part file: fresh, or cut back to ``resume_at`` bytes.

        Where fewer bytes are left than that, ``offset`` is 0. ``algorithms`` names digests to compute
        on the way, besides sha256. Raises ``UnsafePath``, ``TargetExists`` (another task holds it) or
        ``StorageFailed``.
        """

    def is_intact(self, known: Known) -> bool:
        """Whether the file that the ledger knows still has its size and modification time."""

    def exists(self, target: str) -> bool:
        """Whether anything stands at the target."""

    async def recover(self, target: str, *, sha256: str, size: int, replace: bool = False) -> Saved | None:
        """Finish what a recorded ``Finalizing`` intent began; ``None`` if it must be fetched again."""

    def close(self) -> None:
        """Finish what was handed in and release everything."""
