"""Where ``<meta http-equiv="refresh">`` leads."""

from __future__ import annotations

import re

# WHATWG HTML §4.2.5.3, "shared declarative refresh steps".
_REFRESH = re.compile(
    r"\s*(?:[0-9]+[0-9.]*|\.[0-9.]*)(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?", re.IGNORECASE | re.ASCII
)


def target(content: str) -> tuple[int, int] | None:
    """Where the URL in the ``content`` begins and ends; ``None`` if there is none."""
    match = _REFRESH.match(content)
    if match is None:
        return None
    start, end = match.end(), len(content.rstrip())
    if start < end and content[start] in "\"'":
        quote = content[start]
        start += 1
        closing = content.find(quote, start)
        end = closing if closing >= 0 else end
    return (start, end) if start < end else None
