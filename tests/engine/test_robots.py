"""When robots.txt is asked for, how long an answer holds, and what becomes of those who wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crawler.crawled import RobotsFile
from crawler.engine.admitted import Admitted
from crawler.engine.errands import Errands
from crawler.engine.jobs import JobRun
from crawler.engine.robots import ASK_AGAIN, KEPT, KEPT_BYTES, RobotsGate
from crawler.model import ErrorClass, Failure, Outcome, Result, Robots, Task
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules
from crawler.policy.robots import FRESH_SECONDS
from crawler.store.ledger import Ledger
from tests.engine.bench import job, task

DAY = FRESH_SECONDS
UNREACHABLE = Failure(kind=ErrorClass.TIMEOUT, message="no answer", retryable=True)


class Gate:
    """A gate whose clock the test sets; errands end as the test says."""

    def __init__(self, ledger: Ledger, rules: HostRules | None = None) -> None:
        self.now = 1e9
        self.delays: list[tuple[str, float, float]] = []
        self.sent: list[Admitted] = []  # errands on their way
        self.freed: list[Admitted] = []  # tasks that waited and come again
        self.errands = Errands(self._admit)
        self.gate = RobotsGate(
            ledger.hosts,
            rules or HostRules((), concurrency=4),
            self.errands,
            lambda: self.now,
            lambda *told: self.delays.append(told),
        )

    def _admit(self, admitted: Admitted) -> None:
        (self.freed if admitted.errand is None else self.sent).append(admitted)

    def over(self, result: Result) -> None:
        self.errands.over(self.sent.pop(), result)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = Ledger.open(tmp_path, "m", durability="none")
    opened.begin("one", 0.0, manifest="m")
    yield opened
    await opened.close()


def asking(number: int = 1, robots: Robots = Robots.OBEY, slot: str = "a:80") -> Admitted:
    made: Task = task(number, slot=slot, robots=robots)
    return Admitted(made, JobRun(job()))


async def keep(
    ledger: Ledger, body: bytes, *, fetched: float, host: str = "a", status: str = "rules"
) -> None:
    file = RobotsFile(origin=f"http://{host}:80", fetched=fetched, status=status, body=body)
    ledger.hosts.keep_robots(file)
    await ledger.flush()


async def test_one_request_for_however_many_tasks(ledger: Ledger) -> None:
    gate = Gate(ledger)
    waiting = [asking(number) for number in range(5)]
    assert all(gate.gate.waits(each) for each in waiting)
    assert [each.task.request.url for each in gate.sent] == ["http://a/robots.txt"]
    assert gate.errands.waiting == 5
    gate.over(Result(outcome=Outcome.FAILED, failure=UNREACHABLE))
    assert gate.freed == waiting
    assert not any(gate.gate.waits(each) for each in waiting)
    for each in waiting:
        refused = gate.gate.refused(each)
        assert refused is not None
        assert refused.failure is not None
        assert refused.failure.kind is ErrorClass.ROBOTS_UNREACHABLE
        assert refused.failure.retryable
        assert "no answer" in refused.failure.message


async def test_who_could_not_be_reached_is_asked_again_after_a_while(ledger: Ledger) -> None:
    gate = Gate(ledger)
    assert gate.gate.waits(asking())
    gate.over(Result(outcome=Outcome.FAILED, failure=UNREACHABLE))
    gate.now += ASK_AGAIN - 1
    assert not gate.gate.waits(asking())
    gate.now += 2
    assert gate.gate.waits(asking())
    await ledger.flush()
    assert ledger.hosts.robots("http://a:80") is None  # and nothing of it is kept for tomorrow


async def test_a_blocked_address_stays_what_it_is(ledger: Ledger) -> None:
    gate = Gate(ledger)
    one = asking()
    assert gate.gate.waits(one)
    blocked = Failure(kind=ErrorClass.BLOCKED_ADDRESS, message="private", retryable=False)
    gate.over(Result(outcome=Outcome.FAILED, failure=blocked))
    refused = gate.gate.refused(one)
    assert refused is not None
    assert refused.failure == blocked


@pytest.mark.parametrize(("age", "known"), [(0.0, True), (DAY - 1, True), (DAY, False), (-10.0, False)])
async def test_an_answer_of_an_earlier_run_holds_for_a_day(ledger: Ledger, age: float, known: bool) -> None:
    gate = Gate(ledger)
    await keep(ledger, b"User-agent: *\nDisallow: /1\n", fetched=gate.now - age)
    assert gate.gate.waits(asking()) is not known
    if known:
        gate.now += DAY
        assert gate.gate.waits(asking())  # in a run of days, too


async def test_what_is_disallowed_fails_or_is_left_out_as_the_task_wants_it(ledger: Ledger) -> None:
    gate = Gate(ledger)
    await keep(ledger, b"User-agent: *\nDisallow: /1\nCrawl-delay: 7\n", fetched=gate.now - 3.0)
    outcomes = {}
    for mode in Robots:
        one, two = asking(1, mode), asking(2, mode)
        assert not gate.gate.waits(one)
        refused = gate.gate.refused(one)
        outcomes[mode] = refused and refused.outcome
        assert gate.gate.refused(two) is None
    assert outcomes == {
        Robots.IGNORE: None,
        Robots.OBEY: Outcome.FAILED,
        Robots.SKIP: Outcome.SKIPPED,
    }
    assert set(gate.delays) == {("a:80", 7.0, 3.0)}


async def test_a_host_rule_has_the_last_word(ledger: Ledger) -> None:
    rules = HostRules(
        [HostRule(pattern="a", robots=True), HostRule(pattern="b", robots=False)], concurrency=4
    )
    gate = Gate(ledger, rules)
    assert gate.gate.waits(asking(robots=Robots.IGNORE))
    assert not gate.gate.waits(asking(robots=Robots.OBEY, slot="b:80"))
    assert gate.gate.refused(asking(robots=Robots.OBEY, slot="b:80")) is None


async def test_its_memory_is_bounded_in_number_and_bytes(ledger: Ledger) -> None:
    gate = Gate(ledger)
    large = b"#" * (KEPT_BYTES // 8)
    for number in range(20):
        await keep(ledger, large, fetched=gate.now, host=f"h{number}")
        assert not gate.gate.waits(asking(slot=f"h{number}:80"))
    held = gate.gate._known
    assert sum(len(each.answer.body) for each in held.values()) <= KEPT_BYTES
    for number in range(KEPT + 50):
        await keep(ledger, b"", fetched=gate.now, host=f"s{number}", status="allow")
        assert not gate.gate.waits(asking(slot=f"s{number}:80"))
    assert len(held) <= KEPT
    assert not gate.gate.waits(asking(slot="h0:80"))  # the ledger still knows
