"""Where a task ends: ledger first, then counts and listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import bug
from crawler.engine.jobs import JobRun
from crawler.events import JobFinished, TaskFinished, TasksKept
from crawler.job_types.base import Misfit
from crawler.job_types.saving import kept as unchanged
from crawler.model import Checkpoint, Failure, Known, Outcome, Result, Task
from crawler.policy import retry
from crawler.store.records import TaskRecord
from crawler.store.writer import Refusal

Kept = tuple[Task, Known]
"""A task whose file is good as it is, and what the ledger knows of it."""

MOST_BEHIND = 2000  # ends that may wait for the ledger's commit; a crash forgets no more


class Settler:
    """Records each task that ends.

    ``fails`` is called at once when a task has failed, for a budget that waits for the ledger is overspent;
    ``ended`` once a task's record is committed; only then is it counted and told.
    """

    def __init__(
        self, bench: Bench, fails: Callable[[JobRun], None], ended: Callable[[JobRun, Outcome], None]
    ) -> None:
        self._bench = bench
        self._fails = fails
        self._ended = ended
        self._behind = 0  # ends that are queued for the ledger
        self._refusals = 0  # since the last ``rest``
        self._room = asyncio.Event()
        self._room.set()

    def settle(self, admitted: Admitted, result: Result) -> None:
        """Record how the task ended; count and tell it once that is committed."""
        self._record(admitted, result, partial(self._refused, admitted))
        if result.outcome is Outcome.FAILED:
            self._fails(admitted.run)

    def _refused(self, admitted: Admitted, error: Exception) -> None:
        """The ledger cannot hold how the task ended: recorded is, instead, that it failed by a bug."""
        self._refusals += 1
        self._committed(1, lambda: None)
        self._record(admitted, Result(outcome=Outcome.FAILED, failure=bug(error)), None)
        self._fails(admitted.run)

    def _record(self, admitted: Admitted, result: Result, refused: Refusal | None) -> None:
        task, bench = admitted.task, self._bench
        seconds = bench.monotonic() - admitted.started if admitted.tries else 0.0
        failure, saved = result.failure, result.saved
        outcome = result.outcome
        if failure is not None and retry.never_again(failure, idempotent=task.request.idempotent):
            outcome = Outcome.UNKNOWN  # so that no later run of this round sends it again
        record = TaskRecord(
            job=task.job,
            key=task.key,
            url=bench.redact(task.url),
            ordinal=task.ordinal,
            target=saved.target if saved else task.target,
            outcome=outcome,
            status=result.status,
            attempts=admitted.tries,
            bytes=result.bytes,
            seconds=seconds,
            etag=result.etag,
            last_modified=result.last_modified,
            size=saved.size if saved else None,
            mtime_ns=saved.mtime_ns if saved else None,
            sha256=saved.sha256 if saved else None,
            file_url=bench.redact(result.source) if result.source else None,
            error_kind=failure.kind if failure else None,
            error_message=bench.redact(failure.message) if failure else None,
            retryable=failure.retryable if failure else False,
            finished=bench.wall(),
        )
        told = partial(self.deliver, admitted, result, seconds)
        bench.ledger.settle(record, self._queued(1, told), refused)

    def settle_misfit(self, run: JobRun, misfit: Misfit) -> None:
        """Record as failed what never became a task; count and tell it once that is committed."""
        bench = self._bench
        record = TaskRecord(
            job=misfit.job,
            key=misfit.key,
            url=bench.redact(misfit.url),
            ordinal=misfit.ordinal,
            outcome=Outcome.FAILED,
            error_kind=misfit.failure.kind,
            error_message=bench.redact(misfit.failure.message),
            finished=bench.wall(),
        )
        result = Result(outcome=Outcome.FAILED, failure=misfit.failure)
        bench.ledger.settle(record, self._queued(1, partial(self._deliver_misfit, run, misfit, result)))
        self._fails(run)

    def keep(self, run: JobRun, kept: list[Kept]) -> None:
        """Record many that are unchanged without an attempt; count and tell them once that is committed."""

        def told() -> None:
            if self._bench.tells_each:
                for task, known in kept:
                    self.deliver(Admitted(task, run), unchanged(task, known), 0.0)
                return
            count = len(kept)
            run.count(Outcome.UNCHANGED, count)
            self._bench.emit(TasksKept(time=self._bench.wall(), job=run.job.name, count=count))
            run.open -= count - 1
            self._ended(run, Outcome.UNCHANGED)

        rows = [(known.row, task.ordinal) for task, known in kept if known.row is not None]
        self._bench.ledger.keep(rows, self._bench.wall(), self._queued(len(kept), told))

    def _queued(self, count: int, told: Callable[[], None]) -> Callable[[], None]:
        """What is to be called once so many ends are committed: they are behind no more, and ``told``."""
        self._behind += count
        if self._behind >= MOST_BEHIND:
            self._room.clear()
        return partial(self._committed, count, told)

    def _committed(self, count: int, told: Callable[[], None]) -> None:
        self._behind -= count
        if self._behind <= MOST_BEHIND // 2:
            self._room.set()
        told()

    async def keep_up(self) -> None:
        """Wait while the ledger is too far behind; memory would grow with the tasks otherwise."""
        if not self._room.is_set():
            self._bench.ledger.hurry()
            await self._room.wait()

    def deliver(self, admitted: Admitted, result: Result, seconds: float) -> None:
        """Count and tell how a task ended that the ledger has."""
        task, run = admitted.task, admitted.run
        counts = run.counts
        counts.bytes += result.bytes
        counts.requests += admitted.requests
        counts.retries += max(0, admitted.tries - 1)
        run.count(result.outcome)
        self._bench.emit(
            TaskFinished(
                time=self._bench.wall(),
                run_id=self._bench.run_id,
                job=task.job,
                task=task.key,
                ordinal=task.ordinal,
                url=task.url,
                method=task.request.method,
                target=result.saved.target if result.saved else task.target,
                result=result,
                seconds=seconds,
                attempts=admitted.tries,
                requests=admitted.requests,
            )
        )
        self._ended(run, result.outcome)

    def _deliver_misfit(self, run: JobRun, misfit: Misfit, result: Result) -> None:
        run.count(Outcome.FAILED)
        self._bench.emit(
            TaskFinished(
                time=self._bench.wall(),
                run_id=self._bench.run_id,
                job=misfit.job,
                task=misfit.key,
                ordinal=misfit.ordinal,
                url=misfit.url,
                method="",
                target=None,
                result=result,
                seconds=0.0,
                attempts=0,
                requests=0,
            )
        )
        self._ended(run, Outcome.FAILED)

    def broken_source(self, run: JobRun, error: Exception) -> None:
        """The job's own expansion raised: a bug, told as one failed task; the job's others go on."""
        self.concluded_badly(run, bug(error))

    def concluded_badly(self, run: JobRun, failure: Failure) -> None:
        """Something of the job failed that is none of its tasks; it is told as one more."""
        run.open += 1
        misfit = Misfit(job=run.job.name, ordinal=run.counts.tasks + run.open, url="", failure=failure)
        self.settle_misfit(run, misfit)

    def leave_out(self, run: JobRun, reason: str) -> None:
        """A job that must not start."""
        run.ended, run.reason = True, reason
        self.end_job(run)

    def end_job(self, run: JobRun) -> None:
        """Every task of the job has ended."""
        run.ended = True
        self._bench.emit(
            JobFinished(
                time=self._bench.wall(),
                job=run.job.name,
                type=run.job.type,
                outcome=run.outcome,
                counts=run.counts,
                reason=run.reason,
                notes=tuple(run.notes),
            )
        )

    async def rest(self) -> None:
        """Return once everything that ended is committed, counted and told. Raises ``StorageFailed``."""
        await self._bench.ledger.flush()
        await asyncio.sleep(0)  # the last batch's callbacks are already on the loop
        if self._refusals:  # and may have queued one more record
            self._refusals = 0
            await self.rest()

    async def checkpoint(self, admitted: Admitted, reached: Checkpoint) -> None:
        """Commit how far a part file is durable; also where this run's next attempt starts."""
        bench, task = self._bench, admitted.task
        await bench.ledger.checkpoint(task.job, task.key, bench.redact(task.url), task.target, reached)
        admitted.reached = reached
