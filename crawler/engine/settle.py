"""Where a task comes in and where it ends: ledger first, then counts and listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat

from msgspec import structs

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import bug
from crawler.engine.jobs import JobRun
from crawler.events import JobFinished, TaskFinished, TasksKept
from crawler.job_types.base import Keeping, Misfit
from crawler.job_types.saving import kept as unchanged
from crawler.model import Checkpoint, ErrorClass, Failure, Known, Outcome, Result, Task
from crawler.policy.names import fold
from crawler.policy.owning import with_own_target, without_secrets_in_key
from crawler.policy.rounds import Standing, standing
from crawler.store.records import TaskRecord

Kept = tuple[Task, Known]
"""A task whose file is good as it is, and what the ledger knows of it."""

MOST_BEHIND = 2000  # ends that may wait for the ledger's commit; a crash forgets no more


class Settler:
    """Asks the ledger about each task that comes in, and records each that ends.

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
        self._room = asyncio.Event()
        self._room.set()
        self._reached: dict[tuple[str, str], Checkpoint] = {}

    def begin_job(self, run: JobRun) -> None:
        """Ask the ledger, once, what it will have to be asked of each of the job's tasks."""
        ledger, name = self._bench.ledger, run.job.name
        run.remembered = ledger.remembers(name)
        job_type = self._bench.types[run.job.type]
        run.already = job_type.already if isinstance(job_type, Keeping) else None
        run.reached = not self._bench.intent.retry_failed or ledger.reached(name)

    def admit(self, run: JobRun, items: Iterable[Task | Misfit]) -> list[Task]:
        """The tasks as they are to be attempted, without those that ended here and now."""
        tasks = self._owned(run, items)
        memories: Iterable[Known | None] = repeat(None)
        if run.remembered and tasks:
            memories = self._bench.ledger.find_all(run.job.name, [task.key for task in tasks])
        left: list[Task] = []
        kept: list[Kept] = []
        for task, known in zip(tasks, memories, strict=False):
            if (todo := self._judged(run, task, known, kept)) is not None:
                left.append(todo)
        if kept:
            self._keep(run, kept)
        return left

    def _judged(self, run: JobRun, task: Task, known: Known | None, kept: list[Kept]) -> Task | None:
        """The task with what it may rely on; ``None`` if it ended, in ``kept`` if its file is good."""
        match standing(known, self._bench.intent, job_reached=run.reached):
            case Standing.DO:
                return task if known is None else self._to_do(run, task, self._usable(task, known), kept)
            case Standing.LEAVE:
                run.open -= 1
            case Standing.CARRY:
                assert known is not None
                has_file = task.target is not None or (run.site is not None and known.target is not None)
                if has_file and not self._bench.files.is_intact(known):
                    return structs.replace(task, known=self._usable(task, known))
                assert known.outcome is not None
                self._deliver(Admitted(task, run), Result(outcome=known.outcome), 0.0)
            case Standing.UNANSWERED:
                self.settle(Admitted(task, run), unanswered(task))
        return None

    def _to_do(self, run: JobRun, task: Task, known: Known, kept: list[Kept]) -> Task | None:
        if run.already is None or not run.already(task, known, self._bench.files):
            return structs.replace(task, known=known)
        if known.row is not None and known.url == task.url:
            kept.append((task, known))
        else:
            self.settle(Admitted(task, run), unchanged(task, known))
        return None

    def _keep(self, run: JobRun, kept: list[Kept]) -> None:
        """Record many that are unchanged without an attempt; count and tell them once that is committed."""

        def told() -> None:
            if self._bench.tells_each:
                for task, known in kept:
                    self._deliver(Admitted(task, run), unchanged(task, known), 0.0)
                return
            count = len(kept)
            run.count(Outcome.UNCHANGED, count)
            self._bench.emit(TasksKept(time=self._bench.wall(), job=run.job.name, count=count))
            run.open -= count - 1
            self._ended(run, Outcome.UNCHANGED)

        rows = [(known.row, task.ordinal) for task, known in kept if known.row is not None]
        self._bench.ledger.keep(rows, self._bench.wall(), self._queued(len(kept), told))

    def _usable(self, task: Task, known: Known) -> Known:
        """What of the ledger's memory this run may rely on: with ``--force`` only that a file is ours.

        The ledger holds URLs redacted, so they are compared so.
        """
        if known.url != task.url:
            for request in (task.request, *task.mirrors):
                if known.url == self._bench.redact(request.url):
                    known = structs.replace(known, url=request.url)
                    break
        if not self._bench.intent.force:
            return known
        return structs.replace(known, size=None, etag=None, last_modified=None, checkpoint=None)

    def _owned(self, run: JobRun, items: Iterable[Task | Misfit]) -> list[Task]:
        """The tasks, each with a target that is its own; without those that ended, for there is none."""
        bench, tasks = self._bench, []
        for item in items:
            if isinstance(item, Task):
                tasks.append(without_secrets_in_key(item, bench.redact))
            elif run.cut is None:
                self._settle_misfit(run, item)
            else:
                run.open -= 1  # the run that goes on will come to it
        wanted = [
            (fold(task.target), task.job, str(task.ordinal), task.target)
            for task in tasks
            if task.target is not None
        ]
        if bench.ledger.claim_targets(wanted):
            return tasks
        return [mine for task in tasks if (mine := self._apart(run, task)) is not None]

    def _apart(self, run: JobRun, task: Task) -> Task | None:
        task, twice = with_own_target(task, self._bench.ledger.claim_target)
        if twice is None:
            return task
        self.settle(Admitted(task, run), Result(outcome=Outcome.FAILED, failure=twice))
        return None

    def settle(self, admitted: Admitted, result: Result) -> None:
        """Record how the task ended; count and tell it once that is committed."""
        task, bench = admitted.task, self._bench
        seconds = bench.monotonic() - admitted.started if admitted.attempts else 0.0
        failure, saved = result.failure, result.saved
        self._reached.pop((task.job, task.key), None)
        record = TaskRecord(
            job=task.job,
            key=task.key,
            url=bench.redact(task.url),
            ordinal=task.ordinal,
            target=saved.target if saved else task.target,
            outcome=result.outcome,
            status=result.status,
            attempts=admitted.attempts,
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
        bench.ledger.settle(record, self._queued(1, partial(self._deliver, admitted, result, seconds)))
        if result.outcome is Outcome.FAILED:
            self._fails(admitted.run)

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

    def _settle_misfit(self, run: JobRun, misfit: Misfit) -> None:
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

    def _deliver(self, admitted: Admitted, result: Result, seconds: float) -> None:
        task, run = admitted.task, admitted.run
        counts = run.counts
        counts.bytes += result.bytes
        counts.requests += admitted.requests
        counts.retries += max(0, admitted.attempts - 1)
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
                attempts=admitted.attempts,
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
        self._settle_misfit(run, misfit)

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

    async def checkpoint(self, task: Task, reached: Checkpoint) -> None:
        """Commit how far a part file is durable; also where this run's next attempt starts."""
        bench = self._bench
        await bench.ledger.checkpoint(task.job, task.key, bench.redact(task.url), task.target, reached)
        self._reached[task.job, task.key] = reached

    def progress(self, task: Task) -> Checkpoint | None:
        """The last checkpoint that an attempt of this run committed for the task."""
        return self._reached.get((task.job, task.key))


def unanswered(task: Task) -> Result:
    """A request of an earlier, broken-off run of this round whose answer was never recorded."""
    message = (
        f"an earlier run was broken off after it began to send this {task.request.method}; whether the "
        "server acted on it is unknown, so it is not sent again"
    )
    failure = Failure(kind=ErrorClass.CONNECT, message=message, retryable=False, sent=True)
    return Result(outcome=Outcome.UNKNOWN, failure=failure)
