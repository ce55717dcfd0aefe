"""The engine of one process: reader → frontier → bounded queue → workers → settle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempts import Attempts
from crawler.engine.budgets import Budgets
from crawler.engine.carrying import Carrying
from crawler.engine.concluding import conclude
from crawler.engine.cores import cores
from crawler.engine.holding import Holding
from crawler.engine.intake import Intake
from crawler.engine.jobs import JobRun, JobTable
from crawler.engine.manners import Manners
from crawler.engine.mirrors import Mirrors
from crawler.engine.retries import Retries
from crawler.engine.second_core import SecondCore
from crawler.engine.settle import Settler
from crawler.engine.working import Working, end_all
from crawler.errors import StorageFailed
from crawler.events import RunStopping
from crawler.model import Outcome
from crawler.net.traffic import TRAFFIC, Traffic


class Engine:
    """Runs every job of a table. The only thing that waits; one instance a run."""

    def __init__(self, table: JobTable, bench: Bench) -> None:
        self._table = table
        self._bench = bench
        self._ready: asyncio.Queue[Admitted] = asyncio.Queue(bench.queue)
        self._wake_feeder = asyncio.Event()
        self._over = asyncio.Event()
        self._working = Working()
        self._beside: set[asyncio.Task[None]] = set()  # jobs that conclude, hosts that are given up
        self._settler = Settler(bench, self._task_fails, self._task_ended)
        self._manners = Manners(bench, self._host_given_up)
        self._frontier = frontier = self._manners.frontier
        self._holding = Holding(frontier, bench.monotonic, self._wake_feeder.set)
        mirrors = Mirrors()
        self._intake = Intake(
            table, bench, self._manners, self._settler, mirrors, self._wake_feeder.set, self._job_ended
        )
        self._retries = Retries(bench, frontier, self._intake, mirrors, self.fail_storage)
        self._second_core = SecondCore(cores())
        self._carrying = Carrying(bench.workers, self._retries.left)
        self._budgets = Budgets(bench.budget, self._spend_out, self._intake.cut)
        self._attempts = Attempts(
            bench,
            self._manners,
            self._budgets,
            self._holding,
            self._carrying,
            self._settler,
            self._intake.robots,
            self._intake.captures,
            self._second_core,
        )
        self.stopping: str | None = None
        self.storage_failed: str | None = None
        self.budget: str | None = None  # the bound that ended the run, or a job, before its time
        self.bug: BaseException | None = None

    async def run(self) -> None:
        """Return when every job has ended, or after ``stop`` when every worker rests."""
        async with AsyncExitStack() as at_rest:  # each of them, however often the run is cancelled meanwhile
            if self._bench.processes is not None:
                at_rest.push_async_callback(self._bench.processes.close)
                await self._bench.processes.start()
            at_rest.push_async_callback(self._second_core.close)
            at_rest.push_async_callback(self._carrying.close)
            ended = await self._work_on()
        self._manners.keep()
        await self._table.close_sites()
        await self._settler.rest()
        if self.bug is not None:
            raise self.bug
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _work_on(self) -> list[asyncio.Task[None]]:
        """The loops and workers, once they have ended."""
        self._start_jobs()
        loops = [asyncio.create_task(self._intake.run()), asyncio.create_task(self._feed())]
        workers = [asyncio.create_task(self._work()) for _ in range(self._bench.workers)]
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([over, *loops, *workers], return_when=asyncio.FIRST_COMPLETED)
            if self.stopping is not None:
                await end_all(loops)
                await self._working.rest(workers)
        finally:
            await end_all([over, *loops, *workers, *self._beside])
        return [*loops, *workers]

    def stop(self, reason: str) -> None:
        """Start no new task; let the running ones end or checkpoint. The first reason stands."""
        if self.stopping is None:
            self.stopping = reason
            self._over.set()

    def fail_storage(self, message: str) -> None:
        """The disk or the ledger failed: nothing more can be kept, so the run stops."""
        self.storage_failed = self.storage_failed or message
        self.stop(message)

    def _spend_out(self, bound: str) -> None:
        self.budget = self.budget or bound
        if self.stopping is None:
            self._bench.emit(RunStopping(time=self._bench.wall(), reason=bound))
        self.stop(bound)

    def _start_jobs(self) -> None:
        self._intake.start_jobs()
        if self._table.explores:
            self._second_core.start()
        if self._table.ended:
            self._over.set()

    async def _feed(self) -> None:
        """Move tasks that may start now from the frontier into the ready queue."""
        loop = asyncio.get_running_loop()
        while True:
            admitted = self._frontier.take(loop.time())
            if admitted is not None:
                await self._ready.put(admitted)
                continue
            self._wake_feeder.clear()
            wakes_at = self._frontier.wakes_at()
            timer = None if wakes_at is None else loop.call_at(wakes_at, self._wake_feeder.set)
            await self._wake_feeder.wait()
            if timer is not None:
                timer.cancel()

    async def _work(self) -> None:
        traffic = Traffic()
        TRAFFIC.set(traffic)
        if self._bench.processes is not None:
            await self._bench.processes.ready()
        while self.stopping is None:
            admitted = await self._ready.get()
            if not self._begins(admitted):
                self._wake_feeder.set()
                continue
            self._working.begin(admitted)
            try:
                before = traffic.requests
                ended = await self._attempts.make(admitted, traffic)
                requests = traffic.requests - before
            except asyncio.CancelledError:
                if self.stopping is not None:
                    self._retries.interrupted(admitted, traffic.requests - before)
                raise
            finally:
                self._working.end()
            admitted.requests += requests
            self._holding.leave(admitted)
            self._budgets.sent(admitted.run, max(0, requests - 1))  # the first was counted as it began
            self._manners.heard(admitted, ended, traffic)
            if admitted.carried is not None:
                await self._kept(self._carrying.rest(admitted))
            self._retries.dispose(admitted, ended)
            self._wake_feeder.set()
            self._intake.wake()
            if admitted.over and admitted.carried is not None:
                await self._kept(self._carrying.leave(admitted))
            await self._settler.keep_up()

    async def _kept(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StorageFailed as error:
            self.fail_storage(str(error))

    def _begins(self, admitted: Admitted) -> bool:
        """Whether the attempt begins now: run or job may be over, the host paused since it was taken."""
        if self.stopping is None:
            self._budgets.ask(admitted.run)
        if self.stopping is not None:
            self._frontier.withdraw(admitted)
            return False
        if admitted.run.cut is not None and admitted.errand is None:
            self._frontier.withdraw(admitted)
            admitted.run.open -= 1  # it is left for another run
            self._intake.look_at(admitted.run)
            return False
        if self._frontier.begin(admitted, self._bench.monotonic()):
            self._budgets.sent(admitted.run)
            return True
        if (why := self._frontier.put_back(admitted)) is not None:
            self._intake.unreached(admitted, why)
        return False

    def _host_given_up(self, key: str, why: str) -> None:
        """Fail what waits for a dead host, a few at a time."""

        async def fail() -> None:
            for admitted in self._frontier.drain(key):
                self._intake.unreached(admitted, why)
                await self._settler.keep_up()
            self._intake.wake()

        self._run_beside(fail())

    def _task_fails(self, run: JobRun) -> None:
        self._budgets.failed(run)

    def _task_ended(self, run: JobRun, outcome: Outcome) -> None:
        run.open -= 1
        self._intake.look_at(run)

    def _job_ended(self, run: JobRun) -> None:
        """Every task of the job has ended: let it conclude, and those that need it start."""
        if run.site is None:
            self._close_job(run)
        elif self.stopping is None:  # else the run that goes on concludes it
            self._run_beside(self._conclude(run))

    async def _conclude(self, run: JobRun) -> None:
        refused = await conclude(run, self._bench, self._settler)
        if refused is None:
            self._close_job(run)
        else:
            self.fail_storage(str(refused))

    def _close_job(self, run: JobRun) -> None:
        if run.cut is not None:
            self.budget = self.budget or f"{run.cut} of job {run.job.name}"
            run.notes.append(run.cut_note)
        self._settler.end_job(run)
        self._start_jobs()

    def _run_beside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside_ended)

    def _beside_ended(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.bug = error
            self.stop("a bug in the program")
