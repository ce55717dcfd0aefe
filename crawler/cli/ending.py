"""Every way a command can end, as an exit code and one stderr line that says why."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import click

from crawler.errors import LockHeld, ManifestInvalid, RunRefused, StorageFailed
from crawler.signals import Ended, Signals, exit_code


def conclude(command: Callable[[], object], signals: Signals) -> NoReturn:
    """Run a command that returns its exit code (or nothing) and end the process."""
    try:
        code = _outcome(command)
    except Ended as ended:
        say("ended by a signal before any request was sent")
        code = exit_code(ended.number)
    except BrokenPipeError:
        code = 0  # the reader of our output has seen enough
    _leave(code)


def _outcome(command: Callable[[], object]) -> int:
    try:
        code = command()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except ManifestInvalid as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        number = len(error.problems)
        files = sorted({problem.file for problem in error.problems})
        say(f"exit 2: {number} problem{'s' if number > 1 else ''} in {', '.join(files)}; nothing was sent")
        return 2
    except RunRefused as error:
        say(f"exit 2: {error}; nothing was sent")
        return 2
    except StorageFailed as error:
        say(f"exit 3: {error}")
        return 3
    except LockHeld as error:
        say(f"exit 6: {error}")
        return 6
    except BrokenPipeError:
        raise
    except Exception as error:
        print("".join(traceback.format_exception(error)), file=sys.stderr)
        say(f"exit 1: a bug in crawler: {type(error).__name__}: {error}")
        return 1
    return code if isinstance(code, int) else 0


def say(line: str) -> None:
    """One line to stderr, in the program's name."""
    try:
        print(f"crawler: {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return  # nobody reads stderr; the exit code still speaks


def _leave(code: int) -> NoReturn:
    """End at once: a thread that waits for stdin must not hold up a process whose work is done."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # a closed pipe changes nothing about the work's result
    os._exit(code)
