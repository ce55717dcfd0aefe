"""How hosts are treated: what attempts show of them goes to the frontier, what follows is told and kept."""

from __future__ import annotations

from collections.abc import Callable

from crawler.crawled import HostFacts
from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import Ended, Moved
from crawler.events import HostGivenUp, HostPaused
from crawler.model import ErrorClass, Failure, GoesOn, Outcome, Result
from crawler.net.traffic import Traffic
from crawler.policy.bandwidth import Bandwidth
from crawler.policy.frontier import Frontier
from crawler.policy.heard import GivenUp, Heard, HostMemory, Kind, Paused
from crawler.policy.retry import LONGEST_RETRY_AFTER

TURNED_AWAY = frozenset({429, 503})
_NO_ANSWER = frozenset({ErrorClass.DNS, ErrorClass.CONNECT, ErrorClass.TIMEOUT})
# What an earlier run learned of a host counts for a day: by then it has been rebooted or forgiven us.
BELIEVED = 24 * 3600.0
# A pause's doubling is forgotten after this many seconds without another one, as StormCrawler does.
FORGIVEN = 1800.0
_WORTH_TELLING = 1.0  # seconds; shorter pauses are those of single retries


class Manners:
    """One instance a run. ``given_up`` is called with the key of a host whose tasks are to be failed."""

    def __init__(self, bench: Bench, given_up: Callable[[str, str], None]) -> None:
        self._bench = bench
        self._given_up = given_up
        self._began = bench.monotonic()
        self._total = Bandwidth(bench.bandwidth) if bench.bandwidth is not None else None
        self._by_host: dict[str, Bandwidth] = {}
        self._last: dict[str, Failure] = {}  # of hosts that turned us away or did not answer
        self.frontier: Frontier[Admitted] = Frontier(
            bench.hosts, chance=bench.random, remembered=self._remembered
        )

    def follow(
        self, admitted: Admitted, traffic: Traffic, meter: Callable[[int], None] | None = None
    ) -> None:
        """Count the attempt's requests and hold them back as its host wants; ``meter`` is told bytes."""
        bench, limits = self._bench, self._bench.hosts.limits(admitted.slot, gentle=admitted.gentle)
        timed = self.frontier.timed(admitted)
        traffic.strict = timed
        traffic.head_seconds = None
        frontier, monotonic = self.frontier, bench.monotonic
        traffic.on_sent = (lambda: frontier.sent(admitted, monotonic())) if timed else None
        traffic.pace = self._pace(admitted, limits.bandwidth, meter)

    def _pace(
        self, admitted: Admitted, bandwidth: float | None, meter: Callable[[int], None] | None
    ) -> Callable[[int], float] | None:
        caps = [] if self._total is None else [self._total]
        if bandwidth is not None:
            caps.append(self._by_host.setdefault(self._bench.hosts.key(admitted.slot), Bandwidth(bandwidth)))
        if not caps and meter is None:
            return None
        monotonic = self._bench.monotonic

        def pace(count: int) -> float:
            if meter is not None:
                meter(count)
            now = monotonic()
            return max((cap.spend(now, count) for cap in caps), default=0.0)

        return pace

    def heard(self, admitted: Admitted, ended: Ended, traffic: Traffic) -> None:
        """What an attempt showed of its host, before the task turns to another one."""
        kind, what, retry_after = _read(ended)
        rule, now = admitted.task.retry, self._bench.monotonic()
        own_delay = 0.0
        if kind is Kind.TURNED_AWAY or kind is Kind.UNREACHABLE:
            ceiling = rule.backoff * 2.0 ** min(admitted.attempts - 1, 60)
            own_delay = min(rule.max_backoff, ceiling) * self._bench.random()
            if retry_after is not None and retry_after > LONGEST_RETRY_AFTER:
                retry_after = rule.max_backoff
        heard = Heard(
            kind=kind,
            began=admitted.began,
            head_seconds=traffic.head_seconds,
            retry_after=retry_after,
            own_delay=own_delay,
            max_backoff=rule.max_backoff,
            patience=rule.attempts,
            what=what,
        )
        bad = None if isinstance(ended, Moved | GoesOn) or kind is Kind.ANSWERED else ended.failure
        if bad is not None and kind is not Kind.NEUTRAL:
            self._last[self._bench.hosts.key(admitted.slot)] = bad
        match self.frontier.report(admitted, heard, now):
            case Paused(key, seconds, why) if seconds >= _WORTH_TELLING:
                self._bench.emit(HostPaused(time=self._bench.wall(), host=key, seconds=seconds, why=why))
                self.keep()
            case GivenUp(key, why):
                self._bench.emit(HostGivenUp(time=self._bench.wall(), host=key, why=why))
                self.keep()
                self._given_up(key, why)

    def unreached(self, admitted: Admitted, why: str) -> Result:
        """How a task ends whose host is given up: as its last one did, untried; the next run may try it."""
        last = self._last.get(self._bench.hosts.key(admitted.slot))
        task = admitted.task
        # A redirect that goes on with another method has taken the request (RFC 9110 §15.4.4).
        accepted = task.hop is not None and task.hop.method != task.request.method
        failure = Failure(
            kind=ErrorClass.CONNECT if last is None else last.kind,
            message=f"{admitted.slot} was {why}",
            retryable=task.request.idempotent or not accepted,
            status=None if last is None else last.status,
            accepted=accepted,
        )
        return Result(outcome=Outcome.FAILED, status=failure.status, failure=failure)

    def ask_delay(self, host: str, seconds: float, age: float) -> None:
        """A host asks for this long between requests, and has done so for ``age`` seconds."""
        self.frontier.ask_delay(host, seconds, self._bench.monotonic(), age)

    def keep(self) -> None:
        """Write down what the next run should know of hosts."""
        facts = [self._facts(memory) for memory in self.frontier.memories(self._bench.monotonic())]
        if facts:
            self._bench.ledger.hosts.note(facts)

    def _facts(self, memory: HostMemory) -> HostFacts:
        now = self._bench.wall()
        return HostFacts(
            key=memory.key,
            noted=now,
            paused_until=now + memory.pause if memory.pause else 0.0,
            level=memory.level,
            given_up=memory.given_up,
            window=memory.window,
        )

    def _remembered(self, key: str) -> HostMemory | None:
        """What earlier runs leave us to know of a host, and how long it has had its peace."""
        bench = self._bench
        age = None if bench.idle is None else bench.idle + bench.monotonic() - self._began
        facts = bench.ledger.hosts.find(key)
        if facts is None:
            return None if age is None else HostMemory(key=key, age=age)
        passed = max(0.0, bench.wall() - facts.noted)
        fresh = passed < BELIEVED
        pause = min(max(0.0, facts.paused_until - bench.wall()), LONGEST_RETRY_AFTER)
        return HostMemory(
            key=key,
            pause=pause,
            level=facts.level if passed < FORGIVEN + pause else 0,
            given_up=facts.given_up and fresh,
            window=facts.window if fresh else None,
            age=age,
        )


def _read(ended: Ended) -> tuple[Kind, str, float | None]:
    """What a host is judged by: any answer is a sign of life, even one that we do not like."""
    failure = None if isinstance(ended, Moved | GoesOn) else ended.failure
    if failure is None:
        return Kind.ANSWERED, "", None
    if failure.kind is ErrorClass.HTTP_STATUS and failure.status in TURNED_AWAY:
        return Kind.TURNED_AWAY, failure.message, failure.retry_after
    if failure.kind in _NO_ANSWER and not failure.answered:
        return Kind.UNREACHABLE, failure.message, None
    return (Kind.ANSWERED if failure.answered else Kind.NEUTRAL), "", None
