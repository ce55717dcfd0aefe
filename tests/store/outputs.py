"""What the tests of the output root share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

from crawler.store.files import Finalizing, Journal
from crawler.store.output import OutputRoot

MIB = 1024 * 1024


class Diary:
    """A journal in memory that notes what stood on the disk when each intent was committed."""

    def __init__(self, look: Callable[[Finalizing], object] = lambda intent: None) -> None:
        self.batches: list[list[Finalizing]] = []
        self.seen: list[object] = []
        self._look = look

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        self.batches.append(list(batch))
        self.seen.extend(self._look(intent) for intent in batch)

    @property
    def intents(self) -> list[Finalizing]:
        return [intent for batch in self.batches for intent in batch]


@asynccontextmanager
async def output_root(
    root: Path,
    durability: Literal["full", "none"] = "full",
    journal: Journal | None = None,
    chunk_size: int = MIB,
    min_free_disk: int = 0,
) -> AsyncIterator[OutputRoot]:
    output = OutputRoot(
        root, durability=durability, chunk_size=chunk_size, journal=journal, min_free_disk=min_free_disk
    )
    try:
        yield output
    finally:
        output.close()


def tree(root: Path) -> set[str]:
    """Every file, link and folder below the root."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def open_descriptors() -> set[str]:
    """The paths of what this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            found.add(str(link.readlink()))
    return found
