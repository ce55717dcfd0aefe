"""How long a server asks to be left alone (RFC 9110 §10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

# Longer than any wait that makes sense; keeps arithmetic on absurd answers finite. What a run is
# willing to wait for is the retry rule's to say.
_LONGEST = 10 * 365 * 86400.0

_SECONDS = re.compile(r"-?[0-9]+")
# IMF-fixdate, the form that every server sends; parsing it by hand costs a tenth of email.utils, and a
# download has up to three dates. The obsolete forms take the long way.
_FIXDATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def parse(value: str, now_epoch: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` value, never negative; ``None`` if it says nothing usable.

    ``value`` is either a whole number of seconds or an HTTP date; ``now_epoch`` is the present in
    seconds since the epoch, against which a date is measured.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return _clamp(float(text[:20]))
    moment = http_date(text)
    return None if moment is None else _clamp(moment - now_epoch)


def http_date(value: str) -> float | None:
    """An HTTP date (RFC 9110 §5.6.7) as seconds since the epoch; ``None`` if it is none."""
    match = _FIXDATE.fullmatch(value)
    if match is not None:
        return _seconds(*match.groups())
    try:
        moment = parsedate_to_datetime(value.strip())
        if moment.tzinfo is None:  # "-0000" or a missing zone: HTTP dates are always GMT
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _midnight(day: str, month: str, year: str) -> float | None:
    try:
        return datetime(int(year), _MONTHS[month], int(day), tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        return None


def _seconds(day: str, month: str, year: str, hour: str, minute: str, second: str) -> float | None:
    midnight = _midnight(day, month, year)
    if midnight is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    return midnight + int(hour) * 3600 + int(minute) * 60 + int(second)


def _clamp(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST)
