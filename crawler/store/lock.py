"""One run a ledger: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from crawler.errors import LockHeld
from crawler.store.disk import storage_failed


class Lock:
    """``flock`` on ``<state>/<name>.lock``. The file stays when the lock goes: removing it would race."""

    def __init__(self, state: Path, name: str) -> None:
        """Take the lock at once. Raises ``LockHeld``, or ``StorageFailed`` if the file cannot be made."""
        path = state / f"{name}.lock"
        try:
            state.mkdir(parents=True, exist_ok=True)
            self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise storage_failed(error, "opening the lock file", str(path)) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise LockHeld(f"another run of manifest {name!r} is under way: it holds {path}") from error
        except OSError as error:
            self.release()
            raise storage_failed(error, "locking", str(path)) from error

    @property
    def descriptor(self) -> int | None:
        """The open file; a copy of it in another process holds the lock as well."""
        return self._fd

    def release(self) -> None:
        """Let the next run begin. Harmless the second time."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
