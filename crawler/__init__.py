"""Run a manifest of downloads, requests, uploads and WebSocket captures.

>>> import crawler
>>> report = crawler.run("nightly.yaml", output="data")
>>> report.exit_code, report.totals.failed
(0, 0)

The first call imports what it needs, so that ``import crawler`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Unpack

    from crawler.errors import (
        CrawlerError,
        LockHeld,
        ManifestInvalid,
        Problem,
        ProgramBroken,
        RunRefused,
        StorageFailed,
    )
    from crawler.model import ErrorClass, Outcome
    from crawler.options import AnyPath, Choices
    from crawler.report.json_report import FailureReport, HostReport, JobReport, Report, Totals

__version__ = "0.1.0"

__all__ = [
    "CrawlerError",
    "ErrorClass",
    "FailureReport",
    "HostReport",
    "JobReport",
    "LockHeld",
    "ManifestInvalid",
    "Outcome",
    "Problem",
    "ProgramBroken",
    "Report",
    "RunRefused",
    "StorageFailed",
    "Totals",
    "__version__",
    "run",
    "run_async",
]


def run(manifest: AnyPath, **choices: Unpack[Choices]) -> Report:
    """Do the work of a manifest and return what it came to; failed tasks are in the report, not raised.

    The choices mean what the flags of ``crawler run`` mean::

        config=None, output=None, state=None      paths
        settings={}, only=()                      variables of the manifest; names of jobs
        retry_failed=False, force=False
        deadline=None, workers=None, processes=None    seconds; numbers, or "auto" for processes
        report=None, events=None                  paths
        progress="none", quiet=True               "auto", "bar", "plain" or "none"
        json_bytes=None                           serializes JSON bodies instead of msgspec

    Unless ``quiet`` is False not a word is printed. What is worth a log line goes to the standard logger
    ``crawler``; handlers, levels and signals stay as the host program has them.

    Raises ``RunRefused`` (as ``ManifestInvalid`` it lists every problem), ``LockHeld`` or ``StorageFailed``
    if the run could not begin, ``ProgramBroken`` for a bug that left no report, and RuntimeError where an
    event loop is running: there, await ``run_async``.
    """
    from crawler import app
    from crawler.options import chosen

    return app.run(chosen(manifest, **choices))


async def run_async(manifest: AnyPath, **choices: Unpack[Choices]) -> Report:
    """``run`` on the caller's own event loop. Cancelled, it saves what is under way; the next run goes on."""
    from crawler import app
    from crawler.options import chosen

    return await app.run_async(chosen(manifest, **choices))


if not TYPE_CHECKING:  # a checker that saw it would believe in any name

    def __getattr__(name: str) -> object:
        """The public names that live in other rooms, imported when they are first asked for."""
        if name in {"ErrorClass", "Outcome"}:
            from crawler import model as room
        elif name in {"FailureReport", "HostReport", "JobReport", "Report", "Totals"}:
            from crawler.report import json_report as room
        elif name in __all__:
            from crawler import errors as room
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(room, name)
