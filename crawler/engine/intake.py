"""The way in: jobs start when they may, give their tasks a few at a time, and end when nothing is left."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from crawler.engine.admission import Admission
from crawler.engine.admitted import Admitted, Bench
from crawler.engine.captures import Captures
from crawler.engine.errands import Errands
from crawler.engine.fetching import fetch_rows
from crawler.engine.growth import Growth, JobSite
from crawler.engine.jobs import JobRun, JobTable
from crawler.engine.manners import Manners
from crawler.engine.mirrors import Mirrors
from crawler.engine.robots import RobotsGate
from crawler.engine.settle import Settler
from crawler.events import JobStarted
from crawler.job_types.base import READ_AHEAD, Fetch, Growing, Misfit
from crawler.model import Outcome, Result, Task
from crawler.policy import urls

# The frontier holds this many times the ready queue's bound, so that the hosts behind a slow one in
# the file are seen; memory is bounded by it and not by the manifest.
FRONTIER_FACTOR = 4
# And so many while none of what it holds may start: the hosts behind paused and dead ones are looked for.
STUCK_FACTOR = 10


class Intake:
    """Reads jobs into the frontier. ``ended`` is called with each job whose last task has ended."""

    def __init__(
        self,
        table: JobTable,
        bench: Bench,
        manners: Manners,
        settler: Settler,
        mirrors: Mirrors,
        wake_feeder: Callable[[], None],
        ended: Callable[[JobRun], None],
    ) -> None:
        self._table = table
        self._bench = bench
        self._manners = manners
        self._frontier = manners.frontier
        self._settler = settler
        self.captures = Captures(table, bench)
        self._admission = Admission(bench, settler, self.captures)
        self._mirrors = mirrors
        self._wake_feeder = wake_feeder
        self._ended = ended
        self._room = bench.queue * FRONTIER_FACTOR
        self._most = bench.queue * STUCK_FACTOR
        self._woken = asyncio.Event()
        self._errands = Errands(self.admit)
        self.robots = RobotsGate(
            bench.ledger.hosts, bench.hosts, self._errands, bench.wall, manners.ask_delay
        )

    def start_jobs(self) -> None:
        """Start, or leave out, every job whose needs have ended."""
        progressed = True
        while progressed:
            progressed = False
            for run, reason in list(self._table.startable()):
                progressed = True
                if reason is not None:
                    self._settler.leave_out(run, reason)
                else:
                    self._start(run)
        self._woken.set()

    def wake(self) -> None:
        """There is room again, or something new to read."""
        if self._has_room():
            self._woken.set()

    async def run(self) -> None:
        """Admit tasks, a few from each started job in turn, while there is room for them."""
        while True:
            self._woken.clear()
            reading = [run for run in self._table if run.readable]
            if not reading or not self._has_room():
                await self._woken.wait()
                continue
            for run in reading:
                await self._settler.keep_up()
                await self._read_some(run)
            await asyncio.sleep(0)

    def admit(self, admitted: Admitted, *, first: bool = False) -> None:
        """Let a task wait for its host, unless robots.txt or a host that was given up keeps it from that."""
        if self.robots.waits(admitted):
            return
        if (refused := self.robots.refused(admitted)) is not None:
            self.settle(admitted, refused)
            return
        why = self._frontier.add(admitted, now=self._bench.monotonic(), first=first)
        if why is not None:
            self.unreached(admitted, why)
            return
        self._wake_feeder()

    def unreached(self, admitted: Admitted, why: str) -> None:
        """The task, or the errand, ends without another attempt: its host is given up."""
        self.settle(admitted, self._manners.unreached(admitted, why))

    def settle(self, admitted: Admitted, result: Result) -> None:
        """The task, or the errand, has ended."""
        if admitted.errand is not None:
            self._errands.over(admitted, result)
        else:
            admitted.over = True
            if result.outcome is Outcome.UNKNOWN and admitted.carried is not None:
                admitted.carried.doom()
            self._settler.settle(admitted, result)

    def cut(self, run: JobRun, bound: str) -> None:
        """The job's budget is spent: nothing more of it is read or begun."""
        run.cut, run.source = bound, None
        for _ in self._frontier.take_out(lambda waiting: waiting.run is run and waiting.errand is None):
            run.open -= 1
        self.look_at(run)

    def look_at(self, run: JobRun) -> None:
        """End the job if nothing of it is left, or let it conclude."""
        if not run.started or run.ended or run.concluding or run.open:
            return
        if run.site is not None:
            # Its source is never exhausted: it has ended when it rests and nothing is on its way to it.
            if run.cut is None and (not run.resting or run.site.uncommitted):
                return
            run.source = None
        if run.source is None:
            run.concluding = True
            self._ended(run)

    def _has_room(self) -> bool:
        held = len(self._frontier) + self._errands.waiting
        return held < self._room or (held < self._most and not self._frontier.startable)

    def _start(self, run: JobRun) -> None:
        bench = self._bench
        run.started = True
        self._admission.begin_job(run)
        self.captures.supply(run)
        job = run.job
        bench.emit(JobStarted(time=bench.wall(), job=job.name))
        job_type = bench.types[job.type]
        if isinstance(job_type, Growing):
            run.site = JobSite(
                job.name,
                bench.ledger,
                bench.files,
                bench.conceals,
                bench.redact,
                lambda: self._grown(run),
                bench.open_archive,
            )
            run.whole_before = False  # what a page that failed leads to was never come to
            growth = Growth(job_type.begin(job), job.name, bench.ledger, bench.redact, run.site.expect)
            for misfit in growth.plant():
                self._take_in(run, [misfit])
            run.source = growth
        else:
            run.source = iter(self.captures.tasks(run))

    def _grown(self, run: JobRun) -> None:
        """Newly found URLs are in the ledger."""
        if run.source is not None:
            run.resting = False
            self.wake()

    async def _read_some(self, run: JobRun) -> None:
        source = run.source
        if source is None:
            return
        found: list[Task | Misfit | Fetch]
        try:
            if self._bench.sources.may_block(run.job):
                found = await asyncio.to_thread(lambda: list(itertools.islice(source, 1)))
            else:
                found = _some(source)
        except Exception as error:
            run.source, run.unread = None, True
            self._settler.broken_source(run, error)
            return
        if not found:
            if run.site is not None:
                run.resting = True
            else:
                run.source = None
            self.look_at(run)
        self._take_in(run, [item for item in found if not isinstance(item, Fetch)])
        if found and isinstance(found[-1], Fetch):
            self._fetch(run, found[-1])

    def _take_in(self, run: JobRun, items: Sequence[Task | Misfit]) -> None:
        run.open += len(items)
        for task in self._admission.admit(run, items):
            admitted = Admitted(self._as_host_wants(task), run)
            self._mirrors.begin(admitted)
            self.admit(admitted)

    def _as_host_wants(self, task: Task) -> Task:
        """The task with what the rules of its hosts say of requests."""
        rules = self._bench.hosts
        own = rules.request(task.slot, task.job)
        if own is not None:
            task = structs.replace(task, request=own.over(task.request), retry=own.retry_over(task.retry))
        if task.mirrors:
            asked = [rules.request(urls.slot(mirror.url), task.job) for mirror in task.mirrors]
            mirrors = [each.over(to) if each else to for each, to in zip(asked, task.mirrors, strict=True)]
            task = structs.replace(task, mirrors=tuple(mirrors))
        return task

    def _fetch(self, run: JobRun, item: Fetch) -> None:
        """The job's rows are elsewhere: it rests until they are here."""
        run.resting = True

        def fetched(misfit: Misfit | None) -> None:
            run.resting = False
            if misfit is not None:
                run.unread = True
                self._take_in(run, [misfit])
            self._woken.set()

        fetch_rows(run, item, self._errands, fetched, again=not run.goes_on)


def _some(source: Iterable[Task | Misfit | Fetch]) -> list[Task | Misfit | Fetch]:
    """The next few items; nothing behind a ``Fetch``, for it depends on that."""
    found: list[Task | Misfit | Fetch] = []
    for item in itertools.islice(source, READ_AHEAD):
        found.append(item)
        if isinstance(item, Fetch):
            break
    return found
