"""What requests of this run captured: kept in memory alone, hidden at once, and put into jobs that use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace

from crawler.engine.admitted import Bench
from crawler.engine.jobs import JobRun, JobTable
from crawler.job_types.asking import as_written, listed, supplied
from crawler.job_types.base import Fetch, Growing, Misfit
from crawler.model import Task
from crawler.policy.owning import without_secrets
from crawler.syntax.needs import Lost

# They say nothing that would have to be hidden, and stand in too many texts.
_WORDS = frozenset({"true", "false", "null"})


class Captures:
    """The captured values of every job of one run."""

    def __init__(self, table: JobTable, bench: Bench) -> None:
        self._table = table
        self._bench = bench
        self.named = bench.naming(())
        """Takes out of a task's key what the manifest keeps secret."""

    def keep(self, run: JobRun, values: Mapping[str, object], found: Set[str]) -> None:
        """Keep what a request of the job captured for jobs that use it; hide what its answer held of that."""
        run.hidden = tuple(_texts(values[name] for name in values if name in found))
        self._bench.hide(run.hidden)
        run.captured = dict(values)

    def supply(self, run: JobRun) -> None:
        """Put into a job that starts what it uses. What a request did not come to fails tasks that use it."""
        needs: dict[str, Mapping[str, object]] = {}
        for written, name in run.job.asks.jobs.items():
            need = self._table[name]
            if not need.well:
                ended = "was left out" if need.reason else "did not end well"
                needs[written] = Lost(f"job {name!r} {ended}")
                run.unread = True  # what fails for that is there to be done once the value is
            elif need.captured is not None:
                needs[written] = need.captured
            else:
                run.unsupplied = f"job {name!r} was done by an earlier run, and what it captured is not kept"
        run.named = self._naming(run)
        run.job = as_written(run.job) if run.unsupplied else supplied(run.job, needs)

    def _naming(self, run: JobRun) -> Callable[[str], str]:
        """What makes keys of the job's tasks that may be stored.

        It knows of captured values only where they may be in there: by its key a task is found again, and
        what other jobs have captured by then differs from run to run.
        """
        job = run.job
        if isinstance(self._bench.types[job.type], Growing):
            return self._bench.redact
        if listed(job):
            sources = set(job.asks.jobs.values()) if job.asks.unforeseen else set()
        else:
            sources = self._table.behind(job)
        hidden = [text for name in sorted(sources) for text in self._table[name].hidden]
        return self._bench.naming(hidden) if hidden else self.named

    def tasks(self, run: JobRun) -> Iterable[Task | Misfit | Fetch]:
        """The tasks of a job that was supplied. One that lacks a value has the key that it has with it."""
        tasks, sources = self._bench.types[run.job.type].tasks, self._bench.sources
        found = tasks(run.job, sources)
        if not listed(run.job) or all(self._table[name].well for name in run.job.asks.jobs.values()):
            return found
        return map(self._known, found, tasks(as_written(run.job), sources))

    def _known(self, item: Task | Misfit | Fetch, written: Task | Misfit | Fetch) -> Task | Misfit | Fetch:
        if isinstance(item, Misfit) and isinstance(written, Task):
            return replace(item, task=without_secrets(written, self.named).key)
        return item

    def users(self, run: JobRun) -> Iterator[JobRun]:
        """The jobs of the run that use what this one captures."""
        return (user for user in self._table if run.job.name in user.job.asks.jobs.values())


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and value.lower() not in _WORDS:
            yield value
            yield value.strip()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value)
