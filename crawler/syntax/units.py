"""Numbers with units as people write them: durations, sizes and rates."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from crawler.syntax.words import shown

_NUMBER = r"(\d{1,18}(?:\.\d{1,9})?)"
_DURATION = re.compile(rf"{_NUMBER}\s*(ms|s|m|h|d)?")
_SIZE = re.compile(rf"{_NUMBER}\s*(b|[kmgt]i?b)?", re.IGNORECASE)
_RATE = re.compile(rf"{_NUMBER}\s*/\s*(s|min|h|d)")
_BYTE_RATE = re.compile(r"(.*?)(?:\s*/\s*s)?", re.DOTALL)

_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_BYTES = {"b": 1} | {
    f"{prefix}{'i' * binary}b": (1024 if binary else 1000) ** power
    for power, prefix in enumerate("kmgt", start=1)
    for binary in (False, True)
}
_PERIODS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_LARGEST = 10**18  # about 30 billion years, or an exabyte: beyond it a value is a typing error

DURATION_FORMS = "seconds or 500ms, 1s, 2m, 1h, 1d"
SIZE_FORMS = "bytes or 64KiB, 10MB, 1GiB"
RATE_FORMS = "10/s, 600/min or 5000/h"
BYTE_RATE_FORMS = "bytes a second or 64KiB/s, 10MB/s"


def duration(value: object) -> float:
    """Seconds of a duration. Raises ValueError for anything that is not one."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise _mismatch("a duration", DURATION_FORMS, value)
        return float(Decimal(match[1]) * _SECONDS[match[2] or "s"])
    return float(_number(value, "a duration", DURATION_FORMS))


def size(value: object) -> int:
    """Bytes of a size; ``KB`` counts 1000 and ``KiB`` 1024. Raises ValueError for anything else."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None or ("." in match[1] and match[2] is None):
            raise _mismatch("a size", SIZE_FORMS, value)
        return int(Decimal(match[1]) * _BYTES[(match[2] or "b").lower()])
    number = _number(value, "a size", SIZE_FORMS)
    if isinstance(number, float) and not number.is_integer():
        raise _mismatch("a size", SIZE_FORMS, value)
    return int(number)


def rate(value: object) -> float:
    """Events a second of a rate; a bare number counts a second. Raises ValueError for anything else."""
    if isinstance(value, str):
        match = _RATE.fullmatch(value.strip())
        if match is None:
            raise _mismatch("a rate", RATE_FORMS, value)
        number = float(Decimal(match[1]) / _PERIODS[match[2]])
    else:
        number = float(_number(value, "a rate", RATE_FORMS))
    if number == 0:
        raise ValueError(f"expected a rate above zero ({RATE_FORMS}), found {shown(value)}")
    return number


def byte_rate(value: object) -> float:
    """Bytes a second: a size, or a size with ``/s``. Raises ValueError for anything else."""
    if isinstance(value, str):
        match = _BYTE_RATE.fullmatch(value.strip())
        try:
            return float(size(match[1] if match else value))
        except ValueError:
            raise _mismatch("a byte rate", BYTE_RATE_FORMS, value) from None
    return float(_number(value, "a byte rate", BYTE_RATE_FORMS))


def _number(value: object, what: str, forms: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(what, forms, value)
    if not 0 <= value <= _LARGEST or math.isnan(value):
        raise _mismatch(what, forms, value)
    return value


def _mismatch(what: str, forms: str, value: object) -> ValueError:
    return ValueError(f"expected {what} ({forms}), found {shown(value)}")
