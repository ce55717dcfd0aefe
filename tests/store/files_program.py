"""A small program around the output root, run in a process of its own by the fault tests.

``python -m tests.store.files_program ROOT TARGET SIZE [option…]`` writes one file of ``SIZE`` bytes and
prints one line: ``saved …`` or the class and text of what was raised. Options: ``none`` (durability),
``checkpoint`` (half way), ``spans`` (two halves beside each other), ``many`` (a hundred files),
``fsize=N`` and ``nofile=N`` (resource limits), ``free=N`` (bytes that must stay free).
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from crawler.errors import CrawlerError
from crawler.store.output import OutputRoot
from crawler.store.part import Part

CHUNK = 64 * 1024


async def save(output: OutputRoot, target: str, size: int, options: dict[str, str]) -> str:
    part = await output.open(target, job="j", key=target)
    try:
        if "spans" in options:
            await write_halves(part, size)
            await part.join(size)
        for start in range(part.offset, size, CHUNK):
            await part.write(b"x" * min(CHUNK, size - start))
            if "checkpoint" in options and start <= size // 2 < start + CHUNK:
                await part.checkpoint()
    except CrawlerError:
        await part.keep()
        raise
    return f"saved {(await part.finish(replace=False)).sha256}"


async def write_halves(part: Part, size: int) -> None:
    half = size // 2
    first, second = part.span(0), part.span(half)
    for start in range(0, size - half, CHUNK):
        await second.write(b"x" * min(CHUNK, size - half - start))
        if start < half:
            await first.write(b"x" * min(CHUNK, half - start))
    await part.checkpoint()


async def run(root: Path, target: str, size: int, options: dict[str, str]) -> None:
    output = OutputRoot(
        root,
        durability="none" if "none" in options else "full",
        chunk_size=1024 * 1024,
        journal=None,
        min_free_disk=int(options.get("free", 0)),
    )
    try:
        if "many" in options:
            targets = [f"{target}{number % 40}/{number}" for number in range(100)]
            await asyncio.gather(*(save(output, each, size, options) for each in targets))
            print("saved many")
        else:
            print(await save(output, target, size, options), "reduced" if output.reduced else "")
    except CrawlerError as error:
        print(type(error).__name__, error)
    finally:
        output.close()


def main(root: str, target: str, size: str, *options: str) -> None:
    wanted = {name: value for name, _, value in (option.partition("=") for option in options)}
    for name, limit in (("fsize", resource.RLIMIT_FSIZE), ("nofile", resource.RLIMIT_NOFILE)):
        if name in wanted:
            resource.setrlimit(limit, (int(wanted[name]), int(wanted[name])))
    asyncio.run(run(Path(root), target, int(size), wanted))


if __name__ == "__main__":
    main(*sys.argv[1:])
