"""One host or group of hosts: who waits for it, how many are under way, and when the next may start."""

from __future__ import annotations

from typing import Generic, TypeVar

from crawler.policy.adaptive import Window
from crawler.policy.heard import GivenUp, Heard, HostMemory, Kind, Paused
from crawler.policy.limits import Limits
from crawler.policy.line import Line
from crawler.policy.pacing import NEVER, Pace
from crawler.policy.standing import Standing

W = TypeVar("W")


class Slot(Generic[W]):
    """The state of one key. ``pace``, ``standing`` and ``window`` exist only once they are needed.

    ``active`` counts what was taken, ``under_way`` what has begun of it. A slot with a ``pace`` is
    *timed*: one task at most is taken and not yet begun.
    """

    __slots__ = (
        "_last",
        "_limits",
        "_seen",
        "active",
        "asked",
        "cap",
        "key",
        "line",
        "listed",
        "opens",
        "pace",
        "resting",
        "standing",
        "under_way",
        "wakes",
        "window",
    )

    def __init__(self, limits: Limits, memory: HostMemory, *, now: float) -> None:
        self.key = memory.key
        self.line: Line[W] = Line()
        self.active = 0
        self.under_way = 0
        self.opens = NEVER  # before this nothing begins; it only moves on
        self.asked = 0.0  # the delay that the host itself asks for
        self.listed = False  # in the rotation
        self.wakes: float | None = None  # when the frontier looks at it again
        self.resting = False  # listed among the idle ones
        self.pace: Pace | None = None
        self.standing = Standing.of(memory, now)
        self.window = None if memory.window is None else Window(min(limits.concurrency, memory.window))
        self._limits = self._seen = limits
        if self.standing is not None:
            self.opens = self.standing.paused_until
        # When the last request left, while there is no pace; None: some have, and nobody told when.
        self._last: float | None = NEVER if memory.age is None else now - memory.age
        self._keep_pace(now)
        self._cap()

    @property
    def idle(self) -> bool:
        """Whether nobody waits for it and nothing of it is active."""
        return not (self.active or self.line)

    def heed(self, limits: Limits, now: float) -> None:
        """A task comes with these limits: of two, the more careful one counts while the slot is known."""
        if limits is self._seen:
            return
        self._seen = limits
        self._limits = self._limits.careful(limits)
        self._keep_pace(now)
        self._cap()

    def ask_delay(self, seconds: float, now: float, age: float) -> None:
        """The host itself wants at least this long between two requests; it said so ``age`` seconds ago."""
        if seconds > self.asked:
            self.asked = seconds
            if self._last is not None:
                self._last = max(self._last, now - age)
            self._keep_pace(now)

    def next_at(self) -> float | None:
        """When the next task may be taken, as far as time decides it; ``None`` if something else does."""
        if self.active >= self.cap:
            return None
        pace = self.pace
        if pace is not None and (self.active > self.under_way or pace.unsent is not None):
            return None
        return self.line.opens(self.opens)

    def begin(self, task: W, now: float, chance: float) -> bool:
        """Start the attempt of a taken task, or say that it must not start now."""
        pace = self.pace
        if self.opens > now or self.under_way >= self.cap or (pace is not None and pace.unsent is not None):
            return False
        self.under_way += 1
        if pace is not None:
            pace.begin(task, now, chance)
            self.opens = max(self.opens, pace.next_at)
        else:
            self._last = None
        return True

    def sent(self, task: W, now: float, chance: float) -> None:
        """A request of the task has left; on a plain slot nobody counts them."""
        if self.pace is not None:
            self.pace.sent(task, now, chance)
            self.opens = max(self.opens, self.pace.next_at)

    def end(self, task: W) -> None:
        """The attempt of a task that had begun is over."""
        self.active -= 1
        self.under_way -= 1
        if self.pace is not None:
            self.pace.ended(task)

    def lend(self, wanted: int) -> int:
        """Count up to ``wanted`` more as under way, of what nobody waits for; none on a timed slot."""
        if self.pace is not None:
            return 0
        granted = max(0, min(wanted, self.cap - self.active - len(self.line)))
        self.active += granted
        self.under_way += granted
        return granted

    def hear(self, task: W, heard: Heard, now: float, chance: float) -> Paused | GivenUp | None:
        """Take in what an attempt showed of the host."""
        kind = heard.kind
        if kind is Kind.NEUTRAL:
            return None
        if kind is Kind.ANSWERED:
            self._answered(heard, now)
            return None
        if self.window is None:
            self.window = Window(self._limits.concurrency)
        if self.standing is None:
            self.standing = Standing()
        self.window.cut(heard.began, now)
        event = self._bad(self.standing, task, heard, now, chance)
        self.opens = max(self.opens, self.standing.paused_until)
        self._cap()
        return event

    def _answered(self, heard: Heard, now: float) -> None:
        if self.standing is not None:
            self.standing.answered(heard)
        if self.window is None and heard.head_seconds is not None:
            self.window = Window(self._limits.concurrency)
        if self.window is not None:
            full = self.under_way + 1 >= self.cap  # it may or may not have been released
            limit = self._limits.concurrency
            self.window.answered(heard.began, heard.head_seconds, now, limit=limit, full=full)
        self._cap()

    def _bad(
        self, standing: Standing, task: W, heard: Heard, now: float, chance: float
    ) -> Paused | GivenUp | None:
        already = standing.given_up
        if heard.kind is Kind.TURNED_AWAY:
            seconds = standing.turn_away(task, heard, now, chance)
        else:
            seconds = standing.strike(heard, now)
        if standing.given_up is not None and already is None:
            return GivenUp(self.key, standing.given_up)
        return Paused(self.key, seconds, heard.what or heard.kind.value) if seconds else None

    @property
    def given_up(self) -> str | None:
        """Why the host is taken for dead, or ``None``."""
        return None if self.standing is None else self.standing.given_up

    @property
    def neutral(self) -> bool:
        """Whether, but for times that pass, a new slot would do as well."""
        return (
            not self.asked
            and (self.standing is None or self.standing.neutral)
            and (self.window is None or self.window.size >= self._limits.concurrency)
        )

    @property
    def rested_at(self) -> float:
        """When every time that counts has passed."""
        return self.opens if self.pace is None else max(self.opens, self.pace.rested_at())

    def memory(self, now: float) -> HostMemory:
        """What the next run should know."""
        standing, window, pace = self.standing, self.window, self.pace
        learned = window.size if window is not None and window.size < self._limits.concurrency else None
        timed = pace is not None and pace.last > NEVER
        return HostMemory(
            key=self.key,
            pause=max(0.0, standing.paused_until - now) if standing else 0.0,
            level=standing.level if standing else 0,
            given_up=self.given_up is not None,
            window=learned,
            age=now - pace.last if timed and pace is not None else None,
        )

    def _keep_pace(self, now: float) -> None:
        """Begin or tighten what the limits and the host ask for; the first delay counts from the last one."""
        limits = self._limits
        delay = max(limits.delay, self.asked)
        if not delay and limits.rate is None:
            return
        if self.pace is not None:
            self.pace.tighten(delay, limits.rate, limits.burst)
        else:
            self.pace = Pace(delay, limits.rate, limits.burst)
            self.pace.resume(now if self._last is None else self._last)
        self.opens = max(self.opens, self.pace.next_at)

    def _cap(self) -> None:
        """How many may be active at once now."""
        if self.standing is not None and (self.standing.given_up is not None or self.standing.probing):
            self.cap = 0 if self.standing.given_up is not None else 1
        elif self.window is not None:
            self.cap = min(self._limits.concurrency, int(self.window.size))
        else:
            self.cap = self._limits.concurrency
