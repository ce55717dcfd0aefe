"""Makes attempts: what each is lent, and who makes it."""

from __future__ import annotations

from functools import partial

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import Ended, Perform, attempt
from crawler.engine.budgets import Budgets
from crawler.engine.captures import Captures
from crawler.engine.carrying import Carrying
from crawler.engine.holding import Holding
from crawler.engine.manners import Manners
from crawler.engine.once import Once
from crawler.engine.robots import RobotsGate
from crawler.engine.settle import Settler
from crawler.job_types.tools import Aside, Tools
from crawler.net.traffic import Traffic


class Attempts:
    """One instance a run."""

    def __init__(
        self,
        bench: Bench,
        manners: Manners,
        budgets: Budgets,
        holding: Holding,
        carrying: Carrying,
        settler: Settler,
        robots: RobotsGate,
        captures: Captures,
        aside: Aside,
    ) -> None:
        self._bench = bench
        self._manners = manners
        self._budgets = budgets
        self._holding = holding
        self._carrying = carrying
        self._settler = settler
        self._robots = robots
        self._captures = captures
        self._aside = aside
        self._once = Once()

    async def make(self, admitted: Admitted, traffic: Traffic) -> Ended:
        """One attempt of the task; ``traffic`` is the running worker's."""
        bench, task = self._bench, admitted.task
        admitted.began = bench.monotonic()
        if not admitted.tries:
            admitted.started = admitted.began
        admitted.attempts += 1
        admitted.on_host = True
        self._manners.follow(admitted, traffic, self._budgets.meter(admitted))
        if not task.request.idempotent:
            await bench.ledger.sending(task.job, task.key, bench.redact(task.url))
        gauge = bench.gauges.open(task.target or task.url)
        tools = Tools(
            transport=bench.transport,
            files=bench.files,
            gauge=gauge,
            checkpoint=partial(self._settler.checkpoint, admitted),
            chunk_size=bench.chunk_size,
            leave_host=partial(self._holding.leave, admitted),
            borrow=partial(self._holding.borrow, admitted),
            give_back=partial(self._holding.give_back, admitted),
            once=self._once.get,
            captured=partial(self._captures.keep, admitted.run),
            site=admitted.run.site,
            sitemaps=self._robots.sitemaps,
            aside=self._aside,
            carried=admitted.carried,
            carry=partial(self._carrying.take, admitted),
            redact=bench.redact,
        )
        try:
            return await attempt(self._who(admitted, traffic), task, tools)
        finally:
            gauge.close()

    def _who(self, admitted: Admitted, traffic: Traffic) -> Perform:
        """An errand itself, the job type here, or the job type in another process."""
        if admitted.errand is not None:
            return admitted.errand.perform
        name, processes = admitted.run.job.type, self._bench.processes
        job_type = self._bench.types[name]
        if processes is not None and processes.take(job_type, admitted.task, traffic):
            return partial(processes.perform, name)
        return job_type.perform
