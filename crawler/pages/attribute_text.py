"""What an HTML attribute's written value says, and how to write one."""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*)(;|=)?)")


def read(written: str) -> str:
    """The value with its character references replaced.

    In an attribute ``&copy=1`` is no copyright sign: a name without its semicolon counts only if neither
    a letter, a digit nor ``=`` follows (WHATWG HTML §13.2.5.73).
    """
    return _REFERENCE.sub(_character, written) if "&" in written else written


def _character(match: re.Match[str]) -> str:
    name, end = match.groups()
    if name is None:
        return unescape(match[0])
    if end == ";":
        return html5.get(f"{name};", match[0])
    return match[0] if end else html5.get(name, match[0])


def write(value: str) -> str:
    """The value for use between double or single quotes."""
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;").replace("<", "&lt;")
