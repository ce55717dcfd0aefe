"""The events: one JSON line for each finished task."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from crawler.events import Event, RunFinished, TaskFinished
from crawler.model import Outcome
from crawler.policy.redact import Redactor
from crawler.report import ascii_json, outlet
from crawler.report.clock import rfc3339

FLUSH_EVERY = 1.0  # seconds that a line may wait
FLUSH_BYTES = 64 * 1024


def open_events(path: str) -> BinaryIO:
    """Where ``--events`` writes: ``-`` is stdout, left open; any other file begins empty.

    Each run writes its own file: appending would mix runs. Only a stream that is open already, such as
    ``/dev/stdout``, goes on where it is. Raises OSError.
    """
    if path != "-":
        return outlet.open_stream(path) or open(path, "wb", buffering=0)
    try:
        sys.stdout.flush()
        return open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    except io.UnsupportedOperation:  # stdout was replaced by something in memory
        return sys.stdout.buffer


class EventsFile:
    """Listener that writes task events to a stream, buffered for at most a second.

    A stream that can no longer be written to (closed pipe, full disk) does not stop the run: the events
    end there, ``warning`` says so once, and ``lost`` why. A reader who closed the pipe needs no warning.
    """

    def __init__(
        self, stream: BinaryIO, redactor: Redactor, *, warn: Callable[[str], None] | None = None
    ) -> None:
        self.warning: str | None = None
        self.lost: str | None = None
        self._stream = stream
        self._redactor = redactor
        self._warn = warn
        self._lines = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    def on(self, event: Event) -> None:
        """Write down a finished task."""
        if isinstance(event, RunFinished):
            self.flush()  # now, so that the summary can still show the warning
        if self._broken or not isinstance(event, TaskFinished):
            return
        self._lines += ascii_json.dumps(event_fields(event, self._redactor)) + b"\n"
        if len(self._lines) >= FLUSH_BYTES:
            self.flush()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_EVERY, self.flush)
            except RuntimeError:  # no loop, so nobody would flush later
                self.flush()

    def flush(self) -> None:
        """Hand over every whole line that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._broken or not self._lines:
            return
        try:
            outlet.write_all(self._stream, bytes(self._lines))
        except BrokenPipeError:
            self._broken = True
        except (OSError, ValueError) as error:
            self._broken = True
            self.lost = f"the events could not be written: {error}"
            self.warning = f"events can no longer be written: {error}; the run goes on without them"
            if self._warn is not None:
                self._warn(self.warning)
        self._lines.clear()

    def close(self) -> None:
        """Flush, and close the stream."""
        self.flush()
        with suppress(OSError, ValueError):
            if self._stream is not getattr(sys.stdout, "buffer", None):
                self._stream.close()


def event_fields(event: TaskFinished, redactor: Redactor) -> dict[str, object]:
    """The event of contract §4: fourteen keys, always all of them."""
    result = event.result
    failure = result.failure
    status = result.status if failure is None or failure.status is None else failure.status
    target = result.saved.target if result.saved else event.target
    return {
        "time": rfc3339(event.time),
        "run_id": event.run_id,
        "job": event.job,
        "task": redactor.url(event.task),
        "url": redactor.url(event.url),
        "outcome": result.outcome,
        "status": status,
        "bytes": result.bytes,
        "seconds": round(event.seconds, 3),
        "attempts": event.attempts,
        "path": target and redactor.text(target),
        "sha256": result.saved.sha256 if result.saved else None,
        "error": failure
        and {
            "class": failure.kind,
            "message": redactor.text(failure.message),
            "retryable": failure.retryable and result.outcome is not Outcome.UNKNOWN,
        },
    }
