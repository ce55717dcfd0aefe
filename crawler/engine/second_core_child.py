"""The child on the second core: takes work from its standard input, does it, and answers, until that ends."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import IO, Any

from crawler.engine.frames import FRAME


def main() -> None:
    """Serve, then end at once. Ctrl-C and a service manager's signal are for the parent, which ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no answer
    with contextlib.suppress(BrokenPipeError):  # the parent was killed
        _serve(sys.stdin.buffer, answers)
    os._exit(0)


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    _send(answers, 0, b"")  # ready
    learnt: dict[int, Callable[..., Any]] = {}
    while len(head := asked.read(FRAME.size)) == FRAME.size:
        number, size = FRAME.unpack(head)
        body = asked.read(size)
        if len(body) < size:
            return
        try:
            place, work, arguments = pickle.loads(body)
            if work is not None:
                learnt[place] = work
            answer = pickle.dumps((False, learnt[place](*arguments)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            answer = pickle.dumps((True, _portable(error)), pickle.HIGHEST_PROTOCOL)
        _send(answers, number, answer)


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note; another in its place where it cannot be pickled."""
    told = traceback.format_exc()
    try:
        error.add_note(told)
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(told)
    return error


def _send(answers: IO[bytes], number: int, answer: bytes) -> None:
    answers.write(FRAME.pack(number, len(answer)) + answer)
    answers.flush()
