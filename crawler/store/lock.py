"""One run a ledger: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from crawler.errors import LockHeld
from crawler.store.disk import storage_failed

# Seconds in which the processes of a run that was killed a moment ago must have ended: they hold it as well.
_DYING = 0.5


class Lock:
    """``flock`` on ``<state>/<name>.lock``. The file stays when the lock goes: removing it would race."""

    def __init__(self, state: Path, name: str) -> None:
        """Take the lock, waiting half a second at most. Raises ``LockHeld``, or ``StorageFailed``."""
        path = state / f"{name}.lock"
        try:
            state.mkdir(parents=True, exist_ok=True)
            self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise storage_failed(error, "opening the lock file", str(path)) from error
        try:
            self._take(self._fd)
        except BlockingIOError as error:
            self.release()
            raise LockHeld(f"another run of manifest {name!r} is under way: it holds {path}") from error
        except OSError as error:
            self.release()
            raise storage_failed(error, "locking", str(path)) from error

    @staticmethod
    def _take(fd: int) -> None:
        end = time.monotonic() + _DYING
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    @property
    def descriptor(self) -> int | None:
        """The open file; a copy of it in another process holds the lock as well."""
        return self._fd

    def release(self) -> None:
        """Let the next run begin. Harmless the second time."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
