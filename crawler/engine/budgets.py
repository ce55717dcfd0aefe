"""What the run and each job may spend: counted as it is spent, and ended, resumable, when it is gone."""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.admitted import Admitted
from crawler.engine.jobs import JobRun
from crawler.policy.budget import Budget, Spending


class Budgets:
    """``stop`` ends the run and ``cut`` a job, each with the bound that was reached."""

    def __init__(
        self, budget: Budget, stop: Callable[[str], None], cut: Callable[[JobRun, str], None]
    ) -> None:
        self._run = Spending(budget)
        self._stop = stop
        self._cut = cut

    def meter(self, admitted: Admitted) -> Callable[[int], None] | None:
        """Counts bytes while they move, where there is a bound; ``None`` where nobody has to."""
        job = admitted.run.spent
        if self._run.budget.max_bytes is None and job.budget.max_bytes is None:
            return None

        def count(size: int) -> None:
            self._run.bytes += size
            job.bytes += size
            self._look(admitted.run)

        return count

    def ask(self, run: JobRun) -> None:
        """Another request is to begin: what has been used up ends the job, or the run, before it does."""
        if run.cut is None and (bound := run.spent.used_up()) is not None:
            self._cut(run, bound)
        if (bound := self._run.used_up()) is not None:
            self._stop(f"{bound} of the run")

    def sent(self, run: JobRun, requests: int = 1) -> None:
        """So many more requests go out, or have gone."""
        self._run.requests += requests
        run.spent.requests += requests
        self._look(run)

    def failed(self, run: JobRun) -> None:
        """One more task has failed for good."""
        self._run.failures += 1
        run.spent.failures += 1
        self._look(run)

    def _look(self, run: JobRun) -> None:
        if run.cut is None and (bound := run.spent.exceeded()) is not None:
            self._cut(run, bound)
        if (bound := self._run.exceeded()) is not None:
            self._stop(f"{bound} of the run")
