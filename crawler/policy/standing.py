"""How a host has treated us lately: how long it is paused, and whether it is taken for dead."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.policy.heard import Heard, HostMemory

# Attempts in a row without any answer, after which a host is given up: as many as one task makes by
# default (RetryRule.attempts), so no host is given up on less patience than a single file gets.
STRIKES = 5
# Turned away so often, each time after a pause: with pauses that double from a minute on, two hours of it.
# Without an end a night's run would wait for such a host until somebody stops it.
REFUSALS = 8
LONGEST_PAUSE = 3600.0  # seconds, however often pauses have doubled
JITTER = 0.1  # a doubled pause is lengthened by up to this share: machines must not come back as one
NOTABLE = 1.0  # seconds; a pause that several attempts under way ask for is told once, not each
FORGIVEN = 3  # good answers in a row after which pauses start small again


@dataclass(slots=True)
class Standing:
    """Pauses, strikes and the verdict of one slot. Times in seconds.

    A result counts against the host only if its attempt began after the last pause was imposed:
    what was under way together is one sign, not several.
    """

    paused_until: float = float("-inf")
    imposed_at: float = float("-inf")
    level: int = 0  # doublings so far
    refusals: int = 0  # 429 and 503 in a row, each after the last one's pause
    strikes: int = 0
    suspected: bool = False  # an earlier run gave it up
    good: int = 0  # good answers since the last bad one
    given_up: str | None = None
    probing: bool = False  # one task goes first
    turned_away: object | None = None  # the task that was turned away last, with no good answer since

    @classmethod
    def of(cls, memory: HostMemory, now: float) -> Standing | None:
        """As an earlier run left it, a given-up host with one strike left; ``None`` if it stood well."""
        if not (memory.pause or memory.level or memory.given_up):
            return None
        return cls(
            paused_until=now + memory.pause,
            imposed_at=now,
            level=memory.level,
            suspected=memory.given_up,
            probing=True,
        )

    def answered(self, heard: Heard) -> None:
        """A good answer: the host lives, and bears what it bore."""
        self._lives()
        if heard.began < self.imposed_at:
            return
        self.probing = False
        self.turned_away = None
        self.refusals = 0
        self.good += 1
        if self.good >= FORGIVEN:
            self.level = 0

    def turn_away(self, task: object, heard: Heard, now: float, chance: float) -> float:
        """A 429 or 503: how many seconds the host is paused for it, 0 if it does not count again.

        ``Retry-After`` is obeyed. Without it one task's own delay will do, until a second task is turned
        away too: then ``max_backoff``, doubled each time up to an hour.
        """
        self.strikes, self.suspected = 0, False
        most = max(REFUSALS, heard.patience)
        if self.refusals < most:
            self.given_up = None
        stale = heard.began < self.imposed_at
        if not stale:
            self.refusals += 1
            if self.refusals >= most:
                self.given_up = f"given up: it turned {most} requests in a row away, the last: {heard.what}"
        if heard.retry_after:
            seconds = heard.retry_after
        elif stale:
            return 0.0
        elif self.level == 0 and self.turned_away in (None, task):
            seconds = heard.own_delay
        else:
            ceiling = heard.max_backoff * 2.0 ** min(self.level, 60) * (1.0 + JITTER * chance)
            seconds = min(LONGEST_PAUSE, ceiling)
            self.level += 1
        self.turned_away = task
        told = now + seconds - self.paused_until > NOTABLE or not stale
        self._pause(seconds, now)
        return seconds if told else 0.0

    def strike(self, heard: Heard, now: float) -> float:
        """No answer at all: how many seconds the host is paused for it.

        It is given up at ``STRIKES``, or as many as the task is patient for; at the first one if an earlier
        run gave it up.
        """
        if heard.began < self.imposed_at or self.given_up is not None:
            return 0.0
        self.strikes += 1
        if self.suspected or self.strikes >= max(STRIKES, heard.patience):
            after = f", the last one: {heard.what}" if heard.what else ""
            many = (
                "again: still no answer"
                if self.suspected
                else f": {self.strikes} attempts in a row got no answer"
            )
            self.given_up = f"given up{many}{after}"
        self._pause(heard.own_delay, now)
        return heard.own_delay

    @property
    def neutral(self) -> bool:
        """Whether nothing is held against the host but a pause that time ends."""
        marks = self.level or self.strikes or self.suspected or self.refusals or self.given_up
        return not (marks or self.probing)

    def _lives(self) -> None:
        self.strikes = 0
        self.suspected = False
        self.given_up = None

    def _pause(self, seconds: float, now: float) -> None:
        self.good = 0
        self.probing = True
        self.paused_until = max(self.paused_until, now + seconds)
        self.imposed_at = now
