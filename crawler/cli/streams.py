"""What a command says: its answer on stdout, everything else on stderr. A lost reader is no failure."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from crawler.errors import StorageFailed

if TYPE_CHECKING:
    from crawler.report.json_report import Report


def prepare() -> None:
    """A name that the terminal's encoding lacks is shown escaped; it must not end the command."""
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def answer(line: str = "") -> bool:
    """Write one line to stdout; False if nobody reads it any more (``| head``).

    Raises ``StorageFailed`` if it cannot be kept (a full disk): an answer that is lost was not given.
    """
    return _to_stdout(f"{line}\n")


def last_line(report: Report) -> None:
    """The report of a run on stdout; if it is lost there, the run's exit code stays what it is."""
    try:
        answer(report.to_json().decode())
        flush()
    except StorageFailed as error:
        say(f"warning: the report is lost: {error}")


def flush() -> None:
    """Hand over what ``answer`` has buffered. Raises ``StorageFailed``."""
    _to_stdout("")


def say(line: str) -> None:
    """One line to stderr, in the program's name."""
    note(f"crawler: {line}")


def note(text: str) -> None:
    """Text to stderr as it is."""
    if sys.stderr is None:
        return  # closed by whoever started us; print() would take stdout instead
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return  # nobody reads stderr; the exit code still speaks


def _to_stdout(text: str) -> bool:
    stream = sys.stdout
    if stream is None:
        return False
    try:
        if text:
            stream.write(text)
        else:
            stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise StorageFailed(f"stdout cannot be written: {error.strerror}") from error
    return True
