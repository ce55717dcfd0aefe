"""What the engine's process and its children tell each other; all of it is pickled, many in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from crawler.engine.attempt import Ended
from crawler.model import Checkpoint, Task
from crawler.net.settings import TransportSettings
from crawler.store.files import Finalizing


class Settings(Struct, frozen=True, kw_only=True):
    """What a child works with, told first of all. Sizes in bytes; ``workers`` are the whole run's."""

    transport: TransportSettings
    output: Path
    durability: Literal["full", "none"]
    chunk_size: int
    min_free_disk: int
    workers: int


class Begin(Struct, frozen=True):
    """Make this attempt."""

    number: int
    type: str  # the job type that knows how
    task: Task


class Cancel(Struct, frozen=True):
    """Break the attempt off."""

    number: int


class CookiesSet(Struct, frozen=True):
    """An answer's Set-Cookie headers: whoever asks that host next must send them, in whatever process."""

    url: str
    headers: tuple[str, ...]


class Committed(Struct, frozen=True):
    """What was asked for is committed, or why not."""

    asked: int
    refused: str | None


class Up(Struct, frozen=True):
    """The child is ready for attempts."""


class LeftHost(Struct, frozen=True):
    """The attempt needs its host's slot no more."""

    number: int


class Progress(Struct, frozen=True):
    """How far a transfer is, in bytes; ``base`` were there before it began."""

    number: int
    total: int | None
    base: int
    done: int


class Reached(Struct, frozen=True):
    """Commit how much of the attempt's part file is durable."""

    asked: int
    number: int
    checkpoint: Checkpoint


class Finalize(Struct, frozen=True):
    """Commit that these files are about to get their names."""

    asked: int
    batch: Sequence[Finalizing]


class Done(Struct, frozen=True):
    """The attempt has ended; ``ended`` is ``None`` if it was broken off."""

    number: int
    ended: Ended | None
    requests: int
    head_seconds: float | None


class Broken(Struct, frozen=True):
    """A bug ends the child."""

    error: str


ToChild = Settings | Begin | Cancel | CookiesSet | Committed
ToEngine = Up | LeftHost | Progress | Reached | Finalize | Done | CookiesSet | Broken
