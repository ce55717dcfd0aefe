"""A mirror with converted links, opened from disk in headless Chromium: does anything not load?

    python benchmarks/offline.py [--pages N] [--seed N] [--output DIR]

Crawls the documentation of Python and PostgreSQL with `convert_links`, stops the web server, and has Chromium
open 50 random pages by file://. Exits with 1 if a link to a local file leads nowhere, or if a style sheet, an
image or anything else does not load.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.chromium import Opened, chromium, program
from benchmarks.documentation import LEAD_NOWHERE, crawler, documentation, manifest
from benchmarks.measure import run


async def look(command: str, pages: Sequence[Path]) -> list[Opened]:
    """Open each page."""
    async with chromium(command) as browser:
        return [await browser.open(page) for page in pages]


def judge(opened: Sequence[Opened]) -> bool:
    for each in opened:
        for url in each.broken:
            print(f"{each.page}: a link leads to {url}, which is not there")
        for url in each.failed:
            print(f"{each.page}: {url} did not load")
    links = sum(each.links for each in opened)
    broken, failed = sum(len(each.broken) for each in opened), sum(len(each.failed) for each in opened)
    print(f"{len(opened)} pages with {links} links opened: {broken} lead nowhere, {failed} files not loaded")
    return not broken and not failed and links > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    arguments = parser.parse_args()
    command = program()
    if command is None:
        print("chromium is not installed", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(dir=arguments.output) as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        mirror = Path(work) / "mirror"
        with documentation(Path(sources)) as start:
            cost = run(
                crawler(manifest(Path(work), start, more="    convert_links: true\n"), mirror),
                well=[LEAD_NOWHERE],
            )
        print(f"crawled and converted in {cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU")
        pages = random.Random(arguments.seed).sample(sorted(mirror.rglob("*.html")), arguments.pages)
        well = judge(asyncio.run(look(command, pages)))
    print("everything is there" if well else "SOMETHING IS MISSING")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
