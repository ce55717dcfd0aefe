"""How long a server asks to be left alone (RFC 9110 §10.2.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

# Longer than any wait that makes sense; keeps arithmetic on absurd answers finite. What a run is
# willing to wait for is the retry rule's to say.
_LONGEST = 10 * 365 * 86400.0


def parse(value: str, now_epoch: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` value, never negative; ``None`` if it says nothing usable.

    ``value`` is either a whole number of seconds or an HTTP date; ``now_epoch`` is the present in
    seconds since the epoch, against which a date is measured.
    """
    text = value.strip()
    if text.isascii() and text.lstrip("-").isdigit():
        return _clamp(float(text[:20]))
    moment = http_date(text)
    return None if moment is None else _clamp(moment - now_epoch)


def http_date(value: str) -> float | None:
    """An HTTP date (RFC 9110 §5.6.7) as seconds since the epoch; ``None`` if it is none."""
    try:
        moment = parsedate_to_datetime(value.strip())
        if moment.tzinfo is None:  # "-0000" or a missing zone: HTTP dates are always GMT
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _clamp(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST)
