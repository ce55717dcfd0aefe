"""What ``--retry-failed`` would send, asked before it runs: by the rule that the run goes by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from crawler.policy.rounds import Intent, Standing, standing
from crawler.store.finding import FIND, known_of, sought
from crawler.store.statements import text

_JOB = "SELECT first, over AND whole FROM job_round WHERE job = ?"
_NEVER = (2**63 - 1, 0)  # of a job that no run has come to


class Again:
    """Tells by job and key whether the task would be sent."""

    def __init__(self, rows: Callable[[str, Sequence[object]], list[Any]]) -> None:
        self._rows = rows
        self._jobs: dict[str, tuple[int, int]] = {}

    def __call__(self, job: str, key: str) -> bool:
        """Raises ``StorageFailed``."""
        if job not in self._jobs:
            self._jobs[job] = next(iter(self._rows(_JOB, (text(job),))), _NEVER)
        first, whole = self._jobs[job]
        [row] = self._rows(FIND, sought(job, [key]))
        known = known_of(row, first)
        return standing(known, Intent(retry_failed=True), job_whole=bool(whole)) is Standing.DO
