"""What a ledger says, read from a copy: looking at it must change nothing about it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from crawler.model import Outcome
from crawler.policy.rounds import GOOD
from tests.torture.workload import NAME

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """A task that ended well."""

    outcome: Outcome
    url: str
    target: str | None
    sha256: str | None
    current: bool  # in the round that the next run will continue, or in the last one if that is over


@dataclass(frozen=True, slots=True)
class Begun:
    """A task that was begun and has not ended well."""

    sending: bool
    offset: int | None
    sha256: str | None  # of the intent to give a final name
    target: str | None


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that the checks ask of a ledger."""

    integrity: str
    rounds: int
    over: bool  # the last round came to the end of the manifest
    done: dict[Key, Done]
    begun: dict[Key, Begun]

    def hashes(self, target: str) -> set[str]:
        """What may stand under a final name: what is done, and what was about to be."""
        done = {each.sha256 for each in self.done.values() if each.target == target and each.sha256}
        return done | {each.sha256 for each in self.begun.values() if each.target == target and each.sha256}

    @property
    def unanswered(self) -> set[str]:
        """Jobs with a request that may have left, in a round that the next run will continue."""
        return set() if self.over else {job for (job, _), each in self.begun.items() if each.sending}


NOTHING = Memory("ok", 0, True, {}, {})


def recall(state: Path) -> Memory:
    """Read the ledger in ``state``; ``NOTHING`` if there is none yet."""
    if not (state / f"{NAME}.sqlite").exists():
        return NOTHING
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("sqlite", "sqlite-wal"):
            source = state / f"{NAME}.{suffix}"
            if source.exists():
                shutil.copy(source, folder)
        with closing(sqlite3.connect(Path(folder, f"{NAME}.sqlite"))) as connection:
            return _read(connection)


def _read(connection: sqlite3.Connection) -> Memory:
    (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    (rounds,) = connection.execute("SELECT coalesce(max(round), 0) FROM run").fetchone()
    first, over = connection.execute(
        "SELECT min(id), max(complete) FROM run WHERE round = ?", (rounds,)
    ).fetchone()
    rows = connection.execute("SELECT job, key, outcome, url, target, sha256, run FROM task")
    done = {
        (job, key): Done(Outcome(outcome), url, target, sha256, first is not None and run >= first)
        for job, key, outcome, url, target, sha256, run in rows
        if Outcome(outcome) in GOOD or sha256 is not None
    }
    begun = {
        (job, key): Begun(bool(sending), offset, sha256, target)
        for job, key, sending, offset, sha256, target in connection.execute(
            "SELECT job, key, sending, offset, sha256, target FROM begun"
        )
    }
    return Memory(integrity, rounds, bool(over) or not rounds, done, begun)
