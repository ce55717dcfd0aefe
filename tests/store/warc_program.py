"""A small program around an archive, run in a process of its own by the fault tests.

``python -m tests.store.warc_program ROOT COUNT SIZE DURABILITY`` archives ``COUNT`` pages with incompressible
bodies of up to ``SIZE`` bytes, eight at a time, and prints the path of each once it is archived; then
``closed``, or the class and text of what was raised first.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from crawler.errors import CrawlerError
from crawler.store.warc.archive import Archive
from tests.store.archives import archive, exchange


def body(path: str, size: int) -> bytes:
    chance = random.Random(path)
    return chance.randbytes(chance.randrange(size))


async def append(site: Archive, path: str, size: int) -> None:
    await site.append(exchange(path, body(path, size), hops=1))
    os.write(1, f"{path}\n".encode())


async def run(root: Path, count: int, size: int, durability: str) -> None:
    try:
        async with archive(root, durability=durability, max_bytes=300_000) as site:
            for start in range(0, count, 8):
                paths = [f"/{os.getpid()}-{number}" for number in range(start, start + 8)]
                await asyncio.gather(*(append(site, path, size) for path in paths))
        print("closed")
    except CrawlerError as error:
        print(type(error).__name__, error)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
