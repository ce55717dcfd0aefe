"""What one rule of ``hosts`` says, and what rules together change about a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs

from crawler.model import RetryRule
from crawler.request import Pairs, Request

Changes = tuple[tuple[str, Any], ...]  # fields of a frozen dataclass and their new values


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRule:
    """What holds for the hosts that the pattern fits; ``None`` and empty leave it to the next rule.

    An infinite ``rate`` or ``bandwidth`` is an explicit "no limit". Of ``request``, ``timeouts`` and
    ``retry`` only what is named changes.
    """

    pattern: str
    job: str | None = None  # whose rule it is; None: the manifest's or the config's
    place: str = "manifest"  # where it stands, for people
    strength: int = 1  # of two equally specific ones the stronger counts: config 0, manifest 1, job 2
    concurrency: int | None = None
    rate: float | None = None  # begins a second
    burst: int | None = None
    delay: float | None = None  # seconds
    bandwidth: float | None = None  # bytes a second
    group: str | None = None
    robots: bool | None = None
    headers: Pairs = field(default=(), repr=False)
    request: Changes = field(default=(), repr=False)  # of Request: auth, proxy
    timeouts: Changes = ()
    retry: Changes = ()

    @property
    def asks(self) -> bool:
        """Whether it changes requests, beside when they are sent."""
        return bool(self.headers or self.request or self.timeouts or self.retry)


@dataclass(frozen=True, slots=True)
class HostRequest:
    """What the rules of a host change about its requests; they win over what a job says for all hosts."""

    headers: Pairs = field(default=(), repr=False)
    changes: Changes = field(default=(), repr=False)
    timeouts: Changes = ()
    retry: Changes = ()

    @classmethod
    def of(cls, rules: Sequence[HostRule]) -> HostRequest | None:
        """All that the rules say, strongest first: maps are merged key by key."""
        asking = [rule for rule in reversed(rules) if rule.asks]
        if not asking:
            return None
        headers: Pairs = ()
        for rule in asking:
            headers = _with(headers, rule.headers)
        return cls(
            headers=headers,
            changes=_merged([rule.request for rule in asking]),
            timeouts=_merged([rule.timeouts for rule in asking]),
            retry=_merged([rule.retry for rule in asking]),
        )

    def over(self, request: Request) -> Request:
        """The request as the host's rules want it; equal header names are replaced, whatever their case."""
        timeouts = replace(request.timeouts, **dict(self.timeouts)) if self.timeouts else request.timeouts
        headers = _with(request.headers, self.headers)
        return structs.replace(request, headers=headers, timeouts=timeouts, **dict(self.changes))

    def retry_over(self, rule: RetryRule) -> RetryRule:
        """The retry rule with the keys that the host's rules set."""
        return replace(rule, **dict(self.retry)) if self.retry else rule


def _with(under: Pairs, over: Pairs) -> Pairs:
    taken = {name.lower() for name, _ in over}  # header names have no case (RFC 9110 §5.1)
    return (*(pair for pair in under if pair[0].lower() not in taken), *over)


def _merged(weakest_first: Sequence[Changes]) -> Changes:
    merged: dict[str, Any] = {}
    for changes in weakest_first:
        merged.update(changes)
    return tuple(merged.items())
