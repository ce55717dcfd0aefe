"""Which task of this run owns a target: the first in memory, the rest on disk, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from crawler.errors import StorageFailed
from crawler.store.statements import text

Wanted = tuple[str, str, str, str]
"""A target as its file system may confuse it, the job and the key of who wants it, and the target."""

_TAKE = "INSERT INTO claim VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_GIVE_BACK = "DELETE FROM claim WHERE folded = ? AND owner = ?"
IN_MEMORY = 20_000  # some 6 MB; a look-up on disk costs ten times as much


class Claims:
    """First come, first served. Every run claims anew, for the manifest may have changed in between."""

    def __init__(self) -> None:
        """Open SQLite's private temporary database, which goes when its connection does."""
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA cache_size = -2048")
        self._connection.execute(
            "CREATE TABLE claim (folded TEXT PRIMARY KEY, owner INTEGER NOT NULL, target TEXT) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")  # never committed: nobody else shall see it
        self._first: dict[str, tuple[str, str, str]] = {}  # folded: job, key, target

    def take(self, folded: str, job: str, key: str, target: str) -> str | None:
        """``None`` if the task has the target now, or had it before; else the target of its owner.

        Raises ``StorageFailed`` if the disk for temporary files fails.
        """
        mine = (job, key, target)
        held_by = self._first.get(folded)
        if held_by is None and len(self._first) < IN_MEMORY:  # nothing is on disk yet
            self._first[folded] = mine
            return None
        if held_by is not None:
            return None if held_by[:2] == mine[:2] else held_by[2]
        return self._take_on_disk(folded, job, key, target)

    def take_all(self, wanted: Sequence[Wanted]) -> bool:
        """Take many at once, at a quarter of the cost, if nobody has one of them and all differ; else none.

        Raises ``StorageFailed``.
        """
        folded = {each[0] for each in wanted}
        if len(folded) < len(wanted) or not self._first.keys().isdisjoint(folded):
            return False
        if len(self._first) + len(wanted) <= IN_MEMORY:
            self._first.update((fold, (job, key, target)) for fold, job, key, target in wanted)
            return True
        return len(self._first) == IN_MEMORY and self._take_all_on_disk(wanted)

    def _take_all_on_disk(self, wanted: Sequence[Wanted]) -> bool:
        rows = [
            (text(folded), hash((job, key)), None if target == folded else text(target))
            for folded, job, key, target in wanted
        ]
        before = self._connection.total_changes
        try:
            self._connection.executemany(_TAKE, rows)
            if self._connection.total_changes - before == len(rows):
                return True
            # Somebody has one of them: they are taken one by one then, in their order.
            self._connection.executemany(_GIVE_BACK, [row[:2] for row in rows])
        except sqlite3.Error as error:
            raise _failed(error) from error
        return False

    def _take_on_disk(self, folded: str, job: str, key: str, target: str) -> str | None:
        owner = hash((job, key))  # 64 bits, of this process like the table itself
        spelling = None if target == folded else text(target)
        try:
            taken = self._connection.execute(_TAKE, (text(folded), owner, spelling)).rowcount
            if taken:
                return None
            holder, held = self._connection.execute(
                "SELECT owner, coalesce(target, folded) FROM claim WHERE folded = ?", (text(folded),)
            ).fetchone()
        except sqlite3.Error as error:
            raise _failed(error) from error
        return None if holder == owner else str(held)

    def close(self) -> None:
        """Throw the table away."""
        self._connection.close()


def _failed(error: sqlite3.Error) -> StorageFailed:
    return StorageFailed(f"the temporary table of claimed targets failed: {error}")
