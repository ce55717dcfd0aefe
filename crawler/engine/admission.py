"""Where a task comes in: it gets a target of its own, and the ledger says what is left to do of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, repeat

from msgspec import structs

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.captures import Captures
from crawler.engine.jobs import JobRun
from crawler.engine.settle import Kept, Settler
from crawler.errors import TemplateFailed
from crawler.job_types.asking import as_written, listed
from crawler.job_types.base import Fetch, Growing, Keeping, Misfit
from crawler.job_types.saving import kept as unchanged
from crawler.model import ErrorClass, Failure, Known, Outcome, Result, Task
from crawler.policy.names import fold
from crawler.policy.owning import with_own_target, without_secrets
from crawler.policy.rounds import Standing, standing

# Tasks of a job that are looked at to find out whether it has work left; a longer one is taken to have some.
MOST_LOOKED_AT = 1000


class Admission:
    """Asks the ledger about each task that comes in; those that need no attempt are settled at once."""

    def __init__(self, bench: Bench, settler: Settler, captures: Captures) -> None:
        self._bench = bench
        self._settler = settler
        self._captures = captures

    def begin_job(self, run: JobRun) -> None:
        """Ask the ledger, once, what it will have to be asked of each of the job's tasks."""
        ledger, name = self._bench.ledger, run.job.name
        run.remembered = ledger.remembers(name)
        job_type = self._bench.types[run.job.type]
        run.keeping = job_type if isinstance(job_type, Keeping) else None
        run.whole_before = ledger.rounds.whole(name)
        run.goes_on = ledger.rounds.goes_on(name)

    def admit(self, run: JobRun, items: Iterable[Task | Misfit]) -> list[Task]:
        """The tasks as they are to be attempted, without those that ended here and now."""
        tasks = self._owned(run, items)
        memories: Iterable[Known | None] = repeat(None)
        if run.remembered and tasks:
            memories = self._bench.ledger.find_all(run.job.name, [task.key for task in tasks])
        left: list[Task] = []
        kept: list[Kept] = []
        for task, known in zip(tasks, memories, strict=False):
            todo = self._judged(run, task, known, kept)
            if todo is not None and run.unsupplied is not None:
                failure = TemplateFailed(run.unsupplied).failure()
                self._settler.settle(Admitted(todo, run), Result(outcome=Outcome.FAILED, failure=failure))
            elif todo is not None:
                left.append(todo)
        if kept:
            self._settler.keep(run, kept)
        return left

    def _judged(self, run: JobRun, task: Task, known: Known | None, kept: list[Kept]) -> Task | None:
        """The task with what it may rely on; ``None`` if it ended, in ``kept`` if its file is good."""
        todo = standing(known, self._bench.intent, job_whole=run.whole_before)
        if todo in (Standing.CARRY, Standing.LEAVE) and self._wanted(run):
            todo = Standing.DO  # its answer came, but what it captured is gone with the run that it came to
        match todo:
            case Standing.DO:
                return task if known is None else self._to_do(run, task, self._usable(task, known), kept)
            case Standing.LEAVE:
                run.open -= 1
            case Standing.CARRY:
                assert known is not None
                if not self._is_good(run, task, known):
                    return structs.replace(task, known=self._usable(task, known))
                assert known.outcome is not None
                self._settler.deliver(Admitted(task, run), Result(outcome=known.outcome), 0.0)
            case Standing.UNANSWERED:
                self._settler.settle(Admitted(task, run), unanswered(task))
        return None

    def _is_good(self, run: JobRun, task: Task, known: Known) -> bool:
        """Whether the file that this round has made, if any, is there, and what the task wants by now."""
        if task.target is None and (run.site is None or known.target is None):
            return True
        wanted = run.keeping is None or run.keeping.still_fits(task, known)
        return wanted and self._bench.files.is_intact(known)

    def _wanted(self, run: JobRun) -> bool:
        """Whether a job that uses what this one captures has work left, as far as that can be told."""
        if run.wanted is None:
            run.wanted = any(self._has_work(user) for user in self._captures.users(run))
        return run.wanted

    def _has_work(self, run: JobRun) -> bool:
        """Whether anything may be left to do of a job that has not started yet."""
        self.begin_job(run)
        if not run.remembered or not self._listed(run) or self._wanted(run):
            return True
        tasks = self._bench.types[run.job.type].tasks(as_written(run.job), self._bench.sources)
        looked_at = list(islice(tasks, MOST_LOOKED_AT + 1))
        return len(looked_at) > MOST_LOOKED_AT or not all(self._settled(run, item) for item in looked_at)

    def _listed(self, run: JobRun) -> bool:
        return listed(run.job) and not isinstance(self._bench.types[run.job.type], Growing)

    def _settled(self, run: JobRun, item: Task | Misfit | Fetch) -> bool:
        if not isinstance(item, Task):
            return False
        task = without_secrets(item, self._captures.named)
        known = self._bench.ledger.find(run.job.name, task.key)
        if known is None and run.job.asks.unforeseen:
            return False  # it may be known by what was captured then
        todo = standing(known, self._bench.intent, job_whole=run.whole_before)
        if todo is Standing.CARRY and known is not None:
            return self._is_good(run, task, known)
        return todo is not Standing.DO

    def _to_do(self, run: JobRun, task: Task, known: Known, kept: list[Kept]) -> Task | None:
        if run.keeping is None or not run.keeping.already(task, known, self._bench.files):
            return structs.replace(task, known=known)
        if known.row is not None and known.url == task.url:
            kept.append((task, known))
        else:
            self._settler.settle(Admitted(task, run), unchanged(task, known))
        return None

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
        bench, tasks, named = self._bench, [], run.named or self._captures.named
        for item in items:
            if isinstance(item, Task):
                tasks.append(without_secrets(item, named))
            elif run.cut is None:
                self._settler.settle_misfit(run, item)
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
        self._settler.settle(Admitted(task, run), Result(outcome=Outcome.FAILED, failure=twice))
        return None


def unanswered(task: Task) -> Result:
    """A request that an earlier run of this round began to send, and to which it has no whole answer."""
    message = (
        f"an earlier run began to send this {task.request.method} and got no whole answer; whether the "
        "server acted on it is not known here, so it is not sent again"
    )
    failure = Failure(kind=ErrorClass.CONNECT, message=message, retryable=False, sent=True)
    return Result(outcome=Outcome.UNKNOWN, failure=failure)
