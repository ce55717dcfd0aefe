"""The engine of one process: reader → frontier → bounded queue → workers → settle."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import Moved, attempt
from crawler.engine.holding import Holding
from crawler.engine.jobs import JobRun, JobTable
from crawler.engine.mirrors import Mirrors
from crawler.engine.once import Once
from crawler.engine.settle import Settler
from crawler.events import JobStarted, TaskRetried
from crawler.job_types.base import Misfit, Tools
from crawler.model import ErrorClass, Outcome, Result, Task
from crawler.net.counting import SENT, Sent
from crawler.policy import retry
from crawler.policy.frontier import Frontier

# How many tasks the reader takes from one job before it looks at the next and lets the loop breathe.
READ_AHEAD = 64
# The frontier holds this many times the ready queue's bound, so that the hosts behind a slow one in
# the file are seen; memory is bounded by it and not by the manifest.
FRONTIER_FACTOR = 4
# On a stop: seconds that short tasks get to end by themselves, and seconds after which even a request
# that must not be repeated is given up. Contract §6 allows 20 s for the whole.
SOFT_STOP = 2.0
HARD_STOP = 15.0


class Engine:
    """Runs every job of a table. The only thing that waits; one instance a run."""

    def __init__(self, table: JobTable, bench: Bench) -> None:
        self._table = table
        self._bench = bench
        self._frontier: Frontier[Admitted] = Frontier(bench.concurrency)
        self._ready: asyncio.Queue[Admitted] = asyncio.Queue(bench.queue)
        self._room = bench.queue * FRONTIER_FACTOR
        self._wake_reader = asyncio.Event()
        self._wake_feeder = asyncio.Event()
        self._idle = asyncio.Event()
        self._over = asyncio.Event()
        self._working: dict[asyncio.Task[None], Admitted] = {}
        self._settler = Settler(bench, self._task_ended)
        self._holding = Holding(self._frontier, self._wake_feeder.set)
        self._mirrors = Mirrors()
        self._once = Once()
        self.stopping: str | None = None
        self.storage_failed: str | None = None

    async def run(self) -> None:
        """Return when every job has ended, or after ``stop`` when every worker rests."""
        self._start_jobs()
        loops = [asyncio.create_task(self._read()), asyncio.create_task(self._feed())]
        workers = [asyncio.create_task(self._work()) for _ in range(self._bench.workers)]
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([over, *loops, *workers], return_when=asyncio.FIRST_COMPLETED)
            if self.stopping is not None:
                await _end(loops)
                await self._rest(workers)
        finally:
            await _end([over, *loops, *workers])
        await self._settler.rest()
        for task in (*loops, *workers):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def stop(self, reason: str) -> None:
        """Start no new task; let the running ones end or checkpoint. The first reason stands."""
        if self.stopping is None:
            self.stopping = reason
            self._over.set()

    def fail_storage(self, message: str) -> None:
        """The disk or the ledger failed: nothing more can be kept, so the run stops."""
        self.storage_failed = self.storage_failed or message
        self.stop(message)

    def _start_jobs(self) -> None:
        progressed = True
        while progressed:
            progressed = False
            for run, reason in list(self._table.startable()):
                progressed = True
                if reason is not None:
                    self._settler.leave_out(run, reason)
                    continue
                run.started = True
                self._settler.begin_job(run)
                self._bench.emit(JobStarted(time=self._bench.wall(), job=run.job.name))
                job_type = self._bench.types[run.job.type]
                run.source = iter(job_type.tasks(run.job, self._bench.sources))
        self._wake_reader.set()
        if self._table.ended:
            self._over.set()

    async def _read(self) -> None:
        """Admit tasks, a few from each started job in turn, while the frontier has room."""
        while True:
            self._wake_reader.clear()
            reading = [run for run in self._table if run.source is not None]
            if not reading or len(self._frontier) >= self._room:
                await self._wake_reader.wait()
                continue
            for run in reading:
                await self._settler.keep_up()
                await self._read_some(run)
            await asyncio.sleep(0)

    async def _read_some(self, run: JobRun) -> None:
        source = run.source
        assert source is not None
        try:
            if self._bench.sources.may_block(run.job):
                found = await asyncio.to_thread(lambda: list(itertools.islice(source, 1)))
            else:
                found = list(itertools.islice(source, READ_AHEAD))
        except Exception as error:
            run.source = None
            self._settler.broken_source(run, error)
            return
        if not found:
            run.source = None
            self._end_job_if_done(run)
        for item in found:
            self._admit(run, item)

    def _admit(self, run: JobRun, item: Task | Misfit) -> None:
        run.open += 1
        task = self._settler.admit(run, item)
        if task is not None:
            admitted = Admitted(task, run)
            self._mirrors.begin(admitted)
            self._frontier.add(admitted)
            self._wake_feeder.set()

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
        me = asyncio.current_task()
        assert me is not None
        sent = Sent()
        SENT.set(sent)
        while self.stopping is None:
            admitted = await self._ready.get()
            self._working[me] = admitted
            try:
                before = sent.requests
                ended = await self._attempt(admitted)
                admitted.requests += sent.requests - before
            finally:
                del self._working[me]
                if not self._working:
                    self._idle.set()
            self._holding.leave(admitted)
            self._dispose(admitted, ended)
            self._wake_feeder.set()
            if len(self._frontier) < self._room:
                self._wake_reader.set()
            await self._settler.keep_up()

    async def _attempt(self, admitted: Admitted) -> Result | Moved:
        bench, task = self._bench, admitted.task
        admitted.began = bench.monotonic()
        if not admitted.attempts:
            admitted.started = admitted.began
        admitted.attempts += 1
        admitted.on_host = True
        if not task.request.idempotent:
            await bench.ledger.sending(task.job, task.key, bench.redact(task.url))
        gauge = bench.gauges.open(task.target or task.url)
        tools = Tools(
            transport=bench.transport,
            files=bench.files,
            gauge=gauge,
            checkpoint=partial(self._settler.checkpoint, task),
            chunk_size=bench.chunk_size,
            leave_host=partial(self._holding.leave, admitted),
            borrow=partial(self._holding.borrow, admitted),
            give_back=partial(self._holding.give_back, admitted),
            once=self._once.get,
        )
        try:
            return await attempt(bench.types[admitted.run.job.type], task, tools)
        finally:
            gauge.close()

    def _dispose(self, admitted: Admitted, ended: Result | Moved) -> None:
        """Back to the frontier, or settled."""
        if isinstance(ended, Moved):
            admitted.follow(ended)
            self._frontier.add(admitted, first=True)
            return
        failure, task = ended.failure, admitted.task
        if failure is None:
            self._mirrors.served(admitted, ended, self._bench.monotonic() - admitted.began)
        elif ended.outcome is Outcome.FAILED:
            chance = self._bench.random()
            if admitted.sources is not None:
                delay, ended = self._mirrors.failed(admitted, ended, chance)
            else:
                delay = retry.delay(
                    failure,
                    attempts=admitted.attempts,
                    rule=task.retry,
                    idempotent=task.request.idempotent,
                    chance=chance,
                )
            if delay is not None:
                self._retry(admitted, ended, delay)
                return
        if failure is not None and failure.kind is ErrorClass.STORAGE:
            self.fail_storage(failure.message)
        self._settler.settle(admitted, ended)

    def _retry(self, admitted: Admitted, ended: Result, delay: float) -> None:
        assert ended.failure is not None
        task = admitted.task
        if not task.request.idempotent:
            self._bench.ledger.not_sending(task.job, task.key)
        admitted.begin_again(self._settler.progress(task))
        self._frontier.add(admitted, not_before=self._bench.monotonic() + delay)
        self._bench.emit(
            TaskRetried(
                time=self._bench.wall(),
                job=task.job,
                task=task.key,
                url=task.url,
                attempt=admitted.attempts,
                delay=delay,
                kind=ended.failure.kind,
                message=ended.failure.message,
                status=ended.failure.status,
            )
        )

    def _task_ended(self, run: JobRun) -> None:
        run.open -= 1
        self._end_job_if_done(run)

    def _end_job_if_done(self, run: JobRun) -> None:
        if run.started and not run.ended and run.source is None and not run.open:
            self._settler.end_job(run)
            self._start_jobs()

    async def _rest(self, workers: list[asyncio.Task[None]]) -> None:
        """Give running tasks a moment, then cancel: those that may be repeated first."""
        if await self._wait_idle(SOFT_STOP):
            return
        for worker, admitted in list(self._working.items()):
            if admitted.task.request.idempotent:
                worker.cancel()
        if not await self._wait_idle(HARD_STOP - SOFT_STOP):
            await _end(workers)

    async def _wait_idle(self, seconds: float) -> bool:
        self._idle.clear()
        if self._working:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return False
        return True


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
