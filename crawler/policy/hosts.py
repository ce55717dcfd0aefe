"""Which host rules apply to a slot: of each key the most specific pattern that sets it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from crawler.policy.host_rule import HostRequest, HostRule
from crawler.policy.limits import Limits
from crawler.policy.patterns import HostPattern

MOST_SLOTS = 65_536  # whose answers are kept; a run over more hosts works some of them out again
# Where no rule speaks, a crawl asks one host for one page at a time, a second apart.
GENTLE = Limits(concurrency=1, delay=1.0)
GROUP = "group:"

Answer = TypeVar("Answer")
_IN_JOB = 2  # the strength of a job's own rule
# Of two jobs' equally specific rules, the more careful value.
_CAREFUL: dict[str, Callable[[Any, Any], Any]] = {
    "concurrency": min,
    "rate": min,
    "burst": min,
    "delay": max,
    "bandwidth": min,
    "robots": max,
}


class HostRules:
    """Host rules from every place, and what holds where none speaks.

    A pattern is a glob (``*`` and ``?``) over the host, or over ``host:port`` if it names a port.
    An exact pattern beats a glob, more literal characters beat fewer; of equals a job's beats the
    manifest's and that the config's, of two jobs the more careful value counts, else the earlier rule.
    """

    def __init__(self, rules: Iterable[HostRule], *, concurrency: int) -> None:
        ranked = [(HostPattern.of(rule.pattern), rule) for rule in rules]
        self._ranked = sorted(ranked, key=lambda pair: (pair[0].rank, pair[1].strength), reverse=True)
        self._concurrency = concurrency
        self._grouped = any(rule.group is not None for _, rule in ranked)
        self._asking = any(rule.asks for _, rule in ranked)
        self._limits: dict[str, Limits] = {}
        self._gentle: dict[str, Limits] = {}
        self._keys: dict[str, str] = {}
        self._requests: dict[tuple[str, str], HostRequest | None] = {}

    def limits(self, slot: str, *, gentle: bool = False) -> Limits:
        """What holds for this ``host:port``; ``gentle`` has a crawl's defaults where no rule speaks."""
        known = self._gentle if gentle else self._limits
        found = known.get(slot)
        return _keep(known, slot, self._found(slot, gentle)) if found is None else found

    def key(self, slot: str) -> str:
        """What the slot is counted under: ``group:NAME`` if a rule puts it into a group, or itself."""
        if not self._grouped:
            return slot
        found = self._keys.get(slot)
        if found is None:
            group = next((rule.group for rule in self.fitting(slot) if rule.group is not None), None)
            found = _keep(self._keys, slot, slot if group is None else GROUP + group)
        return found

    def request(self, slot: str, job: str) -> HostRequest | None:
        """What rules change about this job's requests to the slot: other jobs' own rules do not count."""
        if not self._asking:
            return None
        place = (slot, job)
        if place not in self._requests:
            mine = [rule for rule in self.fitting(slot) if rule.job in (None, job)]
            _keep(self._requests, place, HostRequest.of(mine))
        return self._requests[place]

    def fitting(self, slot: str) -> list[HostRule]:
        """Every rule whose pattern fits the slot, the strongest first."""
        return [rule for pattern, rule in self._ranked if pattern.fits(slot)]

    def _found(self, slot: str, gentle: bool) -> Limits:
        base = GENTLE if gentle else Limits(concurrency=self._concurrency)
        values: dict[str, Any] = {}
        told: list[str] = []
        for name, careful in _CAREFUL.items():
            value, rule = self._value(slot, name, careful)
            if rule is not None:
                values[name] = None if value == math.inf else value
                told.append(f"{name} by {rule.pattern!r} ({rule.place})")
        if values.get("rate") is not None and "delay" not in values:
            values["delay"] = 0.0  # a rate is a rule for the same thing
        default = "the defaults of a crawl" if gentle else "the defaults"
        told.append(f"else {default}" if told else default)
        return replace(base, **values, rule=", ".join(told))

    def _value(self, slot: str, name: str, careful: Callable[[Any, Any], Any]) -> tuple[Any, HostRule | None]:
        """The value of one key, and the rule that it is from."""
        chosen: tuple[Any, HostRule | None] = (None, None)
        best: tuple[object, int] | None = None
        for pattern, rule in self._ranked:
            value = getattr(rule, name)
            if value is None or not pattern.fits(slot):
                continue
            rank = (pattern.rank, rule.strength)
            if best is None:
                chosen, best = (value, rule), rank
            elif rank != best or rule.strength != _IN_JOB:
                break
            elif careful(value, chosen[0]) != chosen[0]:
                chosen = value, rule
        return chosen


_Key = TypeVar("_Key")


def _keep(known: dict[_Key, Answer], key: _Key, answer: Answer) -> Answer:
    if len(known) >= MOST_SLOTS:
        known.clear()
    known[key] = answer
    return answer
