"""Requests that must be answered before others can go on: fetched through the engine, counted by no job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from crawler.engine.admitted import Admitted
from crawler.engine.jobs import JobRun
from crawler.job_types.tools import Tools
from crawler.model import Result, Task


@dataclass(slots=True)
class Errand:
    """One such request. ``task`` waits for its host and is retried like any other.

    ``perform`` is as a job type's; ``ended`` is called with what it came to in the end.
    """

    perform: Callable[[Task, Tools], Awaitable[Result]]
    ended: Callable[[Result], None]
    waiting: list[Admitted] = field(default_factory=list)  # tasks that cannot go on without it


class Errands:
    """Errands under way, each once, whoever asks for it.

    ``admit`` puts a task into the frontier.
    """

    def __init__(self, admit: Callable[[Admitted], None]) -> None:
        self._admit = admit
        self._under_way: dict[str, Errand] = {}
        self.waiting = 0  # tasks that wait for errands

    def send(self, key: str, run: JobRun, task: Task, errand: Errand) -> None:
        """Begin an errand that is not under way yet; ``key`` is its task's."""
        self._under_way[key] = errand
        self._admit(Admitted(task, run, errand=errand))

    def wait(self, key: str, admitted: Admitted) -> bool:
        """Let the task wait for the errand; whether there is such a one."""
        errand = self._under_way.get(key)
        if errand is not None:
            errand.waiting.append(admitted)
            self.waiting += 1
        return errand is not None

    def over(self, admitted: Admitted, result: Result) -> None:
        """The errand has ended: those that waited for it go back to their hosts' slots."""
        errand = admitted.errand
        assert errand is not None
        del self._under_way[admitted.task.key]
        self.waiting -= len(errand.waiting)
        errand.ended(result)
        if errand.waiting:
            errand.waiting[0].requests += admitted.requests  # somebody has to account for them
        for waiting in errand.waiting:
            self._admit(waiting)
