"""Descriptors held for nothing, so that some can be given up at once when the process has no more."""

from __future__ import annotations

import os
import resource

_MOST = 8


def descriptor_share() -> int:
    """How many descriptors one part of the store may use: an eighth of what the process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 4096 if soft == resource.RLIM_INFINITY else max(2, soft // 8)


class Spares:
    """Up to eight of them. Other parts of the program give theirs up too, but only a moment later."""

    def __init__(self) -> None:
        self._number = min(_MOST, descriptor_share() // 2)
        self._fds: list[int] = []
        self.refill()

    @property
    def short(self) -> bool:
        """Whether some were given up and not yet replaced."""
        return len(self._fds) < self._number

    def refill(self) -> None:
        """Open what is missing, as far as the system allows."""
        while self.short:
            try:
                self._fds.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            except OSError:
                return

    def give_up(self) -> None:
        """Close all of them."""
        while self._fds:
            os.close(self._fds.pop())
