"""How a run is closed: its verdict, its last record in the ledger, its report, and the last event."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crawler.engine.jobs import JobTable
from crawler.engine.local import Engine
from crawler.errors import StorageFailed
from crawler.events import Event, RunFinished
from crawler.net.transport import Transport
from crawler.policy.budget import Budget, Spending
from crawler.policy.redact import Redactor
from crawler.report import json_report
from crawler.report.exit_code import Ending, Verdict, decide
from crawler.report.json_report import Report
from crawler.report.tally import Tally
from crawler.store.ledger import Ledger
from crawler.store.records import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is left to do once the engine has come to rest."""

    run_id: str
    report: Path | None  # the file that was asked for
    bug: str | None  # what broke the engine
    budget: str | None  # a bound on the whole run that ended it, beside the engine's own
    run_budget: Budget
    table: JobTable
    engine: Engine
    transport: Transport
    ledger: Ledger
    tally: Tally
    emit: Callable[[Event], None]
    lost: Callable[[], str | None]  # why events were not written
    redactor: Redactor

    async def finish(self, received: int | None) -> Report:
        """Close transport and ledger, write the report and tell the listeners.

        ``received`` is the number of the signal that stopped the run. What cannot be stored changes the
        verdict and raises nothing.
        """
        number = signal.SIGTERM if received == signal.SIGHUP else received
        verdict = self._verdict(number, self.engine.storage_failed)
        try:
            await self._close_books(verdict)
        except StorageFailed as error:
            verdict = self._verdict(number, str(error))
        if (lost := self.lost()) is not None:  # whoever relies on them must learn of it
            verdict = self._verdict(number, self.engine.storage_failed or lost)
        finished, report = self._conclude(verdict)
        if self.report is not None:
            try:
                json_report.write(report, str(self.report))
            except StorageFailed as error:
                finished, report = self._conclude(self._verdict(number, str(error)))
        self.emit(finished)
        return report

    def _verdict(self, number: int | None, storage: str | None) -> Verdict:
        ending = Ending(
            bug=self.bug, storage=storage, signal=number, budget=self.budget or self.engine.budget
        )
        return decide(self.tally.total.tasks, self.tally.causes, ending)

    def _conclude(self, verdict: Verdict) -> tuple[RunFinished, Report]:
        finished = RunFinished(
            time=time.time(), run_id=self.run_id, exit_code=verdict.code, reason=verdict.reason
        )
        return finished, json_report.build(self.tally, finished, self.redactor)

    def _complete(self) -> bool:
        """Whether the round is over with these jobs, so that the next run does all of them anew.

        Too many failures leave tasks undone, but a round that stayed open for them would be cut by the same
        ones again: night after night nothing else would be refreshed. ``--retry-failed`` goes on there.
        """
        engine = self.engine
        if self.budget is not None or engine.storage_failed is not None or self.bug is not None:
            return False
        if engine.stopping is not None:
            return self._failed_out()
        return self.table.ended and not self.table.resumable

    def _failed_out(self) -> bool:
        """Whether it was failures that stopped the run, and no other bound and no signal before them."""
        bound = Spending(self.run_budget, failures=self.tally.total.failed).exceeded()
        return bound is not None and self.engine.stopping == f"{bound} of the run"

    async def _close_books(self, verdict: Verdict) -> None:
        await self.transport.close()
        await self.ledger.finish(
            RunRecord(
                run_id=self.run_id,
                finished=time.time(),
                exit_code=verdict.code,
                complete=self._complete(),
                totals=self.tally.total,
                whole=self.table.whole,
            )
        )
        await self.ledger.close()
