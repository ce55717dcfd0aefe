"""What the sample site has to offer, the same bytes every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BIG_SIZE = 96 * 1024 * 1024  # bytes: large enough to watch its progress bar
BLOCK = 64 * 1024

_WORDS = b"nothing lost, nothing fetched twice. "

SMALL_FILES = {
    "hello.txt": b"Hello from the sample site.\n" * 40,
    "prices.csv": b"day,price\n" + b"".join(b"2024-03-%02d,%d\n" % (day, 90 + day) for day in range(1, 32)),
    "poem.txt": b"\n".join(_WORDS * 3 for _ in range(200)),
}
BUSY_TEXT = b"It was worth asking again.\n"

HANDBOOK = Path(__file__).with_name("handbook")  # a small site of linked pages
ROBOTS = b"User-agent: *\nDisallow: /handbook/drafts/\n"

LOGBOOK = tuple({"night": night, "wind": night * 7 % 12, "ships": night * 5 % 9} for night in range(1, 24))

COLOURS = ("crimson", "orange", "gold", "olive", "teal", "steelblue", "indigo", "orchid")


@cache
def handbook() -> dict[str, bytes]:
    """The handbook's documents by their path below it."""
    files = [path for path in HANDBOOK.rglob("*") if path.is_file()]
    return {path.relative_to(HANDBOOK).as_posix(): path.read_bytes() for path in files}


def images() -> dict[str, bytes]:
    """Small SVG pictures by file name."""
    return {f"{colour}.svg": _square(colour) for colour in COLOURS}


def _square(colour: str) -> bytes:
    size = 'xmlns="http://www.w3.org/2000/svg" width="240" height="240"'
    return f'<svg {size}><rect width="240" height="240" fill="{colour}"/></svg>\n'.encode()


def big(start: int = 0, stop: int = BIG_SIZE) -> Iterator[bytes]:
    """Bytes ``start`` to ``stop`` of the large file, in blocks of at most 64 KiB, made on the way."""
    filling = hashlib.shake_256(b"crawler demo").digest(BLOCK - 8)
    for index in range(start // BLOCK, -(-stop // BLOCK)):
        block = index.to_bytes(8, "big") + filling
        begin = index * BLOCK
        yield block[max(0, start - begin) : stop - begin]
