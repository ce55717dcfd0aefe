"""What a page asks of robots about itself: ``<meta name="robots">`` and ``X-Robots-Tag``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Directives that carry a value after a colon, where a robot's name could stand too
# (developers.google.com/search/docs/crawling-indexing/robots-meta-tag).
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@dataclass(frozen=True, slots=True)
class Directives:
    """Not to be kept in an index (``noindex``), its links not to be followed (``nofollow``)."""

    noindex: bool = False
    nofollow: bool = False

    def __or__(self, other: Directives) -> Directives:
        return Directives(self.noindex or other.noindex, self.nofollow or other.nofollow)


def concerns(name: str, agent: str) -> bool:
    """Whether a ``<meta>`` of this name speaks to us: to all robots, or to our product token."""
    name = name.strip().lower()
    return name == "robots" or (bool(agent) and name == agent.lower())


def meta_directives(content: str) -> Directives:
    """The directives in the ``content`` of a robots ``<meta>``; ``none`` is both."""
    words = frozenset(content.lower().replace(",", " ").split())
    return Directives(not words.isdisjoint({"noindex", "none"}), not words.isdisjoint({"nofollow", "none"}))


def header_directives(values: Iterable[str], agent: str = "") -> Directives:
    """The directives of all ``X-Robots-Tag`` header values for the product token ``agent``.

    A robot's name and a colon limit what follows, up to the next name or the value's end, to that robot;
    what is said to all and what is said to ``agent`` add up.
    """
    found = Directives()
    for value in values:
        ours = True
        for part in value.split(","):
            name, colon, rest = part.partition(":")
            if colon and name.strip().lower() not in _VALUED:
                ours, part = concerns(name, agent), rest
            if ours:
                found |= meta_directives(part)
    return found
