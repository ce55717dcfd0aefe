"""What the ledger remembers of hosts: pauses, given-up ones, learned concurrency, robots.txt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from crawler.crawled import HostFacts, RobotsFile
from crawler.store.writer import Write, Writer

_HOST = "SELECT noted, paused_until, level, given_up, window FROM host WHERE key = ?"
_NOTE = """
INSERT OR REPLACE INTO host (key, noted, paused_until, level, given_up, window) VALUES (?, ?, ?, ?, ?, ?)
"""
_ROBOTS = "SELECT fetched, status, body FROM robots WHERE origin = ?"
_KEEP_ROBOTS = "INSERT OR REPLACE INTO robots (origin, fetched, status, body) VALUES (?, ?, ?, ?)"
_ANY_HOST = "SELECT EXISTS (SELECT 1 FROM host)"


class Hosts:
    """The part of the ledger that politeness uses. Reads raise ``StorageFailed``; writes are queued."""

    def __init__(self, rows: Callable[[str, Sequence[object]], list[Any]], writer: Writer) -> None:
        self._rows = rows
        self._writer = writer
        self._any: bool | None = None  # whether a look-up can find something

    def find(self, key: str) -> HostFacts | None:
        """What an earlier run noted of the host or group."""
        if self._any is None:
            [(found,)] = self._rows(_ANY_HOST, ())
            self._any = bool(found)
        if not self._any:
            return None
        rows = self._rows(_HOST, (key,))
        if not rows:
            return None
        noted, paused_until, level, given_up, window = rows[0]
        return HostFacts(
            key=key,
            noted=noted,
            paused_until=paused_until,
            level=level,
            given_up=bool(given_up),
            window=window,
        )

    def note(self, facts: Sequence[HostFacts]) -> None:
        """Queue what is to be known tomorrow."""

        def apply(connection: sqlite3.Connection) -> None:
            connection.executemany(
                _NOTE,
                [
                    (each.key, each.noted, each.paused_until, each.level, each.given_up, each.window)
                    for each in facts
                ],
            )

        self._any = True
        self._writer.post(Write(apply))

    def robots(self, origin: str) -> RobotsFile | None:
        """The last robots.txt of the origin, however old."""
        rows = self._rows(_ROBOTS, (origin,))
        if not rows:
            return None
        fetched, status, body = rows[0]
        return RobotsFile(origin=origin, fetched=fetched, status=status, body=body)

    def keep_robots(self, robots: RobotsFile) -> None:
        """Queue what an origin's robots.txt came to."""
        values = (robots.origin, robots.fetched, robots.status, robots.body)
        self._writer.post(Write(lambda connection: connection.execute(_KEEP_ROBOTS, values)))
