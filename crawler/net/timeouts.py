"""A request's time limits in aiohttp's terms, and which of them ran out."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import aiohttp

from crawler.errors import TimedOut
from crawler.request import Timeouts


@lru_cache(maxsize=256)
def client_timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    """The same limits for aiohttp; 0 means none, as ``None`` does."""
    return aiohttp.ClientTimeout(
        total=timeouts.total or None,
        connect=timeouts.connect or None,
        sock_connect=timeouts.sock_connect or None,
        sock_read=timeouts.sock_read or None,
    )


def left_of(timeouts: Timeouts, elapsed: float) -> Timeouts:
    """The limits of the next request of a redirect chain, whose requests share one ``total``."""
    if not timeouts.total:
        return timeouts
    # 0 would mean no limit at all.
    return replace(timeouts, total=max(0.001, timeouts.total - elapsed))


def timed_out(
    error: TimeoutError, timeouts: Timeouts, elapsed: float, *, sent: bool, answered: bool
) -> TimedOut:
    """The error that names the limit and its seconds."""
    if isinstance(error, aiohttp.SocketTimeoutError):
        what = "no byte of the body" if answered else "no answer"
        text = f"{what} for {_seconds(timeouts.sock_read)} (timeout sock_read)"
    elif isinstance(error, aiohttp.ConnectionTimeoutError):
        if _ended_by_connect(timeouts, elapsed):
            text = f"no connection within {_seconds(timeouts.connect)} (timeout connect)"
        else:
            text = f"no connection within {_seconds(timeouts.sock_connect)} (timeout sock_connect)"
    else:
        text = f"not finished within {_seconds(timeouts.total)} (timeout total)"
    return TimedOut(text, sent=sent, answered=answered)


def _ended_by_connect(timeouts: Timeouts, elapsed: float) -> bool:
    """Whether it was ``connect`` and not ``sock_connect``; aiohttp raises the same error for both.

    Several addresses may each use up ``sock_connect``, so only the clock tells; loop clocks are coarse.
    """
    connect, each = timeouts.connect, timeouts.sock_connect
    if not connect:
        return False
    return not each or each >= connect or elapsed >= 0.95 * connect


def _seconds(limit: float | None) -> str:
    return f"{limit:g} s" if limit else "its limit"
