"""What a ``Link`` header says (RFC 8288): of its many relations, where the next page is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urljoin

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
# RFC 8288 §3: a parameter with a token, a quoted string (RFC 9110 §5.6.4) or nothing at all.
_PARAMETER = re.compile(r'\s*;\s*([^\s=;,"<>]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?', re.DOTALL)
_NEXT_LINK = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")*,', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def next_page(values: Iterable[str], page: str) -> str | None:
    """The first target whose ``rel`` holds ``next``, as it is written; ``None`` if there is none.

    ``values`` are the header's lines, ``page`` the URL of their answer. Relation types are compared without
    regard to case (§2.1.1), of a ``rel`` that is given twice the first counts (§3.3), and a link of something
    else than this page, which ``anchor`` says, is none of ours (§3.2). What is malformed is passed over.
    """
    for value in values:
        for target, parameters in _links(value):
            if "next" in parameters.get("rel", "").lower().split() and _is_of(page, parameters.get("anchor")):
                return target
    return None


def _is_of(page: str, anchor: str | None) -> bool:
    """Whether a link with this anchor is one of the page."""
    try:
        return anchor is None or urljoin(page, anchor.strip()) == page
    except ValueError:
        return False


def _links(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    at = 0
    while at < len(value):
        found = _TARGET.match(value, at)
        if found is not None:
            at = found.end()
            parameters: dict[str, str] = {}
            while (match := _PARAMETER.match(value, at)) is not None:
                at = match.end()
                name, quoted, token = match.groups()
                text = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
                parameters.setdefault(name.lower(), text or "")
            yield found[1].strip(), parameters
        rest = _NEXT_LINK.match(value, at)
        if rest is None:
            return
        at = rest.end()
