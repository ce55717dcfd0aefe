"""Whatever is done to a frontier in whatever order, its promises hold."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crawler.policy.frontier import Frontier
from crawler.policy.heard import GivenUp, Heard, Kind, Paused
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules

DELAY = 2.0
EARLY = 1e-6  # what floating point may get wrong, in seconds
RULES = HostRules(
    [
        HostRule(pattern="delayed", delay=DELAY, concurrency=3),
        HostRule(pattern="rated", rate=1.0, burst=2, concurrency=3),
        HostRule(pattern="one.farm", group="farm"),
        HostRule(pattern="two.farm", group="farm"),
    ],
    concurrency=2,
)
HOSTS = ("plain:1", "delayed:1", "rated:1", "one.farm:1", "two.farm:1")
FAR = 1e7


@dataclass(frozen=True)
class Item:
    slot: str
    number: int
    gentle: bool = False


@dataclass(eq=False)
class Run:
    """A task that was taken."""

    task: Item
    began: float | None = None
    borrowed: int = 0


class Promises(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.frontier: Frontier[Item] = Frontier(RULES, chance=lambda: self.chance)
        self.chance = 0.0
        self.now = 0.0
        self.number = 0
        self.waiting: dict[Item, float] = {}
        self.runs: list[Run] = []
        self.last: dict[str, float] = {}
        self.begins: list[float] = []  # of the rated host
        self.paused: dict[str, float] = {}

    @rule(seconds=st.floats(0, 3), chance=st.floats(0, 0.99))
    def time_passes(self, seconds: float, chance: float) -> None:
        self.now += seconds
        self.chance = chance

    @rule(host=st.sampled_from(HOSTS), later=st.none() | st.floats(0, 5), first=st.booleans())
    def add(self, host: str, later: float | None, first: bool) -> None:
        self.number += 1
        task = Item(host, self.number)
        not_before = None if later is None else self.now + later
        refused = self.frontier.add(task, now=self.now, not_before=not_before, first=first)
        assert (refused is not None) == (self.frontier.given_up(task) is not None)
        if refused is None:
            self.waiting[task] = not_before or 0.0

    @rule()
    def take(self) -> None:
        task = self.frontier.take(self.now)
        if task is not None:
            assert self.waiting.pop(task) <= self.now
            assert self.now >= self.paused.get(RULES.key(task.slot), 0.0) - EARLY
            self.runs.append(Run(task))
            return
        wakes_at = self.frontier.wakes_at()
        if wakes_at is not None:
            assert wakes_at > self.now
            self.now += (wakes_at - self.now) / 2
            assert self.frontier.take(self.now) is None

    @precondition(lambda self: self.idle_runs())
    @rule(data=st.data(), back=st.booleans())
    def begin(self, data: st.DataObject, back: bool) -> None:
        self.begin_or_put_back(data.draw(st.sampled_from(self.idle_runs())), back)

    @rule(host=st.sampled_from(HOSTS[1:3]))
    def add_and_start(self, host: str) -> None:
        self.add(host, None, False)
        self.take()
        for run in self.idle_runs():
            self.begin_or_put_back(run, False)

    def begin_or_put_back(self, run: Run, back: bool) -> None:
        key = RULES.key(run.task.slot)
        if back or not self.frontier.begin(run.task, self.now):
            self.runs.remove(run)
            if self.frontier.put_back(run.task) is None:
                self.waiting[run.task] = 0.0
            return
        run.began = self.now
        assert self.frontier.given_up(run.task) is None
        assert self.now >= self.paused.get(key, 0.0) - EARLY
        if key == "delayed:1":
            assert self.now >= self.last.get(key, -FAR) + DELAY - EARLY
        if key == "rated:1":
            self.begins.append(self.now)
        self.last[key] = self.now

    @precondition(lambda self: self.begun())
    @rule(data=st.data())
    def sent(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.begun()))
        self.frontier.sent(run.task, self.now)
        self.last[RULES.key(run.task.slot)] = self.now

    @precondition(lambda self: self.begun())
    @rule(data=st.data(), wanted=st.integers(0, 3))
    def borrow(self, data: st.DataObject, wanted: int) -> None:
        run = data.draw(st.sampled_from(self.begun()))
        run.borrowed += self.frontier.borrow(run.task, wanted)

    @precondition(lambda self: self.begun())
    @rule(
        data=st.data(),
        kind=st.sampled_from(Kind),
        retry_after=st.none() | st.floats(0, 5),
        own_delay=st.floats(0, 2),
        head=st.none() | st.floats(0, 9),
        report_first=st.booleans(),
    )
    def end(
        self,
        data: st.DataObject,
        kind: Kind,
        retry_after: float | None,
        own_delay: float,
        head: float | None,
        report_first: bool,
    ) -> None:
        run = data.draw(st.sampled_from(self.begun()))
        assert run.began is not None
        self.runs.remove(run)
        if not report_first:
            self.leave(run)
        heard = Heard(
            kind, run.began, head_seconds=head, retry_after=retry_after, own_delay=own_delay, max_backoff=3.0
        )
        event = self.frontier.report(run.task, heard, self.now)
        if report_first:
            self.leave(run)
        if isinstance(event, Paused):
            self.paused[event.key] = max(self.paused.get(event.key, 0.0), self.now + event.seconds)
        if isinstance(event, GivenUp):
            for task in self.frontier.drain(event.key):
                del self.waiting[task]
            assert not [task for task in self.waiting if RULES.key(task.slot) == event.key]

    def leave(self, run: Run) -> None:
        if run.borrowed:
            self.frontier.give_back(run.task, run.borrowed)
        self.frontier.release(run.task, self.now)

    @rule()
    def remember(self) -> None:
        for memory in self.frontier.memories(self.now):
            assert memory.pause >= 0
            assert memory.window is None or memory.window >= 1

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.frontier) == len(self.waiting)

    @invariant()
    def concurrency_is_never_above_its_limit(self) -> None:
        for host in HOSTS:
            key = RULES.key(host)
            mine = [run for run in self.runs if RULES.key(run.task.slot) == key]
            under_way = sum(1 + run.borrowed for run in mine if run.began is not None)
            assert under_way <= RULES.limits(host).concurrency

    @invariant()
    def a_rate_is_never_exceeded(self) -> None:
        for first, start in enumerate(self.begins):
            for many, end in enumerate(self.begins[first:], start=1):
                assert many <= 2 + 0.05 + (end - start) + EARLY

    def teardown(self) -> None:
        """Everything that waits comes out once those before it are done."""
        for run in self.runs:
            if run.began is None:
                if self.frontier.put_back(run.task) is None:
                    self.waiting[run.task] = 0.0
            else:
                self.leave(run)
        while self.waiting:
            task = self.frontier.take(self.now)
            if task is None:
                wakes_at = self.frontier.wakes_at()
                assert wakes_at is not None
                self.now = max(self.now, wakes_at)
                continue
            del self.waiting[task]
            assert self.frontier.begin(task, self.now)
            self.frontier.release(task, self.now)
        assert len(self.frontier) == 0
        assert self.frontier.take(self.now + FAR) is None
        assert list(self.frontier.memories(self.now + FAR)) is not None

    def idle_runs(self) -> list[Run]:
        return [run for run in self.runs if run.began is None]

    def begun(self) -> list[Run]:
        return [run for run in self.runs if run.began is not None]


def test_the_promises_of_the_frontier_hold_in_any_order_of_events() -> None:
    run_state_machine_as_test(
        Promises, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 3))
def test_between_two_turns_of_a_host_every_other_that_waits_has_one(counts: list[int], limit: int) -> None:
    waiting: Frontier[Item] = Frontier(HostRules([], concurrency=limit), chance=lambda: 0.0)
    for place, count in enumerate(counts):
        for number in range(count):
            waiting.add(Item(f"h{place}:1", number), now=0.0)
    order: list[str] = []
    while (task := waiting.take(0.0)) is not None:
        waiting.begin(task, 0.0)
        waiting.release(task, 0.0)
        order.append(task.slot)
    left = {f"h{place}:1": count for place, count in enumerate(counts)}
    while order:
        turn = [host for host, count in left.items() if count]
        assert sorted(order[: len(turn)]) == sorted(turn)
        del order[: len(turn)]
        left = {host: max(0, count - 1) for host, count in left.items()}
