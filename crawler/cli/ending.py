"""Every way a command can end, as an exit code and one stderr line that says why."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from crawler.cli import streams
from crawler.cli.streams import note, say
from crawler.errors import LockHeld, ManifestInvalid, ProgramBroken, RunRefused, StorageFailed


def conclude(command: Callable[[], object]) -> NoReturn:
    """Run a command that returns its exit code (or nothing) and end the process."""
    streams.prepare()
    _leave(_outcome(command))


def _outcome(command: Callable[[], object]) -> int:
    try:
        code = command()
        streams.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except SystemExit:
        return 0  # click's way to say that the reader of its help has gone
    except click.exceptions.NoArgsIsHelpError as error:
        note(error.format_message())
        say("exit 2: a command is missing")
        return 2
    except click.ClickException as error:
        say(f"exit 2: {_usage(error)}")
        return 2
    except RunRefused as error:
        say(f"exit 2: {_refusal(error)}; nothing was sent")
        return 2
    except StorageFailed as error:
        say(f"exit 3: {error}")
        return 3
    except LockHeld as error:
        say(f"exit 6: {error}")
        return 6
    except ProgramBroken as error:
        return _bug(error)
    except Exception as error:
        return _bug(_without_secrets(error))
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> str:
    """The mistake on the command line, and where to read how it is done right."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "crawler"
    return f"{error.format_message().rstrip('.')}; see {path} --help"


def _refusal(error: RunRefused) -> str:
    """Says each problem of a manifest or config on a line of its own, and sums them up."""
    if not isinstance(error, ManifestInvalid):
        return str(error)
    for problem in error.problems:
        note(str(problem))
    files = sorted({problem.file for problem in error.problems})
    return f"{problems(len(error.problems))} in {', '.join(files)}"


def problems(number: int) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number} problem{'' if number == 1 else 's'}"


def _bug(error: ProgramBroken) -> int:
    note(error.trace.rstrip())
    say(f"exit 1: a bug in the program: {error}; please report it with the lines above")
    return 1


def _without_secrets(error: Exception) -> ProgramBroken:
    from crawler.manifest.secrets import telling
    from crawler.policy.redact import Redactor

    return ProgramBroken.by(error, Redactor(telling(os.environ)).text)


def _leave(code: int) -> NoReturn:
    """End at once: a thread that waits for stdin must not hold up a process whose work is done."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            continue  # a closed pipe changes nothing about the work's result
    os._exit(code)
