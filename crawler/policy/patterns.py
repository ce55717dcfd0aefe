"""Host patterns: globs over a host or ``host:port``, ranked by how specific they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PORT = re.compile(r":(?:\d+|\*)\Z")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A glob with ``*`` and ``?`` over the host, or over ``host:port`` if it names a port.

    A larger ``rank`` is more specific: exact ones first, then more literal characters.
    """

    regex: re.Pattern[str]
    with_port: bool
    rank: tuple[bool, int]

    @classmethod
    def of(cls, pattern: str) -> HostPattern:
        """The pattern as a manifest spells it."""
        text = _canonical(pattern)
        literal = len(text) - text.count("*") - text.count("?")
        regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text)
        return cls(re.compile(regex), _has_port(text), (literal == len(text), literal))

    def fits(self, slot: str) -> bool:
        """Whether it means the host of this ``host:port``."""
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
