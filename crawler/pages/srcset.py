"""The image candidates of a ``srcset`` attribute."""

from __future__ import annotations

import re
from collections.abc import Iterator

# WHATWG HTML, "parse a srcset attribute": a URL ends at white space, and owns no comma at its end.
_URL = re.compile(r"[ \t\n\f\r,]*+([^ \t\n\f\r]++)")
_DESCRIPTORS = re.compile(r"(?:[^,(]++|\([^)]*+(?:\)|\Z))*+,?")


def urls(value: str) -> Iterator[tuple[int, int]]:
    """Where each candidate's URL begins and ends."""
    position = 0
    while match := _URL.match(value, position):
        start, end = match.span(1)
        own = start + len(match[1].rstrip(","))
        if own > start:
            yield start, own
        if own == end and (rest := _DESCRIPTORS.match(value, end)):
            end = rest.end()
        position = end
