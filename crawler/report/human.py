"""Numbers as people read them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: int | float) -> str:
    """Bytes in binary units, three digits: ``512 B``, ``1.5 KiB``, ``12.3 MiB``."""
    if count < 1000:
        return f"{count:.0f} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 999.5 or unit == _UNITS[-1]:
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    number = f"{value:.{digits}f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def rate(count: int | float, seconds: float) -> str:
    """Bytes per second; ``0 B/s`` where no time has passed."""
    return f"{size(count / seconds) if seconds > 0 else '0 B'}/s"


def span(seconds: float) -> str:
    """A duration: ``0.4 s``, ``12.3 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for big, step, small, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= step:
            rest = whole % step // part
            return f"{whole // step} {big} {rest} {small}" if rest else f"{whole // step} {big}"
    return f"{whole} s"


def plural(count: int, noun: str) -> str:
    """``1 task``, ``2 tasks``, ``10,000 tasks``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def pace(per_second: float) -> str:
    """How often: ``10/s``, ``5/min``, ``100/h``, in the unit in which it is one or more."""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1 or unit == "h":
            break
    return f"{round(per_second * seconds, 3):g}/{unit}"


def limits(concurrency: int, rate_: float | None, delay: float, bandwidth: float | None) -> str:
    """What holds for a host: ``at most 4 at once, 10/s, 1 s apart, 9.54 MiB/s``."""
    words = [f"at most {concurrency} at once"]
    if rate_ is not None:
        words.append(pace(rate_))
    if delay:
        words.append(f"{delay:g} s apart")
    if bandwidth is not None:
        words.append(rate(bandwidth, 1))
    return ", ".join(words)
