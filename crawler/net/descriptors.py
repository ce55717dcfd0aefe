"""How many files and sockets this process may have open, and how many of them connections get."""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# More than any run needs, and few enough for programs that count on descriptors being small numbers.
_ENOUGH = 65_536
# A task under way has at most a connection and a file open.
_PER_TASK = 2
# Opened after the shares are made: c-ares's channel and its sockets, a source of rows, the second address
# of a name that is tried beside the first, SQLite's journal.
_LATER = 10
_MOST_THREADS = 32  # that look up names at once, where the system does that
_PER_LOOKUP = 2  # a socket, and a file of the system's configuration
PER_PROCESS = 3  # two pipes to it, and what tells of its end
_MOST_FOR_PROCESSES = 1 / 4  # of what is left: the first process makes transfers too


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What a limit of open files allows."""

    limit: int
    connections: int  # open ones, idle or not
    workers: int
    dns_threads: int
    asked: int  # workers, before the limit had its say
    needed: int  # the limit that would have given as many

    @property
    def lowered(self) -> bool:
        """Whether the limit allows fewer workers than asked for."""
        return self.workers < self.asked

    @property
    def warning(self) -> str:
        """What to tell whoever set the limit."""
        tasks = "1 task" if self.workers == 1 else f"{self.workers} tasks"
        return (
            f"the limit of {self.limit} open files allows {tasks} at once, not {self.asked} (workers); "
            f"a limit of {self.needed} would (ulimit -n)"
        )


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard one, where the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS refuses more than its own maximum
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """How many files the process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def in_use() -> int:
    """How many files the process has open now."""
    return sum(1 for _ in Path("/dev/fd").iterdir()) - 1  # less the one that reads the folder


def processes(*, limit: int, taken: int, wanted: int) -> int:
    """How many of the ``wanted`` further processes ``limit`` has room for beside the ``taken``."""
    left = limit - taken - _LATER - _PER_LOOKUP * _threads(limit)
    return max(0, min(wanted, int(left * _MOST_FOR_PROCESSES) // PER_PROCESS))


def share(*, limit: int, taken: int, workers: int, total: int | None = None) -> Shares:
    """Divide what ``limit`` leaves beside the ``taken`` descriptors among workers and their connections.

    ``workers`` and ``total`` (connections) are what was asked for. Each worker gets a connection and a
    file; what is left then is for idle connections.
    """
    threads = _threads(limit)
    fixed = taken + _LATER + _PER_LOOKUP * threads
    left = limit - fixed
    asked = workers if total is None else min(workers, total)
    allowed = max(1, min(asked, left // _PER_TASK))
    connections = max(1, left - allowed)
    return Shares(
        limit=limit,
        connections=connections if total is None else min(connections, total),
        workers=allowed,
        dns_threads=threads,
        asked=asked,
        needed=taken + _LATER + _PER_LOOKUP * _MOST_THREADS + _PER_TASK * asked,
    )


def _threads(limit: int) -> int:
    return max(2, min(_MOST_THREADS, limit // 32))
