"""Where each job stands: read as a run begins, and written as it begins and ends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from crawler.policy.rounds import Asked, JobRound, placed
from crawler.store.records import RunInfo, RunRecord
from crawler.store.statements import text

_KNOWN = "SELECT job, round, first, over, whole FROM job_round"
_PLACE = """
INSERT INTO job_round (job, round, first, over, whole) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (job) DO UPDATE SET round = excluded.round, first = excluded.first, over = excluded.over,
    whole = excluded.whole
"""
_OVER = """
UPDATE job_round SET over = 1, whole = max(whole, job IN (SELECT value FROM json_each(?2)))
WHERE job IN (SELECT value FROM json_each(?1))
"""
_FORGET = "DELETE FROM job_round WHERE job NOT IN (SELECT value FROM json_each(?))"
_LAST = "SELECT coalesce(max(id), 0), coalesce(max(round), 0) FROM run"
_BEGIN = "INSERT INTO run (id, run_id, round, manifest, started) VALUES (?, ?, ?, ?, ?)"
_FINISH = "UPDATE run SET finished = ?, exit_code = ?, complete = ?, totals = ? WHERE run_id = ?"
_NO_RUN = 2**63 - 1  # before ``begin`` nothing belongs to the round under way


class JobRounds:
    """The rounds of all jobs as the run under way has placed them; nothing changes while it goes on."""

    def __init__(self) -> None:
        self.run = _NO_RUN
        self.number = 0
        self._mine: Sequence[str] = ()
        self._asked = Asked.ALL
        self._jobs: dict[str, JobRound] = {}

    def begin(
        self,
        connection: sqlite3.Connection,
        run_id: str,
        started: float,
        manifest: str,
        jobs: Sequence[str],
        asked: Asked,
    ) -> RunInfo:
        """Open a run, and place its jobs."""
        last, newest = connection.execute(_LAST).fetchone()
        idle = None
        if last:
            (finished,) = connection.execute("SELECT finished FROM run WHERE id = ?", (last,)).fetchone()
            idle = max(0.0, started - finished) if finished is not None else 0.0
        known = {
            job: JobRound(number, first, bool(over), bool(whole))
            for job, number, first, over, whole in connection.execute(_KNOWN)
        }
        self.run, self._asked = last + 1, asked
        self._mine = [text(job) or "" for job in jobs]
        self.number, mine = placed(self._mine, known, asked, run=self.run, newest=newest)
        self._jobs = known | mine
        values = ((job, at.round, at.first, at.over, at.whole) for job, at in mine.items())
        connection.executemany(_PLACE, values)
        connection.execute(_BEGIN, (self.run, run_id, self.number, text(manifest), started))
        continues = any(not at.over and at.first < self.run for at in mine.values())
        return RunInfo(self.run, self.number, continues, idle)

    def finish(self, connection: sqlite3.Connection, run: RunRecord) -> None:
        """Close the run. What the manifest no longer has is forgotten once all of it was run."""
        totals = json.dumps(asdict(run.totals))
        connection.execute(_FINISH, (run.finished, run.exit_code, run.complete, totals, run.run_id))
        if not run.complete:
            return
        mine = json.dumps(self._mine)
        connection.execute(_OVER, (mine, json.dumps([text(job) for job in sorted(run.whole)])))
        if self._asked is Asked.ALL:
            connection.execute(_FORGET, (mine,))

    def first(self, job: str) -> int:
        """The run that the job's part in the round under way began with."""
        at = self._jobs.get(text(job) or "")
        return self.run if at is None else at.first

    def first_together(self, job: str) -> int:
        """The same of a job that may not be one of the run's: if it was last in another round, this run."""
        at = self._jobs.get(text(job) or "")
        together = at is not None and (self._asked is Asked.AGAIN or at.round == self.number)
        return at.first if at is not None and together else self.run

    def goes_on(self, job: str) -> bool:
        """Whether its part in a round that was broken off is continued."""
        at = self._jobs.get(text(job) or "")
        return at is not None and at.first < self.run and not (at.over and self._asked is Asked.AGAIN)

    def whole(self, job: str) -> bool:
        """Whether earlier runs have come to an end of the round with it, and to all its tasks."""
        at = self._jobs.get(text(job) or "")
        return at is not None and at.over and at.whole
