"""Which host rule applies to a slot: the most specific pattern wins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PORT = re.compile(r":(?:\d+|\*)\Z")


@dataclass(frozen=True, slots=True)
class HostLimits:
    """What one rule says of the hosts that its pattern fits; ``None`` leaves it to the next rule."""

    pattern: str
    concurrency: int | None = None


class HostRules:
    """Host rules, strongest first, and the default where none speaks.

    A pattern is a glob (``*`` and ``?``) over the host, or over ``host:port`` if it names a port.
    An exact pattern beats a glob, more literal characters beat fewer, then the earlier rule wins.
    """

    def __init__(self, rules: Iterable[HostLimits], *, concurrency: int) -> None:
        ranked = [(_Pattern.of(rule.pattern), rule) for rule in rules]
        self._ranked = sorted(ranked, key=lambda pair: pair[0].rank, reverse=True)  # stable: strength decides
        self._concurrency = concurrency

    def concurrency(self, slot: str) -> int:
        """How many requests may be under way at once to this ``host:port``."""
        for pattern, rule in self._ranked:
            if rule.concurrency is not None and pattern.fits(slot):
                return rule.concurrency
        return self._concurrency


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    with_port: bool
    rank: tuple[bool, int]

    @classmethod
    def of(cls, pattern: str) -> _Pattern:
        text = _canonical(pattern)
        with_port = _has_port(text)
        literal = len(text) - text.count("*") - text.count("?")
        exact = literal == len(text)
        regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text)
        return cls(re.compile(regex), with_port, (exact, literal))

    def fits(self, slot: str) -> bool:
        subject = slot if self.with_port else slot.rpartition(":")[0]
        return self.regex.fullmatch(subject) is not None


def _has_port(text: str) -> bool:
    return _PORT.search(text) is not None


def _canonical(pattern: str) -> str:
    """The pattern as slots are written: lower case, IPv6 in brackets, international labels encoded."""
    text = pattern.strip().lower()
    if text.count(":") > 1 and not text.startswith("["):
        return f"[{text}]"
    host, colon, port = text.rpartition(":") if _has_port(text) else (text, "", "")
    labels = (label if label.isascii() else _encoded(label) for label in host.rstrip(".").split("."))
    return ".".join(labels) + colon + port


def _encoded(label: str) -> str:
    from yarl import URL  # imported here: few patterns need it

    try:
        return URL.build(scheme="http", host=label).raw_host or label
    except ValueError:
        return label  # a wildcard inside an international label: nothing to encode
