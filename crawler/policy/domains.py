"""Hosts that belong together: the registrable domain of a host name."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_PORT = re.compile(r":\d*\Z")


def host_of(netloc: str) -> str:
    """``host:port`` without its port; an IPv6 address keeps its brackets."""
    return _PORT.sub("", netloc)


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str:
    """What someone registered of a host name, by the Public Suffix List: ``a.b.co.uk`` → ``b.co.uk``.

    An address, a public suffix itself and a single label are their own domain.
    """
    if host.startswith("[") or _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """The list that comes with the library: 10 000 rules, 50 ms, so it is made when it is first asked for."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def host_pattern_problem(text: str) -> str | None:
    """Why no host can fit the pattern, as a sentence, or ``None``."""
    pattern = text.strip()
    if not pattern:
        return "an empty pattern fits no host; expected one such as *.example.org"
    if "/" in pattern or "@" in pattern or any(char.isspace() for char in pattern):
        return f"{pattern[:60]!r} is no host pattern; expected one such as *.example.org, no scheme, no path"
    return None
