"""Row files that lie on a server: fetched into the state folder before the rows in them are read."""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.errands import Errand, Errands
from crawler.engine.jobs import JobRun
from crawler.job_types import reading
from crawler.job_types.base import Fetch, Misfit
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result, Task
from crawler.policy import urls
from crawler.store.spool import Spool


def fetch_rows(
    run: JobRun, item: Fetch, errands: Errands, fetched: Callable[[Misfit | None], None], *, again: bool
) -> None:
    """Send for the file and call ``fetched`` once it is there, or with why it is not.

    ``again`` fetches it even if an earlier run has: every round reads it anew, and reads it once.
    """
    spool = Spool(item.into)
    if not again and spool.exists():
        fetched(None)
        return
    spool.discard()

    async def perform(task: Task, tools: Tools) -> Result:
        async with tools.transport.open(task.request, slot=task.slot, hop=task.hop) as response:
            if not 200 <= response.status < 300:
                raise reading.bad_status(response)
            reading.refuse_part(response)
            received = await spool.fill(response.chunks())
        return Result(outcome=Outcome.NEW, status=response.status, bytes=received)

    def ended(result: Result) -> None:
        misfit = None
        if result.failure is not None:
            misfit = Misfit(job=item.job, ordinal=run.ordinal, url=item.url, failure=result.failure)
        fetched(misfit)

    task = Task(
        job=item.job,
        key=f"rows {item.url}",
        ordinal=0,
        slot=urls.slot(item.url),
        request=item.request,
        retry=run.job.retry,
    )
    errands.send(task.key, run, task, Errand(perform, ended))
