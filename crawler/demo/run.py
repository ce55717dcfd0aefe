"""The demo as the command line needs it: the site up, its manifest, and what to say at the end."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from crawler.demo.site import serving

MANIFEST = Path(__file__).with_name("manifest.yaml")
ROWS = MANIFEST.with_name("images.csv")  # what one of its jobs reads

START_WITHIN = 10.0  # seconds
USUAL_PORT = 8765  # the same URLs each time let a second demo find its files unchanged


@asynccontextmanager
async def _on(port: int) -> AsyncIterator[str]:
    """The site on the port, or on any free one if something listens there already."""
    async with AsyncExitStack() as stack:
        try:
            base = await stack.enter_async_context(serving(port=port))
        except OSError:
            base = await stack.enter_async_context(serving())
        yield base


@contextmanager
def site(port: int = USUAL_PORT) -> Iterator[str]:
    """Serve the sample site on a thread of its own; gives its base URL for the manifest's ``base``.

    A thread, because the run under way owns the calling thread's event loop. Raises RuntimeError if
    no loopback port could be opened.
    """
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    bases: list[str] = []

    async def serve() -> None:
        async with _on(port) as base:
            bases.append(base)
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()
            ready.set()

    thread = threading.Thread(target=work, name="sample site", daemon=True)
    thread.start()
    ready.wait(START_WITHIN)
    if not bases:
        raise RuntimeError("the sample site could not open a port on 127.0.0.1")
    try:
        yield bases[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_WITHIN)


def next_steps(output: Path) -> str:
    """Which files the demo made below ``output``, and what a person may try next."""
    made = sorted(path for path in output.rglob("*") if path.is_file() and not _private(path, output))
    crawler = _program()
    lines = [f"Files in {output}:"]
    lines += [f"  {path.relative_to(output)}  ({_size(path.stat().st_size)})" for path in made]
    lines += [
        "",
        "Try next:",
        f"  {crawler} demo",
        "      once more: what has not changed is not fetched twice",
        f"  cp {MANIFEST} {ROWS} .",
        "      the manifest that has just been run, one job of every type: put your own URLs in",
        f"  {crawler} check {MANIFEST.name}",
        "      every mistake in it, with line and column, before anything is sent",
        f"  {crawler} get -o downloads https://example.org/",
        "      the same engine for one URL, without a manifest",
    ]
    return "\n".join(lines)


def _program() -> str:
    """How the person called us, so that what is printed can be pasted."""
    typed = sys.argv[0]
    by_path = Path(typed).name == "crawler" and shutil.which("crawler") != typed
    return typed if by_path else "crawler"


def _private(path: Path, output: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(output).parts)


def _size(count: int) -> str:
    if count >= 1024 * 1024:
        return f"{count / (1024 * 1024):.1f} MiB"
    return f"{count / 1024:.1f} KiB" if count >= 1024 else f"{count} bytes"
