"""The composition root: the one file that knows every room.

Rooms that import aiohttp, SQLite or tqdm are imported when a run begins, so that ``check`` and
``--help`` answer at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crawler.config import Config, load_config
from crawler.errors import RunRefused
from crawler.manifest.load import load, parse
from crawler.manifest.manifest import Manifest
from crawler.options import Options

if TYPE_CHECKING:
    from crawler.report.json_report import Report
    from crawler.signals import Signals
    from crawler.store.reader import Reader

T = TypeVar("T")
JsonBytes = Callable[[object], bytes]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked manifest and the settings to run it with; nothing was sent or written yet."""

    config: Config
    manifest: Manifest


def prepare(options: Options, environ: Mapping[str, str] | None = None) -> Prepared:
    """Load and check everything that a run depends on. Raises ``ManifestInvalid`` with every problem."""
    environ = os.environ if environ is None else environ
    config = load_config(options.config, environ, options.overrides())
    now = datetime.now().astimezone()
    if options.text is not None:
        manifest = parse(options.text, options.name, folder=Path(), config=config, environ=environ, now=now)
    else:
        manifest = load(
            options.manifest,
            config=config,
            environ=environ,
            settings=options.settings,
            only=options.only,
            now=now,
        )
    return Prepared(config, manifest)


@contextmanager
def reader(prepared: Prepared) -> Iterator[Reader | None]:
    """The manifest's ledger, read only; ``None`` if it has never run."""
    from crawler.store.reader import Reader

    found = Reader.open(prepared.config.state_root, prepared.manifest.name)
    try:
        yield found
    finally:
        if found is not None:
            found.close()


def run(options: Options, signals: Signals | None = None, *, json_bytes: JsonBytes | None = None) -> Report:
    """Run a manifest to its end on an event loop of its own and return the report.

    Raises ``RunRefused`` (exit 2), ``LockHeld`` (6) or ``StorageFailed`` (3) if it could not begin.
    """
    prepared = prepare(options)
    return _on_a_loop(run_prepared(prepared, options, signals, json_bytes=json_bytes))


async def run_async(options: Options, *, json_bytes: JsonBytes | None = None) -> Report:
    """The same on the caller's event loop; cancelling it stops the run at once, still consistent."""
    return await run_prepared(prepare(options), options, json_bytes=json_bytes)


async def run_prepared(
    prepared: Prepared,
    options: Options,
    signals: Signals | None = None,
    *,
    json_bytes: JsonBytes | None = None,
) -> Report:
    """Run what ``prepare`` has checked."""
    from crawler.session import Session

    if options.report is not None and not options.report.absolute().parent.is_dir():
        raise RunRefused(f"--report {options.report}: there is no folder {options.report.absolute().parent}")
    async with Session(prepared.config, prepared.manifest, options, json_bytes) as session:
        loop = asyncio.get_running_loop()
        if signals is not None:
            signals.attach(loop, session.stop)
        try:
            return await session.run(lambda: signals.received if signals else None)
        finally:
            if signals is not None:
                signals.detach(loop)


def _on_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it exists: less CPU a request, the same for large bodies (benchmarks/)."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    try:
        import uvloop
    except ImportError:
        pass  # not built for this platform
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
