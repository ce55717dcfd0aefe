"""What the engine promises, whatever the job type does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from crawler.engine import intake, settle, working
from crawler.errors import BadStatus, ConnectFailed, StorageFailed, TimedOut
from crawler.events import JobFinished, TaskInterrupted, TaskRetried
from crawler.job_types.base import READ_AHEAD, Job, Misfit
from crawler.job_types.tools import Tools
from crawler.model import ErrorClass, Failure, Outcome, Result, Saved, Task, When
from crawler.net.traffic import TRAFFIC
from crawler.net.transport import MovedAway
from crawler.request import Hop
from tests.engine.bench import fine, job, running, task


async def test_every_task_ends_once(tmp_path: Path) -> None:
    async with running(tmp_path, items=lambda job: (task(n) for n in range(300))) as run:
        await run.engine.run()
    assert run.outcomes == {str(n): Outcome.NEW for n in range(300)}
    assert len(run.finished) == 300


async def test_a_bug_in_one_task_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    async def work(task: Task, tools: Tools) -> Result:
        if task.ordinal == 3:
            raise RuntimeError("no room foresaw this")
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(9))) as run:
        await run.engine.run()
    failed = [event.result.failure for event in run.finished if event.result.failure]
    assert [failure.kind for failure in failed] == [ErrorClass.BUG]
    assert "no room foresaw this" in failed[0].message
    assert failed[0].detail is not None
    assert "Traceback" in failed[0].detail
    assert sum(outcome is Outcome.NEW for outcome in run.outcomes.values()) == 8


async def test_a_task_that_the_ledger_cannot_record_is_a_bug_and_the_others_go_on(tmp_path: Path) -> None:
    async def work(task: Task, tools: Tools) -> Result:
        mtime_ns = 2**63 if task.ordinal == 3 else 0
        saved = Saved(target=task.key, size=1, sha256="ab", mtime_ns=mtime_ns, replaced=False)
        return Result(outcome=Outcome.NEW, saved=saved)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(9))) as run:
        await run.engine.run()
    failed = {event.task: event.result.failure for event in run.finished if event.result.failure}
    assert list(failed) == ["3"]
    assert failed["3"].kind is ErrorClass.BUG
    assert "OverflowError" in failed["3"].message
    assert len(run.finished) == 9
    assert sum(outcome is Outcome.NEW for outcome in run.outcomes.values()) == 8
    async with running(tmp_path, work, lambda job: (task(n) for n in range(3))) as run:
        await run.engine.run()
    assert run.outcomes == {str(n): Outcome.NEW for n in range(3)}


async def test_a_bug_in_the_expansion_ends_that_job_only(tmp_path: Path) -> None:
    def items(job: Job) -> Iterator[Task]:
        yield task(1, job=job.name)
        if job.name == "broken":
            raise KeyError("column")

    async with running(tmp_path, items=items, jobs=[job("broken"), job("sound")]) as run:
        await run.engine.run()
    ended = {event.job: event.outcome for event in run.events if isinstance(event, JobFinished)}
    assert ended == {"broken": Outcome.FAILED, "sound": Outcome.NEW}


async def test_a_slow_host_parks_no_worker(tmp_path: Path) -> None:
    gate = asyncio.Event()
    fast: list[int] = []

    async def work(task: Task, tools: Tools) -> Result:
        if task.slot == "slow:80":
            await gate.wait()
        else:
            fast.append(task.ordinal)
            if len(fast) == 50:
                gate.set()
        return Result(outcome=Outcome.NEW)

    def items(job: Job) -> Iterable[Task]:
        # More tasks of the slow host than there are workers, and all of them ahead of the others.
        yield from (task(n, slot="slow:80") for n in range(20))
        yield from (task(n, slot="fast:80") for n in range(20, 70))

    async with running(tmp_path, work, items, concurrency=2, workers=3) as run:
        await asyncio.wait_for(run.engine.run(), 10)
    assert len(run.finished) == 70


async def test_a_retry_waits_in_the_frontier_and_not_in_a_worker(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(task: Task, tools: Tools) -> Result:
        order.append(task.key)
        if task.key == "0" and order.count("0") == 1:
            raise ConnectFailed("refused")
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(3)), workers=1) as run:
        await run.engine.run()
    assert order == ["0", "1", "2", "0"]
    assert [event.attempts for event in run.finished if event.task == "0"] == [2]
    assert sum(isinstance(event, TaskRetried) for event in run.events) == 1


async def test_attempts_are_bounded(tmp_path: Path) -> None:
    async def work(task: Task, tools: Tools) -> Result:
        raise BadStatus(503, "Busy")

    async with running(tmp_path, work, lambda job: [task(0)]) as run:
        await run.engine.run()
    [event] = run.finished
    assert event.attempts == 3
    assert event.result.failure is not None
    assert (event.result.failure.kind, event.result.failure.retryable) == (ErrorClass.HTTP_STATUS, True)


async def test_a_post_without_an_answer_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async def work(task: Task, tools: Tools) -> Result:
        raise TimedOut("no answer", sent=True)

    async with running(tmp_path, work, lambda job: [task(0, method="POST")]) as run:
        await run.engine.run()
    [event] = run.finished
    assert (event.result.outcome, event.attempts) == (Outcome.UNKNOWN, 1)


async def test_a_post_that_never_left_is_sent_again(tmp_path: Path) -> None:
    attempts = 0

    async def work(task: Task, tools: Tools) -> Result:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ConnectFailed("refused", sent=False)
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: [task(0, method="POST")]) as run:
        await run.engine.run()
    assert (run.outcomes, attempts) == ({"0": Outcome.NEW}, 2)


async def test_a_broken_off_post_is_unknown_in_the_next_run(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def hang(task: Task, tools: Tools) -> Result:
        started.set()
        await asyncio.sleep(60)
        raise AssertionError

    async with running(tmp_path, hang, lambda job: [task(0, method="POST")], end=False) as run:
        going = asyncio.create_task(run.engine.run())
        await started.wait()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    async with running(tmp_path, fine, lambda job: [task(0, method="POST")]) as run:
        await run.engine.run()
    [event] = run.finished
    assert (event.result.outcome, event.attempts) == (Outcome.UNKNOWN, 0)


async def test_a_continued_round_does_not_repeat_what_is_done(tmp_path: Path) -> None:
    async with running(tmp_path, items=lambda job: [task(0)], end=False) as run:
        await run.engine.run()
    async with running(tmp_path, items=lambda job: [task(0), task(1)]) as run:
        await run.engine.run()
    assert {event.task: event.attempts for event in run.finished} == {"0": 0, "1": 1}
    assert set(run.outcomes.values()) == {Outcome.NEW}


async def test_a_finished_round_is_followed_by_a_new_one(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(tmp_path, items=lambda job: [task(0)]) as run:
            await run.engine.run()
        assert [event.attempts for event in run.finished] == [1]


async def test_a_redirected_task_waits_for_the_other_hosts_slot(tmp_path: Path) -> None:
    active: dict[str, int] = {"a:80": 0, "b:80": 0}
    seen: list[int] = []

    async def work(task: Task, tools: Tools) -> Result:
        active[task.slot] += 1
        seen.append(active[task.slot])
        await asyncio.sleep(0.001)
        active[task.slot] -= 1
        if task.hop is None:
            raise MovedAway(Hop(f"http://b/{task.ordinal}", "GET", 1, True), "b:80")
        assert task.slot == "b:80"
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(8)), concurrency=1) as run:
        await run.engine.run()
    assert max(seen) == 1
    assert [event.attempts for event in run.finished] == [1] * 8


async def test_what_is_read_is_bounded_by_the_frontier_and_not_by_the_manifest(tmp_path: Path) -> None:
    read = 0
    most = 0
    ended = 0

    def items(job: Job) -> Iterator[Task]:
        nonlocal read, most
        for number in range(5_000):
            read += 1
            most = max(most, read - ended)
            yield task(number)

    async def work(task: Task, tools: Tools) -> Result:
        nonlocal ended
        ended += 1
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, items) as run:
        await run.engine.run()
    assert read == 5_000
    assert most <= 8 * intake.STUCK_FACTOR + READ_AHEAD + 4 + 8


async def test_jobs_wait_for_their_needs_and_are_left_out_when_those_fail(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(task: Task, tools: Tools) -> Result:
        order.append(task.job)
        if task.job == "bad":
            raise BadStatus(404, "Not Found")
        return Result(outcome=Outcome.UNCHANGED if task.job == "same" else Outcome.NEW)

    jobs = [
        job("last", needs=("first",)),
        job("first"),
        job("bad"),
        job("never", needs=("bad",)),
        job("anyway", needs=("bad",), when=When.ALWAYS),
        job("same"),
        job("quiet", needs=("same",), when=When.CHANGED),
        job("loud", needs=("first",), when=When.CHANGED),
        job("after-never", needs=("never",)),
    ]
    async with running(tmp_path, work, lambda job: [task(0, job=job.name)], jobs=jobs) as run:
        await run.engine.run()
    assert order.index("first") < order.index("last")
    assert set(order) == {"first", "last", "bad", "anyway", "same", "loud"}
    reasons = {event.job: event.reason for event in run.events if isinstance(event, JobFinished)}
    assert reasons["never"] == "it needs 'bad', which did not end well"
    assert reasons["after-never"] == "it needs 'never', which was left out"
    assert reasons["quiet"] == "nothing changed in the jobs it needs"
    assert reasons["loud"] is None


async def test_a_misfit_is_a_failed_task_and_not_the_end(tmp_path: Path) -> None:
    failure = Failure(kind=ErrorClass.TEMPLATE, message="rows.csv:2: no column 'id'", retryable=False)
    bad = Misfit(job="job", ordinal=0, url="", failure=failure)
    async with running(tmp_path, items=lambda job: [bad, task(1)]) as run:
        await run.engine.run()
    assert run.outcomes == {"row 0": Outcome.FAILED, "1": Outcome.NEW}


async def test_two_tasks_never_share_a_target(tmp_path: Path) -> None:
    def items(job: Job) -> Iterable[Task]:
        yield task(0, target="dir/A.txt", key="dir/A.txt")
        yield task(1, target="dir/a.txt", key="dir/a.txt")
        yield task(2, target="dir/A.txt", key="dir/A.txt")

    async with running(tmp_path, items=items) as run:
        await run.engine.run()
    by_ordinal = {event.ordinal: event for event in run.finished}
    assert by_ordinal[0].target == "dir/A.txt"
    assert by_ordinal[1].target not in (None, "dir/A.txt", "dir/a.txt")
    assert by_ordinal[2].result.failure is not None
    assert by_ordinal[2].result.failure.kind is ErrorClass.EXISTS


async def test_a_full_disk_stops_the_intake(tmp_path: Path) -> None:
    async def work(task: Task, tools: Tools) -> Result:
        raise StorageFailed("ENOSPC")

    async with running(tmp_path, work, lambda job: (task(n) for n in range(5_000)), workers=1) as run:
        await run.engine.run()
    assert run.engine.storage_failed == "ENOSPC"
    assert len(run.finished) < 10


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_stop_lets_short_tasks_end_and_cancels_long_ones(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "SOFT_STOP", 0.05)
    monkeypatch.setattr(working, "HARD_STOP", 0.3)
    started = asyncio.Event()
    cancelled: list[str] = []

    async def work(task: Task, tools: Tools) -> Result:
        if task.ordinal == 1:
            started.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(task.key)
                raise
        await started.wait()
        return Result(outcome=Outcome.NEW)

    async with running(
        tmp_path, work, lambda job: (task(n, method=method) for n in range(500)), workers=2
    ) as run:
        going = asyncio.create_task(run.engine.run())
        await started.wait()
        run.engine.stop("SIGTERM")
        await asyncio.wait_for(going, 5)
    assert cancelled == ["1"]
    assert len(run.finished) < 10
    assert Outcome.FAILED not in run.outcomes.values()


@pytest.mark.parametrize(
    ("method", "sent", "outcomes"), [("POST", 1, ["unknown"]), ("POST", 0, []), ("GET", 1, [])]
)
async def test_what_must_not_be_repeated_and_is_under_way_at_the_end_is_unknown_in_this_run(
    tmp_path: Path, method: str, sent: int, outcomes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "SOFT_STOP", 0.05)
    monkeypatch.setattr(working, "HARD_STOP", 0.1)
    started = asyncio.Event()

    async def work(task: Task, tools: Tools) -> Result:
        for _ in range(sent):
            TRAFFIC.get().sent()
        started.set()
        await asyncio.sleep(60)
        return Result(outcome=Outcome.NEW)

    items = [task(1, method=method)]
    async with running(tmp_path, work, lambda job: items, end=False) as run:
        going = asyncio.create_task(run.engine.run())
        await started.wait()
        run.engine.stop("SIGTERM")
        await asyncio.wait_for(going, 5)
    assert list(run.outcomes.values()) == outcomes
    interrupted = [event.requests for event in run.events if isinstance(event, TaskInterrupted)]
    assert interrupted == ([] if outcomes else [sent])

    # What never left is sent by the run that goes on, the other is told again and not sent.
    async with running(tmp_path, items=lambda job: items) as run:
        await run.engine.run()
    assert list(run.outcomes.values()) == (outcomes or ["new"])


async def test_no_more_ends_wait_for_the_ledger_than_it_may_be_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "MOST_BEHIND", 20)
    begun = 0
    most = 0

    async def work(task: Task, tools: Tools) -> Result:
        nonlocal begun, most
        begun += 1
        most = max(most, begun - len(run.finished))
        return Result(outcome=Outcome.NEW)

    async with running(tmp_path, work, lambda job: (task(n) for n in range(2_000))) as run:
        await run.engine.run()
    assert len(run.finished) == 2_000
    assert most <= 20 + 4 + 1
