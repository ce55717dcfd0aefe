"""Who is asked again for what it captured, as the engine decides it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crawler.job_types.base import Asks, Job, Misfit
from crawler.job_types.tools import Tools
from crawler.model import ErrorClass, Outcome, Result, Task
from tests.engine.bench import job, running, task

LOGIN, USER = job("login"), job("user", needs=("login",), asks=Asks({"login": "login"}, frozenset({"url"})))


async def test_a_task_that_turns_up_where_none_was_left_fails_and_is_not_sent_without_the_value(
    tmp_path: Path,
) -> None:
    done: list[str] = []
    drawn = 0

    async def work(task: Task, tools: Tools) -> Result:
        done.append(f"{task.job} {task.key}")
        if task.job == "login":
            tools.captured({"t": "value"}, {"t"})
        return Result(outcome=Outcome.NEW)

    def items(job: Job) -> Iterator[Task | Misfit]:
        nonlocal drawn
        drawn += job.name == "user"
        yield task(0, job=job.name)
        if drawn == 3:  # the first run's, the look whether anything is left, and then
            yield task(1, job=job.name)

    async with running(tmp_path, work, items, jobs=[LOGIN, USER], end=False) as first:
        await first.engine.run()
    assert done == ["login 0", "user 0"]
    async with running(tmp_path, work, items, jobs=[LOGIN, USER]) as second:
        await second.engine.run()
    assert done == ["login 0", "user 0"]
    [failed] = [each.result.failure for each in second.finished if each.result.failure is not None]
    assert (failed.kind, failed.retryable) == (ErrorClass.TEMPLATE, False)
    assert failed.message == "job 'login' was done by an earlier run, and what it captured is not kept"


async def test_what_is_captured_is_hidden_at_once_and_kept_for_the_run_alone(tmp_path: Path) -> None:
    hidden: list[str] = []
    values = {"a": " text ", "b": 4711, "c": True, "d": None, "e": "True", "f": 1.5, "g": "a default"}
    done: list[str] = []

    async def work(task: Task, tools: Tools) -> Result:
        done.append(f"{task.job} {task.key}")
        if task.job == "login":
            tools.captured(values, values.keys() - {"g"})
            assert hidden == [" text ", "text", "4711", "1.5"]
        return Result(outcome=Outcome.NEW)

    def items(job: Job) -> Iterator[Task | Misfit]:
        yield task(0, job=job.name)
        if job.name == "user":
            yield task(1, job=job.name)

    def hide(texts: Iterator[str]) -> None:
        hidden.extend(texts)

    async with running(tmp_path, work, items, jobs=[LOGIN, USER], end=False, hide=hide) as first:
        await first.engine.run()
        assert first.table["login"].captured == values
    async with running(tmp_path, work, items, jobs=[LOGIN, USER]) as second:
        assert second.table["login"].captured is None
