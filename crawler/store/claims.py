"""Which task of this run owns a target: a scratch table on disk, so that memory does not grow with tasks."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

from crawler.errors import StorageFailed
from crawler.store.statements import text


class Claims:
    """First come, first served. Every run claims anew, for the manifest may have changed in between."""

    def __init__(self) -> None:
        """Open SQLite's private temporary database, which goes when its connection does."""
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA cache_size = -2048")
        self._connection.execute(
            "CREATE TABLE claim (folded TEXT PRIMARY KEY, owner BLOB NOT NULL, target TEXT) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")  # never committed: nobody else shall see it

    def take(self, folded: str, job: str, key: str, target: str) -> str | None:
        """``None`` if the task has the target now, or had it before; else the target of its owner.

        Raises ``StorageFailed`` if the disk for temporary files fails.
        """
        owner = blake2b(f"{job}\0{key}".encode("utf-8", "backslashreplace"), digest_size=8).digest()
        spelling = None if target == folded else text(target)
        try:
            taken = self._connection.execute(
                "INSERT INTO claim VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (text(folded), owner, spelling)
            ).rowcount
            if taken:
                return None
            holder, held = self._connection.execute(
                "SELECT owner, coalesce(target, folded) FROM claim WHERE folded = ?", (text(folded),)
            ).fetchone()
        except sqlite3.Error as error:
            raise StorageFailed(f"the temporary table of claimed targets failed: {error}") from error
        return None if holder == owner else str(held)

    def close(self) -> None:
        """Throw the table away."""
        self._connection.close()
