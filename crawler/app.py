"""The composition root: from what was asked for to a run, and to what is told if that breaks.

Rooms that import aiohttp, SQLite or tqdm are imported when a run begins, so that ``check`` and
``--help`` answer at once.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crawler.config import Config, load_config
from crawler.engine.own_process import loop_factory, settle_memory
from crawler.errors import CrawlerError, ProgramBroken, RunRefused
from crawler.manifest.load import load, parse
from crawler.manifest.manifest import Manifest
from crawler.manifest.secrets import telling
from crawler.options import Options
from crawler.policy.redact import Redactor
from crawler.report.outlet import own_descriptor

if TYPE_CHECKING:
    from crawler.manifest.preview import Preview
    from crawler.report.json_report import Report
    from crawler.signals import Signals
    from crawler.store.reader import Reader

T = TypeVar("T")

_LEDGER = re.compile(r"\.(?:sqlite(?:-wal|-shm|-journal)?|lock)$")  # files of the state folder


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked manifest and the settings to run it with; nothing was sent or written yet."""

    config: Config
    manifest: Manifest


def prepare(options: Options, environ: Mapping[str, str] | None = None) -> Prepared:
    """Load and check everything that a run depends on. Raises ``ManifestInvalid`` with every problem."""
    environ = os.environ if environ is None else environ
    with _no_bug_untold(lambda text: Redactor(telling(environ)).text(text)):
        return _prepared(options, environ)


def _prepared(options: Options, environ: Mapping[str, str]) -> Prepared:
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


@contextmanager
def preview(prepared: Prepared, *, retry_failed: bool = False) -> Iterator[Preview]:
    """What a run would come to, with files and rows as they are now: nothing is fetched, no job has run."""
    from crawler.manifest.preview import Preview
    from crawler.manifest.sources import ManifestSources
    from crawler.store.claims import Claims

    config, manifest = prepared.config, prepared.manifest
    sources = ManifestSources(config.output_root, lambda job, outcomes: (), config.state_root / "plan")
    redact = Redactor(manifest.secrets).text
    with closing(Claims()) as claims, reader(prepared) as ledger:
        taken_up = ledger.taken_up() if retry_failed and ledger is not None else None
        yield Preview(manifest.jobs, sources, redact, claims.take, taken_up)


def run(options: Options, signals: Signals | None = None) -> Report:
    """Run a manifest to its end on an event loop of its own and return the report.

    Raises ``RunRefused`` (exit 2), ``LockHeld`` (6) or ``StorageFailed`` (3) if it could not begin, and
    ``ProgramBroken`` (1) for a bug that left no report.
    """
    _refuse_running_loop()
    prepared = prepare(options)
    return _on_a_loop(run_prepared(prepared, options, signals))


async def run_async(options: Options) -> Report:
    """The same on the caller's event loop; cancelling it stops the run at once, still consistent."""
    prepared = await asyncio.to_thread(prepare, options)  # it reads files, and checks every URL in them
    return await run_prepared(prepared, options)


async def run_prepared(prepared: Prepared, options: Options, signals: Signals | None = None) -> Report:
    """Run what ``prepare`` has checked."""
    if not options.embedded:
        _spare_reading_certificates()
    from crawler.session import Session

    if options.report is not None:
        _refuse_own("--report", options.report, prepared, options)
        _refuse_unwritable("--report", options.report, replaced=True)
    if options.events is not None and options.events != "-":
        _refuse_own("--events", Path(options.events), prepared, options)
        _refuse_unwritable("--events", Path(options.events), replaced=False)
    if not options.embedded:
        settle_memory()
    redactor = Redactor(prepared.manifest.secrets)
    with _no_bug_untold(redactor.text):
        async with Session(prepared.config, prepared.manifest, options, redactor) as session:
            loop = asyncio.get_running_loop()
            if signals is not None:
                signals.attach(loop, session.stop)
            try:
                return await session.run(lambda: signals.received if signals else None)
            finally:
                if signals is not None:
                    signals.detach(loop)


def _spare_reading_certificates() -> None:
    """aiohttp's own TLS contexts stay empty; only in a process of our own."""
    from crawler.net.sparing import import_aiohttp

    import_aiohttp()


def _refuse_own(flag: str, file: Path, prepared: Prepared, options: Options) -> None:
    """Raises ``RunRefused`` for a file that the run itself needs, and that would be overwritten."""
    try:
        place = file.resolve()
        read = [options.config, None if options.text is not None else options.manifest]
        if place in [each.resolve() for each in read if each is not None]:
            raise RunRefused(f"{flag} {file}: is what this run is told by; expected another file")
        if place.parent == prepared.config.state_root.resolve() and _LEDGER.search(place.name):
            raise RunRefused(f"{flag} {file}: is a ledger's; expected another file")
    except (OSError, RuntimeError):
        return  # ``_refuse_unwritable`` says why


def _refuse_unwritable(flag: str, file: Path, *, replaced: bool) -> None:
    """Raises ``RunRefused`` before the work rather than to lose what it came to.

    A regular file that is ``replaced`` needs a writable folder even if it is there already.
    """
    if own_descriptor(str(file)) is not None:
        return
    try:
        folder = file.resolve().parent
        if not folder.is_dir():
            raise RunRefused(f"{flag} {file}: there is no folder {folder}")
        if file.is_dir():
            raise RunRefused(f"{flag} {file}: is a folder, expected the name of a file")
        if (not file.exists() or (replaced and file.is_file())) and not os.access(folder, os.W_OK | os.X_OK):
            raise RunRefused(f"{flag} {file}: the folder {folder} is not writable")
    except OSError as error:  # a folder on the way that may not be entered, a name that is too long
        raise RunRefused(f"{flag} {file}: {error.strerror}") from error


@contextmanager
def _no_bug_untold(redact: Callable[[str], str]) -> Iterator[None]:
    """Turn what no room foresaw into ``ProgramBroken``, without the secrets that it may quote."""
    try:
        yield
    except CrawlerError:
        raise
    except Exception as error:
        raise ProgramBroken.by(error, redact) from error


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("an event loop is running on this thread: await crawler.run_async(…) instead")


def _on_a_loop(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)
