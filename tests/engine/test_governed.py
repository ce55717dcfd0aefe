"""How the engine treats hosts: retries keep their place, the dead are given up, robots.txt comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from crawler.errors import BadStatus, ConnectFailed
from crawler.events import HostGivenUp, HostPaused
from crawler.job_types.base import Job
from crawler.job_types.tools import Tools
from crawler.model import ErrorClass, Outcome, Result, Robots, Task, When
from crawler.request import Request
from tests.engine.bench import Run, fine, job, running, task
from tests.server import Server

DEAD = "dead:80"


async def dead_host(task: Task, tools: Tools) -> Result:
    if task.slot == DEAD:
        raise ConnectFailed("nobody there")
    return Result(outcome=Outcome.NEW)


def kinds(run: Run) -> dict[str, ErrorClass | None]:
    """How each task failed, if it did."""
    return {event.task: event.result.failure.kind if event.result.failure else None for event in run.finished}


async def test_a_retry_goes_ahead_of_its_hosts_other_tasks(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(task: Task, tools: Tools) -> Result:
        order.append(task.key)
        await asyncio.sleep(0.03)
        if order.count("0") == 1:
            raise BadStatus(500, "later")
        return Result(outcome=Outcome.NEW)

    def items(job: Job) -> Iterator[Task]:
        return (task(n) for n in range(6))

    async with running(tmp_path, work, items, concurrency=1) as run:
        await run.engine.run()
    assert order[:3] in (["0", "0", "1"], ["0", "1", "0"])


async def test_a_dead_host_is_given_up_and_its_tasks_fail_untried(tmp_path: Path) -> None:
    def items(job: Job) -> Iterator[Task]:
        yield from (task(n, slot=DEAD) for n in range(200))
        yield from (task(n, slot="alive:80") for n in range(200, 220))

    async with running(tmp_path, dead_host, items) as run:
        await run.engine.run()
    failures = [event.result.failure for event in run.finished if event.result.failure]
    assert len(failures) == 200
    assert all(failure.retryable and failure.kind is ErrorClass.CONNECT for failure in failures)
    assert sum(event.attempts for event in run.finished if event.result.failure) <= 12
    assert [event.host for event in run.events if isinstance(event, HostGivenUp)] == [DEAD]
    assert sum(outcome is Outcome.NEW for outcome in run.outcomes.values()) == 20


async def test_a_host_given_up_in_the_last_run_gets_one_probe(tmp_path: Path) -> None:
    def items(job: Job) -> Iterator[Task]:
        return (task(n, slot=DEAD) for n in range(50))

    async with running(tmp_path, dead_host, items) as run:
        await run.engine.run()
    async with running(tmp_path, dead_host, items) as run:
        await run.engine.run()
        assert len(run.finished) == 50
        assert sum(event.attempts for event in run.finished) == 1
    async with running(tmp_path, fine, items) as run:
        await run.engine.run()
        assert set(run.outcomes.values()) == {Outcome.NEW}


async def test_tasks_that_come_after_their_host_was_given_up_fail_at_once(tmp_path: Path) -> None:
    def items(job: Job) -> Iterator[Task]:
        return (task(n, job=job.name, slot=DEAD) for n in range(20))

    later = job("later", needs=("job",), when=When.ALWAYS)
    async with running(tmp_path, dead_host, items, jobs=[job(), later]) as run:
        await run.engine.run()
    late = [event for event in run.finished if event.job == "later"]
    assert len(late) == 20
    assert all(event.attempts == 0 and event.result.failure for event in late)


async def test_a_pause_that_a_host_asks_for_is_told_and_kept(tmp_path: Path) -> None:
    began: list[float] = []

    async def work(task: Task, tools: Tools) -> Result:
        began.append(asyncio.get_running_loop().time())
        if len(began) == 1:
            raise BadStatus(429, "slower", retry_after=1.2)
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(3)), concurrency=1) as run:
        await run.engine.run()
    assert began[1] - began[0] >= 1.2
    assert [event.host for event in run.events if isinstance(event, HostPaused)] == ["a:80"]


def robotic(server: Server, path: str, number: int) -> Task:
    made = task(number, slot=f"127.0.0.1:{server.port}", robots=Robots.OBEY)
    return structs.replace(made, request=Request(url=server.url(path)))


async def test_robots_txt_is_asked_for_once_and_first(tmp_path: Path, server: Server) -> None:
    server.set_answer("/robots.txt", b"User-agent: *\nDisallow: /private\n")
    asked: list[int] = []

    async def work(task: Task, tools: Tools) -> Result:
        asked.append(len(server.requests("/robots.txt")))
        return Result(outcome=Outcome.NEW)

    def items(job: Job) -> Iterator[Task]:
        yield robotic(server, "/private/page", 0)
        yield from (robotic(server, f"/{n}", n) for n in range(1, 30))

    async with running(tmp_path, work, items) as run:
        await run.engine.run()
        assert kinds(run)["0"] is ErrorClass.ROBOTS
        assert asked == [1] * 29
        assert len(server.log) == 1
        # Somebody accounts for the request that no task made.
        assert sum(event.requests for event in run.finished) >= 1


async def test_a_host_whose_robots_txt_cannot_be_had_is_left_alone(tmp_path: Path, server: Server) -> None:
    server.set_answer("/robots.txt", b"", status=500)

    def items(job: Job) -> Iterator[Task]:
        return (robotic(server, f"/{n}", n) for n in range(10))

    async with running(tmp_path, fine, items) as run:
        await run.engine.run()
    assert set(kinds(run).values()) == {ErrorClass.ROBOTS_UNREACHABLE}
    assert len(server.log) == 3  # as often as the first task is tried


async def test_robots_txt_of_a_host_that_was_given_up_holds_up_nobody(tmp_path: Path) -> None:
    def items(job: Job) -> Iterator[Task]:
        robots = Robots.OBEY if job.name == "later" else Robots.IGNORE
        return (task(n, job=job.name, slot=DEAD, robots=robots) for n in range(10))

    later = job("later", needs=("job",), when=When.ALWAYS)
    async with running(tmp_path, dead_host, items, jobs=[job(), later]) as run:
        await asyncio.wait_for(run.engine.run(), 20)
    assert len(run.finished) == 20
    assert {event.result.outcome for event in run.finished} == {Outcome.FAILED}
